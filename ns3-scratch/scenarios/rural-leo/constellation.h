// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_CONSTELLATION_H
#define QNTN_SCENARIOS_RURAL_LEO_CONSTELLATION_H

#include "orbit/ephemeris.h"
#include "orbit/isl-graph.h"
#include "orbit/walker-shell.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace qntn
{

/// A shell of satellites, from an ephemeris file or by Walker, and the stretch of its flight that
/// an episode shows.
class Constellation
{
  public:
    /// \throws EphemerisError if the file is not right
    static Constellation FromFile(const std::string& path)
    {
        Constellation shell;
        shell.m_begin = -1e12;
        shell.m_end = 1e12;
        for (const auto& satellite : ReadEphemeris(path))
        {
            shell.m_begin = std::max(shell.m_begin, satellite->GetBeginS());
            shell.m_end = std::min(shell.m_end, satellite->GetEndS());
            shell.m_names.push_back(satellite->GetSatellite());
            shell.m_satellites.push_back(satellite);
        }
        shell.m_links = FindPlusGrid(shell.m_satellites, shell.m_begin + 1);
        shell.m_source = path;
        return shell;
    }

    /// \throws std::invalid_argument for a shell that there is not
    static Constellation Walker(const WalkerShell& config)
    {
        Constellation shell;
        for (const auto& orbit : MakeWalkerShell(config))
        {
            shell.m_names.push_back("walker_" + std::to_string(shell.m_names.size()));
            shell.m_satellites.push_back(std::make_shared<CircularOrbit>(orbit));
        }
        shell.m_links = MakePlusGrid(config);
        shell.m_begin = 0;
        shell.m_end = 86164; // the Earth has turned once
        shell.m_source = "walker";
        return shell;
    }

    /// Shows a stretch in which the highest satellite over a place changes: it looks for the first
    /// change after part \p where of the flight, and puts it at part \p within of the stretch.
    /// \throws std::invalid_argument if the flight is too short
    void Place(const Ecef& ground, double durationS, double where, double within)
    {
        const double last_s = m_end - MARGIN_S - durationS;
        const double first_s = m_begin + MARGIN_S;
        if (last_s < first_s)
        {
            throw EphemerisError(m_source + ": found " + std::to_string(m_end - m_begin) +
                                 " s that all satellites have, expected an episode of " +
                                 std::to_string(durationS) +
                                 " s and 2 s more; make a longer file or lower episode_s");
        }
        const double from_s = first_s + where * (last_s - first_s);
        double change_s = from_s + within * durationS;
        const uint32_t before = FindHighest(ground, from_s);
        for (double t = from_s; t < last_s + durationS; t += 1)
        {
            if (FindHighest(ground, t) != before)
            {
                change_s = t;
                break;
            }
        }
        m_offset = std::clamp(change_s - within * durationS, first_s, last_s);
    }

    /// The satellites that stand highest over a place in the stretch shown, highest first.
    std::vector<uint32_t> FindBest(const Ecef& ground, double durationS, uint32_t count) const
    {
        constexpr int NUM_LOOKS = 20;
        std::vector<std::pair<double, uint32_t>> heights;
        for (uint32_t i = 0; i < m_satellites.size(); ++i)
        {
            double height = -90;
            for (int look = 0; look <= NUM_LOOKS; ++look)
            {
                const double at = m_offset + durationS * look / NUM_LOOKS;
                height = std::max(height, ElevationDeg(ground, m_satellites[i]->PositionAt(at)));
            }
            heights.emplace_back(-height, i);
        }
        std::ranges::sort(heights);
        std::vector<uint32_t> best;
        for (uint32_t i = 0; i < std::min<size_t>(count, heights.size()); ++i)
        {
            best.push_back(heights[i].second);
        }
        return best;
    }

    /// All satellites and their links, at the simulation's time.
    std::shared_ptr<const IslGraph> MakeGraph() const
    {
        std::vector<std::shared_ptr<const Trajectory>> shown;
        for (const auto& satellite : m_satellites)
        {
            shown.push_back(std::make_shared<LaterTrajectory>(satellite, m_offset));
        }
        return std::make_shared<IslGraph>(std::move(shown), m_links);
    }

    const std::string& GetName(uint32_t satellite) const
    {
        return m_names.at(satellite);
    }

    uint32_t GetNumSatellites() const
    {
        return static_cast<uint32_t>(m_satellites.size());
    }

    /// When the stretch begins, in the flight's own time.
    double GetOffsetS() const
    {
        return m_offset;
    }

  private:
    static constexpr double MARGIN_S = 1; ///< for velocities at the ends

    uint32_t FindHighest(const Ecef& ground, double timeS) const
    {
        uint32_t highest = 0;
        double height = -91;
        for (uint32_t i = 0; i < m_satellites.size(); ++i)
        {
            const double elevation = ElevationDeg(ground, m_satellites[i]->PositionAt(timeS));
            if (elevation > height)
            {
                height = elevation;
                highest = i;
            }
        }
        return highest;
    }

    std::vector<std::string> m_names;
    std::vector<std::shared_ptr<const Trajectory>> m_satellites;
    std::vector<IslLink> m_links;
    double m_begin{0};
    double m_end{0};
    double m_offset{0};
    std::string m_source;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_CONSTELLATION_H
