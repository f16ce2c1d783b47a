// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-client.h"
#include "qkd/key-delivery.h"
#include "qkd/kme-network.h"
#include "small-network.h"

#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"

#include <doctest/doctest.h>
#include <map>
#include <random>
#include <set>

using namespace ns3;
using namespace qntn;

namespace
{

/// Applications at both ends of a relation that has key.
struct Desk : SmallNetwork
{
    Desk()
        : SmallNetwork(1e8, {}, 65536),
          kmes(CreateObject<KmeNetwork>()),
          delivery(std::make_shared<KeyDelivery>(network))
    {
        network->SetTransport(kmes);
        network->Start();
        network->SetPath(ab, 1);
        delivery->AddSae("alice", a);
        delivery->AddSae("bob", b);
        delivery->AddSae("xavier", x);
    }

    uint64_t Stored() const
    {
        return network->GetRelationPool(ab).GetStoredBits();
    }

    Ptr<KmeNetwork> kmes;
    std::shared_ptr<KeyDelivery> delivery;
};

} // namespace

TEST_CASE("delivery: a key goes once to each of two applications")
{
    SimulatorScope simulator;
    Desk s;
    simulator.RunUntil(Seconds(2));
    const uint64_t before = s.Stored();
    const KeyContainer made = s.delivery->EncKeys(s.a, "alice", "bob", 3, 256);
    REQUIRE(made.status == DeliveryStatus::Ok);
    REQUIRE(made.keys.size() == 3);
    CHECK(s.Stored() == before - 768);
    CHECK(made.keys[1].offsetBits == made.keys[0].offsetBits + 256);
    std::vector<std::string> ids;
    for (const DeliveredKey& key : made.keys)
    {
        ids.push_back(key.id);
        CHECK(key.id.size() == 36);
    }
    CHECK(std::set(ids.begin(), ids.end()).size() == 3);
    CHECK(s.delivery->DecKeys(s.x, "xavier", "alice", ids).status == DeliveryStatus::Unauthorized);
    CHECK(s.delivery->DecKeys(s.a, "bob", "alice", ids).status == DeliveryStatus::Unauthorized);
    const KeyContainer fetched = s.delivery->DecKeys(s.b, "bob", "alice", ids);
    REQUIRE(fetched.status == DeliveryStatus::Ok);
    CHECK(fetched.keys[2].offsetBits == made.keys[2].offsetBits);
    CHECK(s.delivery->DecKeys(s.b, "bob", "alice", ids).status == DeliveryStatus::BadRequest);
    CHECK(s.delivery->GetNumHeld() == 0);
    CHECK(s.network->GetRelationPool(s.ab).GetLedger().delivered == 768);
}

TEST_CASE("delivery: no key and no place goes twice to the same role, whatever is asked")
{
    for (unsigned seed = 1; seed <= 5; ++seed)
    {
        CAPTURE(seed);
        SimulatorScope simulator;
        std::mt19937 random(seed);
        Desk s;
        std::map<std::string, uint64_t> madeAt; // place of each id
        std::set<std::string> fetched;
        std::vector<std::string> ids{"none"};
        uint64_t end = 0;
        for (int i = 0; i < 400; ++i)
        {
            simulator.RunUntil(Simulator::Now() + MilliSeconds(random() % 50));
            const bool forward = random() % 4 != 0; // now and then bob is the master
            const auto [master, slave] =
                forward ? std::pair("alice", "bob") : std::pair("bob", "alice");
            if (random() % 2 == 0)
            {
                const KeyContainer made = s.delivery->EncKeys(forward ? s.a : s.b,
                                                              master,
                                                              slave,
                                                              1 + random() % 4,
                                                              8 * (1 + random() % 32));
                for (const DeliveredKey& key : made.keys)
                {
                    CHECK(key.offsetBits >= end);
                    end = key.offsetBits + key.bits;
                    CHECK(madeAt.insert({key.id, key.offsetBits}).second);
                    ids.push_back(key.id);
                }
                continue;
            }
            std::vector<std::string> wish(1 + random() % 3);
            for (std::string& id : wish)
            {
                id = ids[random() % ids.size()];
            }
            const KeyContainer got = s.delivery->DecKeys(forward ? s.b : s.a, slave, master, wish);
            CHECK((got.status == DeliveryStatus::Ok) == !got.keys.empty());
            for (const DeliveredKey& key : got.keys)
            {
                CHECK(fetched.insert(key.id).second);
                CHECK(madeAt.at(key.id) == key.offsetBits);
            }
        }
        CHECK(madeAt.size() > 100);
        CHECK(fetched.size() > 50);
        CHECK(s.delivery->GetNumHeld() == madeAt.size() - fetched.size());
        s.network->Dispose();
    }
}

