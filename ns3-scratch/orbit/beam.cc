// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/beam.h"

#include <cmath>
#include <stdexcept>

namespace qntn
{

namespace
{

Ecef
Scale(const Ecef& a, double factor)
{
    return {a.x * factor, a.y * factor, a.z * factor};
}

Ecef
Add(const Ecef& a, const Ecef& b)
{
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}

} // namespace

Ecef
FindBeamAxis(const Trajectory& satellite, const BeamOffset& offset, double timeS)
{
    const Ecef position = satellite.PositionAt(timeS);
    const Ecef velocity = satellite.VelocityAt(timeS);
    const Ecef down = Scale(position, -1 / Norm(position));
    const Ecef level = velocity - Scale(down, Dot(velocity, down));
    const double speed = Norm(level);
    // what hangs still has no direction: its beams are laid out from the north
    const Ecef north = Ecef{0, 0, 1} - Scale(down, down.z);
    const Ecef ahead = speed > 1e-3 ? Scale(level, 1 / speed) : Scale(north, 1 / Norm(north));
    const Ecef left{ahead.y * down.z - ahead.z * down.y,
                    ahead.z * down.x - ahead.x * down.z,
                    ahead.x * down.y - ahead.y * down.x};
    const Ecef axis = Add(down,
                          Add(Scale(ahead, std::tan(offset.aheadDeg * RAD_PER_DEG)),
                              Scale(left, std::tan(offset.leftDeg * RAD_PER_DEG))));
    return Scale(axis, 1 / Norm(axis));
}

Ecef
FindBeamCentre(const Trajectory& satellite, const BeamOffset& offset, double timeS)
{
    const Ecef position = satellite.PositionAt(timeS);
    const Ecef axis = FindBeamAxis(satellite, offset, timeS);
    const double along = -Dot(position, axis);
    const double beside2 = Dot(position, position) - along * along;
    if (along <= 0 || beside2 > EARTH_RADIUS_M * EARTH_RADIUS_M)
    {
        throw std::invalid_argument("beam offset: found " + std::to_string(offset.aheadDeg) +
                                    " degrees ahead and " + std::to_string(offset.leftDeg) +
                                    " to the left, expected less: it goes past the Earth");
    }
    const double range = along - std::sqrt(EARTH_RADIUS_M * EARTH_RADIUS_M - beside2);
    return Add(position, Scale(axis, range));
}

} // namespace qntn
