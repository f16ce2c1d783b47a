// SPDX-License-Identifier: GPL-2.0-only
#include "abort-text.h"
#include "qkd/qkd-network.h"
#include "small-network.h"

#include "ns3/double.h"

#include <doctest/doctest.h>
#include <random>
#include <vector>

using namespace ns3;
using namespace qntn;

namespace
{

const CostSet COSTS{"test",
                    "USD",
                    "made up",
                    false,
                    {.transmitter = 360,
                     .receiver = 720,
                     .keyManager = 3600,
                     .security = 1800,
                     .multiplexer = 180,
                     .fibrePerKm = 9},
                    {.transmitter = 3600,
                     .receiver = 7200,
                     .keyManager = 36000,
                     .security = 18000,
                     .multiplexer = 1800,
                     .fibrePerKm = 90}};

/// Answers to requests, in the order they came.
struct Answers
{
    std::vector<std::pair<int, bool>> got;

    void Note(int id, bool granted)
    {
        got.emplace_back(id, granted);
    }

    KeyQueue::KeyCallback For(int id)
    {
        return Callback<void, bool>([this, id](bool granted) { Note(id, granted); });
    }
};

uint64_t
RelayBits(const SmallNetwork& s, uint32_t link)
{
    return s.network->GetLink(link).GetPool().GetLedger().relay;
}

} // namespace

TEST_CASE("network: relaying k bits over n hops spends n k link bits")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    REQUIRE(s.network->GetPath(s.ab, 1).edges == std::vector{s.ax, s.xy, s.yb});
    simulator.RunUntil(Seconds(3));
    const RelationReport report = s.network->TakeRelationReport(s.ab);
    CHECK(report.relayedBits > 0);
    CHECK(report.linkBits == 3 * report.relayedBits);
    for (const uint32_t link : {s.ax, s.xy, s.yb})
    {
        CHECK(RelayBits(s, link) == report.relayedBits);
    }
    CHECK(RelayBits(s, s.ar) == 0);
    s.network->Check();
}

TEST_CASE("network: no relation receives more than its poorest link made")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    simulator.At(Seconds(1), [&] { s.network->SetInterceptedFraction(s.xy, 0.5); });
    simulator.RunUntil(Seconds(5));
    const KeyLedger& poorest = s.network->GetLink(s.xy).GetPool().GetLedger();
    CHECK(s.network->GetRelationPool(s.ab).GetLedger().generated <= poorest.generated);
    CHECK(poorest.generated < s.network->GetLink(s.ax).GetPool().GetLedger().generated);
    CHECK(s.network->GetPathRateBps(s.ab, 1) == 0);
    CHECK(s.network->TakeLinkReport(s.xy).qber > 0.1);
}

TEST_CASE("network: a relay opens and closes its path and its links")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->SetAttribute("SetupTime", TimeValue(Seconds(2)));
    s.network->Start();
    CHECK(s.network->GetNumPaths(s.ab) == 2);
    CHECK_FALSE(s.network->IsPathOpen(s.ab, 0));
    CHECK(s.network->IsPathOpen(s.ab, 1));
    s.network->SetRelayState(s.r, RelayState::Reserved);
    simulator.RunUntil(Seconds(2) - NanoSeconds(1));
    CHECK_FALSE(s.network->IsPathOpen(s.ab, 0));
    CHECK(s.network->GetLink(s.ar).GetSiftedBits() == 0);
    simulator.RunUntil(Seconds(3));
    CHECK(s.network->IsPathOpen(s.ab, 0));
    CHECK(s.network->GetLink(s.ar).GetSiftedBits() > 0);
    const uint64_t relayed = s.network->TakeRelationReport(s.ab).relayedBits;
    CHECK(relayed > 0);
    s.network->SetRelayState(s.r, RelayState::Off);
    simulator.RunUntil(MilliSeconds(3001)); // the block of 2.9 to 3 s still counts
    const uint64_t sifted = s.network->GetLink(s.ar).GetSiftedBits();
    CHECK_FALSE(s.network->IsPathOpen(s.ab, 0));
    simulator.RunUntil(Seconds(5));
    CHECK(s.network->GetLink(s.ar).GetSiftedBits() == sifted);
    CHECK(s.network->TakeRelationReport(s.ab).relayedBits == 0);
    CHECK(s.network->GetPathUsableBits(s.ab, 0) == 0);
}

