// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/trajectory.h"

#include "orbit/require.h"

#include <limits>
#include <utility>

namespace qntn
{

Ecef
Trajectory::VelocityAt(double timeS) const
{
    const Ecef way = PositionAt(timeS + HALF_STEP_S) - PositionAt(timeS - HALF_STEP_S);
    return {way.x / (2 * HALF_STEP_S), way.y / (2 * HALF_STEP_S), way.z / (2 * HALF_STEP_S)};
}

double
Trajectory::GetEndS() const
{
    return std::numeric_limits<double>::infinity();
}

LaterTrajectory::LaterTrajectory(std::shared_ptr<const Trajectory> base, double offsetS)
    : m_base(std::move(base)), m_offset(offsetS)
{
}

Ecef
LaterTrajectory::PositionAt(double timeS) const
{
    return m_base->PositionAt(timeS + m_offset);
}

Ecef
LaterTrajectory::VelocityAt(double timeS) const
{
    return m_base->VelocityAt(timeS + m_offset);
}

double
LaterTrajectory::GetEndS() const
{
    return m_base->GetEndS() - m_offset;
}

double
RangeRateMps(const Trajectory& trajectory, const Ecef& ground, double timeS)
{
    const Ecef sight = trajectory.PositionAt(timeS) - ground;
    return Dot(sight, trajectory.VelocityAt(timeS)) / Norm(sight);
}

double
DopplerHz(const Trajectory& trajectory, const Ecef& ground, double timeS, double frequencyHz)
{
    RequirePositive("frequency_hz", frequencyHz);
    return -frequencyHz / SPEED_OF_LIGHT_MPS * RangeRateMps(trajectory, ground, timeS);
}

} // namespace qntn
