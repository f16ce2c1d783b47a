// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/topology.h"

#include "orbit/nearest-name.h"
#include "qkd/data-file.h"
#include "qkd/require.h"

#include <algorithm>
#include <stdexcept>

namespace qntn
{

uint32_t
QkdTopology::GetSite(const std::string& siteName) const
{
    const auto found = std::ranges::find(sites, siteName);
    if (found == sites.end())
    {
        throw std::invalid_argument("network " + name + ": no site '" + siteName +
                                    "'; did you mean '" + NearestName(siteName, sites) + "'?");
    }
    return static_cast<uint32_t>(found - sites.begin());
}

QkdTopology
ReadQkdTopology(const std::string& path, const std::string& name)
{
    const auto entry = ReadDataEntry(path, name, "network");
    const std::string where = path + ": network " + name;
    RequireKnownFields(entry, {"source", "notes", "links"}, where);
    QkdTopology topology{name, ReadText(entry, "source", where), entry.value("notes", ""), {}, {}};
    if (!entry.contains("links") || !entry["links"].is_array())
    {
        throw std::invalid_argument(where + ": expected a list 'links'");
    }
    for (const auto& link : entry["links"])
    {
        const std::string at = where + ", link " + std::to_string(topology.links.size());
        RequireKnownFields(link,
                           {"a", "b", "length_km", "loss_db", "measured_rate_bps", "measured_qber"},
                           at);
        const auto optional = [&](const char* field, double high) -> std::optional<double>
        {
            return link.contains(field) ? std::optional(ReadNumber(link, field, at, 0, high))
                                        : std::nullopt;
        };
        topology.links.push_back({ReadText(link, "a", at),
                                  ReadText(link, "b", at),
                                  ReadNumber(link, "length_km", at, 0, UNBOUNDED),
                                  optional("loss_db", UNBOUNDED),
                                  optional("measured_rate_bps", UNBOUNDED),
                                  optional("measured_qber", 1)});
        for (const std::string& site : {topology.links.back().siteA, topology.links.back().siteB})
        {
            if (std::ranges::find(topology.sites, site) == topology.sites.end())
            {
                topology.sites.push_back(site);
            }
        }
    }
    return topology;
}

} // namespace qntn
