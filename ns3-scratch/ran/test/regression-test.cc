// SPDX-License-Identifier: GPL-2.0-only
//
// Faults that were found and are not to come back, named after what a user saw.
#include "orbit/circular-orbit.h"
#include "ran/link-adaptation.h"
#include "ran/ran-network.h"

#include "ns3/constant-position-mobility-model.h"
#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace qntn;
using namespace ns3;

namespace
{

constexpr double OFFER_S = 2;

/// Offers packets until OFFER_S.
void
Offer(Ptr<RanNetwork> ran, uint32_t flow, Time gap, uint32_t bytes)
{
    if (Simulator::Now() < Seconds(OFFER_S))
    {
        ran->Enqueue(flow, Create<Packet>(bytes), Simulator::Now());
        Simulator::Schedule(gap, &Offer, ran, flow, gap, bytes);
    }
}

Ptr<RanNetwork>
MakeNetwork(uint32_t numSlices)
{
    RngSeedManager::SetSeed(1);
    RngSeedManager::SetRun(1);
    return CreateObjectWithAttributes<RanNetwork>("NumSlices", UintegerValue(numSlices));
}

uint32_t
AddUser(Ptr<RanNetwork> ran, double x)
{
    auto mobility = CreateObject<ConstantPositionMobilityModel>();
    mobility->SetPosition({x, 0, 1.5});
    return ran->AddUe(mobility);
}

void
AddGnb(Ptr<RanNetwork> ran)
{
    ran->AddGnb({"gnb", {0, 0, 25}, {3.5e9, 40e6, 1, "DDDSU"}, 46, 8});
}

} // namespace

TEST_CASE("a slice goes on after its quota was cut below what its failed blocks had")
{
    auto ran = MakeNetwork(2);
    AddGnb(ran);
    const auto user = AddUser(ran, 300);
    const auto wide = ran->AddFlow(user, 0, MilliSeconds(50));
    const auto narrow = ran->AddFlow(user, 1, MilliSeconds(50));
    ran->AssignStreams(1);
    ran->Start();
    Offer(ran, wide, MicroSeconds(100), 1400);
    Offer(ran, narrow, MilliSeconds(1), 32);
    for (uint32_t step = 0; step < 20; ++step)
    {
        const uint32_t first = step % 2 == 0 ? 100 : (step % 4 == 1 ? 4 : 0);
        ran->SetPrbQuota(0, 0, {first, first, first});
        ran->SetPrbQuota(0, 1, {6, 6, 6});
        Simulator::Stop(MilliSeconds(100));
        Simulator::Run();
    }
    // the other slice of the same user was served all the time
    const auto account = ran->GetAccount(narrow);
    CHECK(account.delivered > 0.97 * static_cast<double>(account.sent));
    // and with no PRBs at all, what waits is given up in time: nothing stays in flight but the
    // packet of which a part has arrived
    ran->SetPrbQuota(0, 0, {0, 0, 0});
    Simulator::Stop(MilliSeconds(200));
    Simulator::Run();
    CHECK(ran->GetAccount(wide).inFlight <= 1);
    ran->Dispose();
    Simulator::Destroy();
}

TEST_CASE("round robin is fair in every cell")
{
    auto ran = MakeNetwork(1);
    ran->SetAttribute("Policy", EnumValue(SchedulingPolicy::ROUND_ROBIN));
    for (const double x : {0.0, 3000.0})
    {
        ran->AddGnb({"gnb", {x, 0, 25}, {3.5e9, 40e6, 1, "DDDSU"}, 46, 8});
    }
    std::vector<uint32_t> flows;
    for (const double x : {50.0, 60.0, 2940.0, 2950.0})
    {
        flows.push_back(ran->AddFlow(AddUser(ran, x), 0, MilliSeconds(100)));
        Simulator::Schedule(MilliSeconds(1), &Offer, ran, flows.back(), MicroSeconds(70), 1400);
    }
    ran->AssignStreams(1);
    ran->Start();
    Simulator::Stop(Seconds(1));
    Simulator::Run();
    for (const uint32_t cell : {0, 1})
    {
        const auto a = static_cast<double>(ran->GetAccount(flows[2 * cell]).delivered);
        const auto b = static_cast<double>(ran->GetAccount(flows[2 * cell + 1]).delivered);
        CHECK(a == doctest::Approx(b).epsilon(0.25));
    }
    ran->Dispose();
    Simulator::Destroy();
}

