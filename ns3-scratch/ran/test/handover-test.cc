// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/visibility.h"
#include "ran/coverage.h"
#include "ran/ran-kpis.h"
#include "ran/test/mobility-fixture.h"

#include "ns3/pointer.h"
#include "ns3/random-waypoint-mobility-model.h"
#include "ns3/rectangle.h"
#include "ns3/string.h"

#include <algorithm>
#include <cmath>
#include <sstream>

using namespace qntn;
using namespace ns3;

namespace
{

constexpr double PERIOD_S = 0.04; // of measurements
const FlowConfig LOSSLESS{.rlc = RlcMode::ACKNOWLEDGED, .inOrder = true};

} // namespace

TEST_CASE("the measurement filter keeps its time constant at other periods")
{
    CHECK(FilterWeight(0, 0.2) == 1);
    CHECK(FilterWeight(4, 0.2) == doctest::Approx(0.5));
    CHECK(FilterWeight(8, 0.2) == doctest::Approx(0.25));
    CHECK(std::pow(1 - FilterWeight(4, 0.04), 5) == doctest::Approx(0.5));
    CHECK_THROWS_WITH_AS(FilterWeight(20, 0.2),
                         "filter coefficient: found 20, expected 0 .. 19",
                         std::invalid_argument);
    CHECK_THROWS_AS(FilterWeight(4, 0), std::invalid_argument);
}

TEST_CASE("events begin exactly where TS 38.331 says")
{
    CHECK_FALSE(EntersA3(-90, -87, 2, 1));
    CHECK(EntersA3(-90, -86.99, 2, 1));
    const ConditionalHandover handover{.source = 0,
                                       .target = 1,
                                       .byDistance = true,
                                       .threshold1M = 300,
                                       .threshold2M = 400,
                                       .distanceHysteresisM = 10,
                                       .byTime = true,
                                       .threshold1 = Seconds(5),
                                       .duration = Seconds(2)};
    CHECK(EntersD1(handover, 310.1, 389.9));
    CHECK_FALSE(EntersD1(handover, 310, 389.9));
    CHECK_FALSE(EntersD1(handover, 310.1, 390));
    CHECK_FALSE(EntersT1(handover, Seconds(5)));
    CHECK(EntersT1(handover, Seconds(5.001)));
    CHECK(EntersT1(handover, Seconds(7)));
    CHECK_FALSE(EntersT1(handover, Seconds(7.001)));
}

TEST_CASE("sync is lost at a lower SINR than it is found at")
{
    const double out_db = PdcchSinrDb(8, 0.1);
    const double in_db = PdcchSinrDb(4, 0.02);
    CHECK(out_db > -10); // the bound of a rate of 64 / 864 bits is -12.7 dB in white noise
    CHECK(out_db < -6);
    CHECK(in_db > out_db + 2);
    CHECK(in_db < out_db + 6);
}

TEST_CASE("a user who drives from one gNB to another is handed over once and loses nothing")
{
    MobilityFixture bench;
    bench.SetHandover("A3OffsetDb", DoubleValue(5));
    bench.AddGnb(0, 0);
    bench.AddGnb(600, 0);
    const auto mobility = bench.MakeMobility(60, 40);
    const auto user = bench.ran->AddUe(mobility);
    const auto flow = bench.ran->AddFlow(user, 0, Seconds(5), LOSSLESS);
    RanKpis kpis(bench.ran);
    kpis.AddFlow(flow, user, 0, Seconds(5), DOWNLINK);
    bench.ran->SetDroppedCallback(MakeCallback(&RanKpis::Dropped, &kpis));
    bench.alsoDelivered = MakeCallback(&RanKpis::Delivered, &kpis);
    bench.Start();
    bench.Offer(flow, 8e6, 1000);
    const auto moves = bench.Follow(user, mobility, 12);
    REQUIRE(moves.size() == 1);
    CHECK(moves[0].to == 1);
    CHECK(moves[0].position.x > 200);
    CHECK(moves[0].position.x < 400);
    const auto& control = bench.ran->GetHandoverControl();
    CHECK(control.GetFilteredSnrDb(1, user) > control.GetFilteredSnrDb(0, user) + 6);
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.handovers == 1);
    CHECK(bench.ran->GetNumHandovers() == 1);
    CHECK(report.handoversByKind[static_cast<size_t>(HandoverKind::GROUND_TO_GROUND)] == 1);
    CHECK(report.movesByCause[static_cast<size_t>(HandoverCause::STRONGER)] == 1);
    CHECK(report.GetFailures() == 0);
    // the attribute's 30 ms and a round trip of some microseconds
    CHECK(report.interruption.GetSeconds() == doctest::Approx(0.030).epsilon(0.001));
    CHECK(bench.GetLongestGap() > 0.030);
    CHECK(bench.GetLongestGap() < 0.030 + 0.010);
    CHECK(bench.IsAccountedFor(flow));
    CHECK(bench.GetDropped(flow) == 0);
    CHECK(bench.ran->GetAccount(flow).delivered > 0.99 * 12 * 1000);
    CHECK(std::ranges::is_sorted(bench.created));
    const auto rows = kpis.GetRows();
    const auto row = std::ranges::find(rows, "ue", &KpiRow::of);
    REQUIRE(row != rows.end());
    CHECK(row->mobility.handovers == 1);
    CHECK(row->mobility.interruption == report.interruption);
    std::ostringstream csv;
    kpis.WriteCsv(csv);
    CHECK(csv.str().find(",handovers,ping_pongs,radio_link_failures,interruption_s\r\n") !=
          std::string::npos);
    CHECK(csv.str().find(",1,0,0,0.03") != std::string::npos);
}

