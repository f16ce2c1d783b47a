// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/fixed-trajectory.h"
#include "orbit/gateway-path.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>

using namespace qntn;

namespace
{

/// The Iridium design: 86.4:66/6/2 star at 780 km.
const WalkerShell IRIDIUM{WalkerPattern::STAR, 86.4, 66, 6, 2, 780e3};

std::vector<std::shared_ptr<const Trajectory>>
Fly(const WalkerShell& shell)
{
    std::vector<std::shared_ptr<const Trajectory>> satellites;
    for (const auto& orbit : MakeWalkerShell(shell))
    {
        satellites.push_back(std::make_shared<CircularOrbit>(orbit));
    }
    return satellites;
}

double
Light(const Ecef& a, const Ecef& b)
{
    return Norm(a - b) / SPEED_OF_LIGHT_MPS;
}

} // namespace

TEST_CASE("+grid gives each satellite two neighbours in its plane and two beside")
{
    const WalkerShell delta{WalkerPattern::DELTA, 53, 72, 8, 3, 550e3};
    const IslGraph graph(Fly(delta), MakePlusGrid(delta));
    for (uint32_t i = 0; i < 72; ++i)
    {
        CHECK(graph.GetNeighbours(i).size() == 4);
        // all neighbours beside are alike: the phasing goes on around the Earth
        for (const uint32_t next : graph.GetNeighbours(i))
        {
            if (next / 9 != i / 9)
            {
                CHECK(Light(graph.GetSatellite(i)->PositionAt(0),
                            graph.GetSatellite(next)->PositionAt(0)) < 0.030);
            }
        }
    }
    const IslGraph star(Fly(IRIDIUM), MakePlusGrid(IRIDIUM));
    for (uint32_t i = 0; i < 66; ++i)
    {
        const bool atSeam = i < 11 || i >= 55;
        CHECK(star.GetNeighbours(i).size() == (atSeam ? 3 : 4));
    }
    CHECK_THROWS_AS(IslGraph(Fly(IRIDIUM), {{0, 66}}), std::invalid_argument);
}

TEST_CASE("planes and neighbours are found from positions alone")
{
    // without phasing between planes, so that who is nearest is clear
    const WalkerShell shell{WalkerPattern::STAR, 86.4, 66, 6, 0, 780e3};
    auto expected = MakePlusGrid(shell);
    auto found = FindPlusGrid(Fly(shell), 321);
    std::ranges::sort(expected);
    std::ranges::sort(found);
    CHECK(found == expected);
    const WalkerShell delta{WalkerPattern::DELTA, 53, 72, 8, 0, 550e3};
    // a ring over the equator is one plane
    const WalkerShell ring{WalkerPattern::DELTA, 0, 12, 1, 0, 8000e3};
    CHECK(FindPlusGrid(Fly(ring), 0) == MakePlusGrid(ring));
    CHECK(FindPlusGrid(Fly(delta), 0).size() == MakePlusGrid(delta).size());
}

TEST_CASE("the shortest way over links is the fastest of all ways")
{
    const IslGraph graph(Fly(IRIDIUM), MakePlusGrid(IRIDIUM));
    for (const double t : {0.0, 900.0})
    {
        // Bellman-Ford, another way to the same delays
        std::vector<double> delays(66, 1e9);
        delays[5] = 0;
        for (int round = 0; round < 66; ++round)
        {
            for (uint32_t a = 0; a < 66; ++a)
            {
                for (const uint32_t b : graph.GetNeighbours(a))
                {
                    if (graph.IsClear(a, b, t))
                    {
                        delays[b] =
                            std::min(delays[b],
                                     delays[a] + Light(graph.GetSatellite(a)->PositionAt(t),
                                                       graph.GetSatellite(b)->PositionAt(t)));
                    }
                }
            }
        }
        const auto routes = graph.FindRoutes(5, t);
        for (uint32_t to = 0; to < 66; ++to)
        {
            REQUIRE(routes[to].has_value());
            CHECK(routes[to]->delayS == doctest::Approx(delays[to]));
            CHECK(routes[to]->satellites.front() == 5);
            CHECK(routes[to]->satellites.back() == to);
        }
    }
}