TEST_CASE("network: a relay that opens within a block earns for the rest of it only")
{
    SimulatorScope simulator;
    const auto sifted = [&](Time opening)
    {
        SmallNetwork s(1e9);
        s.network->Start();
        simulator.At(Simulator::Now() + opening,
                     [&] { s.network->SetRelayState(s.r, RelayState::OnDemand); });
        simulator.RunUntil(Simulator::Now() + MilliSeconds(101));
        const auto bits = static_cast<double>(s.network->GetLink(s.ar).GetSiftedBits());
        s.network->Dispose();
        return bits;
    };
    const double whole = sifted(Time(0));
    CHECK(sifted(MilliSeconds(75)) == doctest::Approx(whole / 4).epsilon(0.02));
    CHECK(sifted(MilliSeconds(100)) == 0);
}

TEST_CASE("network: a cut fibre closes its paths until it is mended")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    s.network->SetLinkUp(s.xy, false);
    simulator.RunUntil(Seconds(2));
    CHECK_FALSE(s.network->IsPathOpen(s.ab, 1));
    CHECK(s.network->TakeRelationReport(s.ab).relayedBits == 0);
    CHECK_FALSE(s.network->TakeLinkReport(s.xy).active);
    s.network->SetLinkUp(s.xy, true);
    simulator.RunUntil(Seconds(4));
    CHECK(s.network->TakeRelationReport(s.ab).relayedBits > 0);
}

TEST_CASE("network: exhaustion and recovery")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    simulator.RunUntil(Seconds(20));
    CHECK(s.network->TakeRelationReport(s.ab).state == KeyPool::State::Ready);
    s.network->SetLinkUp(s.ax, false);
    uint64_t taken = 0;
    while (s.network->TryTakeKey(s.ab, 1000))
    {
        taken += 1000;
    }
    CHECK(taken > 50000);
    RelationReport report = s.network->TakeRelationReport(s.ab);
    CHECK(report.deliveredBits == taken);
    CHECK(report.storedBits < 1000);
    Answers answers;
    s.network->RequestKey(s.ab, 1000, Seconds(21), answers.For(1));
    s.network->RequestKey(s.ab, 1000, Seconds(30), answers.For(2));
    simulator.RunUntil(Seconds(22));
    REQUIRE(answers.got == std::vector<std::pair<int, bool>>{{1, false}});
    report = s.network->TakeRelationReport(s.ab);
    CHECK(report.requests.refused == 1);
    CHECK(report.requests.waiting == 1);
    CHECK(report.requests.waitingBits == 1000);
    CHECK(report.requests.headWait == Seconds(2));
    s.network->SetLinkUp(s.ax, true);
    simulator.RunUntil(Seconds(40));
    CHECK(answers.got.back() == std::pair{2, true});
    CHECK(s.network->TakeRelationReport(s.ab).state == KeyPool::State::Ready);
}

TEST_CASE("network: requests are served in order; nobody jumps the queue")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    Answers answers;
    s.network->RequestKey(s.ab, 20000, Seconds(100), answers.For(1));
    s.network->RequestKey(s.ab, 100, Seconds(100), answers.For(2));
    s.network->RequestKey(s.ab, 256, Seconds(100), answers.For(3));
    CHECK_FALSE(s.network->TryTakeKey(s.ab, 1));
    simulator.RunUntil(Seconds(20));
    CHECK(answers.got == std::vector<std::pair<int, bool>>{{1, true}, {2, true}, {3, true}});
    s.network->RequestKey(s.ab, 8, Seconds(100), answers.For(4));
    CHECK(answers.got.back() == std::pair{4, true}); // at once
    CHECK(s.network->TakeRelationReport(s.ab).requests.requestedBits == 20364);
}