TEST_CASE("forwarded packets come as late as Xn takes, in order")
{
    for (const double xn_s : {0.005, 0.060})
    {
        MobilityFixture bench;
        bench.SetHandover("A3OffsetDb", DoubleValue(5));
        bench.SetHandover("XnDelay", TimeValue(Seconds(xn_s)));
        bench.AddGnb(0, 0);
        bench.AddGnb(600, 0);
        const auto mobility = bench.MakeMobility(200, 40);
        const auto user = bench.ran->AddUe(mobility);
        const auto flow = bench.ran->AddFlow(user, 0, Seconds(5), LOSSLESS);
        bench.Start();
        bench.Offer(flow, 8e6, 1000);
        REQUIRE(bench.Follow(user, mobility, 8).size() == 1);
        CHECK(std::ranges::is_sorted(bench.created));
        CHECK(bench.GetDropped(flow) == 0);
        CHECK(bench.IsAccountedFor(flow));
        CHECK(bench.GetLongestGap() > std::max(0.030, xn_s));
        CHECK(bench.GetLongestGap() < std::max(0.030, xn_s) + 0.010);
    }
}

TEST_CASE("users go back and forth less with more time to trigger")
{
    std::vector<uint64_t> pingPongs;
    for (const int64_t time_ms : {0, 320, 1280})
    {
        MobilityFixture bench;
        bench.SetHandover("A3OffsetDb", DoubleValue(0));
        bench.SetHandover("HysteresisDb", DoubleValue(0));
        bench.SetHandover("FilterCoefficient", UintegerValue(0));
        bench.SetHandover("TimeToTrigger", TimeValue(MilliSeconds(time_ms)));
        bench.AddGnb(0, 0);
        bench.AddGnb(500, 0);
        auto places = CreateObject<RandomRectanglePositionAllocator>();
        places->SetAttribute("X", StringValue("ns3::UniformRandomVariable[Min=200|Max=300]"));
        places->SetAttribute("Y", StringValue("ns3::UniformRandomVariable[Min=-200|Max=200]"));
        places->AssignStreams(100);
        for (uint32_t u = 0; u < 30; ++u)
        {
            auto mobility = CreateObjectWithAttributes<RandomWaypointMobilityModel>(
                "Speed",
                StringValue("ns3::ConstantRandomVariable[Constant=25]"),
                "Pause",
                StringValue("ns3::ConstantRandomVariable[Constant=0]"),
                "PositionAllocator",
                PointerValue(places));
            mobility->SetPosition(places->GetNext());
            mobility->AssignStreams(200 + 10 * u);
            mobility->Initialize();
            bench.ran->AddUe(mobility);
        }
        bench.Start();
        bench.Run(15);
        pingPongs.push_back(bench.ran->GetMobility().pingPongs);
    }
    CHECK(pingPongs[0] > 2 * pingPongs[1]);
    CHECK(pingPongs[1] > pingPongs[2]);
}

