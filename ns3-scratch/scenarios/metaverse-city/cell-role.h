// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_CELL_ROLE_H
#define QNTN_SCENARIOS_METAVERSE_CITY_CELL_ROLE_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "metaverse/radio-slices.h"
#include "scenarios/metaverse-city/service-terms.h"
#include "scenarios/services/slice-fields.h"

#include <array>

namespace qntn
{

/// Divides a cell's PRBs.
struct CellRole
{
    City& city;
    Role& role;

    CellSlices slices{role, City::NUM_SLICES};
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
        return PrbUtilisation(city.GetRadio(c));
    }

    void Observe() const
    {
        for (uint32_t c = 0; c < City::NUM_CELLS; ++c)
        {
            for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
            {
                const std::array shares{1.0F, 1.0F, 1.0F};
                slices.Write(c,
                             s,
                             city.GetRadio(c),
                             city.GetOfferedBps(0, c, s) + city.GetOfferedBps(1, c, s),
                             city.GetMonitor().Get({}, c, s).GetSatisfiedRatio());
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
