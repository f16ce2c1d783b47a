// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_GROUND_FRAME_H
#define QNTN_ORBIT_GROUND_FRAME_H

#include "orbit/geometry.h"

namespace qntn
{

/// A plane that touches the Earth at one place: x east, y north, z up, metres. What happens in a
/// city is placed in it; what happens in orbit is placed in ECEF; this goes from one to the other.
class GroundFrame
{
  public:
    GroundFrame(double latitudeDeg, double longitudeDeg);

    Ecef ToEcef(double east, double north, double up) const;

    /// A point of ECEF as seen in the plane.
    struct Local
    {
        double east;
        double north;
        double up;
    };

    Local FromEcef(const Ecef& point) const;

  private:
    Ecef m_origin;
    Ecef m_east;
    Ecef m_north;
    Ecef m_up;
};

} // namespace qntn

#endif // QNTN_ORBIT_GROUND_FRAME_H
