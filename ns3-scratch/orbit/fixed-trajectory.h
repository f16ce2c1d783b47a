// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_FIXED_TRAJECTORY_H
#define QNTN_ORBIT_FIXED_TRAJECTORY_H

#include "orbit/ground-frame.h"
#include "orbit/trajectory.h"

namespace qntn
{

/// What stays above one place: a geostationary satellite, or a platform in the stratosphere, which
/// may fly in a level circle.
class FixedTrajectory final : public Trajectory
{
  public:
    /// Where a satellite above the equator turns with the Earth, rounded as in TR 38.811 V15.4,
    /// Table 4.1-1.
    static constexpr double GEO_ALTITUDE_M = 35'786e3;

    static FixedTrajectory Geostationary(double longitudeDeg);

    /// \param circleRadiusM of its flight around the place; 0: it stands still
    /// \param speedMps over the ground; a positive one flies counter-clockwise as seen from above
    /// \throws std::invalid_argument for a place that is none, or a speed without a circle
    FixedTrajectory(double latitudeDeg,
                    double longitudeDeg,
                    double altitudeM,
                    double circleRadiusM = 0,
                    double speedMps = 0);

    /// At time 0 it is east of the middle of its circle.
    Ecef PositionAt(double timeS) const override;

  private:
    GroundFrame m_frame;
    double m_altitude;
    double m_radius;
    double m_turn; ///< rad/s
};

} // namespace qntn

#endif // QNTN_ORBIT_FIXED_TRAJECTORY_H
