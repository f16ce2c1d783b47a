// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/satellite-link.h"

#include "orbit/geometry.h"
#include "qkd/require.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace qntn
{

namespace
{

/// MODTRAN, 810 nm, elevations of 5, 10, ... 90 degrees, as tabulated by the SatQuMA simulator. The
/// law of air masses gives half of it at 5 degrees.
constexpr std::array TRANSMISSION_810_NM = {0.18823,
                                            0.39069,
                                            0.51332,
                                            0.59219,
                                            0.64657,
                                            0.68602,
                                            0.71571,
                                            0.73863,
                                            0.75665,
                                            0.77098,
                                            0.78242,
                                            0.79155,
                                            0.79876,
                                            0.80435,
                                            0.80851,
                                            0.81139,
                                            0.81308,
                                            0.81364};
constexpr double TABLE_STEP_DEG = 5;

} // namespace

double
AtmosphereTransmittance(double elevationDeg)
{
    RequireRange("AtmosphereTransmittance", "elevation_deg", elevationDeg, -90, 90);
    if (elevationDeg < TABLE_STEP_DEG)
    {
        return 0;
    }
    const double position = elevationDeg / TABLE_STEP_DEG - 1;
    const auto i = static_cast<std::size_t>(position);
    if (i + 1 >= TRANSMISSION_810_NM.size())
    {
        return TRANSMISSION_810_NM.back();
    }
    return std::lerp(TRANSMISSION_810_NM[i],
                     TRANSMISSION_810_NM[i + 1],
                     position - static_cast<double>(i));
}

double
SatelliteTransmittance(double rangeM,
                       double divergenceRad,
                       double receiverDiameterM,
                       double pointingJitterRad,
                       double elevationDeg,
                       double receiverEfficiency)
{
    const char* where = "SatelliteTransmittance";
    RequireRange(where, "range_m", rangeM, 1, UNBOUNDED);
    RequireRange(where, "divergence_rad", divergenceRad, 1e-9, 1);
    RequireRange(where, "receiver_diameter_m", receiverDiameterM, 0, UNBOUNDED);
    RequireRange(where, "pointing_jitter_rad", pointingJitterRad, 0, 1);
    RequireRange(where, "receiver_efficiency", receiverEfficiency, 0, 1);
    // Averaged over the jitter, the spot is again Gaussian: its variances (w/2)^2 and (jitter
    // range)^2 add.
    const double spot = divergenceRad * rangeM;
    const double wander = pointingJitterRad * rangeM;
    const double squaredRadius = spot * spot + 4 * wander * wander;
    const double collected =
        -std::expm1(-receiverDiameterM * receiverDiameterM / (2 * squaredRadius));
    return receiverEfficiency * collected * AtmosphereTransmittance(elevationDeg);
}

double
SunElevationDeg(double latitudeDeg, double longitudeDeg, double dayOfYear, double utcHour)
{
    const char* where = "SunElevationDeg";
    RequireRange(where, "latitude_deg", latitudeDeg, -90, 90);
    RequireRange(where, "longitude_deg", longitudeDeg, -180, 180);
    const double declination =
        23.45 * RAD_PER_DEG * std::sin(2 * std::numbers::pi * (284 + dayOfYear) / 365);
    const double hourAngle = (15 * (utcHour - 12) + longitudeDeg) * RAD_PER_DEG;
    const double latitude = latitudeDeg * RAD_PER_DEG;
    const double sine = std::sin(latitude) * std::sin(declination) +
                        std::cos(latitude) * std::cos(declination) * std::cos(hourAngle);
    return std::asin(std::clamp(sine, -1.0, 1.0)) / RAD_PER_DEG;
}

} // namespace qntn
