// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_SATELLITE_LINK_H
#define QNTN_QKD_SATELLITE_LINK_H

namespace qntn
{

/// Transmission of a clear atmosphere at 810 nm, top to ground, by MODTRAN's table; 0 below 5
/// degrees, where the table ends and no station follows a satellite.
double AtmosphereTransmittance(double elevationDeg);

/// Mean transmittance of an optical downlink with its receiver.
///
/// A Gaussian beam of half-angle \p divergenceRad (to 1/e^2 of the intensity) whose axis wanders by
/// \p pointingJitterRad (standard deviation, each axis) meets a circular aperture; central
/// obscuration, turbulence and background light are not counted.
/// \throw std::invalid_argument for values out of range
double SatelliteTransmittance(double rangeM,
                              double divergenceRad,
                              double receiverDiameterM,
                              double pointingJitterRad,
                              double elevationDeg,
                              double receiverEfficiency);

/// Elevation of the sun above a place at an hour of universal time, degrees. Cooper's declination
/// (Solar Energy 12, 333, 1969) and the mean sun: the equation of time (up to 16 minutes) and
/// refraction are not counted.
double SunElevationDeg(double latitudeDeg, double longitudeDeg, double dayOfYear, double utcHour);

} // namespace qntn

#endif // QNTN_QKD_SATELLITE_LINK_H
