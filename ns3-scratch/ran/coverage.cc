// SPDX-License-Identifier: GPL-2.0-only
#include "ran/coverage.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>
#include <stdexcept>

namespace qntn
{

namespace
{

double
DistanceM(const ns3::Vector& a, const ns3::Vector& b)
{
    return std::hypot(a.x - b.x, a.y - b.y);
}

} // namespace

double
GnbReachM(const GnbConfig& config)
{
    return config.scenario == "RMa" ? 10e3 : 5e3;
}

double
BeamReachM(const NtnCellConfig& config)
{
    const double altitude_m = Norm(config.trajectory->PositionAt(0)) - EARTH_RADIUS_M;
    return altitude_m * std::tan(config.beamWidthDeg / 2 * std::numbers::pi / 180);
}

void
RequireCoverage(std::span<const ns3::Vector> places,
                std::span<const GnbConfig> gnbs,
                std::span<const NtnCellConfig> satellites)
{
    for (size_t u = 0; u < places.size(); ++u)
    {
        const auto& at = places[u];
        std::ostringstream expected;
        bool reached = false;
        for (const auto& gnb : gnbs)
        {
            const double reach_m = GnbReachM(gnb);
            reached = reached || DistanceM(at, gnb.position) <= reach_m;
            expected << ", " << std::round(reach_m) << " m of " << gnb.name;
        }
        for (const auto& satellite : satellites)
        {
            const double reach_m = BeamReachM(satellite);
            reached = reached || DistanceM(at, satellite.beamCentre) <= reach_m;
            expected << ", " << std::round(reach_m) << " m of the centre of " << satellite.name;
        }
        if (!reached)
        {
            std::ostringstream message;
            message << "user " << u << ": found at (" << std::round(at.x) << " m, "
                    << std::round(at.y) << " m), outside every cell; expected within "
                    << expected.str().substr(std::min<size_t>(2, expected.str().size()));
            throw std::invalid_argument(message.str());
        }
    }
}

} // namespace qntn