TEST_CASE("network: the refill threshold is the level that a pool is kept at")
{
    SimulatorScope simulator;
    SmallNetwork s;
    s.network->Start();
    s.network->SetPath(s.ab, 1);
    s.network->SetRefillThreshold(s.ab, 0.25);
    simulator.RunUntil(Seconds(30));
    CHECK(s.network->GetRelationPool(s.ab).GetStoredBits() == 25000);
    REQUIRE(s.network->TryTakeKey(s.ab, 5000));
    simulator.RunUntil(Seconds(31));
    CHECK(s.network->GetRelationPool(s.ab).GetStoredBits() == 25000);
    s.network->SetRefillThreshold(s.ab, 0);
    REQUIRE(s.network->TryTakeKey(s.ab, 25000));
    Answers answers;
    s.network->RequestKey(s.ab, 700, Seconds(40), answers.For(1));
    simulator.RunUntil(Seconds(32));
    CHECK(answers.got == std::vector<std::pair<int, bool>>{{1, true}}); // just what was asked for
    CHECK(s.network->GetRelationPool(s.ab).GetStoredBits() == 0);
}

TEST_CASE("network: relations that meet on a link share it evenly")
{
    SimulatorScope simulator;
    SmallNetwork s(1e6);
    const uint32_t ab2 = s.network->AddRelation(s.a, s.b, {.maxBits = 100000000});
    const uint32_t ay = s.network->AddRelation(s.a, s.y, {.maxBits = 100000000});
    s.network->SetPath(s.ab, 1);
    s.network->SetPath(ab2, 1);
    s.network->SetRefillThreshold(s.ab, 0);
    REQUIRE(s.network->GetPath(ay, 0).edges == std::vector{s.ax, s.xy});
    s.network->Start();
    simulator.RunUntil(Seconds(300));
    const auto first = static_cast<double>(s.network->TakeRelationReport(ab2).relayedBits);
    const auto second = static_cast<double>(s.network->TakeRelationReport(ay).relayedBits);
    CHECK(first > 0);
    CHECK(second >= first);
    CHECK(second < 1.3 * first);
}

TEST_CASE("network: prices of sites and fibre")
{
    SimulatorScope simulator;
    SmallNetwork s(1e7, COSTS);
    s.network->SetAttribute("SwitchingPrice", DoubleValue(5));
    s.network->SetAttribute("SetupTime", TimeValue(Seconds(10)));
    s.network->SetAttribute("Commitment", TimeValue(Seconds(60)));
    // R: key manager, security, receiver of A-R, transmitter of R-B, two multiplexers.
    CHECK(s.network->GetSitePrice(s.r, RelayState::Reserved) ==
          doctest::Approx((3600 + 1800 + 720 + 360 + 2 * 180) / 3600.0));
    s.network->Start();
    simulator.RunUntil(Seconds(10));
    CHECK(s.network->TakeCostReport().GetTotal() == 0); // endpoints are there anyway
    s.network->SetRelayState(s.r, RelayState::Reserved);
    simulator.RunUntil(Seconds(110));
    RelayCost cost = s.network->TakeCostReport();
    CHECK(cost.reserved == doctest::Approx(1.9 * 100));
    CHECK(cost.fibre == doctest::Approx(2 * 40 * 9 / 3600.0 * 90)); // once it is set up
    CHECK(cost.switching == 5);
    CHECK(cost.onDemand == 0);
    s.network->SetRelayState(s.r, RelayState::OnDemand);
    simulator.RunUntil(Seconds(120));
    cost = s.network->TakeCostReport();
    CHECK(cost.reserved == 0);
    CHECK(cost.onDemand == doctest::Approx(19 * 10));
    CHECK(cost.fibre == doctest::Approx(2 * 40 * 90 / 3600.0 * 10));
    CHECK(s.network->GetCost().switching == 10);
}

