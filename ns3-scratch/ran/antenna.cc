// SPDX-License-Identifier: GPL-2.0-only
#include "ran/antenna.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace qntn
{

double
AiryGainDb(double offDeg, double beamWidthDeg)
{
    if (!(beamWidthDeg > 0 && beamWidthDeg <= 180))
    {
        throw std::invalid_argument("beam_width_deg: found " + std::to_string(beamWidthDeg) +
                                    ", expected above 0, up to 180");
    }
    constexpr double HALF_POWER_ARGUMENT = 1.61634; // where 4 (J1(x)/x)^2 = 1/2
    const double x = HALF_POWER_ARGUMENT * std::sin(offDeg * std::numbers::pi / 180) /
                     std::sin(beamWidthDeg / 2 * std::numbers::pi / 180);
    if (std::abs(x) < 1e-6)
    {
        return 0;
    }
    const double ratio = 2 * std::cyl_bessel_j(1.0, std::abs(x)) / std::abs(x);
    return std::max(10 * std::log10(ratio * ratio), -40.0);
}

double
SectorGainDb(double azimuthOffDeg, double elevationOffDeg)
{
    constexpr double WIDTH_DEG = 65;
    constexpr double WEAKEST_DB = 30;
    const double azimuth = std::remainder(azimuthOffDeg, 360) / WIDTH_DEG;
    const double elevation = elevationOffDeg / WIDTH_DEG;
    const double horizontal_db = std::min(12 * azimuth * azimuth, WEAKEST_DB);
    const double vertical_db = std::min(12 * elevation * elevation, WEAKEST_DB);
    return -std::min(horizontal_db + vertical_db, WEAKEST_DB);
}

} // namespace qntn
