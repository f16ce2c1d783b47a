// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_VISIBILITY_H
#define QNTN_ORBIT_VISIBILITY_H

#include "orbit/circular-orbit.h"
#include "orbit/trajectory.h"

#include <vector>

namespace qntn
{

/// A stretch of time in which a satellite stands high enough over a place.
struct Pass
{
    double riseS; ///< or the start of the search
    double culminationS;
    double setS; ///< or the end of the search
    double maxElevationDeg;
};

/// The passes over a place between two times, in order; rise, culmination and set within a
/// millisecond. The search ends where the trajectory does.
/// \param stepS the search looks this often; a pass may be shorter, two culminations may not be
/// nearer to each other
/// \throws std::invalid_argument for a step that is not above 0
std::vector<Pass> FindPasses(const Trajectory& trajectory,
                             const Ecef& ground,
                             double minElevationDeg,
                             double fromS,
                             double toS,
                             double stepS = 20);

/// An orbit over the poles that rises to \p minElevationDeg over a place at \p riseS, on its way
/// north, and stands above it for \p durationS, both within a millisecond. It culminates in the
/// east.
/// \throws std::invalid_argument if even a pass through the zenith is shorter than that
CircularOrbit OrbitForPass(double latitudeDeg,
                           double longitudeDeg,
                           double altitudeM,
                           double minElevationDeg,
                           double riseS,
                           double durationS);

} // namespace qntn

#endif // QNTN_ORBIT_VISIBILITY_H
