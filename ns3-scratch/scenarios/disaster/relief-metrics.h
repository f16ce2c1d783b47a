// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H
#define QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H

#include "bridge/bridge.h"
#include "scenarios/disaster/disaster-area.h"

#include <string>
#include <vector>

namespace qntn
{

/// What is reported about the area as a whole, each step.
class ReliefMetrics
{
  public:
    ReliefMetrics(Bridge& bridge, DisasterArea& area)
        : m_handovers(bridge.Metric("handovers", "1", "hand-overs in the step")),
          m_failures(bridge.Metric("radio_link_failures", "1", "links that failed in the step")),
          m_interruption(bridge.Metric("interruption_ms",
                                       "ms",
                                       "without service while cells were changed, of all users, "
                                       "for the changes of the step")),
          m_covered(bridge.Metric("covered_ues", "1", "users that some cell serves")),
          m_noCell(bridge.Metric("no_coverage_ratio", "ratio", "bursts lost for want of a cell"))
    {
        for (const std::string slice : DisasterArea::SLICE_NAMES)
        {
            m_satisfied.push_back(bridge.Metric("satisfied_ratio." + slice,
                                                "ratio",
                                                "bursts that arrived whole and in time"));
            m_quality.push_back(bridge.Metric("quality_ratio." + slice,
                                              "ratio",
                                              "satisfied bursts, each times what it is worth"));
            m_median.push_back(
                bridge.Metric("delay_p50_ms." + slice, "ms", "median delay of satisfied bursts"));
        }
        for (const auto& cell : area.GetCellNames())
        {
            m_ues.push_back(bridge.Metric("num_ues." + cell, "1", "users that it serves"));
            m_works.push_back(bridge.Metric("available." + cell, "bool", "whether it is on"));
            m_prbs.push_back(
                bridge.Metric("prb_utilisation_ratio." + cell, "ratio", "part of its PRBs used"));
        }
    }

    void Write(DisasterArea& area)
    {
        auto& monitor = area.GetTraffic().GetMonitor();
        for (uint32_t s = 0; s < DisasterArea::NUM_SLICES; ++s)
        {
            const auto report = monitor.Get({}, {}, s);
            m_satisfied[s]() = report.GetSatisfiedRatio();
            m_quality[s]() = report.GetQualityRatio();
            m_median[s]() = monitor.GetDelayQuantile(s, 0.5).GetSeconds() * 1e3;
        }
        for (uint32_t c = 0; c < area.GetNumCells(); ++c)
        {
            double used = 0;
            double quota = 0;
            for (uint32_t s = 0; s < DisasterArea::NUM_SLICES; ++s)
            {
                used += static_cast<double>(area.GetRadio(c, s).prbSlotsUsed);
                quota += static_cast<double>(area.GetRadio(c, s).prbSlotsQuota);
            }
            m_ues[c]() = area.GetRan().GetNumUes(c);
            m_works[c]() = area.GetRan().IsAvailable(c);
            m_prbs[c]() = quota > 0 ? used / quota : 0;
        }
        m_handovers() = static_cast<double>(area.GetNumHandovers());
        m_failures() = static_cast<double>(area.GetNumFailures());
        m_interruption() = area.GetInterruption().GetSeconds() * 1e3;
        m_covered() = area.GetNumCovered();
        m_noCell() = monitor.Get({}, {}, {}).GetLostRatio(LossCause::NO_COVERAGE);
    }

  private:
    qntn::Metric m_handovers;
    qntn::Metric m_failures;
    qntn::Metric m_interruption;
    qntn::Metric m_covered;
    qntn::Metric m_noCell;
    std::vector<qntn::Metric> m_satisfied; ///< by slice
    std::vector<qntn::Metric> m_quality;
    std::vector<qntn::Metric> m_median;
    std::vector<qntn::Metric> m_ues; ///< by cell
    std::vector<qntn::Metric> m_works;
    std::vector<qntn::Metric> m_prbs;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H
