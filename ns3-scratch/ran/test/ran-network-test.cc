// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/circular-orbit.h"
#include "ran/tbs.h"
#include "ran/test/ran-fixture.h"

#include "ns3/boolean.h"
#include "ns3/string.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace qntn;
using namespace ns3;

TEST_CASE("a saturated user near the antenna gets what its blocks and slots allow")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    const auto flow = bench.ran->AddFlow(bench.AddUser(40, 0), 0, Seconds(10));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.Offer(flow, 400e6, 1400);
    bench.Run(2);
    const double possible = TbsBits(106, 27, 2) * 2000.0 * 2;
    CHECK(bench.deliveredBytes[flow] * 8 > 0.97 * possible);
    CHECK(bench.deliveredBytes[flow] * 8 <= possible);
}

TEST_CASE("a slice's throughput follows its quota when all are saturated")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0);
    std::vector<uint32_t> flows;
    for (uint32_t slice = 0; slice < 2; ++slice)
    {
        flows.push_back(bench.ran->AddFlow(bench.AddUser(25, 10.0 * slice), slice, Seconds(10)));
    }
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 80, 106});
    bench.ran->SetPrbQuota(0, 1, {0, 26, 106});
    bench.Offer(flows[0], 300e6, 1400);
    bench.Offer(flows[1], 300e6, 1400);
    bench.Run(2);
    const auto first = bench.ran->TakeReport(0, 0);
    const auto second = bench.ran->TakeReport(0, 1);
    CHECK(first.prbSlotsUsed <= first.prbSlotsQuota);
    CHECK(first.prbSlotsUsed > 0.99 * first.prbSlotsQuota);
    CHECK(second.prbSlotsUsed > 0.99 * second.prbSlotsQuota);
    const double ratio = static_cast<double>(bench.deliveredBytes[flows[0]]) /
                         static_cast<double>(bench.deliveredBytes[flows[1]]);
    CHECK(ratio == doctest::Approx(80.0 / 26).epsilon(0.02));
}

TEST_CASE("a flood in one slice does not touch another with dedicated PRBs")
{
    std::vector<double> mean_s;
    for (const double flood_bps : {1e5, 400e6})
    {
        RanFixture bench(2);
        bench.AddGnb(0, 0);
        const auto small = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(10));
        const auto large = bench.ran->AddFlow(bench.AddUser(70, 0), 1, MilliSeconds(500));
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {20, 20, 20});
        bench.ran->SetPrbQuota(0, 1, {86, 86, 86});
        bench.Offer(small, 256e3, 32);
        bench.Offer(large, flood_bps, 1400);
        bench.Run(1);
        CHECK(bench.deliveredBytes[small] > 0.99 * 32000);
        const auto report = bench.ran->TakeReport(0, 0);
        CHECK(report.lateBytes == 0);
        mean_s.push_back(static_cast<double>(report.prbSlotsUsed));
    }
    CHECK(mean_s[1] == doctest::Approx(mean_s[0]).epsilon(0.15));
}

TEST_CASE("blocks fail as often as the outer loop aims at")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    const auto flow = bench.ran->AddFlow(bench.AddUser(300, 0, 1), 0, Seconds(10));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.Offer(flow, 300e6, 1400);
    bench.Run(1); // settles
    bench.ran->TakeReport(0, 0);
    bench.Run(4);
    const auto report = bench.ran->TakeReport(0, 0);
    CHECK(static_cast<double>(report.failedBlocks) / static_cast<double>(report.transportBlocks) ==
          doctest::Approx(0.1).epsilon(0.2));
}

TEST_CASE("a slice with a target of its own fails as seldom as that, beside one that does not")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0);
    const auto user = bench.AddUser(300, 0, 1);
    bench.ran->SetTargetBler(1, 0.01);
    const uint32_t flows[] = {bench.ran->AddFlow(user, 0, Seconds(10)),
                              bench.ran->AddFlow(user, 1, Seconds(10))};
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    for (const uint32_t flow : flows)
    {
        bench.Offer(flow, 200e6, 1400);
    }
    const auto failing = [&](uint32_t slice)
    {
        const auto report = bench.ran->TakeReport(0, slice);
        return static_cast<double>(report.failedBlocks) /
               static_cast<double>(report.transportBlocks);
    };
    bench.Run(2); // settles
    failing(0);
    failing(1);
    bench.Run(8);
    CHECK(std::abs(failing(0) - 0.1) < 0.02);
    CHECK(std::abs(failing(1) - 0.01) < 0.003);
}

