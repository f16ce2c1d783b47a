// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/sae.h"
#include "small-network.h"

#include "ns3/uinteger.h"

#include <doctest/doctest.h>
#include <random>

using namespace ns3;
using namespace qntn;

namespace
{

/// An SAE over a small network, and what leaves it.
struct Fixture
{
    explicit Fixture(Cipher cipher, double pulseRateHz = 1e8)
        : small(pulseRateHz), sae(CreateObject<Sae>())
    {
        small.network->Start();
        small.network->SetPath(small.ab, 1);
        sae->Configure(small.network, small.ab);
        sae->SetCipher(cipher);
        sae->SetOutputCallback(MakeCallback(&Fixture::Output, this));
        sae->SetBlockedCallback(MakeCallback(&Fixture::Blocked, this));
    }

    void Output(Ptr<const Packet> packet, Time created)
    {
        sizes.push_back(packet->GetSize());
        waits.push_back(Simulator::Now() - created);
        uids.push_back(packet->GetUid());
    }

    void Blocked(Ptr<const Packet> packet, Time created)
    {
        blockedSizes.push_back(packet->GetSize());
        waits.push_back(Simulator::Now() - created);
    }

    void Send(uint32_t bytes)
    {
        const Ptr<Packet> packet = Create<Packet>(bytes);
        sentUids.push_back(packet->GetUid());
        sae->Send(packet, Simulator::Now());
        sae->Check();
    }

    SimulatorScope simulator;
    SmallNetwork small;
    Ptr<Sae> sae;
    std::vector<uint32_t> sizes;
    std::vector<uint32_t> blockedSizes;
    std::vector<Time> waits;
    std::vector<uint64_t> uids;
    std::vector<uint64_t> sentUids;
};

} // namespace

TEST_CASE("SAE: AES rekeys by bytes")
{
    Fixture f(Cipher::AesGcm);
    f.sae->SetAttribute("RekeyBytes", UintegerValue(10000));
    f.sae->SetAttribute("RekeyInterval", TimeValue(Seconds(1000)));
    f.simulator.RunUntil(Seconds(5));
    for (int i = 0; i < 95; ++i)
    {
        f.Send(1000);
    }
    CHECK(f.sizes == std::vector<uint32_t>(95, 1028));
    CHECK(f.sae->GetCounters().rekeys == 10);
    CHECK(f.sae->GetCounters().keyBits == 2560);
    CHECK(f.small.network->TakeRelationReport(f.small.ab).deliveredBits == 2560);
}

TEST_CASE("SAE: AES rekeys by time, if there is traffic")
{
    Fixture f(Cipher::AesGcm);
    f.sae->SetAttribute("RekeyInterval", TimeValue(Seconds(2)));
    f.simulator.RunUntil(Seconds(5));
    for (int i = 0; i < 100; ++i)
    {
        f.simulator.At(Seconds(5) + MilliSeconds(100 * i), [&] { f.Send(100); });
    }
    f.simulator.RunUntil(Seconds(100));
    CHECK(f.sae->GetCounters().encryptedPackets == 100);
    CHECK(f.sae->GetCounters().rekeys == 5);
}

TEST_CASE("SAE: the one-time pad spends payload and tag, bit for bit")
{
    Fixture f(Cipher::OneTimePad);
    f.simulator.RunUntil(Seconds(5));
    for (const uint32_t bytes : {32, 100, 1400})
    {
        f.Send(bytes);
    }
    CHECK(f.sizes == std::vector<uint32_t>{48, 116, 1416});
    CHECK(f.sae->GetCounters().keyBits == 8 * (32 + 100 + 1400 + 3 * 16));
    CHECK(f.small.network->TakeRelationReport(f.small.ab).deliveredBits ==
          f.sae->GetCounters().keyBits);
}

TEST_CASE("SAE: without key packets wait, then go out in order")
{
    Fixture f(Cipher::OneTimePad, 1e7);
    f.sae->SetAttribute("MaxWait", TimeValue(Seconds(60)));
    for (int i = 0; i < 20; ++i)
    {
        f.Send(100 + i);
    }
    CHECK(f.sizes.empty());
    CHECK(f.sae->GetWaitingPackets() == 20);
    CHECK(f.sae->GetWaitingBytes() == 2190);
    f.simulator.RunUntil(Seconds(30));
    CHECK(f.uids == f.sentUids);
    CHECK(f.sae->GetWaitingPackets() == 0);
    CHECK(f.sae->GetWaitingBytes() == 0);
    CHECK(f.sae->GetCounters().totalWait.IsStrictlyPositive());
    f.sae->Check();
}

TEST_CASE("SAE: who waits too long is blocked and counted")
{
    Fixture f(Cipher::AesGcm);
    f.small.network->SetLinkUp(f.small.ax, false);
    f.sae->SetAttribute("MaxWait", TimeValue(MilliSeconds(300)));
    for (int i = 0; i < 10; ++i)
    {
        f.simulator.At(MilliSeconds(10 * i), [&] { f.Send(50); });
    }
    f.simulator.RunUntil(MilliSeconds(299));
    CHECK(f.blockedSizes.empty());
    f.simulator.RunUntil(Seconds(1));
    CHECK(f.blockedSizes == std::vector<uint32_t>(10, 50));
    CHECK(f.waits == std::vector<Time>(10, MilliSeconds(300)));
    CHECK(f.sae->GetCounters().blockedPackets == 10);
    CHECK(f.sae->GetCounters().blockedBytes == 500);
    f.sae->Check();
    f.small.network->SetLinkUp(f.small.ax, true);
    f.simulator.RunUntil(Seconds(5));
    f.Send(50);
    CHECK(f.sizes == std::vector<uint32_t>{78});
}

TEST_CASE("SAE: what does not fit into the waiting room is blocked at once")
{
    Fixture f(Cipher::AesGcm);
    f.sae->SetAttribute("MaxWaitingBytes", UintegerValue(250));
    for (int i = 0; i < 4; ++i)
    {
        f.Send(100);
    }
    CHECK(f.sae->GetWaitingPackets() == 2);
    CHECK(f.sae->GetCounters().blockedPackets == 2);
}

TEST_CASE("SAE: ciphers change under way and key is not lost")
{
    Fixture f(Cipher::AesGcm, 2e6);
    f.sae->SetAttribute("RekeyBytes", UintegerValue(2000));
    std::mt19937 random(1);
    for (int i = 0; i < 3000; ++i)
    {
        f.simulator.At(MilliSeconds(10 * i),
                       [&]
                       {
                           if (random() % 50 == 0)
                           {
                               f.sae->SetCipher(random() % 2 == 0 ? Cipher::AesGcm
                                                                  : Cipher::OneTimePad);
                           }
                           f.Send(20 + random() % 300);
                       });
    }
    f.simulator.RunUntil(Seconds(40));
    const Sae::Counters& counters = f.sae->GetCounters();
    CHECK(counters.rekeys > 0);
    CHECK(counters.padPackets > 0);
    CHECK(counters.blockedPackets > 0);
    CHECK(counters.packets == 3000);
    CHECK(f.small.network->GetRelationPool(f.small.ab).GetLedger().delivered == counters.keyBits);
    f.sae->Check();
}
