// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/circular-orbit.h"
#include "ran/buffer-status.h"
#include "ran/tbs.h"
#include "ran/test/ran-fixture.h"

#include "ns3/boolean.h"
#include "ns3/double.h"

#include <numeric>

using namespace qntn;
using namespace ns3;

namespace
{

double
Mean(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

} // namespace

TEST_CASE("a saturated user near the antenna sends what its uplink slots allow")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0, "DDDSU");
    bench.ran->SetAttribute("UplinkAlpha", DoubleValue(1));
    bench.ran->SetAttribute("UplinkP0Dbm", DoubleValue(-60));
    const auto flow = bench.ran->AddFlow(bench.AddUser(12, 0), 0, Seconds(10), UP);
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.Offer(flow, 150e6, 1400);
    bench.Run(2);
    const double possible = TbsBits(106, 27, 2) * 400.0 * 2; // one slot of five
    CHECK(bench.deliveredBytes[flow] * 8 > 0.97 * possible);
    CHECK(bench.deliveredBytes[flow] * 8 <= possible);
    const auto up = bench.ran->TakeReport(0, 0, UPLINK);
    CHECK(up.prbSlotsUsed <= up.prbSlotsQuota);
    CHECK(bench.ran->TakeReport(0, 0, DOWNLINK).prbSlotsUsed == 0);
}

TEST_CASE("the uplink of slices follows their quotas, apart from the downlink's")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0, "DDDSU");
    std::vector<uint32_t> flows;
    for (uint32_t slice = 0; slice < 2; ++slice)
    {
        const auto user = bench.AddUser(60, 10.0 * slice);
        flows.push_back(bench.ran->AddFlow(user, slice, Seconds(10), UP));
    }
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 26, 106});
    bench.ran->SetPrbQuota(0, 1, {0, 80, 106});
    bench.ran->SetPrbQuota(0, 0, {0, 80, 106}, UPLINK);
    bench.ran->SetPrbQuota(0, 1, {0, 26, 106}, UPLINK);
    bench.Offer(flows[0], 100e6, 1400);
    bench.Offer(flows[1], 100e6, 1400);
    bench.Run(2);
    for (const uint32_t slice : {0, 1})
    {
        const auto report = bench.ran->TakeReport(0, slice, UPLINK);
        CHECK(report.prbSlotsUsed <= report.prbSlotsQuota);
        CHECK(report.prbSlotsUsed > 0.98 * report.prbSlotsQuota);
    }
}

TEST_CASE("uplink blocks fail as often as the outer loop aims at")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0, "DDDSU");
    const auto flow = bench.ran->AddFlow(bench.AddUser(300, 0, 1), 0, Seconds(10), UP);
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.Offer(flow, 60e6, 1400);
    bench.Run(4); // settles
    bench.ran->TakeReport(0, 0, UPLINK);
    bench.Run(10);
    const auto report = bench.ran->TakeReport(0, 0, UPLINK);
    const double bler =
        static_cast<double>(report.failedBlocks) / static_cast<double>(report.transportBlocks);
    CHECK(report.transportBlocks > 3000);
    CHECK(std::abs(bler - 0.1) < 0.02);
}

TEST_CASE("a lone packet waits for its request and its grant; a configured grant spares both")
{
    std::vector<double> delays_s;
    for (const bool configured : {false, true})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        FlowConfig config = UP;
        if (configured)
        {
            config.configuredGrantBytes = 40;
            config.configuredGrantPeriod = MicroSeconds(2500);
        }
        const auto flow = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(50), config);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.Offer(flow, 32 * 8 / 21.3e-3, 32);
        bench.Run(4);
        CHECK(bench.ran->GetAccount(flow).delivered >= 186);
        delays_s.push_back(Mean(bench.delays_s));
        const auto report = bench.ran->TakeReport(0, 0, UPLINK);
        // the configured one pays for every occasion, used or not
        CHECK((report.prbSlotsUsed >= 4 * 400) == configured);
    }
    // pattern of 2.5 ms: 1.25 ms to the slot and 0.5 ms in it; a request needs one period more
    CHECK(delays_s[1] == doctest::Approx(1.75e-3).epsilon(0.25));
    CHECK(delays_s[0] == doctest::Approx(delays_s[1] + 2.5e-3).epsilon(0.15));
}

