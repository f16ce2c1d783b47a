// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_CITY_SCENE_H
#define QNTN_SCENARIOS_METAVERSE_CITY_CITY_SCENE_H

#include "bridge/bridge.h"
#include "metaverse/city.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace qntn
{

/// Tells Python what the city looks like: cells, users, the satellite's track and the quantum
/// links.
inline void
DescribeScene(Bridge& bridge, City& city, const QkdTopology& topology, ns3::Time duration)
{
    for (uint32_t cell = 0; cell < City::NUM_GNBS; ++cell)
    {
        const auto& at = City::GetGnbPosition(cell);
        bridge.AddPlace(City::CELL_NAMES[cell], "gnb", at.x, at.y);
    }
    uint32_t number = 0;
    for (const auto& user : city.GetUsers().Get())
    {
        const auto at = user.mobility->GetPosition();
        bridge.AddPlace("ue_" + std::to_string(number++), "ue", at.x, at.y);
    }
    constexpr int NUM_POINTS = 200;
    std::vector<std::pair<double, double>> track;
    for (int i = 0; i <= NUM_POINTS; ++i)
    {
        const auto at = city.GetGroundPoint(duration * i / NUM_POINTS);
        track.emplace_back(at.x, at.y);
    }
    bridge.AddTrack(City::CELL_NAMES[City::SATELLITE], track);
    const auto relays = city.GetKeys().GetRelaySites();
    for (const auto& name : topology.sites)
    {
        const bool isRelay =
            std::ranges::find(relays, city.GetKeys().GetSite(name)) != relays.end();
        bridge.AddSite(name, isRelay ? "relay" : "endpoint");
    }
    for (const auto& link : topology.links)
    {
        bridge.AddSpan(link.siteA, link.siteB, link.lengthKm);
    }
    if (city.GetDownlink())
    {
        bridge.AddSite(City::SATELLITE_SITE, "satellite");
        for (uint32_t station = 0; station < City::NUM_STATIONS; ++station)
        {
            const auto& link = city.GetKeys().GetLink(city.GetStationLink(station));
            bridge.AddSpan(City::SATELLITE_SITE,
                           City::GetStationName(station),
                           link.GetConfig().lengthKm);
        }
    }
}

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_CITY_SCENE_H
