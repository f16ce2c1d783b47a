// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"
#include "orbit/circular-orbit.h"
#include "orbit/ephemeris.h"
#include "orbit/fixed-trajectory.h"
#include "orbit/gateway-path.h"
#include "orbit/isl-graph.h"
#include "orbit/visibility.h"
#include "orbit/walker-shell.h"

#include <array>
#include <memory>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <tuple>

namespace nb = nanobind;
using namespace nb::literals;

namespace qntn
{

namespace
{

using Point = std::array<double, 3>;
using Satellites = std::vector<std::shared_ptr<Trajectory>>;

Ecef
ToEcefOf(const Point& point)
{
    return {point[0], point[1], point[2]};
}

Point
ToPoint(const Ecef& ecef)
{
    return {ecef.x, ecef.y, ecef.z};
}

std::vector<std::shared_ptr<const Trajectory>>
ToConst(const Satellites& satellites)
{
    return {satellites.begin(), satellites.end()};
}

/// Of a satellite of a graph, or of a lone one.
std::optional<std::tuple<double, double, double>>
PathDelayParts(const Satellites& satellites,
               const std::vector<IslLink>& links,
               uint32_t serving,
               const std::vector<std::pair<Point, double>>& gateways,
               const std::string& payload,
               const Point& user,
               double timeS)
{
    std::vector<Gateway> stations;
    for (const auto& [place, elevation] : gateways)
    {
        stations.push_back({ToEcefOf(place), elevation});
    }
    const auto graph = std::make_shared<IslGraph>(ToConst(satellites), links);
    if (serving >= satellites.size())
    {
        throw std::invalid_argument("serving: found " + std::to_string(serving) +
                                    ", expected 0 .. " + std::to_string(satellites.size() - 1));
    }
    const auto path = links.empty() ? GatewayPath(satellites[serving], stations, ToPayload(payload))
                                    : GatewayPath(graph, serving, stations, ToPayload(payload));
    const auto delay = FindDelay(path, *satellites[serving], ToEcefOf(user), timeS);
    if (!delay)
    {
        return {};
    }
    return std::tuple{delay->serviceS, delay->feederS, delay->islS};
}

void
BindTrajectories(nb::module_& module)
{
    nb::class_<Trajectory>(module, "Trajectory")
        .def("position",
             [](const Trajectory& self, double t) { return ToPoint(self.PositionAt(t)); })
        .def("velocity",
             [](const Trajectory& self, double t) { return ToPoint(self.VelocityAt(t)); })
        .def("elevation_deg",
             [](const Trajectory& self, const Point& ground, double t)
             { return ElevationDeg(ToEcefOf(ground), self.PositionAt(t)); })
        .def("doppler_hz",
             [](const Trajectory& self, const Point& ground, double t, double frequency)
             { return DopplerHz(self, ToEcefOf(ground), t, frequency); })
        .def("passes",
             [](const Trajectory& self,
                const Point& ground,
                double minElevation,
                double from,
                double to,
                double step)
             {
                 std::vector<std::tuple<double, double, double, double>> passes;
                 for (const auto& pass :
                      FindPasses(self, ToEcefOf(ground), minElevation, from, to, step))
                 {
                     passes.emplace_back(pass.riseS,
                                         pass.culminationS,
                                         pass.setS,
                                         pass.maxElevationDeg);
                 }
                 return passes;
             });
    module.def("circular_orbit",
               [](double altitude, double inclination, double raan, double phase)
                   -> std::shared_ptr<Trajectory>
               { return std::make_shared<CircularOrbit>(altitude, inclination, raan, phase); });
    module.def(
        "geostationary",
        [](double longitude) -> std::shared_ptr<Trajectory>
        { return std::make_shared<FixedTrajectory>(FixedTrajectory::Geostationary(longitude)); });
    module.def(
        "platform",
        [](double latitude, double longitude, double altitude, double radius, double speed)
            -> std::shared_ptr<Trajectory>
        {
            return std::make_shared<FixedTrajectory>(latitude, longitude, altitude, radius, speed);
        });
    module.def("read_ephemeris",
               [](const std::string& path)
               {
                   std::vector<std::tuple<std::string, std::shared_ptr<Trajectory>, double, double>>
                       satellites;
                   for (const auto& satellite : ReadEphemeris(path))
                   {
                       satellites.emplace_back(satellite->GetSatellite(),
                                               std::make_shared<Ephemeris>(*satellite),
                                               satellite->GetBeginS(),
                                               satellite->GetEndS());
                   }
                   return satellites;
               });
}

WalkerShell
ToShell(const std::string& pattern,
        double inclination,
        uint32_t satellites,
        uint32_t planes,
        uint32_t phasing,
        double altitude,
        double raan)
{
    return {ToWalkerPattern(pattern), inclination, satellites, planes, phasing, altitude, raan};
}

void
BindConstellations(nb::module_& module)
{
    module.def(
        "walker_shell",
        [](const std::string& pattern,
           double inclination,
           uint32_t satellites,
           uint32_t planes,
           uint32_t phasing,
           double altitude,
           double raan)
        {
            Satellites shell;
            for (const auto& orbit : MakeWalkerShell(
                     ToShell(pattern, inclination, satellites, planes, phasing, altitude, raan)))
            {
                shell.push_back(std::make_shared<CircularOrbit>(orbit));
            }
            return shell;
        });
    module.def(
        "plus_grid",
        [](const std::string& pattern, uint32_t satellites, uint32_t planes, uint32_t phasing)
        {
            const auto shell = ToShell(pattern, 90, satellites, planes, phasing, 600e3, 0);
            MakeWalkerShell(shell); // refuses what there is not
            return MakePlusGrid(shell);
        });
    module.def("find_plus_grid",
               [](const Satellites& satellites, double t)
               { return FindPlusGrid(ToConst(satellites), t); });
    module.def("isl_route",
               [](const Satellites& satellites,
                  const std::vector<IslLink>& links,
                  uint32_t from,
                  uint32_t to,
                  double t) -> std::optional<std::pair<std::vector<uint32_t>, double>>
               {
                   const auto route = IslGraph(ToConst(satellites), links).FindRoute(from, to, t);
                   if (!route)
                   {
                       return {};
                   }
                   return std::pair{route->satellites, route->delayS};
               });
    module.def("path_delay", &PathDelayParts);
}

} // namespace

void
BindOrbit(nb::module_& module)
{
    module.def("slant_range_m", &SlantRangeM, "altitude_m"_a, "elevation_deg"_a);
    module.def("one_way_delay_s", &OneWayDelayS, "altitude_m"_a, "elevation_deg"_a);
    module.def("doppler_hz",
               nb::overload_cast<double, double, double>(&DopplerHz),
               "altitude_m"_a,
               "elevation_deg"_a,
               "frequency_hz"_a);
    module.def("orbital_period_s", &OrbitalPeriodS, "altitude_m"_a);
    module.def("elevation_deg",
               nb::overload_cast<double, double, double, double, double, double>(&ElevationDeg),
               "ground_latitude_deg"_a,
               "ground_longitude_deg"_a,
               "ground_altitude_m"_a,
               "satellite_latitude_deg"_a,
               "satellite_longitude_deg"_a,
               "satellite_altitude_m"_a);
    module.def("ecef",
               [](double latitude, double longitude, double altitude)
               { return ToPoint(ToEcef(latitude, longitude, altitude)); });
    BindTrajectories(module);
    BindConstellations(module);
}

} // namespace qntn
