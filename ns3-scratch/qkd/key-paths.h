// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_PATHS_H
#define QNTN_QKD_KEY_PATHS_H

#include <cstdint>
#include <vector>

namespace qntn
{

/// An undirected edge of a graph of sites.
struct KeyEdge
{
    uint32_t siteA;
    uint32_t siteB;
    double weight; ///< breaks ties between paths of equally many hops; >= 0
};

/// A loop-free path: n edges, n + 1 sites.
struct KeyPath
{
    std::vector<uint32_t> edges;
    std::vector<uint32_t> sites;
};

/// The \p maxPaths best loop-free paths between two sites, best first: fewest hops (each costs as
/// many key bits as are relayed), then smallest weight, then smallest site numbers.
std::vector<KeyPath> FindKeyPaths(uint32_t numSites,
                                  const std::vector<KeyEdge>& edges,
                                  uint32_t from,
                                  uint32_t to,
                                  uint32_t maxPaths);

} // namespace qntn

#endif // QNTN_QKD_KEY_PATHS_H
