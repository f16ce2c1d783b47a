// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/isl-graph.h"

#include "orbit/require.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <queue>
#include <set>
#include <tuple>

namespace qntn
{

namespace
{

constexpr double MIN_PLANE_GAP_RAD = 10 * RAD_PER_DEG; ///< between the nodes of two planes
constexpr double MAX_PLANE_GAP_RAD = 90 * RAD_PER_DEG; ///< of planes that are linked

Ecef
Cross(const Ecef& a, const Ecef& b)
{
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

/// Where a satellite is in its orbit, as seen at one moment.
struct Place
{
    uint32_t satellite;
    double node;     ///< longitude of the ascending node, rad
    double argument; ///< from there, rad
    Ecef position;
};

Place
FindPlace(uint32_t satellite, const Trajectory& trajectory, double timeS)
{
    const Ecef r = trajectory.PositionAt(timeS);
    const Ecef v = trajectory.VelocityAt(timeS);
    // in a frame that does not turn
    const Ecef inertial{v.x - EARTH_ROTATION_RAD_PER_S * r.y,
                        v.y + EARTH_ROTATION_RAD_PER_S * r.x,
                        v.z};
    const Ecef normal = Cross(r, inertial);
    // over the equator there is no node: any direction will do
    const bool isLevel = std::hypot(normal.x, normal.y) < 1e-9 * Norm(normal);
    const Ecef node = isLevel ? Ecef{1, 0, 0} : Ecef{-normal.y, normal.x, 0};
    const Ecef ahead = Cross(normal, node);
    return {satellite,
            std::atan2(node.y, node.x),
            std::atan2(Dot(r, ahead) / Norm(ahead), Dot(r, node) / Norm(node)),
            r};
}

/// Satellites by plane, the planes from west to east, in each by argument.
std::vector<std::vector<Place>>
SortIntoPlanes(std::vector<Place> places)
{
    std::ranges::sort(places, {}, &Place::node);
    // begin behind the widest gap, which is between two planes if there are several
    size_t begin = 0;
    double widest = -1;
    for (size_t i = 0; i < places.size(); ++i)
    {
        const double before =
            i > 0 ? places[i - 1].node : places.back().node - 2 * std::numbers::pi;
        if (places[i].node - before > widest)
        {
            widest = places[i].node - before;
            begin = i;
        }
    }
    std::ranges::rotate(places, places.begin() + static_cast<std::ptrdiff_t>(begin));
    std::vector<std::vector<Place>> planes;
    for (const auto& place : places)
    {
        const double gap = planes.empty() ? 1e9
                                          : std::remainder(place.node - planes.back().back().node,
                                                           2 * std::numbers::pi);
        if (gap > MIN_PLANE_GAP_RAD)
        {
            planes.emplace_back();
        }
        planes.back().push_back(place);
    }
    for (auto& plane : planes)
    {
        std::ranges::sort(plane, {}, &Place::argument);
    }
    return planes;
}

/// The middle of a plane's nodes, which lie near each other.
double
GetNode(const std::vector<Place>& plane)
{
    double sine = 0;
    double cosine = 0;
    for (const auto& place : plane)
    {
        sine += std::sin(place.node);
        cosine += std::cos(place.node);
    }
    return std::atan2(sine, cosine);
}

class Links
{
  public:
    void Add(uint32_t a, uint32_t b)
    {
        if (a != b)
        {
            m_links.emplace(std::min(a, b), std::max(a, b));
        }
    }

    std::vector<IslLink> Get() const
    {
        return {m_links.begin(), m_links.end()};
    }

  private:
    std::set<IslLink> m_links;
};

/// Links the nearest pairs of two planes, each satellite once.
void
LinkPlanes(const std::vector<Place>& west, const std::vector<Place>& east, Links& links)
{
    std::vector<std::tuple<double, uint32_t, uint32_t>> pairs;
    for (const auto& a : west)
    {
        for (const auto& b : east)
        {
            pairs.emplace_back(Norm(a.position - b.position), a.satellite, b.satellite);
        }
    }
    std::ranges::sort(pairs);
    std::set<uint32_t> taken;
    for (const auto& [distance, a, b] : pairs)
    {
        if (!taken.contains(a) && !taken.contains(b))
        {
            links.Add(a, b);
            taken.insert(a);
            taken.insert(b);
        }
    }
}

} // namespace

std::vector<IslLink>
MakePlusGrid(const WalkerShell& shell)
{
    const uint32_t size = shell.GetPlaneSize();
    Links links;
    for (uint32_t plane = 0; plane < shell.numPlanes; ++plane)
    {
        const bool last = plane + 1 == shell.numPlanes;
        for (uint32_t slot = 0; slot < size; ++slot)
        {
            const uint32_t satellite = plane * size + slot;
            links.Add(satellite, plane * size + (slot + 1) % size);
            if (!last)
            {
                links.Add(satellite, satellite + size);
            }
            else if (shell.pattern == WalkerPattern::DELTA && shell.numPlanes > 1)
            {
                // once around, the phasing has added up to f slots
                links.Add(satellite, (slot + shell.phasing) % size);
            }
        }
    }
    return links.Get();
}

std::vector<IslLink>
FindPlusGrid(const std::vector<std::shared_ptr<const Trajectory>>& satellites, double timeS)
{
    std::vector<Place> places;
    for (uint32_t i = 0; i < satellites.size(); ++i)
    {
        places.push_back(FindPlace(i, *satellites[i], timeS));
    }
    const auto planes = SortIntoPlanes(std::move(places));
    Links links;
    for (size_t p = 0; p < planes.size(); ++p)
    {
        const auto& plane = planes[p];
        for (size_t s = 0; s < plane.size(); ++s)
        {
            links.Add(plane[s].satellite, plane[(s + 1) % plane.size()].satellite);
        }
        const auto& east = planes[(p + 1) % planes.size()];
        double gap = GetNode(east) - GetNode(plane);
        gap += gap < 0 ? 2 * std::numbers::pi : 0;
        if (planes.size() > 1 && gap <= MAX_PLANE_GAP_RAD)
        {
            LinkPlanes(plane, east, links);
        }
    }
    return links.Get();
}

IslGraph::IslGraph(std::vector<std::shared_ptr<const Trajectory>> satellites,
                   const std::vector<IslLink>& links,
                   double grazingAltitudeM,
                   double hopDelayS)
    : m_satellites(std::move(satellites)),
      m_neighbours(m_satellites.size()),
      m_clearRadius(EARTH_RADIUS_M + grazingAltitudeM),
      m_hopDelay(hopDelayS)
{
    Require(grazingAltitudeM >= 0, "grazing_altitude_m", grazingAltitudeM, "0 or more");
    Require(hopDelayS >= 0, "hop_delay_s", hopDelayS, "0 or more");
    for (const auto& [a, b] : links)
    {
        Require(a < m_satellites.size() && b < m_satellites.size() && a != b,
                "inter-satellite link",
                std::max(a, b),
                "two satellites of the graph");
        m_neighbours[a].push_back(b);
        m_neighbours[b].push_back(a);
    }
}

uint32_t
IslGraph::GetNumSatellites() const
{
    return static_cast<uint32_t>(m_satellites.size());
}

std::shared_ptr<const Trajectory>
IslGraph::GetSatellite(uint32_t satellite) const
{
    return m_satellites.at(satellite);
}

const std::vector<uint32_t>&
IslGraph::GetNeighbours(uint32_t satellite) const
{
    return m_neighbours.at(satellite);
}

bool
IslGraph::IsClear(const Ecef& a, const Ecef& b) const
{
    // the point of the line that is nearest to the Earth's centre
    const Ecef way = b - a;
    const double part = std::clamp(-Dot(a, way) / Dot(way, way), 0.0, 1.0);
    const Ecef nearest{a.x + part * way.x, a.y + part * way.y, a.z + part * way.z};
    return Norm(nearest) >= m_clearRadius;
}

bool
IslGraph::IsClear(uint32_t a, uint32_t b, double timeS) const
{
    return IsClear(m_satellites.at(a)->PositionAt(timeS), m_satellites.at(b)->PositionAt(timeS));
}

std::vector<std::optional<IslRoute>>
IslGraph::FindRoutes(uint32_t from, double timeS) const
{
    constexpr double NEVER = std::numeric_limits<double>::infinity();
    const auto count = m_satellites.size();
    Require(from < count, "satellite", from, "one of the graph");
    std::vector<Ecef> positions;
    positions.reserve(count);
    for (const auto& satellite : m_satellites)
    {
        positions.push_back(satellite->PositionAt(timeS));
    }
    std::vector<double> delays(count, NEVER);
    std::vector<uint32_t> before(count, from);
    std::priority_queue<std::pair<double, uint32_t>,
                        std::vector<std::pair<double, uint32_t>>,
                        std::greater<>>
        open;
    delays[from] = 0;
    open.emplace(0, from);
    while (!open.empty())
    {
        const auto [delay, at] = open.top();
        open.pop();
        if (delay > delays[at])
        {
            continue;
        }
        for (const uint32_t next : m_neighbours[at])
        {
            const double there =
                delay + m_hopDelay + Norm(positions[next] - positions[at]) / SPEED_OF_LIGHT_MPS;
            if (there < delays[next] && IsClear(positions[at], positions[next]))
            {
                delays[next] = there;
                before[next] = at;
                open.emplace(there, next);
            }
        }
    }
    std::vector<std::optional<IslRoute>> routes(count);
    for (uint32_t to = 0; to < count; ++to)
    {
        if (delays[to] == NEVER)
        {
            continue;
        }
        IslRoute route{{to}, delays[to]};
        while (route.satellites.back() != from)
        {
            route.satellites.push_back(before[route.satellites.back()]);
        }
        std::ranges::reverse(route.satellites);
        routes[to] = std::move(route);
    }
    return routes;
}

std::optional<IslRoute>
IslGraph::FindRoute(uint32_t from, uint32_t to, double timeS) const
{
    Require(to < m_satellites.size(), "satellite", to, "one of the graph");
    return FindRoutes(from, timeS)[to];
}

} // namespace qntn
