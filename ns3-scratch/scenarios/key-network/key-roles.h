// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_KEY_NETWORK_KEY_ROLES_H
#define QNTN_SCENARIOS_KEY_NETWORK_KEY_ROLES_H

#include "scenarios/key-network/key-network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace qntn
{

inline constexpr double MANY_BITS = 1e12;

/// Chooses the path of each demand, where the parameter routing says "agents".
struct KeyPathRole
{
    KeyNetwork& network;
    Role& role;
    uint32_t maxPaths;

    Observation fill =
        role.Observe("key_fill_ratio", 1, 0, 1, "ratio", "fill of the demand's pool");
    Observation demand = role.Observe("key_demand_bps", 1, 0, MANY_BITS, "bps", "key asked for");
    Observation waiting =
        role.Observe("waiting_requests", 1, 0, 1e6, "1", "requests that wait for key");
    Observation open =
        role.Observe("path_open", maxPaths, 0, 1, "bool", "whether each candidate path is open");
    Observation usable = role.Observe(
        "path_usable_bits", maxPaths, 0, MANY_BITS, "bits", "what each path could relay now");
    Observation rate = role.Observe(
        "path_rate_bps", maxPaths, 0, MANY_BITS, "bps", "key rate of each path's slowest link");
    Observation qber =
        role.Observe("path_qber", maxPaths, 0, 1, "ratio", "greatest QBER on each path");
    Choice path = role.Choose("path", 1, maxPaths, "candidate path over which key is relayed");
    Term blocked = role.Term("blocked_requests", "1", "requests that got no key in time");
    Term linkKey = role.Term("link_key_bits", "bits", "key of links spent on the demand");

    void Observe(const std::vector<RelationReport>& reports) const
    {
        const QkdNetwork& keys = network.GetKeys();
        for (uint32_t r = 0; r < reports.size(); ++r)
        {
            fill(r) = static_cast<float>(reports[r].fillRatio);
            demand(r) = static_cast<float>(network.GetDemands()[r].rateBps);
            waiting(r) = static_cast<float>(reports[r].requests.waiting);
            blocked(r) = static_cast<double>(reports[r].requests.refused);
            linkKey(r) = static_cast<double>(reports[r].linkBits);
            bool anyOpen = false;
            for (uint32_t k = 0; k < maxPaths; ++k)
            {
                const bool exists = k < keys.GetNumPaths(r);
                const bool isOpen = exists && keys.IsPathOpen(r, k);
                anyOpen = anyOpen || isOpen;
                double worst = 0;
                for (uint32_t i = 0; exists && i < keys.GetPath(r, k).edges.size(); ++i)
                {
                    worst = std::max(worst, keys.GetLink(keys.GetPath(r, k).edges[i]).GetQber());
                }
                open(r, k) = isOpen ? 1 : 0;
                usable(r, k) = exists ? static_cast<float>(keys.GetPathUsableBits(r, k)) : 0;
                rate(r, k) = exists ? static_cast<float>(keys.GetPathRateBps(r, k)) : 0;
                qber(r, k) = static_cast<float>(worst);
                path.Allow(r, 0, k, isOpen);
            }
            path.Allow(r, 0, 0, !anyOpen || open(r, 0) > 0); // something must be left to choose
        }
    }

    void Apply() const
    {
        for (uint32_t r = 0; network.IsRoutedByAgents() && r < network.GetDemands().size(); ++r)
        {
            network.GetKeys().SetPath(r, path(r));
        }
    }
};

/// Takes key of each demand out of the simulation, for applications of the real world.
struct DoorRole
{
    KeyNetwork& network;
    Role& role;

    Observation usable = role.Observe("usable_bytes", 1, 0, 1e7, "bytes", "key that can be taken");
    Box take = role.Box("take_bytes", 1, 0, 1e7, "bytes", "key to take, all or nothing");

    void Observe() const
    {
        for (uint32_t r = 0; r < network.GetDemands().size(); ++r)
        {
            const auto bytes = network.GetKeys().GetRelationPool(r).GetUsableBits() / 8;
            usable(r) = static_cast<float>(std::min<uint64_t>(bytes, 10'000'000));
        }
    }
};

/// Lets things go wrong by hand.
struct FaultRole
{
    KeyNetwork& network;
    Role& role;
    uint32_t numLinks;
    uint32_t numSites;

    Observation time = role.Observe("time_s", 1, 0, 1e9, "s", "simulated time");
    Choice link = role.Choose("link_fault",
                              numLinks,
                              5,
                              "what happens to each link",
                              {.labels = {"none", "attack", "cut", "outage", "cloud"}});
    Choice site = role.Choose("site_fault",
                              numSites,
                              2,
                              "what happens to each key manager",
                              {.labels = {"none", "crash"}});

    std::unique_ptr<std::vector<uint32_t>> before =
        std::make_unique<std::vector<uint32_t>>(numLinks + numSites, 0);

    void Observe() const
    {
        time(0) = static_cast<float>(ns3::Simulator::Now().GetSeconds());
    }

    void Apply() const
    {
        QkdNetwork& keys = network.GetKeys();
        for (uint32_t i = 0; i < numLinks; ++i)
        {
            for (const bool begins : {false, true})
            {
                const uint32_t kind = begins ? link(0, i) : (*before)[i];
                if (kind > 0 && link(0, i) != (*before)[i])
                {
                    ApplyFault(keys,
                               {static_cast<FaultKind>(kind - 1),
                                keys.GetLink(i).GetPool().GetName(),
                                0,
                                0,
                                1},
                               begins);
                }
            }
            (*before)[i] = link(0, i);
        }
        for (uint32_t i = 0; i < numSites; ++i)
        {
            if (site(0, i) != (*before)[numLinks + i])
            {
                keys.SetSiteUp(i, site(0, i) == 0);
                (*before)[numLinks + i] = site(0, i);
            }
        }
    }
};

/// Metrics of demands and links, and of all of them.
class KeyMetrics
{
  public:
    KeyMetrics(Bridge& bridge, const KeyNetwork& network, bool live);
    void Write(const KeyNetwork& network, const std::vector<RelationReport>& reports);
    /// Key of demand \p relation was taken from outside, from place \p offset of its pool on.
    void NoteTaken(uint32_t relation, uint64_t offsetBits, uint64_t bits) const;

  private:
    struct OfDemand
    {
        Metric stored;
        Metric delivered;
        Metric waiting;
        Metric blocked;
        Metric path;
        Metric failedRelays;
    };

    struct OfLink
    {
        Metric stored;
        Metric generated;
        Metric relay;
        Metric authentication;
        Metric qber;
        Metric state;
    };

    struct OfDoor
    {
        Metric offset;
        Metric taken;
    };

    std::vector<OfDemand> m_demands;
    std::vector<OfLink> m_links;
    std::vector<OfDoor> m_doors;
    Metric m_served;
    Metric m_keySpent;
    Metric m_messages;
    Metric m_servedRequests;
    Metric m_queuedRequests;
    Metric m_refusedRequests;
    uint64_t m_granted{0};
    uint64_t m_refused{0};
};

inline KeyMetrics::KeyMetrics(Bridge& bridge, const KeyNetwork& network, bool live)
    : m_served(bridge.Metric("served_ratio", "ratio", "requests that got key in time, so far")),
      m_keySpent(bridge.Metric("link_key_bits", "bits", "key of links spent in this step")),
      m_messages(bridge.Metric("messages", "1", "of key managers, so far")),
      m_servedRequests(bridge.Metric("served_requests", "1", "that got key in time, so far")),
      m_queuedRequests(bridge.Metric("queued_requests", "1", "that wait for key now")),
      m_refusedRequests(bridge.Metric("refused_requests", "1", "that got none in time, so far"))
{
    if (!network.IsDetailed())
    {
        return;
    }
    for (const KeyDemand& demand : network.GetDemands())
    {
        const std::string of = "." + demand.source + "-" + demand.target;
        m_demands.push_back(
            {bridge.Metric("demand_stored_bits" + of, "bits", "key in the demand's pool"),
             bridge.Metric("delivered_bits" + of, "bits", "key handed out so far"),
             bridge.Metric("waiting_requests" + of, "1", "requests that wait for key"),
             bridge.Metric("blocked_requests" + of, "1", "requests without key in time, so far"),
             bridge.Metric("path" + of, "1", "candidate path in use"),
             bridge.Metric("failed_relays" + of, "1", "relayed keys that did not arrive, so far")});
        if (live)
        {
            m_doors.push_back(
                {bridge.Metric("taken_offset_bits" + of, "bits", "place of what was taken"),
                 bridge.Metric("taken_bits" + of, "bits", "taken from outside in this step")});
        }
    }
    const QkdNetwork& keys = network.GetKeys();
    for (uint32_t i = 0; i < keys.GetNumLinks(); ++i)
    {
        const std::string of = "." + keys.GetLink(i).GetPool().GetName();
        m_links.push_back(
            {bridge.Metric("pool_bits" + of, "bits", "key in the link's pool"),
             bridge.Metric("generated_bits" + of, "bits", "key made so far, first fill included"),
             bridge.Metric("relay_bits" + of, "bits", "key spent on relaying so far"),
             bridge.Metric("authentication_bits" + of, "bits", "key spent on tags so far"),
             bridge.Metric("qber" + of, "ratio", "of the last block"),
             bridge.Metric("pool_state" + of, "1", "0 READY, 1 WARNING, 2 CHARGING, 3 EMPTY")});
    }
}

inline void
KeyMetrics::Write(const KeyNetwork& network, const std::vector<RelationReport>& reports)
{
    const QkdNetwork& keys = network.GetKeys();
    double spent = 0;
    double queued = 0;
    for (uint32_t r = 0; r < reports.size(); ++r)
    {
        const Relation::Counters& counters = keys.GetRelationCounters(r);
        const KeyPool& pool = keys.GetRelationPool(r);
        m_granted += reports[r].requests.granted;
        m_refused += reports[r].requests.refused;
        spent += static_cast<double>(reports[r].linkBits);
        queued += static_cast<double>(reports[r].requests.waiting);
        if (m_demands.empty())
        {
            continue;
        }
        m_demands[r].stored() = static_cast<double>(pool.GetStoredBits());
        m_demands[r].delivered() = static_cast<double>(pool.GetLedger().delivered);
        m_demands[r].waiting() = static_cast<double>(reports[r].requests.waiting);
        m_demands[r].blocked() = static_cast<double>(network.GetBlocked(r));
        m_demands[r].path() = reports[r].pathIndex;
        m_demands[r].failedRelays() = static_cast<double>(counters.failedRelays);
    }
    for (uint32_t i = 0; i < m_links.size(); ++i)
    {
        const KeyPool& pool = keys.GetLink(i).GetPool();
        m_links[i].stored() = static_cast<double>(pool.GetStoredBits());
        m_links[i].generated() = static_cast<double>(pool.GetLedger().generated);
        m_links[i].relay() = static_cast<double>(pool.GetLedger().relay);
        m_links[i].authentication() = static_cast<double>(pool.GetLedger().authentication);
        m_links[i].qber() = keys.GetLink(i).GetQber();
        m_links[i].state() = static_cast<double>(pool.GetState());
    }
    const auto all = static_cast<double>(m_granted + m_refused);
    m_served() = all > 0 ? static_cast<double>(m_granted) / all : 1;
    m_keySpent() = spent;
    m_servedRequests() = static_cast<double>(m_granted);
    m_queuedRequests() = queued;
    m_refusedRequests() = static_cast<double>(m_refused);
    m_messages() =
        network.GetKmes() ? static_cast<double>(network.GetKmes()->GetCounters().messages) : 0;
}

inline void
KeyMetrics::NoteTaken(uint32_t relation, uint64_t offsetBits, uint64_t bits) const
{
    m_doors[relation].offset() = static_cast<double>(offsetBits);
    m_doors[relation].taken() = static_cast<double>(bits);
}

/// The whole of a scenario about the key of a published network.
int RunKeyScenario(int argc, char* argv[], const std::string& topologyName, bool wide = false);

inline int
RunKeyScenario(int argc, char* argv[], const std::string& topologyName, bool wide)
{
    Bridge bridge(argc, argv);
    KeyNetwork network(bridge, topologyName, wide);
    QkdNetwork& keys = network.GetKeys();
    const auto numDemands = static_cast<uint32_t>(network.GetDemands().size());
    uint32_t maxPaths = 1;
    for (uint32_t r = 0; r < numDemands; ++r)
    {
        maxPaths = std::max(maxPaths, keys.GetNumPaths(r));
    }
    KeyPathRole router{
        network,
        bridge.AddRole("key_router", numDemands, 1, "chooses the path of a demand's key"),
        maxPaths};
    std::unique_ptr<DoorRole> door;
    if (network.IsLive())
    {
        door.reset(
            new DoorRole{network, bridge.AddRole("door", numDemands, 1, "takes key for outside")});
    }
    std::unique_ptr<FaultRole> faults;
    if (network.HasFaultAgent())
    {
        faults.reset(new FaultRole{network,
                                   bridge.AddRole("fault", 1, 1, "lets things go wrong"),
                                   keys.GetNumLinks(),
                                   keys.GetNumSites()});
    }
    KeyMetrics metrics(bridge, network, network.IsLive());
    bridge.SetStep(network.GetStep());
    bridge.Open();

    const auto observe = [&]
    {
        std::vector<RelationReport> reports;
        for (uint32_t r = 0; r < numDemands; ++r)
        {
            reports.push_back(keys.TakeRelationReport(r));
        }
        router.Observe(reports);
        if (faults)
        {
            faults->Observe();
        }
        if (door)
        {
            door->Observe();
        }
        metrics.Write(network, reports);
    };
    network.Start();
    observe();
    while (ns3::Simulator::Now() < network.GetDuration())
    {
        bridge.Step();
        router.Apply();
        if (faults)
        {
            faults->Apply();
        }
        ns3::Simulator::Stop(network.GetStep());
        ns3::Simulator::Run();
        for (uint32_t r = 0; door && r < numDemands; ++r)
        {
            const auto bits = 8 * static_cast<uint64_t>(door->take(r));
            const uint64_t offset = keys.GetRelationPool(r).GetHeadOffset();
            const bool taken = bits > 0 && keys.TryTakeKey(r, bits);
            metrics.NoteTaken(r, offset, taken ? bits : 0);
        }
        observe();
    }
    keys.Check();
    bridge.Finish(End::TRUNCATED);
    keys.Dispose();
    ns3::Simulator::Destroy();
    return 0;
}

} // namespace qntn

#endif // QNTN_SCENARIOS_KEY_NETWORK_KEY_ROLES_H
