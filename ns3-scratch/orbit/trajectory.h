// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_TRAJECTORY_H
#define QNTN_ORBIT_TRAJECTORY_H

#include "orbit/geometry.h"

#include <memory>

namespace qntn
{

/// Where a satellite, or a platform in the stratosphere, is at each moment of the simulation.
class Trajectory
{
  public:
    virtual ~Trajectory() = default;

    /// \param timeS since the start of the simulation
    virtual Ecef PositionAt(double timeS) const = 0;

    /// Relative to the turning Earth, m/s: the difference of two positions.
    virtual Ecef VelocityAt(double timeS) const;

    /// Until when it is known; infinite for what is computed.
    virtual double GetEndS() const;

  protected:
    /// Half the time between the two positions that make a velocity.
    static constexpr double HALF_STEP_S = 0.05;
};

/// Another trajectory, begun at its time \p offsetS.
class LaterTrajectory final : public Trajectory
{
  public:
    LaterTrajectory(std::shared_ptr<const Trajectory> base, double offsetS);

    Ecef PositionAt(double timeS) const override;
    Ecef VelocityAt(double timeS) const override;
    double GetEndS() const override;

  private:
    std::shared_ptr<const Trajectory> m_base;
    double m_offset;
};

/// How fast the distance from a place on the ground grows, m/s.
double RangeRateMps(const Trajectory& trajectory, const Ecef& ground, double timeS);

/// Doppler shift that a place on the ground receives, Hz; positive while the satellite comes
/// nearer. First order in v/c, as TR 38.811 V15.4, 5.3.4.3.2.
double DopplerHz(const Trajectory& trajectory,
                 const Ecef& ground,
                 double timeS,
                 double frequencyHz);

} // namespace qntn

#endif // QNTN_ORBIT_TRAJECTORY_H