TEST_CASE("reports of sub-bands raise what several users get together; groups of PRBs cost little")
{
    const auto megabits = [](bool subbands, const std::string& unit)
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0);
        bench.ran->SetAttribute("SubbandCqi", BooleanValue(subbands));
        bench.ran->SetAttribute("ResourceUnit", StringValue(unit));
        bench.ran->SetAttribute("Policy", StringValue("RoundRobin"));
        std::vector<uint32_t> flows;
        for (uint32_t u = 0; u < 8; ++u)
        {
            const auto user = bench.AddUser(420, 12.0 * u, 0.5);
            flows.push_back(bench.ran->AddFlow(user, 0, Seconds(10)));
        }
        bench.ran->AssignStreams(5);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
        double sum = 0;
        for (const uint32_t flow : flows)
        {
            bench.Offer(flow, 4e6, 300); // so that a slot serves several
        }
        bench.Run(4);
        const auto report = bench.ran->TakeReport(0, 0);
        for (const uint32_t flow : flows)
        {
            sum += static_cast<double>(bench.deliveredBytes[flow]) * 8 / 4e6;
        }
        return std::pair{sum, static_cast<double>(report.prbSlotsUsed)};
    };
    const auto [plain_mbps, plain_prbs] = megabits(false, "Prb");
    const auto [selective_mbps, selective_prbs] = megabits(true, "Prb");
    const auto [group_mbps, group_prbs] = megabits(false, "Rbg");
    CHECK(selective_mbps / selective_prbs > 1.2 * plain_mbps / plain_prbs);
    CHECK(group_mbps == doctest::Approx(plain_mbps).epsilon(0.01));
    CHECK(group_prbs > plain_prbs);
}

TEST_CASE("mini-slots shorten what a lone packet waits for and how long it is on the air")
{
    const auto mean_ms = [](uint32_t symbols)
    {
        RanFixture bench(2);
        bench.AddGnb(0, 0);
        const auto small = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(10));
        const auto large = bench.ran->AddFlow(bench.AddUser(70, 0), 1, MilliSeconds(500));
        if (symbols > 0)
        {
            bench.ran->SetMiniSlots(0, symbols);
        }
        bench.SetFlowOfDelays(small);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 40, 40});
        bench.ran->SetPrbQuota(0, 1, {0, 66, 106});
        bench.Offer(small, 32 * 8 / 1.0173e-3, 32); // at all times within a slot
        bench.Offer(large, 400e6, 1400);
        bench.Run(3);
        const auto account = bench.ran->GetAccount(small);
        CHECK(account.delivered > 2900);
        const auto report = bench.ran->TakeReport(0, 0);
        CHECK(report.prbSlotsUsed < report.prbSlotsQuota);
        const auto others = bench.ran->TakeReport(0, 1);
        CHECK(others.prbSlotsUsed == others.prbSlotsQuota); // saturated, and kept out of the rest
        std::ranges::sort(bench.delays_s);
        return 1e3 * bench.delays_s[bench.delays_s.size() / 2];
    };
    // numerology 1: half a slot to its beginning and one slot on the air
    CHECK(mean_ms(0) == doctest::Approx(0.75).epsilon(0.05));
    // one and a half mini-slots of 7, 4 (the third ends two symbols early) and 2 symbols
    CHECK(mean_ms(7) == doctest::Approx(0.375).epsilon(0.05));
    CHECK(mean_ms(4) == doctest::Approx(0.228).epsilon(0.1));
    CHECK(mean_ms(2) == doctest::Approx(0.107).epsilon(0.05));
}

TEST_CASE("a flood of mini-slots keeps to its quota, sent again where it fails")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0, "DDDSU");
    bench.ran->SetMiniSlots(0, 4);
    const auto flood = bench.ran->AddFlow(bench.AddUser(350, 0, 3), 0, MilliSeconds(50));
    const auto other = bench.ran->AddFlow(bench.AddUser(70, 0), 1, MilliSeconds(50));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 40, 106});
    bench.ran->SetPrbQuota(0, 1, {0, 66, 106});
    bench.Offer(flood, 200e6, 1400);
    bench.Offer(other, 200e6, 1400);
    bench.Run(2);
    const auto report = bench.ran->TakeReport(0, 0);
    // 12 of 14 symbols in `D`, 8 of them in `S`
    const double most = static_cast<double>(report.prbSlotsQuota) * (3 * 12 + 8) / (4 * 14);
    CHECK(report.prbSlotsUsed <= most + 1);
    CHECK(report.prbSlotsUsed > 0.97 * most);
    CHECK(report.failedBlocks > 100);
    CHECK(bench.deliveredBytes[flood] > 0);
    CHECK(bench.ran->TakeReport(0, 1).prbSlotsUsed == 66 * 2 * 2000 * 4 / 5);
}

TEST_CASE("packets that are too old are discarded, none arrives much later")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    const auto flow = bench.ran->AddFlow(bench.AddUser(100, 0), 0, MilliSeconds(20));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 10, 10});
    bench.Offer(flow, 100e6, 1400);
    bench.Run(1);
    CHECK(bench.drops[static_cast<size_t>(DropCause::LATE)] > 1000);
    CHECK(bench.longest < MilliSeconds(20 + 15)); // what was begun in time is finished
    const auto account = bench.ran->GetAccount(flow);
    CHECK(account.sent == account.delivered + account.dropped[0] + account.dropped[1] +
                              account.dropped[2] + account.dropped[3] + account.inFlight);
}

