// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/city.h"
#include "orbit/geometry.h"
#include "qkd/satellite-link.h"

#include "ns3/config.h"
#include "ns3/double.h"
#include "ns3/simulator.h"

#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <numbers>
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
                        .xurllcTargetBler = 1e-5,
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

namespace
{

CityConfig
WithSatelliteKey(double utcHour = 0)
{
    CityConfig config = CONFIG;
    config.duration = Seconds(30); // it sets again before that
    config.satelliteKey = {.dwell = MilliSeconds(500),
                           .divergenceRad = 10e-6,
                           .pointingJitterRad = 1e-6,
                           .receiverDiameterM = 0.6,
                           .utcHour = utcHour};
    return config;
}

/// Distance of a satellite 600 km high, by the law of cosines.
double
SlantRangeM(double elevationDeg)
{
    const double up = EARTH_RADIUS_M * std::sin(elevationDeg * std::numbers::pi / 180);
    return std::sqrt(up * up + 2 * EARTH_RADIUS_M * 600e3 + 600e3 * 600e3) - up;
}

} // namespace

TEST_CASE("the satellite makes key with one station at a time, as high as it stands")
{
    Fixture f(WithSatelliteKey());
    auto& keys = f.city->GetKeys();
    const auto downlink = f.city->GetDownlink();
    std::array<uint64_t, City::NUM_STATIONS> bits{};
    std::array<uint64_t, City::NUM_PROVIDERS> relayed{};
    std::array<uint32_t, City::NUM_PROVIDERS> paths{};
    for (uint32_t p = 0; p < City::NUM_PROVIDERS; ++p)
    {
        const uint32_t relation = City::GetRelation(p, City::SATELLITE);
        paths[p] = keys.GetNumPaths(relation) - 1; // the others need relays, and no relay is open
        CHECK(paths[p] < City::NUM_PATHS);
        CHECK(f.city->Needs(relation, paths[p], keys.GetSite(City::SATELLITE_SITE)));
        keys.SetPath(relation, paths[p]);
    }
    uint32_t visibleSteps = 0;
    uint32_t darkSteps = 0;
    bool wasUp = false;
    for (int step = 0; step < 300; ++step)
    {
        f.RunFor(MilliSeconds(100));
        downlink->Check();
        const double elevation = downlink->GetElevationDeg(0); // its stations stand side by side
        CHECK(f.city->GetRan().GetElevationDeg(City::SATELLITE) ==
              doctest::Approx(elevation).epsilon(0.001)); // the radio looks at other instants
        const bool isUp = elevation >= CONFIG.minElevationDeg;
        visibleSteps += isUp;
        darkSteps += !isUp && !wasUp;
        CHECK(downlink->GetServed().has_value() == isUp);
        CHECK(keys.IsSiteUp(keys.GetSite(City::SATELLITE_SITE)) == isUp);
        uint32_t lit = 0;
        for (uint32_t station = 0; station < City::NUM_STATIONS; ++station)
        {
            const uint32_t link = f.city->GetStationLink(station);
            const uint64_t made = f.city->GetLinkReport(link).generatedBits;
            bits[station] += made;
            CHECK((made == 0 || wasUp)); // a block ends with the period in which it was counted
            lit += keys.GetLink(link).GetExpectedRateBps() > 0;
            if (downlink->GetServed() == station)
            {
                const double transmittance =
                    SatelliteTransmittance(SlantRangeM(elevation), 10e-6, 0.6, 1e-6, elevation, 1);
                CHECK(keys.GetLink(link).GetLossDb() ==
                      doctest::Approx(-10 * std::log10(transmittance)).epsilon(1e-6));
            }
        }
        CHECK(lit == (isUp ? 1 : 0));
        for (uint32_t p = 0; p < City::NUM_PROVIDERS; ++p)
        {
            const uint32_t relation = City::GetRelation(p, City::SATELLITE);
            const uint64_t reached = f.city->GetRelationReport(relation).relayedBits;
            relayed[p] += reached;
            CHECK((reached == 0 || wasUp || isUp));
            CHECK(keys.IsPathOpen(relation, paths[p]) == isUp);
        }
        wasUp = isUp;
    }
    CHECK_FALSE(wasUp); // it has set
    CHECK(visibleSteps > 80);
    CHECK(darkSteps > 50);
    uint64_t spent = 0;
    for (uint32_t station = 0; station < City::NUM_STATIONS; ++station)
    {
        CHECK(bits[station] > 0);
        spent += keys.GetLink(f.city->GetStationLink(station)).GetPool().GetLedger().relay;
    }
    CHECK(relayed[0] > 0);
    CHECK(relayed[1] > 0);
    CHECK(spent == 2 * (relayed[0] + relayed[1])); // two hops
    f.city->Check();
}

TEST_CASE("the satellite makes no key by day, and none unless it is asked to")
{
    {
        Fixture f(WithSatelliteKey(12));
        f.RunFor(Seconds(30));
        CHECK_FALSE(f.city->GetDownlink()->GetServed());
        for (uint32_t station = 0; station < City::NUM_STATIONS; ++station)
        {
            CHECK(f.city->GetLinkReport(f.city->GetStationLink(station)).generatedBits == 0);
        }
    }
    Fixture plain;
    CHECK_FALSE(plain.city->GetDownlink());
    CHECK(plain.city->GetKeys().GetNumLinks() == 9); // MadQCI
}

TEST_CASE("optics of the satellite that cannot be are named")
{
    CityConfig config = WithSatelliteKey();
    config.satelliteKey->divergenceRad = 2;
    CHECK_THROWS_WITH_AS(Fixture{config},
                         doctest::Contains("divergence_rad is 2"),
                         std::invalid_argument);
    config = WithSatelliteKey(25);
    CHECK_THROWS_WITH_AS(Fixture{config},
                         doctest::Contains("utc_hour is 25"),
                         std::invalid_argument);
    Simulator::Destroy();
}
