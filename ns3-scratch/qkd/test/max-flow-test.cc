// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-network.h"
#include "qkd/measured-link.h"
#include "small-network.h"

#include "ns3/enum.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <queue>
#include <vector>

using namespace ns3;
using namespace qntn;

namespace
{

/// Largest flow between two sites over undirected edges, by augmenting paths (Edmonds and Karp).
double
MaxFlow(const QkdTopology& topology, uint32_t from, uint32_t to)
{
    std::map<std::pair<uint32_t, uint32_t>, double> room;
    for (const auto& link : topology.links)
    {
        const uint32_t a = topology.GetSite(link.siteA);
        const uint32_t b = topology.GetSite(link.siteB);
        room[{a, b}] += link.measuredRateBps.value_or(0);
        room[{b, a}] += link.measuredRateBps.value_or(0);
    }
    double flow = 0;
    while (true)
    {
        std::map<uint32_t, uint32_t> cameFrom{{from, from}};
        std::queue<uint32_t> frontier({from});
        while (!frontier.empty() && !cameFrom.contains(to))
        {
            const uint32_t site = frontier.front();
            frontier.pop();
            for (const auto& [edge, left] : room)
            {
                if (edge.first == site && left > 1e-9 &&
                    cameFrom.insert({edge.second, site}).second)
                {
                    frontier.push(edge.second);
                }
            }
        }
        if (!cameFrom.contains(to))
        {
            return flow;
        }
        double least = std::numeric_limits<double>::max();
        for (uint32_t v = to; v != from; v = cameFrom[v])
        {
            least = std::min(least, room[{cameFrom[v], v}]);
        }
        for (uint32_t v = to; v != from; v = cameFrom[v])
        {
            room[{cameFrom[v], v}] -= least;
            room[{v, cameFrom[v]}] += least;
        }
        flow += least;
    }
}

/// Key that a link holds from the start in a network with messages, and never relays: it pays for
/// tags.
constexpr uint64_t TAG_BITS = 1'000'000;

/// Key a second that reaches a relation that can never have enough.
/// \param packets post-processing and relays are packets, and the links pay for their tags
double
Saturate(const QkdTopology& topology, uint32_t from, uint32_t to, bool packets)
{
    // Tags are the same for any block: six messages of 64 bits. Long blocks leave them little.
    const uint64_t blockBits = packets ? 100'000 : 10'000;
    double slowest = std::numeric_limits<double>::max();
    auto network = CreateObject<QkdNetwork>();
    for (const std::string& site : topology.sites)
    {
        network->AddSite(site, SiteKind::Endpoint);
    }
    for (const auto& link : topology.links)
    {
        if (link.measuredRateBps)
        {
            slowest = std::min(slowest, *link.measuredRateBps);
            QkdLinkConfig base;
            base.authenticationBits = 0;
            const uint64_t kept = packets ? TAG_BITS : 0;
            base.pool = {.initialBits = kept,
                         .minBits = kept,
                         .thresholdBits = kept,
                         .maxBits = uint64_t{1} << 60};
            base.distilBits = blockBits;
            network->AddLink(MakeMeasuredLink(topology, link, base));
        }
    }
    network->SetAttribute("MaxPaths", UintegerValue(32));
    network->SetAttribute("Routing", StringValue("LargestResidual"));
    // Long enough for 200 blocks of the slowest link.
    const double seconds = 200 * static_cast<double>(blockBits) / slowest;
    network->SetAttribute("BlockPeriod", TimeValue(Seconds(seconds / (packets ? 200 : 5000))));
    Ptr<KmeNetwork> kmes;
    if (packets)
    {
        kmes = CreateObject<KmeNetwork>();
        network->SetTransport(kmes);
    }
    const uint32_t relation =
        network->AddRelation(from, to, {.thresholdBits = 0, .maxBits = uint64_t{1} << 60});
    network->AssignStreams(1);
    network->Start();
    SimulatorScope simulator;
    simulator.RunUntil(Simulator::Now() + Seconds(seconds));
    network->Check();
    if (packets)
    {
        CHECK(kmes->GetCounters().messages > 0);
    }
    const auto bits = static_cast<double>(network->GetRelationPool(relation).GetLedger().generated);
    network->Dispose();
    return bits / seconds;
}

} // namespace

TEST_CASE("max-flow: a saturating load reaches it between any two KMEs of every measured network")
{
    bool packets = false;
    std::vector<const char*> names{"cambridge_2019", "secoqc_2008", "tokyo_2010", "thuringia_2026"};
    SUBCASE("planned")
    {
    }
    SUBCASE("by relay packets, two networks")
    {
        packets = true;
        names = {"cambridge_2019", "thuringia_2026"};
    }
    for (const char* name : names)
    {
        const QkdTopology topology = ReadQkdTopology(QNTN_DATA_DIR "/qkd/networks.json", name);
        for (uint32_t from = 0; from < topology.sites.size(); ++from)
        {
            for (uint32_t to = from + 1; to < topology.sites.size(); ++to)
            {
                const double limit = MaxFlow(topology, from, to);
                if (limit > 0)
                {
                    CAPTURE(name);
                    CAPTURE(topology.sites[from]);
                    CAPTURE(topology.sites[to]);
                    CHECK(Saturate(topology, from, to, packets) ==
                          doctest::Approx(limit).epsilon(0.05));
                }
            }
        }
    }
}

TEST_CASE(
    "measured links: the model expects the rate, and where it can the QBER, that were measured")
{
    for (const char* name : {"cambridge_2019", "secoqc_2008", "tokyo_2010", "thuringia_2026"})
    {
        const QkdTopology topology = ReadQkdTopology(QNTN_DATA_DIR "/qkd/networks.json", name);
        for (const auto& link : topology.links)
        {
            if (!link.measuredRateBps)
            {
                continue;
            }
            CAPTURE(link.siteA);
            CAPTURE(link.siteB);
            const QkdLink model("A-B", MakeMeasuredLink(topology, link, {}));
            CHECK(model.GetExpectedRateBps() ==
                  doctest::Approx(*link.measuredRateBps).epsilon(1e-6));
            if (link.measuredQber && *link.measuredQber < 0.05)
            {
                CHECK(model.GetQber() == doctest::Approx(*link.measuredQber).epsilon(1e-6));
            }
        }
    }
}
