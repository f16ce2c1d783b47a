// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/circular-orbit.h"

#include "orbit/require.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace qntn
{

CircularOrbit::CircularOrbit(double altitudeM,
                             double inclinationDeg,
                             double raanDeg,
                             double phaseDeg)
    : m_radius(EARTH_RADIUS_M + altitudeM),
      m_inclination(inclinationDeg * RAD_PER_DEG),
      m_raan(raanDeg * RAD_PER_DEG),
      m_phase(phaseDeg * RAD_PER_DEG),
      m_rate(2 * std::numbers::pi / OrbitalPeriodS(altitudeM))
{
    Require(inclinationDeg >= 0 && inclinationDeg <= 180,
            "inclination_deg",
            inclinationDeg,
            "0 .. 180");
    RequireFinite("raan_deg", raanDeg);
    RequireFinite("phase_deg", phaseDeg);
}

CircularOrbit
CircularOrbit::Over(double latitudeDeg,
                    double longitudeDeg,
                    double altitudeM,
                    double inclinationDeg,
                    double overheadS)
{
    const double sine =
        std::sin(latitudeDeg * RAD_PER_DEG) / std::sin(inclinationDeg * RAD_PER_DEG);
    if (!(std::abs(sine) <= 1))
    {
        throw std::invalid_argument(
            "inclination_deg: an orbit of " + std::to_string(inclinationDeg) +
            " degrees does not pass over latitude " + std::to_string(latitudeDeg));
    }
    const double argument = std::asin(sine); // from the node to the place
    const double fromNode =
        std::atan2(std::cos(inclinationDeg * RAD_PER_DEG) * std::sin(argument), std::cos(argument));
    const double rate = 2 * std::numbers::pi / OrbitalPeriodS(altitudeM);
    const double raan =
        longitudeDeg * RAD_PER_DEG - fromNode + EARTH_ROTATION_RAD_PER_S * overheadS;
    return {altitudeM,
            inclinationDeg,
            raan / RAD_PER_DEG,
            (argument - rate * overheadS) / RAD_PER_DEG};
}

Ecef
CircularOrbit::PositionAt(double timeS) const
{
    const double u = m_phase + m_rate * timeS;
    const double node = m_raan - EARTH_ROTATION_RAD_PER_S * timeS;
    const double inPlane = m_radius * std::cos(u);
    const double across = m_radius * std::sin(u) * std::cos(m_inclination);
    return {inPlane * std::cos(node) - across * std::sin(node),
            inPlane * std::sin(node) + across * std::cos(node),
            m_radius * std::sin(u) * std::sin(m_inclination)};
}

double
CircularOrbit::GetAltitudeM() const
{
    return m_radius - EARTH_RADIUS_M;
}

} // namespace qntn
