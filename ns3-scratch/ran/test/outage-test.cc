// SPDX-License-Identifier: GPL-2.0-only
#include "ran/outage.h"
#include "ran/test/mobility-fixture.h"

#include <array>
#include <stdexcept>

using namespace qntn;
using namespace ns3;

TEST_CASE("a schedule of outages is read, and what is wrong in it is named")
{
    const std::array<std::string, 2> cells{"gnb_0", "gnb_1"};
    CHECK(ReadOutages("", cells).empty());
    CHECK(ReadOutages("  ", cells).empty());
    const auto outages = ReadOutages("gnb_1 8 28.5, gnb_0 10 26, gnb_1 30 31", cells);
    REQUIRE(outages.size() == 3);
    CHECK(outages[0].cell == 1);
    CHECK(outages[0].startS == 8);
    CHECK(outages[0].endS == 28.5);
    CHECK(outages[1].cell == 0);
    CHECK_THROWS_WITH_AS(ReadOutages("gnb_7 8 28", cells),
                         "outages: found cell \"gnb_7\", expected one of gnb_0, gnb_1",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(ReadOutages("gnb_0 8 28, gnb_0 20 30", cells),
                         "outages: two of gnb_0 overlap; make them one",
                         std::invalid_argument);
    for (const char* wrong : {"gnb_0",
                              "gnb_0 8",
                              "gnb_0 8 8",
                              "gnb_0 9 8",
                              "gnb_0 -1 8",
                              "gnb_0 a b",
                              "gnb_0 1 2 3",
                              "gnb_0 1 2,,gnb_1 1 2"})
    {
        CHECK_THROWS_AS(ReadOutages(wrong, cells), std::invalid_argument);
    }
}

TEST_CASE("when a gNB fails the satellite takes over, until it is back")
{
    constexpr double FAILS_S = 4.013;
    constexpr double WORKS_S = 10.0;
    for (const auto rlc : {RlcMode::UNACKNOWLEDGED, RlcMode::ACKNOWLEDGED})
    {
        MobilityFixture bench;
        bench.AddGnb(0, 0);
        bench.AddSatellite(5, 2e9, 30);
        const auto mobility = bench.MakeMobility(120, 0);
        const auto user = bench.ran->AddUe(mobility);
        const auto flow = bench.ran->AddFlow(user, 0, Seconds(3), {.rlc = rlc});
        bench.Start();
        bench.ran->ScheduleOutage(0, Seconds(FAILS_S), Seconds(WORKS_S));
        bench.Offer(flow, 150e6, 1400);
        bench.Run(FAILS_S);
        const auto before = bench.GetDropped(flow);
        bench.Run(0.001);
        CHECK_FALSE(bench.ran->IsAvailable(0));
        if (rlc == RlcMode::ACKNOWLEDGED)
        {
            CHECK(bench.GetDropped(flow) == before);
        }
        const auto moves = bench.Follow(user, mobility, 14);
        REQUIRE(moves.size() == 2);
        CHECK(moves[0].to == 1);
        // a measurement, N310 = 1, T310, and what is left of a period
        CHECK(moves[0].atS > FAILS_S + 1.0);
        CHECK(moves[0].atS <= FAILS_S + 1.0 + 2 * 0.04 + 0.005);
        CHECK(moves[1].to == 0);
        CHECK(moves[1].atS > WORKS_S + 0.16);
        CHECK(moves[1].atS <= WORKS_S + 0.16 + 2 * 0.04 + 0.005);
        const auto report = bench.ran->GetMobility(user);
        CHECK(report.failures[static_cast<size_t>(FailureCause::OUTAGE)] == 1);
        CHECK(report.movesByCause[static_cast<size_t>(HandoverCause::GROUND_AGAIN)] == 1);
        CHECK(report.handovers == 1);
        // service is back on the satellite after re-establishment and two round trips
        const double gap_s = bench.GetLongestGap(FAILS_S - 0.1);
        CHECK(gap_s > 1.0 + 0.25);
        CHECK(gap_s < 1.0 + 0.25 + 0.08 + 0.05);
        CHECK(bench.IsAccountedFor(flow));
    }
}

TEST_CASE("what was on the air of a cell that fails is lost without acknowledgement only")
{
    for (const auto rlc : {RlcMode::UNACKNOWLEDGED, RlcMode::ACKNOWLEDGED})
    {
        uint64_t lost = 0;
        for (int i = 0; i < 10; ++i) // of some blocks the first transmission has just failed
        {
            MobilityFixture bench;
            bench.AddGnb(0, 0);
            const auto user = bench.AddUser(200, 0, 3);
            const auto flow = bench.ran->AddFlow(user, 0, Seconds(60), {.rlc = rlc});
            bench.Start();
            bench.Offer(flow, 50e6, 1400);
            bench.Run(0.5 + 0.013 * i);
            const auto before = bench.GetDropped(flow);
            bench.ran->SetOutage(0, true);
            lost += bench.GetDropped(flow) - before;
            CHECK(bench.IsAccountedFor(flow));
            bench.ran->SetOutage(0, false);
            bench.Run(0.5);
            CHECK(bench.ran->GetServingCell(user) == 0); // so short that nobody noticed
            CHECK(bench.ran->GetMobility(user).GetFailures() == 0);
        }
        CHECK((lost > 0) == (rlc == RlcMode::UNACKNOWLEDGED));
    }
}

TEST_CASE("a cell that is off does not disturb its neighbour")
{
    std::vector<double> sinr_db;
    for (const bool fails : {false, true})
    {
        MobilityFixture bench;
        bench.AddGnb(0, 0);
        bench.AddGnb(500, 0);
        const auto user = bench.AddUser(200, 0);
        const auto other = bench.ran->AddFlow(bench.AddUser(450, 0), 0, Seconds(1));
        bench.Start();
        bench.Offer(other, 300e6, 1400);
        bench.Run(0.5);
        bench.ran->SetOutage(1, fails);
        bench.Run(0.1);
        REQUIRE(bench.ran->GetServingCell(user) == 0);
        sinr_db.push_back(bench.ran->GetSinrDb(user));
    }
    CHECK(sinr_db[1] > sinr_db[0] + 5);
}

TEST_CASE("a user whom no cell reaches is without service until one is back")
{
    MobilityFixture bench;
    bench.AddGnb(0, 0);
    const auto user = bench.AddUser(100, 0);
    const auto flow = bench.ran->AddFlow(user, 0, MilliSeconds(100));
    bench.Start();
    bench.ran->ScheduleOutage(0, Seconds(1), Seconds(4));
    bench.Offer(flow, 1e6, 1000);
    bench.Run(3);
    CHECK(bench.ran->GetServingCell(user) == NO_CELL);
    bench.Run(3);
    CHECK(bench.ran->GetServingCell(user) == 0);
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.outOfCells == 1);
    CHECK(report.interruption.GetSeconds() == doctest::Approx(3.0 + 0.25).epsilon(0.03));
    CHECK(bench.drops[static_cast<size_t>(DropCause::NO_COVERAGE)] > 0);
    CHECK(bench.drops[static_cast<size_t>(DropCause::LATE)] > 0);
    CHECK(bench.IsAccountedFor(flow));
}
