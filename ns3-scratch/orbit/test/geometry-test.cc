// SPDX-License-Identifier: GPL-2.0-only
#include "cmake/csv.h"
#include "orbit/geometry.h"

#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>

using namespace qntn;

TEST_CASE("slant range, delay and Doppler agree with the reference table")
{
    for (const auto& row : ReadCsv(QNTN_REFERENCE_DIR "/orbit/geometry.csv"))
    {
        const double altitudeM = std::stod(row.at("alt_km")) * 1e3;
        const double elevationDeg = std::stod(row.at("elev_deg"));
        CAPTURE(altitudeM);
        CAPTURE(elevationDeg);
        CHECK(std::abs(SlantRangeM(altitudeM, elevationDeg) - std::stod(row.at("slant_km")) * 1e3) <
              1);
        CHECK(std::abs(OneWayDelayS(altitudeM, elevationDeg) -
                       std::stod(row.at("one_way_ms")) * 1e-3) < 1e-6);
        if (!row.at("doppler_kHz_2GHz").empty())
        {
            const double expected = std::stod(row.at("doppler_kHz_2GHz")) * 1e3;
            CHECK(std::abs(DopplerHz(altitudeM, elevationDeg, 2e9) - expected) <=
                  1e-3 * expected + 1);
        }
    }
}

TEST_CASE("orbital periods agree with the reference table")
{
    for (const auto& row : ReadCsv(QNTN_REFERENCE_DIR "/orbit/orbits.csv"))
    {
        const double expected = std::stod(row.at("period_s"));
        CHECK(std::abs(OrbitalPeriodS(std::stod(row.at("alt_km")) * 1e3) - expected) <
              1e-3 * expected);
    }
}

TEST_CASE("elevation is right in every direction and below the horizon")
{
    // a satellite 600 km high whose sub-satellite point is `arc` degrees away
    auto expected = [](double arcDeg)
    {
        const double arc = arcDeg * M_PI / 180;
        const double ratio = EARTH_RADIUS_M / (EARTH_RADIUS_M + 600e3);
        return std::atan2(std::cos(arc) - ratio, std::sin(arc)) * 180 / M_PI;
    };
    for (const double arc : {0.5, 5.0, 15.836, 40.0})
    {
        CHECK(ElevationDeg(0, 0, 0, 0, arc, 600e3) == doctest::Approx(expected(arc)));  // east
        CHECK(ElevationDeg(0, 0, 0, 0, -arc, 600e3) == doctest::Approx(expected(arc))); // west
        CHECK(ElevationDeg(0, 0, 0, arc, 0, 600e3) == doctest::Approx(expected(arc)));  // north
        CHECK(ElevationDeg(40, 10, 0, 40 - arc, 10, 600e3) == doctest::Approx(expected(arc)));
    }
    CHECK(ElevationDeg(0, 0, 0, 0, 15.8361, 600e3) == doctest::Approx(10.0).epsilon(1e-3));
    CHECK(ElevationDeg(0, 0, 0, 0, 40, 600e3) < 0);
    CHECK(ElevationDeg(0, 0, 0, 0, 180, 600e3) == doctest::Approx(-90));
}

TEST_CASE("what does not exist is refused")
{
    CHECK_THROWS_AS(SlantRangeM(600e3, 91), std::invalid_argument);
    CHECK_THROWS_AS(SlantRangeM(-1, 10), std::invalid_argument);
    CHECK_THROWS_AS(DopplerHz(600e3, 10, 0), std::invalid_argument);
    CHECK_THROWS_AS(DopplerHz(600e3, 10, INFINITY), std::invalid_argument);
    CHECK_THROWS_AS(ToEcef(100, 0, 0), std::invalid_argument);
}

TEST_CASE("an elevation from a place that is no number is refused, not 90 degrees")
{
    CHECK_THROWS_WITH(ElevationDeg(0, NAN, 0, 0, 0, 600e3),
                      "ground_longitude_deg: found nan, expected a finite number");
    CHECK_THROWS_WITH(ElevationDeg(0, 0, 0, 91, 0, 600e3),
                      "satellite_latitude_deg: found 91, expected -90 .. 90");
    CHECK_THROWS_AS(ElevationDeg(0, 0, 0, 0, 0, INFINITY), std::invalid_argument);
    CHECK_THROWS_AS(ElevationDeg(0, 0, 0, 0, 0, 0), std::invalid_argument);
}
