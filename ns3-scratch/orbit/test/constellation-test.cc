// SPDX-License-Identifier: GPL-2.0-only
#include "cmake/csv.h"
#include "orbit/beam.h"
#include "orbit/fixed-trajectory.h"
#include "orbit/visibility.h"
#include "orbit/walker-shell.h"

#include <cmath>
#include <doctest/doctest.h>
#include <numbers>
#include <stdexcept>

using namespace qntn;

namespace
{

constexpr double DEG = 180 / std::numbers::pi;

/// Undoes the Earth's turning.
Ecef
ToInertial(const Ecef& p, double timeS)
{
    const double angle = EARTH_ROTATION_RAD_PER_S * timeS;
    return {p.x * std::cos(angle) - p.y * std::sin(angle),
            p.x * std::sin(angle) + p.y * std::cos(angle),
            p.z};
}

} // namespace

TEST_CASE("a geostationary satellite and a platform hang over their places")
{
    const auto geo = FixedTrajectory::Geostationary(19.2);
    CHECK(Norm(geo.PositionAt(0) - ToEcef(0, 19.2, 35786e3)) < 1e-3);
    CHECK(Norm(geo.PositionAt(5000) - geo.PositionAt(0)) == 0);
    // its height is where an orbit takes a sidereal day, 86164 s
    CHECK(OrbitalPeriodS(FixedTrajectory::GEO_ALTITUDE_M) == doctest::Approx(86164).epsilon(5e-4));
    const FixedTrajectory platform(40, -3, 20e3);
    CHECK(ElevationDeg(ToEcef(40, -3, 0), platform.PositionAt(7)) == doctest::Approx(90));
    CHECK(DopplerHz(geo, ToEcef(40, -3, 0), 100, 2e9) == doctest::Approx(0));
    CHECK_THROWS_AS(FixedTrajectory(91, 0, 20e3), std::invalid_argument);
    CHECK_THROWS_AS(FixedTrajectory(0, 0, 20e3, 0, 30), std::invalid_argument);
    CHECK_THROWS_AS(FixedTrajectory(0, 0, -1), std::invalid_argument);
}

TEST_CASE("a platform circles at its height, radius and speed")
{
    const FixedTrajectory platform(40, -3, 20e3, 3000, 30);
    const GroundFrame frame(40, -3);
    for (double t = 0; t < 700; t += 50)
    {
        const auto local = frame.FromEcef(platform.PositionAt(t));
        CHECK(std::hypot(local.east, local.north) == doctest::Approx(3000));
        CHECK(local.up == doctest::Approx(20e3));
        CHECK(Norm(platform.VelocityAt(t)) == doctest::Approx(30));
    }
    const double round_s = 2 * std::numbers::pi * 3000 / 30;
    CHECK(Norm(platform.PositionAt(round_s) - platform.PositionAt(0)) < 1e-3);
}

TEST_CASE("a Walker delta shell has its planes and phases where i:t/p/f says")
{
    // Galileo's, 56:24/3/1
    const WalkerShell shell{WalkerPattern::DELTA, 56, 24, 3, 1, 23222e3};
    const auto orbits = MakeWalkerShell(shell);
    REQUIRE(orbits.size() == 24);
    const double radius = EARTH_RADIUS_M + 23222e3;
    for (uint32_t i = 0; i < 24; ++i)
    {
        const Ecef p = ToInertial(orbits[i].PositionAt(1234), 1234);
        CHECK(Norm(p) == doctest::Approx(radius));
        // the plane's normal leans by the inclination away from the pole, at right angles to the
        // node
        const double node = 120.0 * (i / 8) / DEG;
        const Ecef normal{std::sin(node) * std::sin(56 / DEG),
                          -std::cos(node) * std::sin(56 / DEG),
                          std::cos(56 / DEG)};
        CHECK(std::abs(Dot(p, normal)) < 1e-6 * radius);
    }
    // neighbours in a plane are 45 degrees apart, those of the next plane 15 degrees ahead
    const Ecef first = orbits[0].PositionAt(0);
    CHECK(std::acos(Dot(first, orbits[1].PositionAt(0)) / radius / radius) * DEG ==
          doctest::Approx(45));
    CHECK(first.z == doctest::Approx(0));
    CHECK(orbits[8].PositionAt(0).z ==
          doctest::Approx(radius * std::sin(15 / DEG) * std::sin(56 / DEG)));
    CHECK(orbits[16].PositionAt(0).z ==
          doctest::Approx(radius * std::sin(30 / DEG) * std::sin(56 / DEG)));
}

