// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_DISASTER_RELIEF_ROLES_H
#define QNTN_SCENARIOS_DISASTER_RELIEF_ROLES_H

#include "bridge/role.h"
#include "scenarios/disaster/disaster-area.h"
#include "scenarios/services/slice-fields.h"

#include <array>

namespace qntn
{

inline constexpr std::array ADMISSION_LEVELS{0.25, 0.5, 1.0};
inline constexpr std::array<uint32_t, 2> ADMISSION_SLICES{
    DisasterArea::VIDEO, DisasterArea::PUBLIC}; ///< voice is never thinned
/// Divides the PRBs of a gNB, the platform or the satellite.
struct ReliefCell
{
    static constexpr uint32_t SLICES = DisasterArea::NUM_SLICES;

    DisasterArea& area;
    Role& role;

    CellSlices slices{role, SLICES};
    Observation numUes = role.Observe("num_ues", 1, 0, 100, "1", "users in the cell");
    Observation available = role.Observe(
        "available", 1, 0, 1, "bool", "whether it works and, of the satellite, is high enough");
    Observation elevation =
        role.Observe("elevation_deg", 1, -90, 90, "deg", "of satellite or platform; 90 for a gNB");

    Simplex share = role.Simplex("prb_share_ratio",
                                 SLICES,
                                 "shares of the cell's PRBs",
                                 {.demand = "offered_bps", .labels = {"voice", "video", "public"}});
    MissedTerms terms{role, DisasterArea::SLICE_NAMES, "area"};

    void Observe() const
    {
        auto& monitor = area.GetTraffic().GetMonitor();
        for (uint32_t c = 0; c < area.GetNumCells(); ++c)
        {
            for (uint32_t s = 0; s < SLICES; ++s)
            {
                slices.Write(c,
                             s,
                             area.GetRadio(c),
                             area.GetOfferedBps(c, s),
                             monitor.Get({}, c, s).GetSatisfiedRatio());
            }
            numUes(c) = static_cast<float>(area.GetRan().GetNumUes(c));
            available(c) = area.GetRan().IsAvailable(c) ? 1 : 0;
            elevation(c) = static_cast<float>(area.GetRan().GetElevationDeg(c));
            terms.Write(monitor, c, {}, c);
        }
    }

    void Apply() const
    {
        for (uint32_t c = 0; c < area.GetNumCells(); ++c)
        {
            area.SetShares(c, share.Shares(c));
        }
    }
};

/// Thins video and downloads of the whole area.
struct ReliefOperator
{
    static constexpr uint32_t SLICES = DisasterArea::NUM_SLICES;

    DisasterArea& area;
    Role& role;

    Observation offered =
        role.Observe("offered_bps", SLICES, 0, MOST_BPS, "bps", "traffic of all users, by slice");
    Observation missed =
        role.Observe("missed_ratio", SLICES, 0, 1, "ratio", "bursts not satisfied, by slice");
    Observation numUes = role.Observe(
        "num_ues", area.GetNumCells() + 1, 0, 100, "1", "users in each cell, then those in none");
    Observation available =
        role.Observe("available", area.GetNumCells(), 0, 1, "bool", "whether each cell is on");

    Choice admission = role.Choose("admission_level",
                                   ADMISSION_SLICES.size(),
                                   ADMISSION_LEVELS.size(),
                                   "part of the rate of video and of downloads that is let through",
                                   {.labels = {"0.25", "0.5", "1.0"}, .defaultChoice = 2});
    MissedTerms terms{role, DisasterArea::SLICE_NAMES, "area"};

    void Observe() const
    {
        auto& monitor = area.GetTraffic().GetMonitor();
        const uint32_t numCells = area.GetNumCells();
        for (uint32_t s = 0; s < SLICES; ++s)
        {
            double sum_bps = 0;
            for (uint32_t c = 0; c <= numCells; ++c)
            {
                sum_bps += area.GetOfferedBps(c, s);
            }
            offered(0, s) = static_cast<float>(sum_bps);
            missed(0, s) = static_cast<float>(1 - monitor.Get({}, {}, s).GetSatisfiedRatio());
        }
        for (uint32_t c = 0; c < numCells; ++c)
        {
            numUes(0, c) = static_cast<float>(area.GetRan().GetNumUes(c));
            available(0, c) = area.GetRan().IsAvailable(c) ? 1 : 0;
        }
        numUes(0, numCells) = static_cast<float>(area.GetNumUes() - area.GetNumCovered());
        terms.Write(monitor, 0, {}, {});
    }

    void Apply() const
    {
        for (uint32_t i = 0; i < ADMISSION_SLICES.size(); ++i)
        {
            area.GetTraffic().SetAdmission(ADMISSION_SLICES[i], ADMISSION_LEVELS[admission(0, i)]);
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_DISASTER_RELIEF_ROLES_H
