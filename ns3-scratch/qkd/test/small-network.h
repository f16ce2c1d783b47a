// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_TEST_SMALL_NETWORK_H
#define QNTN_QKD_TEST_SMALL_NETWORK_H

#include "qkd/qkd-network.h"

#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"

#include <functional>

namespace qntn
{

/// A fresh simulator, cleaned up at the end of the test.
class SimulatorScope
{
  public:
    SimulatorScope()
    {
        ns3::RngSeedManager::SetSeed(1);
        ns3::RngSeedManager::SetRun(1);
    }

    ~SimulatorScope()
    {
        ns3::Simulator::Destroy();
    }

    /// Run until \p end, with \p action at \p time.
    void At(ns3::Time time, std::function<void()> action)
    {
        ns3::Simulator::Schedule(time - ns3::Simulator::Now(), [action] { action(); });
    }

    void RunUntil(ns3::Time end)
    {
        ns3::Simulator::Stop(end - ns3::Simulator::Now());
        ns3::Simulator::Run();
    }
};

/// Endpoints A and B; A-R-B over a candidate relay R, and A-X-Y-B over endpoints.
struct SmallNetwork
{
    explicit SmallNetwork(double pulseRateHz = 1e7,
                          const CostSet& costs = {},
                          uint64_t initialBits = 0,
                          uint64_t minBits = 0)
        : network(ns3::CreateObject<QkdNetwork>())
    {
        a = network->AddSite("A", SiteKind::Endpoint);
        b = network->AddSite("B", SiteKind::Endpoint);
        r = network->AddSite("R", SiteKind::RelayCandidate);
        x = network->AddSite("X", SiteKind::Endpoint);
        y = network->AddSite("Y", SiteKind::Endpoint);
        const auto link = [&](uint32_t from, uint32_t to)
        {
            return network->AddLink({.siteA = from,
                                     .siteB = to,
                                     .lengthKm = 40,
                                     .lossDb = 8,
                                     .pulseRateHz = pulseRateHz,
                                     .pool = {.initialBits = initialBits,
                                              .minBits = minBits,
                                              .thresholdBits = 10000,
                                              .maxBits = 400000}});
        };
        ar = link(a, r);
        rb = link(r, b);
        ax = link(a, x);
        xy = link(x, y);
        yb = link(y, b);
        network->SetCostSet(costs);
        ab = network->AddRelation(a, b, {.thresholdBits = 10000, .maxBits = 100000});
        network->AssignStreams(100);
    }

    /// Links and relations refer to their network: without this they keep each other alive.
    ~SmallNetwork()
    {
        network->Dispose();
    }

    SmallNetwork(const SmallNetwork&) = delete;
    SmallNetwork& operator=(const SmallNetwork&) = delete;

    ns3::Ptr<QkdNetwork> network;
    uint32_t a, b, r, x, y;
    uint32_t ar, rb, ax, xy, yb;
    uint32_t ab;
};

} // namespace qntn

#endif // QNTN_QKD_TEST_SMALL_NETWORK_H
