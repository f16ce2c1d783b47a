// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_WALKER_SHELL_H
#define QNTN_ORBIT_WALKER_SHELL_H

#include "orbit/circular-orbit.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qntn
{

/// How the planes of a shell lie: around the whole equator, or over half of it, so that neighbours
/// fly together except at the seam.
enum class WalkerPattern : uint8_t
{
    DELTA,
    STAR,
};

/// \throws std::invalid_argument for another name than "delta" or "star"
WalkerPattern ToWalkerPattern(const std::string& name);

/// Satellites on circular orbits in planes alike, i:t/p/f. J. G. Walker, "Satellite
/// constellations", J. British Interplanetary Society 37, 1984.
struct WalkerShell
{
    WalkerPattern pattern;
    double inclinationDeg;  ///< i
    uint32_t numSatellites; ///< t, in all
    uint32_t numPlanes;     ///< p
    uint32_t phasing; ///< f: a satellite is f * 360 / t degrees ahead of its neighbour to the west
    double altitudeM;
    double raanDeg = 0; ///< of the first plane at time 0

    uint32_t GetPlaneSize() const;
};

/// All satellites of a shell, plane by plane.
/// \throws std::invalid_argument unless p divides t and f < p
std::vector<CircularOrbit> MakeWalkerShell(const WalkerShell& shell);

} // namespace qntn

#endif // QNTN_ORBIT_WALKER_SHELL_H
