// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_TRAJECTORY_H
#define QNTN_ORBIT_TRAJECTORY_H

#include "orbit/geometry.h"

namespace qntn
{

/// Where a satellite, or a platform in the stratosphere, is at each moment of the simulation.
class Trajectory
{
  public:
    virtual ~Trajectory() = default;

    /// \param timeS since the start of the simulation
    virtual Ecef PositionAt(double timeS) const = 0;
};

} // namespace qntn

#endif // QNTN_ORBIT_TRAJECTORY_H