TEST_CASE("a Walker star shell spreads its planes over half of the equator")
{
    const auto orbits = MakeWalkerShell({WalkerPattern::STAR, 90, 12, 6, 0, 780e3});
    for (uint32_t plane = 0; plane < 6; ++plane)
    {
        const Ecef p = orbits[2 * plane].PositionAt(0);
        CHECK(std::atan2(p.y, p.x) * DEG == doctest::Approx(30.0 * plane));
    }
    CHECK_THROWS_AS(MakeWalkerShell({WalkerPattern::STAR, 90, 13, 6, 0, 780e3}),
                    std::invalid_argument);
    CHECK_THROWS_AS(MakeWalkerShell({WalkerPattern::STAR, 90, 12, 6, 6, 780e3}),
                    std::invalid_argument);
    CHECK_THROWS_AS(ToWalkerPattern("ring"), std::invalid_argument);
}

TEST_CASE("passes agree with the reference table, and are bounded by the least elevation")
{
    for (const auto& row : ReadCsv(QNTN_REFERENCE_DIR "/orbit/orbits.csv"))
    {
        const double altitudeM = std::stod(row.at("alt_km")) * 1e3;
        // over the pole the Earth does not move below the satellite, as in the table
        const CircularOrbit orbit(altitudeM, 90, 0, 0);
        const Ecef pole = ToEcef(90, 0, 0);
        for (const auto& [column, elevation] :
             {std::pair{"pass_s_el_ge10", 10.0}, std::pair{"pass_s_el_ge30", 30.0}})
        {
            CAPTURE(altitudeM);
            const double period_s = OrbitalPeriodS(altitudeM);
            const auto passes = FindPasses(orbit, pole, elevation, 0, period_s);
            REQUIRE(passes.size() == 1);
            const auto& pass = passes[0];
            CHECK(std::abs(pass.setS - pass.riseS - std::stod(row.at(column))) < 0.1);
            CHECK(pass.culminationS == doctest::Approx(period_s / 4).epsilon(1e-5));
            CHECK(pass.maxElevationDeg == doctest::Approx(90).epsilon(1e-4));
            for (const double t : {pass.riseS, pass.setS})
            {
                CHECK(ElevationDeg(pole, orbit.PositionAt(t)) ==
                      doctest::Approx(elevation).epsilon(1e-4));
            }
        }
        const double speed =
            Norm(ToInertial(orbit.PositionAt(0.5), 0.5) - ToInertial(orbit.PositionAt(-0.5), -0.5));
        CHECK(speed == doctest::Approx(std::stod(row.at("v_orb_mps"))).epsilon(1e-4));
    }
}

TEST_CASE("a pass shorter than the search's step is found, one that is under way is cut")
{
    const Ecef ground = ToEcef(40, -3, 0);
    const auto orbit = CircularOrbit::Over(40, -3, 600e3, 86.4, 1010);
    const auto brief = FindPasses(orbit, ground, 89, 0, 2000, 40);
    REQUIRE(brief.size() == 1);
    CHECK(brief[0].culminationS == doctest::Approx(1010).epsilon(1e-4));
    CHECK(brief[0].setS - brief[0].riseS < 5);
    const auto whole = FindPasses(orbit, ground, 10, 0, 2000);
    const auto cut = FindPasses(orbit, ground, 10, 1000, 1100);
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].riseS == 1000);
    CHECK(cut[0].setS == 1100);
    CHECK(whole[0].riseS < 1000);
    CHECK(FindPasses(orbit, ToEcef(-40, 100, 0), 10, 500, 1500).empty());
}

TEST_CASE("a culmination beside either end of the search is found")
{
    const Ecef ground = ToEcef(40, -3, 0);
    for (const double overhead_s : {8.0, 592.0})
    {
        CAPTURE(overhead_s);
        const auto orbit = CircularOrbit::Over(40, -3, 600e3, 90, overhead_s);
        for (const double least_deg : {10.0, 86.0})
        {
            const auto passes = FindPasses(orbit, ground, least_deg, 0, 600);
            REQUIRE(passes.size() == 1);
            CHECK(passes[0].maxElevationDeg == doctest::Approx(90).epsilon(1e-4));
            CHECK(std::abs(passes[0].culminationS - overhead_s) < 1e-2);
        }
    }
    // at the very end there is none: the satellite still climbs
    const auto climbing =
        FindPasses(CircularOrbit::Over(40, -3, 600e3, 90, 700), ground, 10, 500, 600);
    REQUIRE(climbing.size() == 1);
    CHECK(climbing[0].culminationS == doctest::Approx(600).epsilon(1e-6));
}