TEST_CASE("network: every bit is accounted for under random operation, and seeds repeat")
{
    const auto run = [](uint32_t seed)
    {
        SimulatorScope simulator;
        std::mt19937 random(seed);
        SmallNetwork s(3e6, COSTS);
        const uint32_t ay = s.network->AddRelation(
            s.a,
            s.y,
            {.thresholdBits = 9000, .maxBits = 50000, .timeToLive = Seconds(5)});
        s.network->SetAttribute("SetupTime", TimeValue(Seconds(1)));
        s.network->Start();
        Answers answers;
        int requests = 0;
        for (int i = 1; i < 600; ++i)
        {
            simulator.RunUntil(MilliSeconds(37 * i));
            const uint32_t relation = random() % 2 == 0 ? s.ab : ay;
            switch (random() % 6)
            {
            case 0:
                s.network->SetRelayState(s.r, static_cast<RelayState>(random() % 3));
                break;
            case 1:
                s.network->SetPath(relation, random() % s.network->GetNumPaths(relation));
                break;
            case 2:
                s.network->SetLinkUp(random() % 5, random() % 4 != 0);
                break;
            case 3:
                s.network->SetRefillThreshold(relation, (random() % 11) / 10.0);
                break;
            default:
                s.network->RequestKey(relation,
                                      random() % 5000,
                                      Simulator::Now() + MilliSeconds(random() % 2000),
                                      answers.For(requests++));
            }
            s.network->Check();
        }
        uint64_t answered = answers.got.size();
        for (const uint32_t relation : {s.ab, ay})
        {
            answered += s.network->GetKeyQueue(relation).GetNumWaiting();
        }
        CHECK(answered == static_cast<uint64_t>(requests));
        CHECK(s.network->GetCost().GetTotal() > 0);
        return answers.got;
    };
    for (uint32_t seed = 1; seed <= 10; ++seed)
    {
        CAPTURE(seed);
        CHECK(run(seed) == run(seed));
    }
    CHECK(run(1) != run(2));
}

TEST_CASE("network: bad input says what was expected")
{
    SimulatorScope simulator;
    const auto says = [](const std::string& expected, const std::function<void()>& action)
    {
        const std::string text = AbortText(action);
        CAPTURE(text);
        CHECK(text.find(expected) != std::string::npos);
    };
    SmallNetwork s;
    says("no site 'r'; did you mean 'R'?", [&] { s.network->GetSite("r"); });
    says("two sites are called A", [&] { s.network->AddSite("A", SiteKind::Endpoint); });
    says("site 99 does not exist, there are 5",
         [&] { s.network->AddLink({.siteA = 0, .siteB = 99}); });
    says("R is a relay candidate, expected an endpoint", [&] { s.network->AddRelation(s.a, s.r); });
    says("no path of links between its ends",
         [&] { s.network->AddRelation(s.a, s.network->AddSite("island", SiteKind::Endpoint)); });
    says("call Start before SetRelayState",
         [&] { s.network->SetRelayState(s.r, RelayState::OnDemand); });
    s.network->Start();
    says("A is an endpoint, always open", [&] { s.network->SetRelayState(s.a, RelayState::Off); });
    says("path 7 does not exist, expected 0 to 1", [&] { s.network->SetPath(s.ab, 7); });
    says("refill threshold is 1.5, expected 0 to 1",
         [&] { s.network->SetRefillThreshold(s.ab, 1.5); });
    says("can never be met",
         [&] { s.network->RequestKey(s.ab, 200000, Seconds(1), KeyQueue::KeyCallback()); });
}

TEST_CASE("network: a path of one's own is relayed over, and one that leads elsewhere is refused")
{
    SimulatorScope simulator;
    SmallNetwork small;
    auto& network = *small.network;
    const uint32_t known = network.GetNumPaths(small.ab);
    const auto refused = [&](const std::vector<uint32_t>& links, const char* text)
    {
        const std::string found = AbortText([&] { network.AddPath(small.ab, links); });
        CHECK_MESSAGE(found.find(text) != std::string::npos, found);
    };
    refused({small.rb}, "does not begin at A");
    refused({small.ax, small.xy}, "a path ends at Y, expected B");
    refused({99}, "link 99 does not exist");
    const uint32_t added = network.AddPath(small.ab, {small.ax, small.xy, small.yb});
    CHECK(added == known);
    CHECK(network.GetPath(small.ab, added).sites ==
          std::vector{small.a, small.x, small.y, small.b});
    network.SetPath(small.ab, added);
    network.Start();
    simulator.RunUntil(Seconds(20));
    CHECK(network.GetRelationPool(small.ab).GetLedger().generated > 0);
    CHECK(network.GetLink(small.xy).GetPool().GetLedger().relay > 0);
    CHECK(network.GetLink(small.ar).GetPool().GetLedger().relay == 0);
    network.Check();
}
