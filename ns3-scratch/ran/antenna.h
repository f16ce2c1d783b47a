// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_ANTENNA_H
#define QNTN_RAN_ANTENNA_H

namespace qntn
{

/// Gain of a circular aperture \p offDeg away from its axis against that on the axis, dB, for a
/// beam of \p beamWidthDeg between half-power points; -40 dB at least. TR 38.811 V15.4, 6.4.1.
/// \throws std::invalid_argument for a beam width outside 0 .. 180
double AiryGainDb(double offDeg, double beamWidthDeg);

/// Gain of a sector's element against its maximum, dB, for a direction \p azimuthOffDeg beside and
/// \p elevationOffDeg above its boresight: 65 degrees wide in both planes, -30 dB at least.
/// TR 38.901 V17, Table 7.3-1.
double SectorGainDb(double azimuthOffDeg, double elevationOffDeg);

} // namespace qntn

#endif // QNTN_RAN_ANTENNA_H
