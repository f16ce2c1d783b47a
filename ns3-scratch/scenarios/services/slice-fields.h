// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_SERVICES_SLICE_FIELDS_H
#define QNTN_SCENARIOS_SERVICES_SLICE_FIELDS_H

#include "bridge/bridge.h"
#include "metaverse/service-monitor.h"
#include "ran/ran-types.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

/// Upper bound of observed rates.
inline constexpr double MOST_BPS = 1e9;

/// What a cell sees of its slices.
struct CellSlices
{
    /// A packet that has been begun in a slice without PRBs waits until there are some.
    static constexpr double MAX_HOL_MS = 1000;

    CellSlices(Role& role, size_t numSlices)
        : offered(role.Observe(
              "offered_bps", numSlices, 0, MOST_BPS, "bps", "traffic of its users, by slice")),
          queue(role.Observe(
              "queue_bytes", numSlices, 0, 1e8, "bytes", "waiting in the cell, by slice")),
          holDelay(role.Observe("hol_delay_ms",
                                numSlices,
                                0,
                                MAX_HOL_MS,
                                "ms",
                                "age of the oldest packet, by slice, at most 1 s")),
          cqi(role.Observe("mean_cqi", numSlices, 0, 15, "1", "mean CQI of its users, by slice")),
          missed(role.Observe(
              "missed_ratio", numSlices, 0, 1, "ratio", "bursts not satisfied, by slice")),
          prbUse(role.Observe(
              "prb_use_ratio", numSlices, 0, 1, "ratio", "part of its quota that a slice used")),
          prbQuota(role.Observe(
              "prb_quota_ratio", numSlices, 0, 1, "ratio", "part of the PRBs that a slice had"))
    {
    }

    /// \param radios of all slices of the cell
    void Write(uint32_t cell,
               uint32_t slice,
               std::span<const SliceReport> radios,
               double offeredBps,
               double satisfiedRatio) const
    {
        const SliceReport& radio = radios[slice];
        double allPrbSlots = 0;
        for (const auto& one : radios)
        {
            allPrbSlots += static_cast<double>(one.prbSlotsQuota);
        }
        const auto quota = std::max(1.0, static_cast<double>(radio.prbSlotsQuota));
        offered(cell, slice) = static_cast<float>(offeredBps);
        queue(cell, slice) = static_cast<float>(radio.queueBytes);
        holDelay(cell, slice) =
            static_cast<float>(std::min(MAX_HOL_MS, radio.headOfLineDelay.GetSeconds() * 1e3));
        cqi(cell, slice) = static_cast<float>(radio.meanCqi);
        missed(cell, slice) = static_cast<float>(1 - satisfiedRatio);
        prbUse(cell, slice) = static_cast<float>(static_cast<double>(radio.prbSlotsUsed) / quota);
        prbQuota(cell, slice) = static_cast<float>(static_cast<double>(radio.prbSlotsQuota) /
                                                   std::max(1.0, allPrbSlots));
    }

    Observation offered;
    Observation queue;
    Observation holDelay;
    Observation cqi;
    Observation missed;
    Observation prbUse;
    Observation prbQuota;
};

/// Reward terms: what own users missed, as a part of all that ended anywhere, so that the terms of
/// a role's agents sum up to the whole.
struct MissedTerms
{
    /// \param where what the whole is called, say "city"
    MissedTerms(Role& role, std::span<const char* const> sliceNames, const std::string& where)
    {
        for (const std::string slice : sliceNames)
        {
            missed.push_back(role.Term(slice + "_missed_ratio",
                                       "ratio",
                                       "quality that own users missed, of all " + slice +
                                           " bursts of the " + where));
        }
    }

    /// \param provider, cell those of the agent's users; all of them if none is named
    void Write(const ServiceMonitor& monitor,
               uint32_t agent,
               std::optional<uint32_t> provider,
               std::optional<uint32_t> cell) const
    {
        for (uint32_t slice = 0; slice < missed.size(); ++slice)
        {
            const auto all = monitor.Get({}, {}, slice);
            const auto own = monitor.Get(provider, cell, slice);
            missed[slice](agent) = (static_cast<double>(own.endedBursts) - own.quality) /
                                   std::max(1.0, static_cast<double>(all.endedBursts));
        }
    }

    std::vector<Term> missed; ///< by slice
};

/// How each slice was served, over all users.
struct SliceMetrics
{
    SliceMetrics(Bridge& bridge, std::span<const char* const> sliceNames)
    {
        for (const std::string slice : sliceNames)
        {
            satisfied.push_back(bridge.Metric("satisfied_ratio." + slice,
                                              "ratio",
                                              "bursts that arrived whole and in time"));
            quality.push_back(bridge.Metric("quality_ratio." + slice,
                                            "ratio",
                                            "satisfied bursts, each times what it is worth"));
            users.push_back(bridge.Metric("satisfied_users_ratio." + slice,
                                          "ratio",
                                          "users for whom 99 % of the bursts of the last 10 steps "
                                          "arrived whole and in time"));
            median.push_back(
                bridge.Metric("delay_p50_ms." + slice, "ms", "median delay of satisfied bursts"));
            tail.push_back(bridge.Metric("delay_p99_ms." + slice, "ms", "99th percentile of it"));
        }
    }

    void Write(const ServiceMonitor& monitor) const
    {
        for (uint32_t slice = 0; slice < satisfied.size(); ++slice)
        {
            const auto report = monitor.Get({}, {}, slice);
            satisfied[slice]() = report.GetSatisfiedRatio();
            quality[slice]() = report.GetQualityRatio();
            users[slice]() = monitor.GetSatisfiedUsersRatio(slice);
            median[slice]() = monitor.GetDelayQuantile(slice, 0.5).GetSeconds() * 1e3;
            tail[slice]() = monitor.GetDelayQuantile(slice, 0.99).GetSeconds() * 1e3;
        }
    }

    std::vector<qntn::Metric> satisfied; ///< by slice
    std::vector<qntn::Metric> quality;
    std::vector<qntn::Metric> users;
    std::vector<qntn::Metric> median;
    std::vector<qntn::Metric> tail;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_SERVICES_SLICE_FIELDS_H