TEST_CASE("a pass made to measure rises when it should and lasts as long as it should")
{
    const Ecef ground = ToEcef(40, -3, 0);
    for (const double duration : {0.5, 10.0, 24.0, 100.0})
    {
        CAPTURE(duration);
        const auto orbit = OrbitForPass(40, -3, 600e3, 50, 12, duration);
        const auto passes = FindPasses(orbit, ground, 50, -500, 1000);
        REQUIRE(passes.size() == 1);
        CHECK(std::abs(passes[0].riseS - 12) < 1e-3);
        CHECK(std::abs(passes[0].setS - passes[0].riseS - duration) < 1e-3);
    }
    CHECK_THROWS_WITH_AS(OrbitForPass(40, -3, 600e3, 50, 0, 200),
                         doctest::Contains("a pass of 200 s above 50 degrees: at 600 km even one"),
                         std::invalid_argument);
    CHECK_THROWS_AS(OrbitForPass(40, -3, 600e3, 50, 0, 0), std::invalid_argument);
}

TEST_CASE("Doppler of a trajectory is the table's where the Earth does not move")
{
    const Ecef pole = ToEcef(90, 0, 0);
    for (const auto& row : ReadCsv(QNTN_REFERENCE_DIR "/orbit/geometry.csv"))
    {
        if (row.at("doppler_kHz_2GHz").empty())
        {
            continue;
        }
        const double altitudeM = std::stod(row.at("alt_km")) * 1e3;
        const double elevationDeg = std::stod(row.at("elev_deg"));
        const CircularOrbit orbit(altitudeM, 90, 0, 0);
        const auto pass =
            FindPasses(orbit, pole, std::min(elevationDeg, 89.999), 0, OrbitalPeriodS(altitudeM));
        REQUIRE(pass.size() == 1);
        const double at = elevationDeg == 90 ? pass[0].culminationS : pass[0].riseS;
        const double expected = std::stod(row.at("doppler_kHz_2GHz")) * 1e3;
        CHECK(std::abs(DopplerHz(orbit, pole, at, 2e9) - expected) <= 1e-3 * expected + 2);
        CHECK(DopplerHz(orbit, pole, at, 2e9) ==
              doctest::Approx(DopplerHz(altitudeM, elevationDeg, 2e9)).epsilon(1e-4).scale(1e4));
    }
}

TEST_CASE("a later trajectory is the same one, earlier")
{
    const auto orbit = std::make_shared<CircularOrbit>(600e3, 53, 20, 40);
    const LaterTrajectory later(orbit, 777);
    CHECK(Norm(later.PositionAt(3) - orbit->PositionAt(780)) == 0);
    CHECK(Norm(later.VelocityAt(3) - orbit->VelocityAt(780)) == 0);
}

TEST_CASE("a moving beam looks where it is told, and its centre moves with the satellite")
{
    const CircularOrbit orbit(600e3, 90, 0, 0); // northwards over longitude 0 at time 0
    const Ecef below = FindBeamCentre(orbit, {}, 0);
    CHECK(Norm(below - ToEcef(0, 0, 0)) < 1e-3);
    const Ecef ahead = FindBeamCentre(orbit, {10, 0}, 0);
    CHECK(ahead.z == doctest::Approx(600e3 * std::tan(10 / DEG)).epsilon(0.01));
    const Ecef left = FindBeamCentre(orbit, {0, 10}, 0); // westwards, almost: the Earth turns
    CHECK(left.y == doctest::Approx(-600e3 * std::tan(10 / DEG)).epsilon(0.01));
    const double angle = std::acos(Dot(FindBeamAxis(orbit, {10, 0}, 0), {-1, 0, 0})) * DEG;
    CHECK(angle == doctest::Approx(10));
    // the ground track's speed of orbits.csv, and the Earth's across
    const double speed = Norm(FindBeamCentre(orbit, {}, 1) - below);
    CHECK(speed == doctest::Approx(std::hypot(6910.9, 463.1 * 1.0029)).epsilon(0.002));
    CHECK_THROWS_AS(FindBeamCentre(orbit, {80, 0}, 0), std::invalid_argument);
    // one that hangs still lays its beams out from the north
    const auto geo = FixedTrajectory::Geostationary(0);
    CHECK(FindBeamCentre(geo, {3, 0}, 0).z > 1e6);
}
