// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_CIRCULAR_ORBIT_H
#define QNTN_ORBIT_CIRCULAR_ORBIT_H

#include "orbit/trajectory.h"

namespace qntn
{

/// A satellite on a circular orbit around a spherical, turning Earth.
class CircularOrbit final : public Trajectory
{
  public:
    /// At time 0 the inertial frame and ECEF coincide, and the satellite is \p phaseDeg past its
    /// ascending node, which lies at the longitude \p raanDeg.
    CircularOrbit(double altitudeM, double inclinationDeg, double raanDeg, double phaseDeg);

    /// The orbit that passes exactly over a place on its way north at time \p overheadS.
    /// \throws std::invalid_argument if the inclination does not reach that latitude
    static CircularOrbit Over(double latitudeDeg,
                              double longitudeDeg,
                              double altitudeM,
                              double inclinationDeg,
                              double overheadS);

    /// Where it is \p timeS after time 0.
    Ecef PositionAt(double timeS) const override;
    double GetAltitudeM() const;

  private:
    double m_radius;
    double m_inclination; ///< rad
    double m_raan;        ///< rad
    double m_phase;       ///< rad
    double m_rate;        ///< rad/s
};

} // namespace qntn

#endif // QNTN_ORBIT_CIRCULAR_ORBIT_H
