// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_ISL_GRAPH_H
#define QNTN_ORBIT_ISL_GRAPH_H

#include "orbit/trajectory.h"
#include "orbit/walker-shell.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace qntn
{

/// Two satellites, by index.
using IslLink = std::pair<uint32_t, uint32_t>;

/// +grid of a Walker shell: each satellite has its two neighbours in its plane and the one of the
/// same slot in each plane beside; a star has no links over its seam.
std::vector<IslLink> MakePlusGrid(const WalkerShell& shell);

/// +grid of satellites whose planes are not known: planes are told apart by their ascending nodes
/// at \p timeS, neighbours in a plane by their order, and between planes the nearest pairs are
/// taken, one to each side of a satellite. Planes more than 90 degrees apart are not linked.
std::vector<IslLink> FindPlusGrid(const std::vector<std::shared_ptr<const Trajectory>>& satellites,
                                  double timeS);

/// The way from one satellite to another.
struct IslRoute
{
    std::vector<uint32_t> satellites; ///< both ends with it
    double delayS;                    ///< of light
};

/// Links between satellites, and the ways over them. A link is out while the Earth or the air up to
/// \p grazingAltitudeM is between its ends.
class IslGraph
{
  public:
    /// \param hopDelayS that each satellite on the way adds, beside light
    /// \throws std::invalid_argument if a link names a satellite that there is not
    IslGraph(std::vector<std::shared_ptr<const Trajectory>> satellites,
             const std::vector<IslLink>& links,
             double grazingAltitudeM = 80e3,
             double hopDelayS = 0);

    uint32_t GetNumSatellites() const;
    std::shared_ptr<const Trajectory> GetSatellite(uint32_t satellite) const;
    const std::vector<uint32_t>& GetNeighbours(uint32_t satellite) const;
    /// Whether two satellites see each other.
    bool IsClear(uint32_t a, uint32_t b, double timeS) const;

    /// The fastest way from a satellite to each other one (Dijkstra); nothing where there is none.
    std::vector<std::optional<IslRoute>> FindRoutes(uint32_t from, double timeS) const;
    std::optional<IslRoute> FindRoute(uint32_t from, uint32_t to, double timeS) const;

  private:
    bool IsClear(const Ecef& a, const Ecef& b) const;

    std::vector<std::shared_ptr<const Trajectory>> m_satellites;
    std::vector<std::vector<uint32_t>> m_neighbours;
    double m_clearRadius;
    double m_hopDelay;
};

} // namespace qntn

#endif // QNTN_ORBIT_ISL_GRAPH_H
