// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-network.h"
#include "small-network.h"

#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/string.h"

#include <doctest/doctest.h>
#include <random>

using namespace ns3;
using namespace qntn;

namespace
{

/// The small network with messages.
struct PacketNetwork : SmallNetwork
{
    explicit PacketNetwork(double pulseRateHz = 1e7) : SmallNetwork(pulseRateHz, {}, 65536, 8192)
    {
        kmes = CreateObject<KmeNetwork>();
        network->SetTransport(kmes);
    }

    void Start()
    {
        network->Start();
        network->AssignStreams(100);
        network->SetPath(ab, 1);
    }

    uint64_t Made(uint32_t link) const
    {
        return network->GetLink(link).GetPool().GetLedger().generated - 65536;
    }

    Ptr<KmeNetwork> kmes;
};

} // namespace

TEST_CASE("kme network: key appears once both ends have agreed, and its tags are paid")
{
    SimulatorScope simulator;
    PacketNetwork s;
    s.Start();
    simulator.RunUntil(Seconds(20));
    const QkdLink& link = s.network->GetLink(s.ax);
    CHECK(s.Made(s.ax) > 0);
    const uint64_t stored = link.GetNumBlocks() - link.GetNumAbortedBlocks() -
                            s.kmes->GetPostProcessing(s.ax).GetNumUnderWay();
    // Six messages of 64 bits a block, and those of the relays.
    CHECK(link.GetPool().GetLedger().authentication >= stored * 6 * 64);
    const auto& counters = s.kmes->GetCounters();
    CHECK(counters.messages > 6 * stored);
    CHECK(counters.datagrams >= 2 * counters.messages);
    CHECK(counters.retries == 0);
    CHECK(s.network->TakeRelationReport(s.ab).relayedBits > 0);
    s.network->Check();
}

TEST_CASE("kme network: relaying k bits over n hops spends n k link bits, in both schemes")
{
    for (const char* scheme : {"HopByHop", "Xor"})
    {
        CAPTURE(scheme);
        SimulatorScope simulator;
        PacketNetwork s;
        s.kmes->SetAttribute("RelayScheme", StringValue(scheme));
        s.Start();
        simulator.RunUntil(Seconds(10));
        const Relation::Counters counters = s.network->GetRelationCounters(s.ab);
        CHECK(counters.relays > 0);
        CHECK(counters.failedRelays == 0);
        const uint64_t received = s.network->GetRelationPool(s.ab).GetLedger().generated;
        CHECK(received > 0);
        uint64_t spent = 0;
        for (const uint32_t link : {s.ax, s.xy, s.yb})
        {
            spent += s.network->GetLink(link).GetPool().GetLedger().relay;
        }
        CHECK(spent == counters.linkBits);
        CHECK(spent >= 3 * received);
        CHECK(spent <= 3 * (received + counters.inFlightBits));
        s.network->Dispose();
    }
}

TEST_CASE("kme network: without the classical channel no key appears, with it again it does")
{
    SimulatorScope simulator;
    PacketNetwork s;
    s.Start();
    s.network->SetChannelUp(s.ax, false);
    simulator.RunUntil(Seconds(30));
    CHECK(s.Made(s.ax) == 0);
    CHECK(s.Made(s.xy) > 0);
    CHECK(s.network->GetLink(s.ax).GetNumBlocks() > 0);
    CHECK(s.network->GetLink(s.ax).GetNumAbortedBlocks() > 0);
    CHECK(s.kmes->GetCounters().lostMessages > 0);
    s.network->SetChannelUp(s.ax, true);
    simulator.RunUntil(Seconds(60));
    CHECK(s.Made(s.ax) > 0);
    s.network->Check();
}

TEST_CASE("kme network: a slow classical channel makes less key than the light allows")
{
    const auto made = [](const char* rate)
    {
        SimulatorScope simulator;
        PacketNetwork s(1e9);
        s.kmes->SetAttribute("ClassicalRate", StringValue(rate));
        s.Start();
        simulator.RunUntil(Seconds(20));
        s.network->Check();
        const uint64_t bits = s.Made(s.xy);
        s.network->Dispose();
        return static_cast<double>(bits);
    };
    const double fast = made("1Gbps");
    CHECK(made("1Mbps") < fast / 4);
}

TEST_CASE("kme network: lost packets are repeated; key is not")
{
    SimulatorScope simulator;
    PacketNetwork s;
    s.kmes->SetAttribute("LossRatio", DoubleValue(0.1));
    s.Start();
    simulator.RunUntil(Seconds(60));
    CHECK(s.kmes->GetCounters().retries > 10);
    CHECK(s.Made(s.ax) > 0);
    CHECK(s.network->GetRelationCounters(s.ab).relays > 0);
    s.network->Check();
}

TEST_CASE("kme network: a block whose correction left an error is thrown away by both ends")
{
    SimulatorScope simulator;
    PacketNetwork s;
    s.kmes->SetAttribute("CorrectionFailureRatio", DoubleValue(0.5));
    s.Start();
    simulator.RunUntil(Seconds(60));
    const PostProcessing& processing = s.kmes->GetPostProcessing(s.xy);
    CHECK(processing.GetNumMismatches() > 0);
    CHECK(s.network->GetLink(s.xy).GetNumAbortedBlocks() >= processing.GetNumMismatches());
    CHECK(s.Made(s.xy) > 0);
    s.network->Check();
}