TEST_CASE("a user on the way from one gNB to the next is handed over once, without loss of count")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    bench.AddGnb(600, 0);
    const auto user = bench.AddUser(50, 20, 50);
    const auto flow = bench.ran->AddFlow(user, 0, MilliSeconds(200));
    bench.ran->AssignStreams(3);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.ran->SetPrbQuota(1, 0, {0, 106, 106});
    bench.Offer(flow, 20e6, 1400);
    CHECK(bench.ran->GetServingCell(user) == 0);
    bench.Run(10);
    CHECK(bench.ran->GetServingCell(user) == 1);
    CHECK(bench.ran->GetNumHandovers() >= 1);
    CHECK(bench.ran->GetNumHandovers() <= 7);
    CHECK(bench.deliveredBytes[flow] * 8 > 0.9 * 20e6 * 10);
}

TEST_CASE("two cells on one frequency disturb each other only while both transmit")
{
    std::vector<double> sinr_db;
    for (const double other_bps : {1e3, 400e6})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0);
        bench.AddGnb(500, 0);
        const auto user = bench.AddUser(150, 0);
        const auto neighbour = bench.AddUser(400, 0);
        const auto flow = bench.ran->AddFlow(user, 0, Seconds(1));
        const auto other = bench.ran->AddFlow(neighbour, 0, Seconds(1));
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.Offer(flow, 1e6, 1400);
        bench.Offer(other, other_bps, 1400);
        bench.Run(1);
        sinr_db.push_back(bench.ran->GetSinrDb(user));
    }
    CHECK(sinr_db[0] > sinr_db[1] + 3);
}

TEST_CASE("a satellite serves while it is up, with the delay of its distance")
{
    RanFixture bench(1);
    bench.ran->SetAttribute("CqiPeriod", TimeValue(MilliSeconds(10)));
    constexpr double LATITUDE = 40.4168;
    constexpr double LONGITUDE = -3.7038;
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(LATITUDE, LONGITUDE, 600e3, 86.4, 20));
    const GroundFrame frame(LATITUDE, LONGITUDE);
    bench.ran->AddNtnCell(
        {"leo", orbit, frame, {0, 0, 0}, {2e9, 30e6, 0, "D"}, 60, 75, MilliSeconds(3), "Rural"});
    const auto user = bench.AddUser(100, 0);
    const auto flow = bench.ran->AddFlow(user, 0, MilliSeconds(100));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 160, 160});
    bench.Offer(flow, 1e6, 500);
    bench.Run(19.99);
    CHECK(bench.ran->GetElevationDeg(0) == doctest::Approx(90).epsilon(0.01));
    CHECK(bench.ran->IsAvailable(0));
    CHECK(
        bench.ran->GetPropagationDelay(0, user).GetSeconds() ==
        doctest::Approx(0.003 + OneWayDelayS(600e3, bench.ran->GetElevationDeg(0))).epsilon(0.01));
    REQUIRE(bench.deliveredBytes[flow] > 1'000'000);
    const double shortest = *std::ranges::min_element(bench.delays_s);
    CHECK(shortest >= 0.003 + OneWayDelayS(600e3, 90));
    CHECK(shortest < 0.003 + OneWayDelayS(600e3, 90) + 0.003);
    bench.Run(60);
    CHECK_FALSE(bench.ran->IsAvailable(0));
    CHECK(bench.ran->GetServingCell(user) == NO_CELL);
    CHECK(bench.drops[static_cast<size_t>(DropCause::NO_COVERAGE)] > 0);
}

TEST_CASE("the same seed gives the same run, another seed another")
{
    auto trace = [](uint64_t seed)
    {
        RanFixture bench(2, seed);
        bench.AddGnb(0, 0);
        bench.AddGnb(500, 0);
        std::vector<uint32_t> flows;
        for (uint32_t u = 0; u < 6; ++u)
        {
            flows.push_back(
                bench.ran->AddFlow(bench.AddUser(60.0 + 70 * u, 10), u % 2, MilliSeconds(50)));
        }
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        for (const auto flow : flows)
        {
            bench.Offer(flow, 20e6, 1000);
        }
        bench.Run(1);
        return bench.delays_s;
    };
    CHECK(trace(1) == trace(1));
    CHECK(trace(1) != trace(2));
}

TEST_CASE("a cell that fails within a slot sends no more mini-slots")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    bench.ran->SetMiniSlots(0, 2);
    const auto flow = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(50));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
    bench.Offer(flow, 200e6, 1400);
    bench.ran->ScheduleOutage(0, MicroSeconds(100'100), MicroSeconds(200'100));
    bench.Run(0.100101); // the slot goes on to 0.1005
    const auto blocks = bench.ran->GetUse(flow).blocks;
    bench.Run(0.05);
    CHECK(blocks > 100);
    CHECK(bench.ran->GetUse(flow).blocks == blocks);
}
