// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/walker-shell.h"

#include "orbit/require.h"

#include <stdexcept>
#include <string>

namespace qntn
{

WalkerPattern
ToWalkerPattern(const std::string& name)
{
    return Choose<WalkerPattern>("pattern",
                                 name,
                                 {{"delta", WalkerPattern::DELTA}, {"star", WalkerPattern::STAR}});
}

uint32_t
WalkerShell::GetPlaneSize() const
{
    return numSatellites / numPlanes;
}

std::vector<CircularOrbit>
MakeWalkerShell(const WalkerShell& shell)
{
    Require(shell.numPlanes > 0, "num_planes", shell.numPlanes, "at least 1");
    Require(shell.numSatellites > 0 && shell.numSatellites % shell.numPlanes == 0,
            "satellites of a Walker shell",
            shell.numSatellites,
            "a multiple of its planes, " + std::to_string(shell.numPlanes));
    Require(shell.phasing < shell.numPlanes, "phasing", shell.phasing, "below num_planes");
    const double width_deg = shell.pattern == WalkerPattern::DELTA ? 360 : 180;
    std::vector<CircularOrbit> orbits;
    orbits.reserve(shell.numSatellites);
    for (uint32_t plane = 0; plane < shell.numPlanes; ++plane)
    {
        const double raan_deg = shell.raanDeg + width_deg * plane / shell.numPlanes;
        for (uint32_t slot = 0; slot < shell.GetPlaneSize(); ++slot)
        {
            const double phase_deg =
                360.0 * slot / shell.GetPlaneSize() +
                360.0 * shell.phasing * plane / static_cast<double>(shell.numSatellites);
            orbits.emplace_back(shell.altitudeM, shell.inclinationDeg, raan_deg, phase_deg);
        }
    }
    return orbits;
}

} // namespace qntn
