// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H
#define QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H

#include "bridge/bridge.h"
#include "scenarios/disaster/disaster-area.h"
#include "scenarios/services/slice-fields.h"

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
          m_noCell(bridge.Metric("no_coverage_ratio", "ratio", "bursts lost for want of a cell")),
          m_slices(bridge, DisasterArea::SLICE_NAMES)
    {
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
        m_slices.Write(monitor);
        for (uint32_t c = 0; c < area.GetNumCells(); ++c)
        {
            m_ues[c]() = area.GetRan().GetNumUes(c);
            m_works[c]() = area.GetRan().IsAvailable(c);
            m_prbs[c]() = PrbUtilisation(area.GetRadio(c));
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
    SliceMetrics m_slices;
    std::vector<qntn::Metric> m_ues; ///< by cell
    std::vector<qntn::Metric> m_works;
    std::vector<qntn::Metric> m_prbs;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_DISASTER_RELIEF_METRICS_H
