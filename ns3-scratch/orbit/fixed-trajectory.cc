// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/fixed-trajectory.h"

#include "orbit/require.h"

#include <cmath>

namespace qntn
{

FixedTrajectory
FixedTrajectory::Geostationary(double longitudeDeg)
{
    return {0, longitudeDeg, GEO_ALTITUDE_M};
}

FixedTrajectory::FixedTrajectory(double latitudeDeg,
                                 double longitudeDeg,
                                 double altitudeM,
                                 double circleRadiusM,
                                 double speedMps)
    : m_frame(latitudeDeg, longitudeDeg),
      m_altitude(altitudeM),
      m_radius(circleRadiusM),
      m_turn(circleRadiusM > 0 ? speedMps / circleRadiusM : 0)
{
    Require(std::abs(longitudeDeg) <= 360, "longitude_deg", longitudeDeg, "-360 .. 360");
    Require(altitudeM > 0 && std::isfinite(altitudeM), "altitude_m", altitudeM, "above 0");
    Require(circleRadiusM >= 0 && circleRadiusM <= 1e6,
            "circle_radius_m",
            circleRadiusM,
            "0 .. 1e6");
    Require(std::isfinite(speedMps) && (speedMps == 0 || circleRadiusM > 0),
            "speed_mps",
            speedMps,
            "0 where circle_radius_m is 0");
}

Ecef
FixedTrajectory::PositionAt(double timeS) const
{
    const double angle = m_turn * timeS;
    return m_frame.ToEcef(m_radius * std::cos(angle), m_radius * std::sin(angle), m_altitude);
}

} // namespace qntn