TEST_CASE("the Earth stands between satellites that are too far apart")
{
    const double altitude = 780e3;
    // the line between two touches the air 80 km up at this angle
    const double touch =
        2 * std::acos((EARTH_RADIUS_M + 80e3) / (EARTH_RADIUS_M + altitude)) * 180 / M_PI;
    for (const auto& [angle, clear] : {std::pair{touch - 0.1, true}, std::pair{touch + 0.1, false}})
    {
        const IslGraph graph({std::make_shared<CircularOrbit>(altitude, 90, 0, 0),
                              std::make_shared<CircularOrbit>(altitude, 90, 0, angle)},
                             {{0, 1}});
        CHECK(graph.IsClear(0, 1, 50) == clear);
        CHECK(graph.FindRoute(0, 1, 50).has_value() == clear);
    }
}

TEST_CASE("a feeder follows its satellite, and ends below the gateway's horizon")
{
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40, -3, 600e3, 86.4, 400));
    const Ecef user = ToEcef(40, -3, 0);
    const Ecef madrid = ToEcef(40.4, -3.7, 0);
    const Ecef oslo = ToEcef(59.9, 10.7, 0);
    const GatewayPath path(orbit, {{oslo, 5}, {madrid, 5}}, Payload::TRANSPARENT);
    const auto near = path.Find(400);
    REQUIRE(near.has_value());
    CHECK(near->gateway == 1);
    CHECK(near->feederS == Light(orbit->PositionAt(400), madrid));
    const auto delay = FindDelay(path, *orbit, user, 400);
    REQUIRE(delay.has_value());
    CHECK(delay->serviceS == doctest::Approx(OneWayDelayS(600e3, 90)).epsilon(1e-4));
    CHECK(delay->GetTotalS() == delay->serviceS + delay->feederS);
    CHECK(delay->GetRadioS(Payload::TRANSPARENT) == delay->GetTotalS());
    CHECK(delay->GetRadioS(Payload::REGENERATIVE) == delay->serviceS);
    CHECK(path.Find(800)->gateway == 0); // it has gone north
    CHECK_FALSE(path.Find(3000).has_value());
    CHECK_THROWS_AS(GatewayPath(orbit, {}, Payload::TRANSPARENT), std::invalid_argument);
    CHECK_THROWS_AS(ToPayload("bent"), std::invalid_argument);
}

TEST_CASE("with a gNB on board, packets go over other satellites to one that sees a gateway")
{
    const auto graph = std::make_shared<IslGraph>(Fly(IRIDIUM), MakePlusGrid(IRIDIUM));
    const Ecef svalbard = ToEcef(78.2, 15.4, 0);
    const Ecef hawaii = ToEcef(21.3, -157.8, 0);
    // whoever serves a user in the middle of the Pacific
    uint32_t serving = 0;
    for (uint32_t i = 0; i < 66; ++i)
    {
        if (ElevationDeg(hawaii, graph->GetSatellite(i)->PositionAt(100)) >
            ElevationDeg(hawaii, graph->GetSatellite(serving)->PositionAt(100)))
        {
            serving = i;
        }
    }
    const GatewayPath path(graph, serving, {{svalbard, 8}}, Payload::REGENERATIVE);
    const auto route = path.Find(100);
    REQUIRE(route.has_value());
    CHECK(route->satellites.front() == serving);
    const auto last = graph->GetSatellite(route->satellites.back())->PositionAt(100);
    CHECK(ElevationDeg(svalbard, last) >= 8);
    CHECK(route->feederS == Light(last, svalbard));
    double links_s = 0;
    for (size_t i = 1; i < route->satellites.size(); ++i)
    {
        links_s += Light(graph->GetSatellite(route->satellites[i - 1])->PositionAt(100),
                         graph->GetSatellite(route->satellites[i])->PositionAt(100));
    }
    CHECK(route->islS == doctest::Approx(links_s));
    // not faster than light straight through the Earth
    CHECK(route->GetDelayS() > Light(graph->GetSatellite(serving)->PositionAt(100), svalbard));
    // no other last satellite would be faster
    for (uint32_t i = 0; i < 66; ++i)
    {
        const auto position = graph->GetSatellite(i)->PositionAt(100);
        if (ElevationDeg(svalbard, position) >= 8)
        {
            CHECK(graph->FindRoute(serving, i, 100)->delayS + Light(position, svalbard) >=
                  route->GetDelayS() - 1e-12);
        }
    }
    CHECK_THROWS_AS(GatewayPath(graph, 0, {{svalbard}}, Payload::TRANSPARENT),
                    std::invalid_argument);
}
