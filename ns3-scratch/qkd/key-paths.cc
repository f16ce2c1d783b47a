// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-paths.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

namespace qntn
{

namespace
{

constexpr uint32_t UNREACHABLE = std::numeric_limits<uint32_t>::max();

/// The edges at each site.
using Incidence = std::vector<std::vector<uint32_t>>;

uint32_t
OtherEnd(const KeyEdge& edge, uint32_t site)
{
    return edge.siteA == site ? edge.siteB : edge.siteA;
}

/// Hops from each site to \p to.
std::vector<uint32_t>
CountHops(const Incidence& incidence, const std::vector<KeyEdge>& edges, uint32_t to)
{
    std::vector<uint32_t> hops(incidence.size(), UNREACHABLE);
    std::queue<uint32_t> frontier({to});
    hops[to] = 0;
    while (!frontier.empty())
    {
        const uint32_t site = frontier.front();
        frontier.pop();
        for (const uint32_t e : incidence[site])
        {
            const uint32_t next = OtherEnd(edges[e], site);
            if (hops[next] == UNREACHABLE)
            {
                hops[next] = hops[site] + 1;
                frontier.push(next);
            }
        }
    }
    return hops;
}

/// The beginning of a path.
struct Candidate
{
    std::size_t hops; ///< of the whole path, at least
    double weight;    ///< so far
    KeyPath path;

    bool operator>(const Candidate& other) const
    {
        return std::tie(hops, weight, path.sites, path.edges) >
               std::tie(other.hops, other.weight, other.path.sites, other.path.edges);
    }
};

} // namespace

std::vector<KeyPath>
FindKeyPaths(uint32_t numSites,
             const std::vector<KeyEdge>& edges,
             uint32_t from,
             uint32_t to,
             uint32_t maxPaths)
{
    Incidence incidence(numSites);
    for (uint32_t e = 0; e < edges.size(); ++e)
    {
        incidence[edges[e].siteA].push_back(e);
        incidence[edges[e].siteB].push_back(e);
    }
    const std::vector<uint32_t> hopsLeft = CountHops(incidence, edges, to);
    std::vector<KeyPath> paths;
    if (hopsLeft[from] == UNREACHABLE)
    {
        return paths;
    }
    // A*: hopsLeft never overestimates, so whole paths leave the queue in their order.
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    queue.push({hopsLeft[from], 0, {{}, {from}}});
    while (!queue.empty() && paths.size() < maxPaths)
    {
        const Candidate best = queue.top();
        queue.pop();
        const uint32_t site = best.path.sites.back();
        if (site == to)
        {
            paths.push_back(best.path);
            continue;
        }
        for (const uint32_t e : incidence[site])
        {
            const uint32_t next = OtherEnd(edges[e], site);
            if (std::ranges::find(best.path.sites, next) == best.path.sites.end())
            {
                Candidate longer = best;
                longer.path.edges.push_back(e);
                longer.path.sites.push_back(next);
                longer.weight += edges[e].weight;
                longer.hops = longer.path.edges.size() + hopsLeft[next];
                queue.push(std::move(longer));
            }
        }
    }
    return paths;
}

} // namespace qntn
