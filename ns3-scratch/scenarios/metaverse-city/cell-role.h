// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_CELL_ROLE_H
#define QNTN_SCENARIOS_METAVERSE_CITY_CELL_ROLE_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "scenarios/metaverse-city/service-terms.h"

#include <algorithm>
#include <array>

namespace qntn
{

/// Divides a cell's PRBs.
struct CellRole
{
    /// A packet that has been begun in a slice without PRBs waits until there are some.
    static constexpr double MAX_HOL_MS = 1000;

    City& city;
    Role& role;

    Observation offered = role.Observe("offered_bps",
                                       City::NUM_SLICES,
                                       0,
                                       CityBounds::BPS,
                                       "bps",
                                       "traffic of its users, by slice");
    Observation queue = role.Observe(
        "queue_bytes", City::NUM_SLICES, 0, 1e8, "bytes", "waiting in the cell, by slice");
    Observation holDelay = role.Observe("hol_delay_ms",
                                        City::NUM_SLICES,
                                        0,
                                        MAX_HOL_MS,
                                        "ms",
                                        "age of the oldest packet, by slice, at most 1 s");
    Observation cqi =
        role.Observe("mean_cqi", City::NUM_SLICES, 0, 15, "1", "mean CQI of its users, by slice");
    Observation missed = role.Observe(
        "missed_ratio", City::NUM_SLICES, 0, 1, "ratio", "bursts not satisfied, by slice");
    Observation prbUse = role.Observe(
        "prb_use_ratio", City::NUM_SLICES, 0, 1, "ratio", "part of its quota that a slice used");
    Observation budget =
        role.Observe("msp_0_budget_ratio",
                     City::NUM_SLICES,
                     0,
                     1,
                     "ratio",
                     "part of each slice that goes to msp_0, by the providers' budgets");
    Observation numUes =
        role.Observe("num_ues", City::NUM_PROVIDERS, 0, 60, "1", "users in the cell, by provider");
    Observation available = role.Observe("available", 1, 0, 1, "bool", "whether the cell is on");
    Observation elevation =
        role.Observe("elevation_deg", 1, -90, 90, "deg", "of the satellite; 90 for a gNB");

    Simplex share = role.Simplex("prb_share_ratio",
                                 City::NUM_SLICES,
                                 "shares of the cell's PRBs",
                                 {.demand = "offered_bps", .labels = {"xr", "xurllc", "embb"}});
    ServiceTerms service{role};
    Term late = role.Term("late_ratio", "ratio", "bursts of the cell that were late");
    Term prbUtilisation =
        role.Term("prb_utilisation_ratio", "ratio", "part of the cell's PRBs that was used");

    /// Part of the PRBs that all slices used.
    double GetUtilisation(uint32_t c) const
    {
        double used = 0;
        double quota = 0;
        for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
        {
            used += static_cast<double>(city.GetRadio(c, s).prbSlotsUsed);
            quota += static_cast<double>(city.GetRadio(c, s).prbSlotsQuota);
        }
        return quota > 0 ? used / quota : 0;
    }

    void Observe() const
    {
        for (uint32_t c = 0; c < City::NUM_CELLS; ++c)
        {
            for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
            {
                const auto& radio = city.GetRadio(c, s);
                const auto quota = std::max(1.0, static_cast<double>(radio.prbSlotsQuota));
                const std::array shares{1.0F, 1.0F, 1.0F};
                offered(c, s) =
                    static_cast<float>(city.GetOfferedBps(0, c, s) + city.GetOfferedBps(1, c, s));
                queue(c, s) = static_cast<float>(radio.queueBytes);
                holDelay(c, s) = static_cast<float>(
                    std::min(MAX_HOL_MS, radio.headOfLineDelay.GetSeconds() * 1e3));
                cqi(c, s) = static_cast<float>(radio.meanCqi);
                missed(c, s) =
                    static_cast<float>(1 - city.GetMonitor().Get({}, c, s).GetSatisfiedRatio());
                prbUse(c, s) = static_cast<float>(static_cast<double>(radio.prbSlotsUsed) / quota);
                budget(c, s) = static_cast<float>(city.DivideSlices(c, shares)[s]);
            }
            for (uint32_t p = 0; p < City::NUM_PROVIDERS; ++p)
            {
                numUes(c, p) = static_cast<float>(city.GetNumUsers(p, c));
            }
            available(c) = city.GetRan().IsAvailable(c) ? 1 : 0;
            elevation(c) = static_cast<float>(city.GetRan().GetElevationDeg(c));
            service.Write(city, c, {}, c);
            late(c) = city.GetMonitor().Get({}, c, {}).GetLostRatio(LossCause::LATE);
            prbUtilisation(c) = GetUtilisation(c);
        }
    }

    void Apply() const
    {
        for (uint32_t c = 0; c < City::NUM_CELLS; ++c)
        {
            city.SetSliceShares(c, share.Shares(c));
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_CELL_ROLE_H
