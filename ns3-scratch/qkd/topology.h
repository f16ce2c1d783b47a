// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_TOPOLOGY_H
#define QNTN_QKD_TOPOLOGY_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qntn
{

/// A real QKD network as published.
struct QkdTopology
{
    struct Link
    {
        std::string siteA;
        std::string siteB;
        double lengthKm;
        std::optional<double> lossDb;          ///< measured
        std::optional<double> measuredRateBps; ///< secret bits a second, for comparison
        std::optional<double> measuredQber;    ///< for comparison
    };

    std::string name;
    std::string source;
    std::string notes;
    std::vector<std::string> sites; ///< in order of first appearance
    std::vector<Link> links;

    /// Index of the site \p name in sites.
    /// \throw std::invalid_argument for an unknown name, with the nearest one
    uint32_t GetSite(const std::string& name) const;
};

/// Read the network \p name from a file in the format of data/qkd/networks.json.
/// \throw std::invalid_argument that names file, link, field and value
QkdTopology ReadQkdTopology(const std::string& path, const std::string& name);

} // namespace qntn

#endif // QNTN_QKD_TOPOLOGY_H