TEST_CASE("a far user's power limits how many PRBs it is given")
{
    std::vector<double> bytes;
    for (const double maxDbm : {23.0, 13.0})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        bench.ran->SetAttribute("UeTxPowerDbm", DoubleValue(maxDbm));
        const auto flow = bench.ran->AddFlow(bench.AddUser(600, 0, 1), 0, Seconds(10), UP);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
        bench.Offer(flow, 60e6, 1400);
        bench.Run(2);
        const auto report = bench.ran->TakeReport(0, 0, UPLINK);
        bytes.push_back(static_cast<double>(report.prbSlotsUsed));
        CHECK((maxDbm < 20 || report.deliveredBytes > 10'000));
    }
    CHECK(bytes[1] < 0.5 * bytes[0]);
}

TEST_CASE("power commands bring a user to the SINR that its base station wants, as far as it can")
{
    struct Case
    {
        double distanceM;
        double targetDb;
        bool reached;
    };

    for (const auto& [distance_m, target_db, reached] :
         {Case{100, 20, true}, Case{100, 8, true}, Case{250, 14, true}, Case{1500, 30, false}})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        bench.ran->SetAttribute("UplinkClosedLoop", BooleanValue(true));
        bench.ran->SetAttribute("UplinkTargetSinrDb", DoubleValue(target_db));
        const auto user = bench.AddUser(distance_m, 0);
        const auto flow = bench.ran->AddFlow(user, 0, Seconds(1), UP);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.Offer(flow, 1e6, 1400);
        bench.Run(1);
        double sum_db = 0;
        for (int i = 0; i < 100; ++i)
        {
            bench.Run(0.02);
            sum_db += bench.ran->GetUplinkSinrDb(user) / 100;
        }
        CAPTURE(distance_m);
        CAPTURE(target_db);
        if (reached)
        {
            CHECK(sum_db == doctest::Approx(target_db).epsilon(0.08));
        }
        else
        {
            CHECK(sum_db < target_db - 3); // power class 3 is not enough
        }
    }
}

TEST_CASE("users of two cells disturb each other in the uplink")
{
    std::vector<double> blocks;
    for (const double other_bps : {1e3, 100e6})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        bench.AddGnb(500, 0, "DDDSU");
        const auto flow = bench.ran->AddFlow(bench.AddUser(200, 0), 0, Seconds(10), UP);
        const auto other = bench.ran->AddFlow(bench.AddUser(300, 0), 0, Seconds(10), UP);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        for (const uint32_t cell : {0, 1})
        {
            bench.ran->SetPrbQuota(cell, 0, {0, 106, 106});
        }
        bench.Offer(flow, 100e6, 1400);
        bench.Offer(other, other_bps, 1400);
        bench.Run(2);
        blocks.push_back(static_cast<double>(bench.deliveredBytes[flow]));
    }
    CHECK(blocks[1] < 0.9 * blocks[0]);
}

TEST_CASE("the uplink of a satellite comes with the delay of its distance, and a request costs two")
{
    RanFixture bench(1);
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 20));
    bench.ran->AddNtnCell({"leo",
                           orbit,
                           GroundFrame(40.4168, -3.7038),
                           {0, 0, 0},
                           {2e9, 30e6, 0, "D", 1},
                           60,
                           75,
                           MilliSeconds(3),
                           "Rural",
                           4.4127,
                           30});
    const auto user = bench.AddUser(100, 0);
    const auto flow = bench.ran->AddFlow(user, 0, MilliSeconds(200), UP);
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.Offer(flow, 100 * 8 / 97.3e-3, 100);
    bench.Run(19);
    REQUIRE(bench.delays_s.size() > 150);
    const double oneWay_s = bench.ran->GetPropagationDelay(0, user).GetSeconds();
    const double shortest_s = *std::ranges::min_element(bench.delays_s);
    CHECK(shortest_s > 3 * oneWay_s); // request up, grant down, data up
    CHECK(shortest_s < 3 * oneWay_s + 6e-3);
}

TEST_CASE("a base station counts off what it has granted since a report was made")
{
    BufferStatus buffer;
    CHECK(buffer.GetKnown(MilliSeconds(0)) == 0);
    buffer.Report(1000, MilliSeconds(5));
    CHECK(buffer.IsReportOnTheWay());
    CHECK(buffer.GetKnown(MilliSeconds(4)) == 0);
    buffer.Grant(300);
    CHECK(buffer.GetKnown(MilliSeconds(5)) == 700);
    buffer.Grant(900);
    CHECK(buffer.GetKnown(MilliSeconds(5)) == 0);
    buffer.Report(50, MilliSeconds(6));
    CHECK(buffer.GetKnown(MilliSeconds(6)) == 50);
}
