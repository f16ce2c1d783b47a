// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/sae-network.h"
#include "qkd/sae.h"
#include "small-network.h"

#include "ns3/uinteger.h"

#include <doctest/doctest.h>
#include <map>

using namespace ns3;
using namespace qntn;

namespace
{

/// An SAE that has its key fetched by messages, over a small network.
struct Office
{
    explicit Office(DeliveryProtocol protocol, double pulseRateHz = 1e8)
        : small(pulseRateHz), messages(CreateObject<SaeNetwork>()), sae(CreateObject<Sae>())
    {
        small.network->Start();
        small.network->SetPath(small.ab, 1);
        messages->Build(small.network, protocol);
        messages->Start();
        sae->SetAttribute("MaxWait", TimeValue(MilliSeconds(50)));
        sae->Configure(small.network, small.ab);
        sae->SetKeySource(Fetcher());
        sae->SetCipher(Cipher::OneTimePad);
        sae->SetOutputCallback(
            Sae::PacketCallback([this](Ptr<const Packet>, Time created)
                                { waits.push_back(Simulator::Now() - created); }));
    }

    ~Office()
    {
        messages->Dispose();
    }

    Office(const Office&) = delete;
    Office& operator=(const Office&) = delete;

    Ptr<KeyFetcher> Fetcher() const
    {
        return messages->GetSource(small.ab);
    }

    void SendAt(Time time, uint32_t bytes, int packets = 1)
    {
        simulator.At(time,
                     [this, bytes, packets]
                     {
                         for (int i = 0; i < packets; ++i)
                         {
                             sae->Send(Create<Packet>(bytes), Simulator::Now());
                         }
                     });
    }

    void RunUntil(Time end)
    {
        simulator.RunUntil(end);
        sae->Check();
        messages->Check();
    }

    SimulatorScope simulator;
    SmallNetwork small;
    Ptr<SaeNetwork> messages;
    Ptr<Sae> sae;
    std::vector<Time> waits;
};

constexpr std::array PROTOCOLS{DeliveryProtocol::Etsi014, DeliveryProtocol::Etsi004};

} // namespace

TEST_CASE("fetched key: a stock is there at once, what goes beyond takes messages")
{
    for (const auto protocol : PROTOCOLS)
    {
        CAPTURE(static_cast<int>(protocol));
        Office office(protocol);
        office.RunUntil(Seconds(2));
        const auto& counters = office.Fetcher()->GetCounters();
        CHECK(counters.stockBits == 4 * KeyFetcher::UNIT_BITS);
        CHECK(counters.lostBits == 0);
        // 16384 bits are in stock; each packet takes 8 * (240 + 16) = 2048.
        office.SendAt(Seconds(2), 240, 12);
        office.RunUntil(Seconds(3));
        REQUIRE(office.waits.size() == 12);
        for (int i = 0; i < 8; ++i)
        {
            CHECK(office.waits[i] == Time(0));
        }
        // A round trip of 0.2 ms at each end, and 1 ms from one end to the other.
        CHECK(office.waits[8] > MicroSeconds(1400));
        CHECK(office.waits[8] < MicroSeconds(2000));
        CHECK(office.waits[11] < MilliSeconds(3));
        CHECK(counters.givenBits == 12 * 2048);
        CHECK(counters.stockBits == 4 * KeyFetcher::UNIT_BITS);
        CHECK(office.sae->GetCounters().keyBits == counters.givenBits);
        CHECK(office.small.network->GetRelationPool(office.small.ab).GetLedger().delivered ==
              counters.fetchedBits);
    }
}

TEST_CASE("fetched key: without any, packets wait for the next answer and are blocked in the end")
{
    for (const auto protocol : PROTOCOLS)
    {
        CAPTURE(static_cast<int>(protocol));
        Office office(protocol, 1e6); // some kilobits of key a second
        office.SendAt(MilliSeconds(10), 240);
        office.RunUntil(MilliSeconds(100));
        const auto& counters = office.Fetcher()->GetCounters();
        CHECK(office.waits.empty());
        CHECK(office.sae->GetCounters().blockedPackets == 1);
        const auto requests = office.messages->TakeRelationReport(office.small.ab).requests;
        CHECK(requests.requestedBits == 2048);
        CHECK(requests.refused == 1);
        CHECK(requests.waiting == 0);
        CHECK(counters.refusals > 2);
        CHECK(counters.fetchedBits == 0);
        office.RunUntil(Seconds(60));
        CHECK(counters.stockBits > 0);
        office.SendAt(Seconds(60), 240);
        office.RunUntil(Seconds(61));
        CHECK(office.waits.size() == 1);
    }
}

