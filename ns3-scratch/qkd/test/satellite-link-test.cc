// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/satellite-link.h"

#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>

using namespace qntn;

TEST_CASE("atmosphere: the MODTRAN table and straight lines between its points")
{
    CHECK(AtmosphereTransmittance(5) == 0.18823);
    CHECK(AtmosphereTransmittance(30) == 0.68602);
    CHECK(AtmosphereTransmittance(90) == 0.81364);
    CHECK(AtmosphereTransmittance(32.5) == doctest::Approx((0.68602 + 0.71571) / 2).epsilon(1e-12));
    CHECK(AtmosphereTransmittance(4.9) == 0);
    CHECK(AtmosphereTransmittance(-10) == 0);
    CHECK_THROWS_AS(AtmosphereTransmittance(91), std::invalid_argument);
}

TEST_CASE("satellite downlink, worked by hand")
{
    // 500 km, 10 urad: a spot of 5 m radius before a 1 m telescope; 1 - exp(-1 / 50).
    CHECK(SatelliteTransmittance(500e3, 10e-6, 1, 0, 90, 1) ==
          doctest::Approx(0.81364 * (1 - std::exp(-0.02))).epsilon(1e-12));
    // Jitter of 5 urad an axis doubles the squared radius.
    CHECK(SatelliteTransmittance(500e3, 10e-6, 1, 5e-6, 90, 0.5) ==
          doctest::Approx(0.5 * 0.81364 * (1 - std::exp(-0.01))).epsilon(1e-12));
    // A huge aperture collects everything.
    CHECK(SatelliteTransmittance(500e3, 10e-6, 100, 1e-6, 90, 1) ==
          doctest::Approx(0.81364).epsilon(1e-12));
    CHECK(SatelliteTransmittance(500e3, 10e-6, 1, 0, 3, 1) == 0);
    CHECK_THROWS_WITH_AS(SatelliteTransmittance(500e3, 10e-6, 1, 0, 90, 1.5),
                         "SatelliteTransmittance: receiver_efficiency is 1.5, expected 0 to 1",
                         std::invalid_argument);
}
