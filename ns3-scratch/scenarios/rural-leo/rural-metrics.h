// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_METRICS_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_METRICS_H

#include "bridge/bridge.h"
#include "scenarios/rural-leo/rural-roles.h"
#include "scenarios/services/slice-fields.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace qntn
{

/// What is reported about the country as a whole, each step.
class RuralMetrics
{
  public:
    explicit RuralMetrics(Bridge& bridge)
        : m_handovers(bridge.Metric("handovers", "1", "hand-overs in the step")),
          m_satelliteHandovers(bridge.Metric(
              "satellite_handovers", "1", "hand-overs from satellite to satellite in the step")),
          m_covered(bridge.Metric("covered_ues", "1", "users that some cell serves")),
          m_onSatellite(bridge.Metric("satellite_ues", "1", "users that a satellite serves")),
          m_elevation(
              bridge.Metric("leo_elevation_deg", "deg", "elevation of the highest satellite")),
          m_delay(bridge.Metric(
              "leo_delay_ms", "ms", "of light from the gateway to the users of satellites, mean")),
          m_hops(bridge.Metric("isl_hops", "1", "links between satellites on the way, mean")),
          m_late(bridge.Metric(
              "late_ratio", "ratio", "bursts lost because they were late in the radio")),
          m_slices(bridge, Rural::SLICE_NAMES)
    {
        for (const std::string cell : Rural::CELL_NAMES)
        {
            m_prb.push_back(
                bridge.Metric("prb_utilisation_ratio." + cell, "ratio", "part of its PRBs used"));
            m_ues.push_back(bridge.Metric("num_ues." + cell, "1", "users that it serves"));
        }
    }

    void Write(const Rural& rural, const RuralCellRole& cells) const
    {
        const auto& monitor = rural.GetMonitor();
        m_handovers() = static_cast<double>(rural.GetNumHandovers());
        m_satelliteHandovers() = rural.GetNumSatelliteHandovers();
        m_covered() = rural.GetNumCovered();
        m_delay() = rural.GetSatelliteDelayS() * 1e3;
        m_hops() = rural.GetMeanIslHops();
        m_late() = monitor.Get({}, {}, {}).GetLostRatio(LossCause::LATE);
        m_slices.Write(monitor);
        double onSatellite = 0;
        double elevation_deg = -90;
        for (uint32_t cell = 0; cell < Rural::NUM_CELLS; ++cell)
        {
            const double ues = rural.GetRan().GetNumUes(cell);
            m_prb[cell]() = cells.GetUtilisation(cell);
            m_ues[cell]() = ues;
            if (cell >= Rural::NUM_GNBS)
            {
                onSatellite += ues;
                elevation_deg = std::max(elevation_deg, rural.GetRan().GetElevationDeg(cell));
            }
        }
        m_onSatellite() = onSatellite;
        m_elevation() = elevation_deg;
    }

  private:
    qntn::Metric m_handovers;
    qntn::Metric m_satelliteHandovers;
    qntn::Metric m_covered;
    qntn::Metric m_onSatellite;
    qntn::Metric m_elevation;
    qntn::Metric m_delay;
    qntn::Metric m_hops;
    qntn::Metric m_late;
    SliceMetrics m_slices;
    std::vector<qntn::Metric> m_prb; ///< by cell
    std::vector<qntn::Metric> m_ues;
};

/// Tells Python what the country looks like: cells, users and the satellites' tracks.
inline void
DescribeRuralScene(Bridge& bridge, const Rural& rural, ns3::Time duration)
{
    for (uint32_t cell = 0; cell < Rural::NUM_GNBS; ++cell)
    {
        const auto& at = Rural::GetGnbPosition(cell);
        bridge.AddPlace(Rural::CELL_NAMES[cell], "gnb", at.x, at.y);
    }
    uint32_t number = 0;
    for (const auto& user : rural.GetUsers())
    {
        const auto at = user.mobility->GetPosition();
        bridge.AddPlace("ue_" + std::to_string(number++), "ue", at.x, at.y);
    }
    constexpr int NUM_POINTS = 50;
    for (uint32_t cell = Rural::NUM_GNBS; cell < Rural::NUM_CELLS; ++cell)
    {
        std::vector<std::pair<double, double>> track;
        for (int i = 0; i <= NUM_POINTS; ++i)
        {
            const auto at = rural.GetGroundPoint(cell, duration * i / NUM_POINTS);
            track.emplace_back(at.x, at.y);
        }
        bridge.AddTrack(Rural::CELL_NAMES[cell], track);
    }
}

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_METRICS_H
