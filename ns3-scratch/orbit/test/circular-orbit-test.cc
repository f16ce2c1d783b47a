// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/circular-orbit.h"
#include "orbit/ground-frame.h"

#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>

using namespace qntn;

TEST_CASE("an orbit keeps its radius and moves at the circular speed")
{
    const CircularOrbit orbit(600e3, 90, 30, 10);
    for (double t = 0; t < 6000; t += 500)
    {
        CHECK(Norm(orbit.PositionAt(t)) == doctest::Approx(EARTH_RADIUS_M + 600e3));
    }
    // polar orbit: the ground speed across the turning Earth adds at right angles
    const double relative = Norm(orbit.PositionAt(0.5) - orbit.PositionAt(-0.5));
    CHECK(relative == doctest::Approx(7561.7).epsilon(0.003));
}

TEST_CASE("a pass goes overhead when it was told to, and lasts as long as geometry says")
{
    const GroundFrame frame(40.4168, -3.7038);
    const Ecef ground = frame.ToEcef(0, 0, 0);
    const auto orbit = CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 300);
    CHECK(ElevationDeg(ground, orbit.PositionAt(300)) == doctest::Approx(90).epsilon(1e-3));
    int visible = 0;
    for (int t = -200; t < 800; ++t)
    {
        visible += ElevationDeg(ground, orbit.PositionAt(t)) >= 10;
    }
    CHECK(visible == doctest::Approx(509.6).epsilon(0.03)); // table orbits.csv, Earth at rest
    CHECK_THROWS_AS(CircularOrbit::Over(60, 0, 600e3, 45, 0), std::invalid_argument);
}

TEST_CASE("east, north and up of a ground frame are where they should be")
{
    const GroundFrame frame(0, 0);
    CHECK(frame.ToEcef(0, 0, 100).x == doctest::Approx(EARTH_RADIUS_M + 100));
    CHECK(frame.ToEcef(100, 0, 0).y == doctest::Approx(100));
    CHECK(frame.ToEcef(0, 100, 0).z == doctest::Approx(100));
    CHECK(ElevationDeg(frame.ToEcef(0, 0, 0), frame.ToEcef(0, 1000, 1000)) == doctest::Approx(45));
    const auto back = GroundFrame(40, -3).FromEcef(GroundFrame(40, -3).ToEcef(12, 34, 56));
    CHECK(back.east == doctest::Approx(12));
    CHECK(back.north == doctest::Approx(34));
    CHECK(back.up == doctest::Approx(56));
}
