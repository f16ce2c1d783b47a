// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_GEOMETRY_H
#define QNTN_ORBIT_GEOMETRY_H

#include <numbers>

namespace qntn
{

inline constexpr double RAD_PER_DEG = std::numbers::pi / 180;
inline constexpr double SPEED_OF_LIGHT_MPS = 299'792'458.0;
inline constexpr double EARTH_RADIUS_M = 6'371'000.0;               ///< spherical Earth
inline constexpr double EARTH_GRAVITY_M3_PER_S2 = 3.986004418e14;   ///< WGS 84, GM
inline constexpr double EARTH_ROTATION_RAD_PER_S = 7.2921158553e-5; ///< sidereal

/// A point in the frame that turns with the Earth: x towards 0N 0E, z towards the north pole,
/// metres.
struct Ecef
{
    double x;
    double y;
    double z;
};

Ecef operator-(const Ecef& a, const Ecef& b);
double Dot(const Ecef& a, const Ecef& b);
double Norm(const Ecef& a);

/// The point at a latitude, longitude (degrees) and height above the sphere (m).
Ecef ToEcef(double latitudeDeg, double longitudeDeg, double altitudeM);

/// Elevation of \p target above the horizontal plane of \p ground, degrees in -90..90. Exact for
/// any two points; negative below the horizon.
double ElevationDeg(const Ecef& ground, const Ecef& target);

/// The same from latitudes, longitudes (degrees) and altitudes (m).
double ElevationDeg(double groundLatitudeDeg,
                    double groundLongitudeDeg,
                    double groundAltitudeM,
                    double satelliteLatitudeDeg,
                    double satelliteLongitudeDeg,
                    double satelliteAltitudeM);

/// Distance to a satellite \p altitudeM above the sphere seen at an elevation of 0..90 degrees,
/// from the ground. TR 38.811 V15.4, Eq. 6.6-3.
/// \throws std::invalid_argument outside these ranges, as all functions below
double SlantRangeM(double altitudeM, double elevationDeg);

/// Time of light over the slant range.
double OneWayDelayS(double altitudeM, double elevationDeg);

/// Greatest Doppler shift of a satellite on a circular orbit at this elevation, for a ground that
/// does not turn and a pass through the zenith. TR 38.811 V15.4, 5.3.4.3.2.
double DopplerHz(double altitudeM, double elevationDeg, double frequencyHz);

/// Period of a circular orbit.
double OrbitalPeriodS(double altitudeM);

} // namespace qntn

#endif // QNTN_ORBIT_GEOMETRY_H
