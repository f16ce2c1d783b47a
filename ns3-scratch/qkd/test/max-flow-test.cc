// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-network.h"
#include "qkd/measured-link.h"
#include "small-network.h"

#include "ns3/enum.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <sstream>
#include <string>

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

/// Sifted bits of a block. Tags cost six times 64 bits for any block; long blocks leave them
/// little.
constexpr double PLANNED_BLOCK_BITS = 10'000;
constexpr double PACKET_BLOCK_BITS = 60'000;
/// Blocks of fast links are at most so many times as long as those of slow ones.
constexpr double MAX_LONGER = 50;
/// What is on its way when the time is up is small against this.
constexpr double SHORTEST_S = 3;
/// Relays carry at least so much: their tags cost 128 bits a hop.
constexpr uint64_t MIN_RELAY_BITS = 20'000;
/// A link with a smaller share of the flow than this need not show more than a block or two.
constexpr double RELEVANT_RATIO = 0.02;

/// Key a second that reaches a relation that can never have enough.
/// \param limit the max-flow in bit/s, which says how long to look and at which links
/// \param packets post-processing and relays are packets, and the links pay for their tags
double
Saturate(const QkdTopology& topology, uint32_t from, uint32_t to, double limit, bool packets)
{
    const double blockBits = packets ? PACKET_BLOCK_BITS : PLANNED_BLOCK_BITS;
    double slowest = std::numeric_limits<double>::max();
    for (const auto& link : topology.links)
    {
        const double rate = link.measuredRateBps.value_or(0);
        if (rate >= RELEVANT_RATIO * limit)
        {
            slowest = std::min(slowest, rate);
        }
    }
    auto network = CreateObject<QkdNetwork>();
    for (const std::string& site : topology.sites)
    {
        network->AddSite(site, SiteKind::Endpoint);
    }
    for (const auto& link : topology.links)
    {
        if (link.measuredRateBps)
        {
            QkdLinkConfig base;
            base.authenticationBits = 0;
            const uint64_t kept = packets ? TAG_BITS : 0;
            base.pool = {.initialBits = kept,
                         .minBits = kept,
                         .thresholdBits = kept,
                         .maxBits = uint64_t{1} << 60};
            const double longer =
                packets ? std::clamp(*link.measuredRateBps / slowest, 1.0, MAX_LONGER) : 1;
            base.distilBits = static_cast<uint64_t>(blockBits * longer);
            network->AddLink(MakeMeasuredLink(topology, link, base));
        }
    }
    network->SetAttribute("MaxPaths", UintegerValue(32));
    network->SetAttribute("Routing", StringValue("LargestResidual"));
    // Long enough for some hundred blocks of the slowest link that matters.
    const double seconds =
        std::max((packets ? 30 : 200) * blockBits / slowest, packets ? SHORTEST_S : 0);
    network->SetAttribute("BlockPeriod", TimeValue(Seconds(seconds / (packets ? 600 : 5000))));
    Ptr<KmeNetwork> kmes;
    if (packets)
    {
        network->SetAttribute("MinRelayBits", UintegerValue(MIN_RELAY_BITS));
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
        CHECK(network->GetRelationCounters(relation).relays > 0);
    }
    const auto bits = static_cast<double>(network->GetRelationPool(relation).GetLedger().generated);
    network->Dispose();
    return bits / seconds;
}

/// The table of ns3-scratch/qkd/README.md says what is found here.
void
RequireReadmeRow(const std::string& network, double shortfallPercent)
{
    std::ostringstream row;
    row << "| `" << network << "` | " << std::fixed << std::setprecision(1) << shortfallPercent
        << " % |";
    std::ifstream file(QNTN_DATA_DIR "/../qkd/README.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CAPTURE(row.str());
    CHECK(text.find(row.str()) != std::string::npos);
}

} // namespace

TEST_CASE("max-flow: a saturating load reaches it between any two KMEs of every measured network")
{
    bool packets = false;
    SUBCASE("planned")
    {
    }
    SUBCASE("by relay packets")
    {
        packets = true;
    }
    // By packets a pair of Tokyo takes seconds, most of them for K2-O2's messages. Its ten pairs
    // have four minimum cuts (around K1-O1, K1-K2 with O1-O2, O2-HONGO, around K2-O2); here is one
    // pair for each, the one with most hops.
    const std::set<std::string> tokyoPairs{"K1-O1", "K1-O2", "K1-HONGO", "K2-O2"};
    for (const char* name : {"cambridge_2019", "secoqc_2008", "tokyo_2010", "thuringia_2026"})
    {
        const QkdTopology topology = ReadQkdTopology(QNTN_DATA_DIR "/qkd/networks.json", name);
        double worst = 0;
        for (uint32_t from = 0; from < topology.sites.size(); ++from)
        {
            for (uint32_t to = from + 1; to < topology.sites.size(); ++to)
            {
                const std::string pair = topology.sites[from] + "-" + topology.sites[to];
                const double limit = MaxFlow(topology, from, to);
                const bool isLeftOut =
                    packets && std::string(name) == "tokyo_2010" && !tokyoPairs.contains(pair);
                if (limit > 0 && !isLeftOut)
                {
                    CAPTURE(name);
                    CAPTURE(pair);
                    const double rate = Saturate(topology, from, to, limit, packets);
                    CHECK(rate == doctest::Approx(limit).epsilon(0.05));
                    worst = std::max(worst, 1 - rate / limit);
                }
            }
        }
        if (packets)
        {
            RequireReadmeRow(name, 100 * worst);
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