TEST_CASE("a conditional hand-over by distance is executed where the distances say")
{
    MobilityFixture bench;
    bench.SetHandover("A3OffsetDb", DoubleValue(15));
    bench.AddGnb(0, 0);
    bench.AddGnb(600, 0);
    constexpr double SPEED = 20;
    const auto mobility = bench.MakeMobility(100, SPEED);
    const auto user = bench.ran->AddUe(mobility);
    const ConditionalHandover handover{.source = 0,
                                       .target = 1,
                                       .targetThresholdDb = -10,
                                       .byDistance = true,
                                       .reference1 = {0, 0, 25},
                                       .reference2 = {600, 0, 25},
                                       .threshold1M = 150,
                                       .threshold2M = 400,
                                       .distanceHysteresisM = 5};
    bench.ran->GetHandoverControl().AddConditional(handover);
    bench.Start();
    const auto moves = bench.Follow(user, mobility, 15);
    REQUIRE(moves.size() >= 1);
    // both hold from 395 m before the second reference on; the first has held for long
    const double x = 600 - std::sqrt(395.0 * 395 - 20.0 * 20 - 23.5 * 23.5);
    CHECK(moves[0].position.x >= x);
    CHECK(moves[0].position.x <= x + SPEED * (PERIOD_S + 0.005));
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.movesByCause[static_cast<size_t>(HandoverCause::CONDITIONAL_DISTANCE)] == 1);
}

TEST_CASE("a conditional hand-over by time is executed in its window, if the target is there")
{
    for (const double threshold_db : {-10.0, 100.0})
    {
        MobilityFixture bench;
        bench.SetHandover("A3OffsetDb", DoubleValue(15));
        bench.AddGnb(0, 0);
        bench.AddGnb(400, 0);
        const auto mobility = bench.MakeMobility(200, 0);
        const auto user = bench.ran->AddUe(mobility);
        bench.ran->GetHandoverControl().AddConditional({.source = 0,
                                                        .target = 1,
                                                        .targetThresholdDb = threshold_db,
                                                        .byTime = true,
                                                        .threshold1 = Seconds(2.5),
                                                        .duration = Seconds(1)});
        bench.Start();
        REQUIRE(bench.ran->GetServingCell(user) == 0);
        const auto moves = bench.Follow(user, mobility, 5);
        if (threshold_db > 0) // nobody has 100 dB over noise
        {
            CHECK(moves.empty());
            continue;
        }
        REQUIRE(moves.size() == 1);
        CHECK(moves[0].atS > 2.5);
        CHECK(moves[0].atS <= 2.5 + PERIOD_S + 0.01);
        const auto report = bench.ran->GetMobility(user);
        CHECK(report.movesByCause[static_cast<size_t>(HandoverCause::CONDITIONAL_TIME)] == 1);
        CHECK(report.interruption.GetSeconds() == doctest::Approx(0.020).epsilon(0.001));
    }
}

TEST_CASE("users change to the next satellite before theirs sets, without a gap")
{
    MobilityFixture bench(2); // a run in which no fade breaks the link
    constexpr double LEAST_DEG = 50;
    bench.AddSatellite(5, 2e9, LEAST_DEG);
    bench.AddSatellite(75, 2.03e9, LEAST_DEG);
    const auto mobility = bench.MakeMobility(0, 1);
    const auto user = bench.ran->AddUe(mobility);
    const auto flow = bench.ran->AddFlow(user, 0, Seconds(2), LOSSLESS);
    bench.Start();
    const auto orbit = CircularOrbit::Over(MobilityFixture::LATITUDE_DEG, 0, 600e3, 90, 5);
    const auto ground = GroundFrame(MobilityFixture::LATITUDE_DEG, 0).ToEcef(0, 0, 0);
    const auto passes = FindPasses(orbit, ground, LEAST_DEG, 0, 300, 5);
    REQUIRE(passes.size() == 1);
    REQUIRE(bench.ran->GetServingCell(user) == 0);
    REQUIRE(passes[0].setS < 85);
    CHECK(bench.ran->GetHandoverControl().GetSetTime(0).GetSeconds() ==
          doctest::Approx(passes[0].setS).epsilon(1e-5));
    bench.Offer(flow, 1e6, 1000);
    const auto moves = bench.Follow(user, mobility, passes[0].setS + 5);
    REQUIRE(moves.size() == 1);
    CHECK(moves[0].to == 1);
    CHECK(moves[0].atS >= passes[0].setS - 2);
    CHECK(moves[0].atS <= passes[0].setS - 2 + PERIOD_S + 0.005);
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.handoversByKind[static_cast<size_t>(HandoverKind::SATELLITE_TO_SATELLITE)] == 1);
    CHECK(report.movesByCause[static_cast<size_t>(HandoverCause::EPHEMERIS)] == 1);
    CHECK(report.outOfCells == 0);
    // 30 ms and a round trip to the new satellite
    const double roundTrip_s = 2 * bench.ran->GetPropagationDelay(1, user).GetSeconds();
    CHECK(report.interruption.GetSeconds() == doctest::Approx(0.030 + roundTrip_s).epsilon(0.02));
    CHECK(bench.GetDropped(flow) == 0);
    CHECK(bench.IsAccountedFor(flow));
}