TEST_CASE("delivery: what cannot be had is told by status")
{
    SimulatorScope simulator;
    Desk s;
    const auto status = [&](uint32_t site, const char* from, const char* to, int n, int bits)
    { return s.delivery->EncKeys(site, from, to, n, bits).status; };
    CHECK(status(s.a, "alice", "bob", 1, 256) == DeliveryStatus::Unavailable); // no key yet
    simulator.RunUntil(Seconds(2));
    CHECK(status(s.a, "alice", "bob", 1, 255) == DeliveryStatus::BadRequest);
    CHECK(status(s.a, "alice", "bob", 0, 256) == DeliveryStatus::BadRequest);
    CHECK(status(s.a, "alice", "xavier", 1, 256) == DeliveryStatus::BadRequest);
    CHECK(status(s.b, "alice", "bob", 1, 256) == DeliveryStatus::Unauthorized);
    CHECK(status(s.a, "alice", "bob", 128, 65536) == DeliveryStatus::Unavailable);
    s.network->SetSiteUp(s.a, false);
    CHECK(status(s.a, "alice", "bob", 1, 256) == DeliveryStatus::Unavailable);
}

TEST_CASE("delivery: both ends of a key stream read the same chunks")
{
    SimulatorScope simulator;
    Desk s;
    simulator.RunUntil(Seconds(2));
    KeyDelivery& d = *s.delivery;
    uint64_t ksid = 0;
    DeliveredKey key;
    DeliveredKey same;
    CHECK(d.OpenConnect("alice", "xavier", {}, ksid) == StreamStatus::NoQkdConnection);
    CHECK(d.OpenConnect("alice", "bob", {.minBps = 1e12}, ksid) == StreamStatus::QosNotMet);
    CHECK(d.OpenConnect("alice", "bob", {.chunkBytes = 64}, ksid) ==
          StreamStatus::PeerAppNotConnected);
    REQUIRE(ksid != 0);
    CHECK(d.GetKey(ksid, "alice", 0, key) == StreamStatus::PeerAppNotConnected);
    CHECK(d.OpenConnect("alice", "bob", {}, ksid) == StreamStatus::KsidInUse);
    CHECK(d.OpenConnect("bob", "alice", {}, ksid) == StreamStatus::Successful);
    for (uint64_t i = 0; i < 5; ++i)
    {
        REQUIRE(d.GetKey(ksid, "alice", i, key) == StreamStatus::Successful);
        CHECK(d.GetKey(ksid, "alice", i, same) == StreamStatus::InsufficientKey);
        REQUIRE(d.GetKey(ksid, "bob", i, same) == StreamStatus::Successful);
        CHECK(key.offsetBits == same.offsetBits);
        CHECK(key.bits == 512);
    }
    CHECK(d.GetKey(ksid, "bob", 9, same) == StreamStatus::InsufficientKey);
    CHECK(d.GetKey(ksid, "xavier", 5, same) == StreamStatus::PeerNotConnected);
    CHECK(d.Close(ksid, "bob") == StreamStatus::Successful);
    CHECK(d.GetKey(ksid, "alice", 6, key) == StreamStatus::PeerNotConnected);
}

TEST_CASE("delivery: by messages between an application's host and its KME")
{
    SimulatorScope simulator;
    Desk s;
    NodeContainer hosts(2);
    InternetStackHelper().Install(hosts);
    PointToPointHelper cable;
    cable.SetDeviceAttribute("DataRate", StringValue("100Mbps"));
    Ipv4AddressHelper addresses("192.168.0.0", "255.255.255.0");
    std::vector<Ptr<KeyClient>> clients;
    for (uint32_t i = 0; i < 2; ++i)
    {
        const uint32_t site = i == 0 ? s.a : s.b;
        const auto interfaces =
            addresses.Assign(cable.Install(s.kmes->GetNode(site), hosts.Get(i)));
        addresses.NewNetwork();
        auto server = CreateObject<KeyServer>();
        server->Configure(s.delivery, site);
        s.kmes->GetNode(site)->AddApplication(server);
        clients.push_back(CreateObject<KeyClient>());
        clients[i]->Configure(i == 0 ? "alice" : "bob", interfaces.GetAddress(0));
        hosts.Get(i)->AddApplication(clients[i]);
    }
    std::vector<DeliveryStatus> statuses;
    std::vector<std::string> alices;
    std::vector<std::string> bobs;
    simulator.At(Seconds(2),
                 [&]
                 {
                     clients[0]->RequestKeys("bob",
                                             4,
                                             512,
                                             [&](DeliveryStatus status, const auto& ids)
                                             {
                                                 statuses.push_back(status);
                                                 alices = ids;
                                                 clients[1]->FetchKeys(
                                                     "alice",
                                                     ids,
                                                     [&](DeliveryStatus second, const auto& fetched)
                                                     {
                                                         statuses.push_back(second);
                                                         bobs = fetched;
                                                     });
                                             });
                     clients[1]->FetchKeys("alice",
                                           {"none"},
                                           [&](DeliveryStatus status, const auto&)
                                           { statuses.push_back(status); });
                 });
    simulator.RunUntil(Seconds(3));
    CHECK(statuses ==
          std::vector{DeliveryStatus::BadRequest, DeliveryStatus::Ok, DeliveryStatus::Ok});
    CHECK(alices.size() == 4);
    CHECK(alices == bobs);
    CHECK(s.delivery->GetNumHeld() == 0);
}
