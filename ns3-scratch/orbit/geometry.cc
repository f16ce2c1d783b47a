// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/geometry.h"

#include "orbit/require.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace qntn
{

namespace
{

void
RequireOrbit(double altitudeM, double elevationDeg)
{
    RequirePositive("altitude_m", altitudeM);
    Require(elevationDeg >= 0 && elevationDeg <= 90, "elevation_deg", elevationDeg, "0 .. 90");
}

} // namespace

Ecef
operator-(const Ecef& a, const Ecef& b)
{
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}

double
Dot(const Ecef& a, const Ecef& b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

double
Norm(const Ecef& a)
{
    return std::sqrt(Dot(a, a));
}

Ecef
ToEcef(double latitudeDeg, double longitudeDeg, double altitudeM)
{
    Require(std::abs(latitudeDeg) <= 90, "latitude_deg", latitudeDeg, "-90 .. 90");
    RequireFinite("longitude_deg", longitudeDeg);
    Require(altitudeM > -EARTH_RADIUS_M && std::isfinite(altitudeM),
            "altitude_m",
            altitudeM,
            "a finite number above -6371000, the Earth's centre");
    const double radius = EARTH_RADIUS_M + altitudeM;
    const double latitude = latitudeDeg * RAD_PER_DEG;
    const double longitude = longitudeDeg * RAD_PER_DEG;
    return {radius * std::cos(latitude) * std::cos(longitude),
            radius * std::cos(latitude) * std::sin(longitude),
            radius * std::sin(latitude)};
}

double
ElevationDeg(const Ecef& ground, const Ecef& target)
{
    const Ecef sight = target - ground;
    const double sine = Dot(sight, ground) / (Norm(sight) * Norm(ground));
    return std::asin(std::fmax(-1.0, std::fmin(1.0, sine))) / RAD_PER_DEG;
}

namespace
{

/// ToEcef for one of the two ends, which errors name.
Ecef
EndOfSight(const char* end, double latitudeDeg, double longitudeDeg, double altitudeM)
{
    try
    {
        return ToEcef(latitudeDeg, longitudeDeg, altitudeM);
    }
    catch (const std::invalid_argument& error)
    {
        throw std::invalid_argument(end + std::string(error.what()));
    }
}

} // namespace

double
ElevationDeg(double groundLatitudeDeg,
             double groundLongitudeDeg,
             double groundAltitudeM,
             double satelliteLatitudeDeg,
             double satelliteLongitudeDeg,
             double satelliteAltitudeM)
{
    const Ecef ground =
        EndOfSight("ground_", groundLatitudeDeg, groundLongitudeDeg, groundAltitudeM);
    const Ecef satellite =
        EndOfSight("satellite_", satelliteLatitudeDeg, satelliteLongitudeDeg, satelliteAltitudeM);
    Require(Norm(satellite - ground) > 0,
            "satellite_altitude_m",
            satelliteAltitudeM,
            "a satellite elsewhere than the ground");
    return ElevationDeg(ground, satellite);
}

double
SlantRangeM(double altitudeM, double elevationDeg)
{
    RequireOrbit(altitudeM, elevationDeg);
    const double up = EARTH_RADIUS_M * std::sin(elevationDeg * RAD_PER_DEG);
    return std::sqrt(up * up + altitudeM * altitudeM + 2 * EARTH_RADIUS_M * altitudeM) - up;
}

double
OneWayDelayS(double altitudeM, double elevationDeg)
{
    return SlantRangeM(altitudeM, elevationDeg) / SPEED_OF_LIGHT_MPS;
}

double
DopplerHz(double altitudeM, double elevationDeg, double frequencyHz)
{
    RequireOrbit(altitudeM, elevationDeg);
    RequirePositive("frequency_hz", frequencyHz);
    const double radius = EARTH_RADIUS_M + altitudeM;
    const double speed = std::sqrt(EARTH_GRAVITY_M3_PER_S2 / radius);
    return frequencyHz * speed / SPEED_OF_LIGHT_MPS * EARTH_RADIUS_M / radius *
           std::cos(elevationDeg * RAD_PER_DEG);
}

double
OrbitalPeriodS(double altitudeM)
{
    RequirePositive("altitude_m", altitudeM);
    const double radius = EARTH_RADIUS_M + altitudeM;
    return 2 * std::numbers::pi * std::sqrt(radius * radius * radius / EARTH_GRAVITY_M3_PER_S2);
}

} // namespace qntn
