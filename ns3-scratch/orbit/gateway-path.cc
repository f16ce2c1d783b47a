// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/gateway-path.h"

#include "orbit/require.h"

#include <stdexcept>
#include <utility>

namespace qntn
{

namespace
{

void
RequireGateways(const std::vector<Gateway>& gateways)
{
    if (gateways.empty())
    {
        throw std::invalid_argument("gateways: found none, expected at least one");
    }
}

} // namespace

Payload
ToPayload(const std::string& name)
{
    return Choose<Payload>(
        "payload",
        name,
        {{"transparent", Payload::TRANSPARENT}, {"regenerative", Payload::REGENERATIVE}});
}

double
GatewayRoute::GetDelayS() const
{
    return feederS + islS;
}

GatewayPath::GatewayPath(std::shared_ptr<const Trajectory> satellite,
                         std::vector<Gateway> gateways,
                         Payload payload)
    : m_satellite(std::move(satellite)), m_gateways(std::move(gateways)), m_payload(payload)
{
    RequireGateways(m_gateways);
}

GatewayPath::GatewayPath(std::shared_ptr<const IslGraph> graph,
                         uint32_t satellite,
                         std::vector<Gateway> gateways,
                         Payload payload)
    : m_satellite(graph->GetSatellite(satellite)),
      m_graph(std::move(graph)),
      m_index(satellite),
      m_gateways(std::move(gateways)),
      m_payload(payload)
{
    RequireGateways(m_gateways);
    if (payload == Payload::TRANSPARENT)
    {
        throw std::invalid_argument("payload: found transparent with links between satellites, "
                                    "expected regenerative: only a gNB on board can route");
    }
}

Payload
GatewayPath::GetPayload() const
{
    return m_payload;
}

std::optional<GatewayRoute>
GatewayPath::FindFeeder(const Ecef& satellite) const
{
    std::optional<GatewayRoute> best;
    for (uint32_t i = 0; i < m_gateways.size(); ++i)
    {
        const auto& gateway = m_gateways[i];
        const double delay_s = Norm(satellite - gateway.position) / SPEED_OF_LIGHT_MPS;
        if (ElevationDeg(gateway.position, satellite) >= gateway.minElevationDeg &&
            (!best || delay_s < best->feederS))
        {
            best = GatewayRoute{i, {}, delay_s, 0};
        }
    }
    return best;
}

std::optional<GatewayRoute>
GatewayPath::Find(double timeS) const
{
    if (!m_graph)
    {
        auto route = FindFeeder(m_satellite->PositionAt(timeS));
        if (route)
        {
            route->satellites = {0};
        }
        return route;
    }
    std::optional<GatewayRoute> best;
    const auto routes = m_graph->FindRoutes(m_index, timeS);
    for (uint32_t i = 0; i < routes.size(); ++i)
    {
        if (!routes[i] || (best && routes[i]->delayS >= best->GetDelayS()))
        {
            continue;
        }
        auto route = FindFeeder(m_graph->GetSatellite(i)->PositionAt(timeS));
        if (route && (!best || route->feederS + routes[i]->delayS < best->GetDelayS()))
        {
            route->satellites = routes[i]->satellites;
            route->islS = routes[i]->delayS;
            best = std::move(route);
        }
    }
    return best;
}

double
PathDelay::GetTotalS() const
{
    return serviceS + feederS + islS;
}

double
PathDelay::GetRadioS(Payload payload) const
{
    return payload == Payload::TRANSPARENT ? serviceS + feederS : serviceS;
}

std::optional<PathDelay>
FindDelay(const GatewayPath& path, const Trajectory& satellite, const Ecef& user, double timeS)
{
    const auto route = path.Find(timeS);
    if (!route)
    {
        return {};
    }
    const double service_s = Norm(satellite.PositionAt(timeS) - user) / SPEED_OF_LIGHT_MPS;
    return PathDelay{service_s, route->feederS, route->islS};
}

} // namespace qntn