TEST_CASE("fetched key: a key manager that is down is asked until it is up")
{
    for (const auto protocol : PROTOCOLS)
    {
        CAPTURE(static_cast<int>(protocol));
        Office office(protocol);
        office.RunUntil(Seconds(2));
        const auto& counters = office.Fetcher()->GetCounters();
        office.small.network->SetSiteUp(office.small.a, false);
        const uint64_t before = counters.fetchedBits;
        office.SendAt(Seconds(2), 240, 4);
        office.RunUntil(MilliSeconds(2100));
        CHECK(counters.fetchedBits == before);
        CHECK(counters.refusals > 3);
        office.small.network->SetSiteUp(office.small.a, true);
        office.RunUntil(Seconds(4));
        CHECK(counters.fetchedBits > before);
        CHECK(counters.stockBits == 4 * KeyFetcher::UNIT_BITS);
    }
}

TEST_CASE("fetched key: what the other end cannot fetch is lost, and counted")
{
    Office office(DeliveryProtocol::Etsi014);
    office.RunUntil(Seconds(2));
    const auto& counters = office.Fetcher()->GetCounters();
    office.small.network->SetSiteUp(office.small.b, false);
    office.SendAt(Seconds(2), 240, 8);
    office.RunUntil(MilliSeconds(2010));
    CHECK(counters.lostBits >= 4 * KeyFetcher::UNIT_BITS);
    CHECK(counters.stockBits == 0);
}

TEST_CASE("fetched key: a stream that was closed gives no more")
{
    Office office(DeliveryProtocol::Etsi004);
    office.RunUntil(Seconds(2));
    office.Fetcher()->Close();
    const uint64_t before = office.Fetcher()->GetCounters().fetchedBits;
    office.SendAt(Seconds(2), 240, 9);
    office.RunUntil(Seconds(3));
    CHECK(office.waits.size() == 8);
    CHECK(office.sae->GetCounters().blockedPackets == 1);
    CHECK(office.Fetcher()->GetCounters().fetchedBits == before);
}

TEST_CASE("key streams by messages answer with their status codes")
{
    Office office(DeliveryProtocol::Etsi014); // for its hosts; the streams are our own
    office.RunUntil(Seconds(2));
    const auto client = [&](const char* name)
    { return office.messages->GetClient(office.small.network->GetSite(name)); };
    std::vector<StreamStatus> seen;
    const auto note = [&](StreamStatus status) { seen.push_back(status); };
    uint64_t ksid = 0;
    const auto opened = [&](StreamStatus status, uint64_t number)
    {
        seen.push_back(status);
        ksid = number;
    };
    const std::vector<std::function<void()>> calls{
        [&] { client("A")->OpenConnect("sae_none", {}, 0, opened); },
        [&] { client("A")->OpenConnect("sae_B", {.minBps = 1e12}, 0, opened); },
        [&] { client("A")->OpenConnect("sae_B", {.chunkBytes = 64}, 0, opened); },
        [&] { client("A")->GetKey(ksid, 0, note); },
        [&] { client("A")->OpenConnect("sae_B", {}, ksid, opened); },
        [&] { client("B")->OpenConnect("sae_A", {}, ksid, opened); },
        [&] { client("A")->GetKey(ksid, 0, note); },
        [&] { client("A")->GetKey(ksid, 0, note); },
        [&] { client("B")->GetKey(ksid, 0, note); },
        [&] { client("B")->Close(ksid, note); },
        [&] { client("A")->GetKey(ksid, 1, note); },
    };
    for (size_t i = 0; i < calls.size(); ++i)
    {
        office.simulator.At(Seconds(2) + MilliSeconds(10 * (i + 1)), calls[i]);
    }
    office.RunUntil(Seconds(3));
    using enum StreamStatus;
    CHECK(seen == std::vector{NoQkdConnection,
                              QosNotMet,
                              PeerAppNotConnected,
                              PeerAppNotConnected,
                              KsidInUse,
                              Successful,
                              Successful,
                              InsufficientKey,
                              Successful,
                              Successful,
                              PeerNotConnected});
}
