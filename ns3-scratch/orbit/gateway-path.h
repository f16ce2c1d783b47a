// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_GATEWAY_PATH_H
#define QNTN_ORBIT_GATEWAY_PATH_H

#include "orbit/isl-graph.h"
#include "orbit/trajectory.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qntn
{

/// What a satellite does with a signal. TR 38.821 V16.2, 5.1 and 5.2.
enum class Payload : uint8_t
{
    TRANSPARENT,  ///< sends it on; the gNB is at the gateway
    REGENERATIVE, ///< is a gNB, and may send packets on to other satellites
};

/// \throws std::invalid_argument for another name than "transparent" or "regenerative"
Payload ToPayload(const std::string& name);

/// A station on the ground where traffic goes to and comes from.
struct Gateway
{
    Ecef position;
    double minElevationDeg = 5; ///< at which it still sees a satellite
};

/// The way between a gateway and a satellite at one moment.
struct GatewayRoute
{
    uint32_t gateway;
    std::vector<uint32_t> satellites; ///< over which it goes, from the serving one on
    double feederS;                   ///< delay of the link between ground and space
    double islS;                      ///< delay of all links between satellites

    double GetDelayS() const;
};

/// How packets come from the ground to a satellite as it moves: over its own feeder link, or, with
/// a regenerative payload, over other satellites to one that sees a gateway. At each moment the way
/// with the least delay is taken.
class GatewayPath
{
  public:
    /// Without links between satellites.
    GatewayPath(std::shared_ptr<const Trajectory> satellite,
                std::vector<Gateway> gateways,
                Payload payload);

    /// Satellite number \p satellite of a graph. The graph's time is the trajectory's.
    /// \throws std::invalid_argument for a transparent payload, which cannot route
    GatewayPath(std::shared_ptr<const IslGraph> graph,
                uint32_t satellite,
                std::vector<Gateway> gateways,
                Payload payload);

    Payload GetPayload() const;
    /// Nothing while no gateway can be reached.
    std::optional<GatewayRoute> Find(double timeS) const;

  private:
    /// The nearest gateway that sees a place; nothing if none does.
    std::optional<GatewayRoute> FindFeeder(const Ecef& satellite) const;

    std::shared_ptr<const Trajectory> m_satellite;
    std::shared_ptr<const IslGraph> m_graph; ///< may be null
    uint32_t m_index{0};
    std::vector<Gateway> m_gateways;
    Payload m_payload;
};

/// Delay of each part of the way between a gateway and a user.
struct PathDelay
{
    double serviceS; ///< between satellite and user
    double feederS;
    double islS;

    double GetTotalS() const;
    /// Between the user and its gNB: what HARQ and timing advance see.
    double GetRadioS(Payload payload) const;
};

/// Service + feeder + inter-satellite links, as they are at one moment; nothing while no gateway
/// can be reached.
std::optional<PathDelay> FindDelay(const GatewayPath& path,
                                   const Trajectory& satellite,
                                   const Ecef& user,
                                   double timeS);

} // namespace qntn

#endif // QNTN_ORBIT_GATEWAY_PATH_H
