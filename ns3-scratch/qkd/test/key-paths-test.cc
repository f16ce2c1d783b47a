// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-paths.h"
#include "qkd/topology.h"

#include <doctest/doctest.h>
#include <set>

using namespace qntn;

namespace
{

using Sites = std::vector<uint32_t>;

/// 0-1-2-3 in a row, a short cut 0-2 and a detour 0-4-5-3.
const std::vector<KeyEdge> EDGES = {
    {0, 1, 1}, {1, 2, 1}, {2, 3, 1}, {2, 0, 5}, {0, 4, 1}, {4, 5, 1}, {5, 3, 2}};

} // namespace

TEST_CASE("paths: fewest hops first, then the smallest weight")
{
    const auto paths = FindKeyPaths(6, EDGES, 0, 3, 10);
    REQUIRE(paths.size() == 3);
    CHECK(paths[0].sites == Sites{0, 2, 3});
    CHECK(paths[0].edges == Sites{3, 2});
    CHECK(paths[1].sites == Sites{0, 1, 2, 3});
    CHECK(paths[2].sites == Sites{0, 4, 5, 3});
    CHECK(FindKeyPaths(6, EDGES, 0, 3, 2).size() == 2);
}

TEST_CASE("paths: none to an island")
{
    CHECK(FindKeyPaths(7, EDGES, 0, 6, 3).empty());
}

TEST_CASE("paths: parallel links are different paths")
{
    const auto paths = FindKeyPaths(2, {{0, 1, 2}, {0, 1, 1}}, 0, 1, 3);
    REQUIRE(paths.size() == 2);
    CHECK(paths[0].edges == Sites{1});
    CHECK(paths[1].edges == Sites{0});
}

TEST_CASE("paths: NSFNET, between all pairs, loop-free, distinct and in order")
{
    const QkdTopology nsfnet =
        ReadQkdTopology(std::string(QNTN_DATA_DIR) + "/qkd/networks.json", "nsfnet_fusion");
    std::vector<KeyEdge> edges;
    for (const auto& link : nsfnet.links)
    {
        edges.push_back({nsfnet.GetSite(link.siteA), nsfnet.GetSite(link.siteB), link.lengthKm});
    }
    const auto numSites = static_cast<uint32_t>(nsfnet.sites.size());
    for (uint32_t from = 0; from < numSites; ++from)
    {
        for (uint32_t to = 0; to < from; ++to)
        {
            const auto paths = FindKeyPaths(numSites, edges, from, to, 5);
            REQUIRE(paths.size() == 5);
            std::set<Sites> seen;
            std::size_t hops = 0;
            for (const KeyPath& path : paths)
            {
                CHECK(path.edges.size() >= hops);
                hops = path.edges.size();
                CHECK(path.sites.size() == hops + 1);
                CHECK(path.sites.front() == from);
                CHECK(path.sites.back() == to);
                CHECK(std::set(path.sites.begin(), path.sites.end()).size() == hops + 1);
                CHECK(seen.insert(path.edges).second);
            }
        }
    }
}