TEST_CASE("service goes on from the ground to a satellite and back")
{
    MobilityFixture bench;
    bench.AddGnb(0, 0);
    bench.AddSatellite(30, 2e9, 30);
    const auto mobility = bench.MakeMobility(300, 100);
    const auto user = bench.ran->AddUe(mobility);
    const auto flow = bench.ran->AddFlow(user,
                                         0,
                                         Seconds(20),
                                         {.rlc = RlcMode::ACKNOWLEDGED, .maxRetransmissions = 32});
    bench.Start();
    REQUIRE(bench.ran->GetServingCell(user) == 0);
    bench.Offer(flow, 1e6, 1000);
    const auto moves = bench.Follow(user, mobility, 40);
    REQUIRE(!moves.empty());
    CHECK(bench.ran->GetServingCell(user) == 1);
    mobility->SetVelocity({-100, 0, 0});
    bench.Follow(user, mobility, 40);
    CHECK(bench.ran->GetServingCell(user) == 0);
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.handoversByKind[static_cast<size_t>(HandoverKind::GROUND_TO_SATELLITE)] >= 1);
    CHECK(report.handoversByKind[static_cast<size_t>(HandoverKind::SATELLITE_TO_GROUND)] >= 1);
    CHECK(report.outOfCells == 0);
    CHECK(report.GetFailures() == 0);
    CHECK(bench.GetDropped(flow) == 0);
    CHECK(bench.IsAccountedFor(flow));
}

TEST_CASE("a link fails when hand-over comes too late, and another cell takes the user")
{
    MobilityFixture bench;
    bench.SetHandover("TimeToTrigger", TimeValue(MilliSeconds(5120)));
    bench.SetHandover("T310", TimeValue(MilliSeconds(200)));
    bench.AddGnb(0, 0);
    bench.AddGnb(600, 0);
    const auto mobility = bench.MakeMobility(100, 80);
    const auto user = bench.ran->AddUe(mobility);
    const auto other = bench.AddUser(580, 0); // makes the second gNB transmit
    const auto flow = bench.ran->AddFlow(user, 0, Seconds(3));
    const auto load = bench.ran->AddFlow(other, 0, Seconds(3));
    bench.Start();
    bench.Offer(flow, 2e6, 1000);
    bench.Offer(load, 300e6, 1400);
    const auto moves = bench.Follow(user, mobility, 6);
    REQUIRE(moves.size() == 1);
    const auto report = bench.ran->GetMobility(user);
    CHECK(report.handovers == 0);
    CHECK(report.failures[static_cast<size_t>(FailureCause::TOO_LATE)] == 1);
    CHECK(report.interruption >= MilliSeconds(200 + 250));
    CHECK(report.interruption < MilliSeconds(200 + 250 + 1));
    CHECK(bench.IsAccountedFor(flow));
}

TEST_CASE("a user outside every cell is named before anything runs")
{
    const GroundFrame frame(MobilityFixture::LATITUDE_DEG, 0);
    const std::vector<GnbConfig> gnbs{
        {"town", {0, 0, 25}, {3.5e9, 40e6, 1, "D"}, 46, 8},
        {"country", {20e3, 0, 25}, {3.5e9, 40e6, 1, "D"}, 46, 8, "RMa"}};
    const std::vector<NtnCellConfig> satellites{
        {.name = "leo",
         .trajectory = std::make_shared<CircularOrbit>(600e3, 90, 0, 0),
         .frame = frame,
         .beamCentre = {100e3, 0, 0},
         .carrier = {2e9, 30e6, 0, "D", 1},
         .eirpDensityDbwPerMhz = 34,
         .minElevationDeg = 30,
         .coreDelay = Seconds(0),
         .environment = "Rural"}};
    CHECK(BeamReachM(satellites[0]) == doctest::Approx(23'117).epsilon(0.001)); // 600 km tan(2.206)
    std::vector<Vector> places{{5e3, 0, 1.5}, {29.9e3, 0, 1.5}, {100e3, 23e3, 1.5}};
    CHECK_NOTHROW(RequireCoverage(places, gnbs, satellites));
    CHECK_THROWS_AS(RequireCoverage(places, gnbs, {}), std::invalid_argument);
    places[0].x = 5.2e3;
    CHECK_THROWS_WITH_AS(RequireCoverage(places, gnbs, satellites),
                         "user 0: found at (5200 m, 0 m), outside every cell; expected within "
                         "5000 m of town, 10000 m of country, 23116 m of the centre of leo",
                         std::invalid_argument);
}
