// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/city.h"

#include "ns3/config.h"
#include "ns3/double.h"
#include "ns3/simulator.h"

#include <array>
#include <doctest/doctest.h>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace ns3;
using namespace qntn;

namespace
{

const CityConfig CONFIG{.numUsers = 12,
                        .duration = Seconds(20),
                        .xrRateBps = 6e6,
                        .embbRateBps = 3e6,
                        .embbFileBytes = 60000,
                        .rushRatio = 2,
                        .rushDuration = Seconds(4),
                        .budgets = {MilliSeconds(25), MilliSeconds(6), MilliSeconds(300)},
                        .edgeCores = 1.6,
                        .workPerMegabyte = {MilliSeconds(160), Seconds(0), MilliSeconds(100)},
                        .workPerBurst = {Seconds(0), MicroSeconds(20), Seconds(0)},
                        .gnbTxPowerDbm = 30,
                        .minElevationDeg = 50,
                        .passDuration = Seconds(10),
                        .pulseRateHz = 4e8,
                        .rekeyBytes = 100000,
                        .keyWait = MilliSeconds(200),
                        .relaySetup = Seconds(1),
                        .relayCommitment = Seconds(5),
                        .pricePeriod = Hours(1),
                        .poseUplink = true,
                        .poseBudget = MilliSeconds(10)};

struct Fixture
{
    explicit Fixture(const CityConfig& config = CONFIG)
    {
        const std::string folder = QNTN_DATA_DIR "/qkd/";
        city->Build(config,
                    ReadQkdTopology(folder + "networks.json", "madqci_2024"),
                    ReadCostSet(folder + "cost-sets.json", "A"));
        city->Start();
    }

    ~Fixture()
    {
        city->Dispose();
        Simulator::Destroy();
    }

    void RunFor(Time duration)
    {
        Simulator::Stop(duration);
        Simulator::Run();
        city->Observe();
    }

    void SetRelays(RelayState state)
    {
        for (const uint32_t site : city->GetKeys().GetRelaySites())
        {
            city->GetKeys().SetRelayState(site, state);
        }
    }

    Ptr<City> city = CreateObject<City>();
};

} // namespace

TEST_CASE("some relations need relays, and one starves without them")
{
    Fixture f;
    auto& keys = f.city->GetKeys();
    CHECK(keys.GetNumRelations() == City::NUM_RELATIONS);
    CHECK(keys.GetRelaySites().size() == 3);
    const uint32_t direct = City::GetRelation(0, 0);
    const uint32_t far = City::GetRelation(0, 1);
    CHECK(keys.IsPathOpen(direct, 0));
    CHECK_FALSE(keys.IsPathOpen(far, 0));
    CHECK(f.city->Needs(far, 0, keys.GetSite("QUEVEDO")));
    CHECK_FALSE(f.city->Needs(far, 0, keys.GetSite("QUIJANO")));
    f.RunFor(Seconds(4)); // what the pool holds at the start
    f.RunFor(Seconds(3));
    CHECK(f.city->GetMonitor().Get(0, 0, {}).GetLostRatio(LossCause::KEY) == 0);
    CHECK(f.city->GetMonitor().Get(0, 1, {}).GetLostRatio(LossCause::KEY) > 0.2);
    CHECK(f.city->GetCost().GetTotal() == 0);

    f.SetRelays(RelayState::OnDemand);
    f.RunFor(Seconds(1)); // what had waited
    f.RunFor(Seconds(2));
    CHECK(keys.IsPathOpen(far, 0));
    CHECK(f.city->GetMonitor().Get(0, 1, {}).GetLostRatio(LossCause::KEY) == 0);
    CHECK(f.city->GetCost().GetTotal() > 0);
    f.city->Check();
}

TEST_CASE("the satellite rises and sets within the episode, as forecast")
{
    Fixture f;
    const double visible_s = f.city->ForecastVisibility(Seconds(0), CONFIG.duration) * 20;
    CHECK(visible_s == doctest::Approx(10).epsilon(0.15));
    double seen_s = 0;
    for (int second = 0; second < 20; ++second)
    {
        f.RunFor(Seconds(1));
        seen_s += f.city->GetRan().IsAvailable(City::SATELLITE);
        CHECK((f.city->GetNumUsers(0, City::SATELLITE) == 0 ||
               f.city->GetRan().IsAvailable(City::SATELLITE)));
    }
    CHECK(seen_s == doctest::Approx(10).epsilon(0.15));
}

