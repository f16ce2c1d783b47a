// SPDX-License-Identifier: GPL-2.0-only
//
// The model against what theory says of it: queueing, fading, antennas, isolation.
#include "ran/antenna.h"
#include "ran/tbs.h"
#include "ran/test/ran-fixture.h"

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/random-variable-stream.h"

#include <cmath>
#include <numbers>
#include <numeric>

using namespace qntn;
using namespace ns3;

namespace
{

double
Quantile(std::vector<double> values, double part)
{
    const auto nth = values.begin() + static_cast<ptrdiff_t>(part * (values.size() - 1.0));
    std::ranges::nth_element(values, nth);
    return *nth;
}

/// Offers packets as a Poisson process.
class PoissonSource
{
  public:
    PoissonSource(Ptr<RanNetwork> ran, uint32_t flow, double mean_s, uint32_t bytes)
        : m_ran(ran), m_flow(flow), m_bytes(bytes), m_gap(CreateObject<ExponentialRandomVariable>())
    {
        m_gap->SetAttribute("Mean", ns3::DoubleValue(mean_s));
        m_gap->SetStream(1000 + flow);
        Next();
    }

  private:
    void Next()
    {
        Simulator::Schedule(Seconds(m_gap->GetValue()), &PoissonSource::Emit, this);
    }

    void Emit()
    {
        m_ran->Enqueue(m_flow, Create<Packet>(m_bytes), Simulator::Now());
        Next();
    }

    Ptr<RanNetwork> m_ran;
    uint32_t m_flow;
    uint32_t m_bytes;
    Ptr<ExponentialRandomVariable> m_gap;
};

} // namespace

TEST_CASE("one packet a slot, offered at random, waits as an M/D/1 queue says")
{
    constexpr double SLOT_S = 0.5e-3;
    for (const double load : {0.3, 0.6, 0.8})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0); // downlink in each slot
        const auto flow = bench.ran->AddFlow(bench.AddUser(40, 0), 0, Seconds(10));
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 10, 10});
        bench.Run(0.05); // until the first channel report
        // a packet that with its header fills a block of 10 PRBs at the highest MCS
        const uint32_t bytes = TbsBits(10, 27, 2) / 8 - 6;
        PoissonSource source(bench.ran, flow, SLOT_S / load, bytes);
        bench.Run(100);
        // on average half a slot until the next begins, then the queue, then the block itself
        const double expected_s = SLOT_S * (0.5 + load / (2 * (1 - load)) + 1);
        const double mean_s = std::accumulate(bench.delays_s.begin(), bench.delays_s.end(), 0.0) /
                              static_cast<double>(bench.delays_s.size());
        REQUIRE(bench.delays_s.size() > 50'000);
        CHECK(mean_s == doctest::Approx(expected_s).epsilon(0.05));
        CHECK(bench.ran->TakeReport(0, 0).failedBlocks < 0.01 * bench.delays_s.size());
    }
}

TEST_CASE("borrowing loses nothing: what one slice leaves another takes")
{
    std::vector<double> used;
    for (const bool borrowing : {false, true})
    {
        RanFixture bench(2);
        bench.AddGnb(0, 0);
        bench.ran->SetAttribute("Borrowing", BooleanValue(borrowing));
        const auto busy = bench.ran->AddFlow(bench.AddUser(60, 0), 0, Seconds(10));
        bench.ran->AddFlow(bench.AddUser(60, 10), 1, Seconds(10)); // silent
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 40, 106});
        bench.ran->SetPrbQuota(0, 1, {6, 66, 106});
        bench.Offer(busy, 300e6, 1400);
        bench.Run(1);
        used.push_back(static_cast<double>(bench.ran->TakeReport(0, 0).prbSlotsUsed) / 2000);
    }
    CHECK(used[0] == doctest::Approx(40).epsilon(0.02));
    CHECK(used[1] == doctest::Approx(100).epsilon(0.02)); // all but what is dedicated
}

TEST_CASE("a flood in one slice leaves the p99 of another within noise")
{
    std::vector<double> p99_s;
    std::vector<double> p50_s;
    for (const double flood_bps : {1e5, 400e6})
    {
        RanFixture bench(2);
        bench.AddGnb(0, 0, "DDDSU");
        const auto small = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(20));
        const auto large = bench.ran->AddFlow(bench.AddUser(70, 0), 1, MilliSeconds(500));
        bench.ran->AssignStreams(1);
        std::vector<double> delays_s;
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {20, 20, 20});
        bench.ran->SetPrbQuota(0, 1, {86, 86, 86});
        bench.SetFlowOfDelays(small);
        bench.Offer(small, 32 * 8 / 1.03e-3, 32);
        bench.Offer(large, flood_bps, 1400);
        bench.Run(10);
        REQUIRE(bench.delays_s.size() > 9000);
        p99_s.push_back(Quantile(bench.delays_s, 0.99));
        p50_s.push_back(Quantile(bench.delays_s, 0.5));
    }
    CHECK(p50_s[1] == doctest::Approx(p50_s[0]).epsilon(0.02));
    CHECK(p99_s[1] == doctest::Approx(p99_s[0]).epsilon(0.05));
}

TEST_CASE("antennas have the gains of their tables")
{
    CHECK(SectorGainDb(0, 0) == 0);
    CHECK(SectorGainDb(32.5, 0) == doctest::Approx(-3));
    CHECK(SectorGainDb(-65, 0) == doctest::Approx(-12));
    CHECK(SectorGainDb(360 - 65, 0) == doctest::Approx(-12));
    CHECK(SectorGainDb(32.5, 32.5) == doctest::Approx(-6));
    CHECK(SectorGainDb(180, 0) == -30);
    CHECK(SectorGainDb(180, 90) == -30);
    CHECK(AiryGainDb(0, 4.4) == 0);
    CHECK(AiryGainDb(2.2, 4.4) == doctest::Approx(-3.0103).epsilon(1e-3));
    CHECK_THROWS_WITH_AS(AiryGainDb(1, 0),
                         "beam_width_deg: found 0.000000, expected above 0, up to 180",
                         std::invalid_argument);
}

TEST_CASE("three sectors of one site serve whom they look at, in each scenario")
{
    for (const char* scenario : {"UMa", "UMi", "RMa"})
    {
        RanFixture bench(1);
        for (const double azimuth_deg : {0.0, 120.0, 240.0})
        {
            bench.ran->AddGnb({.name = "sector",
                               .position = {0, 0, 25},
                               .carrier = {3.5e9, 40e6, 1, "DDDSU"},
                               .txPowerDbm = 46,
                               .antennaGainDbi = 8,
                               .scenario = scenario,
                               .sectored = true,
                               .azimuthDeg = azimuth_deg,
                               .downtiltDeg = 8});
        }
        uint32_t right = 0;
        for (uint32_t u = 0; u < 36; ++u)
        {
            const double angle = std::numbers::pi / 18 * u;
            bench.AddUser(150 * std::cos(angle), 150 * std::sin(angle));
        }
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        for (uint32_t u = 0; u < 36; ++u)
        {
            const uint32_t sector = (10 * u + 60) / 120 % 3;
            right += bench.ran->GetServingCell(u) == sector;
        }
        CHECK(right >= 33); // three of the users stand between two sectors
    }
}