TEST_CASE("a channel report is not used before it has travelled")
{
    LinkAdaptation link; // reports every 5 ms that travel 125 ms, as from a geostationary satellite
    for (int i = 0; i < 100; ++i)
    {
        const Time now = MilliSeconds(5 * i);
        link.Report(i < 50 ? 3 : 9, now + MilliSeconds(125));
        const uint32_t expected = i < 25 ? 0 : (i < 75 ? 3 : 9);
        CHECK(link.GetCqi(now) == expected);
    }
}

TEST_CASE("channel reports and hand-over go on when the start is not at a round time")
{
    auto ran = MakeNetwork(1);
    AddGnb(ran);
    const auto flow = ran->AddFlow(AddUser(ran, 60), 0, MilliSeconds(100));
    ran->AssignStreams(1);
    Simulator::Schedule(MicroSeconds(130), &RanNetwork::Start, ran);
    Simulator::Schedule(MilliSeconds(1), &Offer, ran, flow, MicroSeconds(200), 1400);
    Simulator::Stop(Seconds(1));
    Simulator::Run();
    CHECK(ran->TakeReport(0, 0).meanCqi > 5);
    CHECK(ran->GetAccount(flow).delivered > 4500);
    ran->Dispose();
    Simulator::Destroy();
}

TEST_CASE("events that are still to come do not touch a disposed network")
{
    auto ran = MakeNetwork(1);
    AddGnb(ran);
    const auto flow = ran->AddFlow(AddUser(ran, 60), 0, MilliSeconds(100));
    ran->AssignStreams(1);
    ran->Start();
    ran->Enqueue(flow, Create<Packet>(1400), Simulator::Now());
    Simulator::Stop(MicroSeconds(100));
    Simulator::Run();
    ran->Dispose();
    ran = nullptr;
    Simulator::Stop(MilliSeconds(10));
    Simulator::Run();
    Simulator::Destroy();
}

TEST_CASE("a satellite that sets hands its users to a gNB at once")
{
    auto ran = MakeNetwork(1);
    ran->GetHandoverControl().SetAttribute("NtnThresholdDb", DoubleValue(0));
    AddGnb(ran);
    const GroundFrame frame(40, 0);
    ran->AddNtnCell(
        {.name = "leo",
         .trajectory = std::make_shared<CircularOrbit>(CircularOrbit::Over(40, 0, 600e3, 90, 0)),
         .frame = frame,
         .beamCentre = {0, 0, 0},
         .carrier = {2e9, 30e6, 0, "D", 1},
         .eirpDensityDbwPerMhz = 34,
         .minElevationDeg = 85,
         .coreDelay = Seconds(0),
         .environment = "Rural"});
    std::vector<uint32_t> users;
    for (double x = 500; x < 6000; x += 10)
    {
        auto mobility = CreateObject<ConstantVelocityMobilityModel>(); // towards the gNB
        mobility->SetPosition({x, 0, 1.5});
        mobility->SetVelocity({-40, 0, 0});
        users.push_back(ran->AddUe(mobility));
    }
    ran->AssignStreams(1);
    ran->Start();
    auto count = [&](uint32_t cell)
    {
        return std::ranges::count_if(users,
                                     [&](uint32_t u) { return ran->GetServingCell(u) == cell; });
    };
    Simulator::Stop(MilliSeconds(10));
    Simulator::Run();
    CHECK(count(1) > 0);
    while (ran->IsAvailable(1))
    {
        Simulator::Stop(MilliSeconds(40));
        Simulator::Run();
    }
    const auto lost = count(NO_CELL);
    Simulator::Stop(MilliSeconds(40));
    Simulator::Run();
    CHECK(lost - count(NO_CELL) <= 3); // nobody waits for another look; one or two come into reach
    ran->Dispose();
    Simulator::Destroy();
}