TEST_CASE("spectrum shares become quotas that sum to the carrier")
{
    Fixture f;
    for (uint32_t cell = 0; cell < City::NUM_CELLS; ++cell)
    {
        f.city->SetSliceShares(cell, std::array{0.5F, 0.2F, 0.3F});
    }
    f.RunFor(Seconds(1));
    for (uint32_t cell = 0; cell < City::NUM_GNBS; ++cell)
    {
        const double xr = static_cast<double>(f.city->GetRadio(cell, City::XR).prbSlotsQuota);
        const double xurllc =
            static_cast<double>(f.city->GetRadio(cell, City::XURLLC).prbSlotsQuota);
        const double embb = static_cast<double>(f.city->GetRadio(cell, City::EMBB).prbSlotsQuota);
        CHECK(xr / (xr + xurllc + embb) == doctest::Approx(0.5).epsilon(0.02));
        CHECK(xurllc / (xr + xurllc + embb) == doctest::Approx(0.2).epsilon(0.05));
    }
}

TEST_CASE("one-time pad for xURLLC shows in what arrives")
{
    Fixture f;
    f.city->SetCipherPolicy(City::GetRelation(0, 0), CipherPolicy::PAD_XURLLC);
    f.RunFor(Seconds(2));
    const auto& monitor = f.city->GetMonitor();
    CHECK(monitor.Get(0, 0, City::XURLLC).GetPadRatio() > 0.5);
    CHECK(monitor.Get(0, 0, City::XR).GetPadRatio() == 0);
    CHECK(monitor.Get(1, {}, {}).GetPadRatio() == 0);
    CHECK(f.city->GetKeyDemandBps(City::GetRelation(0, 0)) > 1e5);
}

TEST_CASE("the same seed gives the same city")
{
    std::array<ServiceReport, 2> reports;
    for (auto& report : reports)
    {
        Fixture f;
        f.RunFor(Seconds(3));
        report = f.city->GetMonitor().Get({}, {}, {});
    }
    CHECK(reports[0].endedBursts > 1000);
    CHECK(reports[0].endedBursts == reports[1].endedBursts);
    CHECK(reports[0].satisfiedBytes == reports[1].satisfiedBytes);
    CHECK(reports[0].lostBursts == reports[1].lostBursts);
}

TEST_CASE("pose samples go up in time while XR has PRBs, and not without")
{
    Fixture f;
    f.RunFor(Seconds(1));
    f.RunFor(Seconds(2));
    CHECK(f.city->GetPoseRatio() > 0.95);
    const std::array<float, City::NUM_SLICES> none{0, 0.5, 0.5};
    for (uint32_t cell = 0; cell < City::NUM_CELLS; ++cell)
    {
        f.city->SetSliceShares(cell, none);
    }
    f.RunFor(MilliSeconds(100)); // what was on the way
    f.RunFor(Seconds(1));
    CHECK(f.city->GetPoseRatio() == 0);
    f.city->Check();
}

TEST_CASE("a user who lives outside every cell is refused")
{
    Config::SetDefault("qntn::CityUsers::FarDistance", DoubleValue(40e3));
    CHECK_THROWS_WITH_AS(Fixture(), doctest::Contains("outside every cell"), std::invalid_argument);
    Config::SetDefault("qntn::CityUsers::FarDistance", DoubleValue(9000));
    Simulator::Destroy();
    CHECK_NOTHROW(Fixture());
}

TEST_CASE("key figures name slices, providers and cells, and count what arrived")
{
    Fixture f;
    f.city->CountKpis();
    f.RunFor(Seconds(5));
    uint32_t satisfied = 0;
    uint64_t bySlice = 0;
    uint64_t byProvider = 0;
    bool poses = false;
    for (const auto& row : f.city->GetKpis().GetRows())
    {
        CHECK(row.satisfiedRatio >= 0);
        CHECK(row.satisfiedRatio <= 1);
        satisfied += row.of == "slice" && row.satisfiedRatio > 0;
        bySlice += row.of == "slice" ? row.deliveredBytes : 0;
        byProvider += row.of == "provider" ? row.deliveredBytes : 0;
        poses = poses || (row.of == "slice" && row.direction == UPLINK && row.packets > 1000);
    }
    CHECK(satisfied > 0);
    CHECK(bySlice > 1'000'000);
    CHECK(bySlice == byProvider);
    CHECK(poses);
    std::ostringstream csv;
    f.city->GetKpis().WriteCsv(csv);
    for (const char* row : {"slice,1,xurllc,down,", "provider,1,msp_1,down,", "cell,0,gnb_0,down,"})
    {
        CHECK(csv.str().find(row) != std::string::npos);
    }
}