TEST_CASE("kme network: a relay that crashes on the way is paid for and counted")
{
    SimulatorScope simulator;
    PacketNetwork s(1e6);
    s.kmes->SetAttribute("ClassicalRate", StringValue("1Mbps"));
    s.kmes->SetAttribute("RelayTimeout", TimeValue(Seconds(6)));
    s.Start();
    // The first transfer sets out at the first block and is still on its first hop.
    simulator.At(MilliSeconds(101), [&] { s.network->SetSiteUp(s.y, false); });
    simulator.RunUntil(Seconds(8));
    const Relation::Counters& counters = s.network->GetRelationCounters(s.ab);
    CHECK(counters.relays == 0);
    CHECK(counters.failedRelays > 0);
    CHECK(counters.failedLinkBits > 0);
    CHECK_FALSE(s.network->IsPathOpen(s.ab, 1));
    s.network->SetSiteUp(s.y, true);
    simulator.RunUntil(Seconds(40));
    CHECK(counters.relays > 0);
    s.network->Check();
}

TEST_CASE("kme network: without key for its tag a block is lost")
{
    SimulatorScope simulator;
    SmallNetwork s; // pools begin empty
    auto kmes = CreateObject<KmeNetwork>();
    s.network->SetTransport(kmes);
    s.network->Start();
    simulator.RunUntil(Seconds(5));
    const QkdLink& link = s.network->GetLink(s.ax);
    CHECK(link.GetNumBlocks() > 0);
    CHECK(link.GetNumAbortedBlocks() == link.GetNumBlocks());
    CHECK(link.GetPool().GetStoredBits() == 0);
}

TEST_CASE("kme network: routing by shortest path and by largest residual key")
{
    for (const char* routing : {"ShortestPath", "LargestResidual"})
    {
        CAPTURE(routing);
        SimulatorScope simulator;
        PacketNetwork s;
        s.network->SetAttribute("Routing", StringValue(routing));
        s.network->Start();
        s.network->SetRelayState(s.r, RelayState::OnDemand);
        simulator.RunUntil(MilliSeconds(150));
        CHECK(s.network->GetCurrentPath(s.ab) == 0);
        s.network->SetLinkUp(s.ar, false);
        simulator.RunUntil(Seconds(4));
        CHECK(s.network->GetCurrentPath(s.ab) == 1);
        s.network->Dispose();
    }
}

TEST_CASE("kme network: every invariant holds under random faults, and the same seed does the same")
{
    const auto run = [](unsigned seed)
    {
        SimulatorScope simulator;
        std::mt19937 random(seed);
        PacketNetwork s(5e7);
        s.kmes->SetAttribute("LossRatio", DoubleValue(0.02 * (random() % 3)));
        s.kmes->SetAttribute("RelayScheme", StringValue(random() % 2 ? "Xor" : "HopByHop"));
        s.kmes->SetAttribute("RelayTimeout", TimeValue(Seconds(1 + random() % 3)));
        s.Start();
        uint64_t asked = 0;
        for (int i = 0; i < 60; ++i)
        {
            const auto link = static_cast<uint32_t>(random() % 5);
            const auto site = static_cast<uint32_t>(random() % 5);
            switch (random() % 6)
            {
            case 0:
                s.network->SetLinkUp(link, random() % 2);
                break;
            case 1:
                s.network->SetSiteUp(site, random() % 2);
                break;
            case 2:
                s.network->SetChannelUp(link, random() % 2);
                break;
            case 3:
                s.network->SetInterceptedFraction(link, 0.3 * (random() % 3));
                break;
            case 4:
                s.network->SetPath(s.ab, random() % 2);
                s.network->SetRelayState(s.r,
                                         random() % 2 ? RelayState::OnDemand : RelayState::Off);
                break;
            default:
                asked += 4096;
                s.network->TryTakeKey(s.ab, 4096);
            }
            simulator.RunUntil(Simulator::Now() + MilliSeconds(200 + random() % 1000));
            s.network->Check();
            for (uint32_t l = 0; l < s.network->GetNumLinks(); ++l)
            {
                const QkdLink& made = s.network->GetLink(l);
                CHECK(made.GetPool().GetLedger().generated <= 65536 + made.GetSiftedBits());
            }
        }
        const KeyLedger& ledger = s.network->GetRelationPool(s.ab).GetLedger();
        CHECK(ledger.delivered <= asked);
        const auto trace = std::tuple(ledger.generated,
                                      ledger.delivered,
                                      s.kmes->GetCounters().bytes,
                                      s.network->GetRelationCounters(s.ab).linkBits,
                                      s.network->GetRelationCounters(s.ab).failedLinkBits);
        s.network->Dispose();
        return trace;
    };
    for (unsigned seed = 1; seed <= 12; ++seed)
    {
        CAPTURE(seed);
        const auto first = run(seed);
        CHECK(first == run(seed));
    }
}
