// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_BEAM_H
#define QNTN_ORBIT_BEAM_H

#include "orbit/trajectory.h"

namespace qntn
{

/// Where a beam that moves with its satellite looks, from straight down: degrees ahead along the
/// track over the ground, then degrees to its left. TR 38.821 V16.2, 6.1.1 (moving beams).
struct BeamOffset
{
    double aheadDeg = 0;
    double leftDeg = 0;
};

/// The direction of such a beam from the satellite, of length 1.
Ecef FindBeamAxis(const Trajectory& satellite, const BeamOffset& offset, double timeS);

/// Where the middle of such a beam meets the Earth.
/// \throws std::invalid_argument if it goes past the Earth
Ecef FindBeamCentre(const Trajectory& satellite, const BeamOffset& offset, double timeS);

} // namespace qntn

#endif // QNTN_ORBIT_BEAM_H
