// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_ROLES_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_ROLES_H

#include "bridge/role.h"
#include "metaverse/radio-slices.h"
#include "scenarios/rural-leo/rural.h"
#include "scenarios/services/slice-fields.h"

#include "ns3/simulator.h"

#include <array>
#include <optional>

namespace qntn
{

/// Reward terms of both roles.
struct RuralTerms
{
    explicit RuralTerms(Role& role)
        : satisfied(role.Term("satisfied_ratio", "ratio", "own bursts whole and in time")),
          missed(role, Rural::SLICE_NAMES, "country")
    {
    }

    void Write(const Rural& rural,
               uint32_t agent,
               std::optional<uint32_t> provider,
               std::optional<uint32_t> cell) const
    {
        satisfied(agent) = rural.GetMonitor().Get(provider, cell, {}).GetSatisfiedRatio();
        missed.Write(rural.GetMonitor(), agent, provider, cell);
    }

    Term satisfied;
    MissedTerms missed;
};

/// Divides the PRBs of a gNB or a satellite.
struct RuralCellRole
{
    Rural& rural;
    Role& role;

    CellSlices slices{role, Rural::NUM_SLICES};
    Observation numUes =
        role.Observe("num_ues", Rural::NUM_PROVIDERS, 0, 60, "1", "users in the cell, by provider");
    Observation available = role.Observe("available", 1, 0, 1, "bool", "whether the cell is on");
    Observation elevation =
        role.Observe("elevation_deg", 1, -90, 90, "deg", "of the satellite; 90 for a gNB");
    Observation visible = role.Observe(
        "next_visible_ratio", 1, 0, 1, "ratio", "part of the next epoch in which the cell is on");

    Simplex share = role.Simplex("prb_share_ratio",
                                 Rural::NUM_SLICES,
                                 "shares of the cell's PRBs",
                                 {.demand = "offered_bps", .labels = {"xr", "xurllc", "embb"}});
    RuralTerms service{role};
    Term prbUtilisation =
        role.Term("prb_utilisation_ratio", "ratio", "part of the cell's PRBs that was used");

    /// Part of the PRBs that all slices used.
    double GetUtilisation(uint32_t c) const
    {
        return PrbUtilisation(rural.GetRadio(c));
    }

    void Observe(ns3::Time epoch) const
    {
        const ns3::Time now = ns3::Simulator::Now();
        for (uint32_t c = 0; c < Rural::NUM_CELLS; ++c)
        {
            for (uint32_t s = 0; s < Rural::NUM_SLICES; ++s)
            {
                slices.Write(c,
                             s,
                             rural.GetRadio(c),
                             rural.GetOfferedBps(0, c, s) + rural.GetOfferedBps(1, c, s),
                             rural.GetMonitor().Get({}, c, s).GetSatisfiedRatio());
            }
            for (uint32_t p = 0; p < Rural::NUM_PROVIDERS; ++p)
            {
                numUes(c, p) = static_cast<float>(rural.GetNumUsers(p, c));
            }
            available(c) = rural.GetRan().IsAvailable(c) ? 1 : 0;
            elevation(c) = static_cast<float>(rural.GetRan().GetElevationDeg(c));
            visible(c) =
                static_cast<float>(rural.ForecastVisibility(c, now + epoch, now + 2 * epoch));
            service.Write(rural, c, {}, c);
            prbUtilisation(c) = GetUtilisation(c);
        }
    }

    void Apply() const
    {
        for (uint32_t c = 0; c < Rural::NUM_CELLS; ++c)
        {
            rural.SetSliceShares(c, share.Shares(c));
        }
    }
};

/// Lays a provider's budget on cells and slices, and admits.
struct RuralProviderRole
{
    static constexpr std::array LEVELS{0.4, 0.7, 1.0};
    static constexpr std::array SLICES{Rural::XR, Rural::EMBB}; ///< xURLLC cannot be thinned

    Rural& rural;
    Role& role;

    Observation offered = role.Observe("offered_bps",
                                       Rural::NUM_CELLS* Rural::NUM_SLICES,
                                       0,
                                       MOST_BPS,
                                       "bps",
                                       "traffic of own users, [cell][slice] in one row");
    Observation numUes =
        role.Observe("num_ues", Rural::NUM_CELLS, 0, 60, "1", "own users in each cell");
    Observation missed = role.Observe(
        "missed_ratio", Rural::NUM_SLICES, 0, 1, "ratio", "own bursts not satisfied, by slice");
    Observation visible = role.Observe(
        "visible_ratio", Rural::NUM_CELLS, 0, 1, "ratio", "part of this epoch with each cell on");

    Simplex spectrum =
        role.Simplex("spectrum_budget_ratio",
                     Rural::NUM_CELLS* Rural::NUM_SLICES,
                     "budget for spectrum, [cell][slice] in one row; a cell divides a slice's "
                     "PRBs between the providers by their parts for it",
                     {.demand = "offered_bps"});
    Choice admission = role.Choose("admission_level",
                                   SLICES.size(),
                                   LEVELS.size(),
                                   "part of the rate of XR video and of eMBB that is let through",
                                   {.labels = {"0.4", "0.7", "1.0"}, .defaultChoice = 2});
    RuralTerms service{role};

    void Observe(ns3::Time epoch) const
    {
        const ns3::Time now = ns3::Simulator::Now();
        for (uint32_t p = 0; p < Rural::NUM_PROVIDERS; ++p)
        {
            for (uint32_t s = 0; s < Rural::NUM_SLICES; ++s)
            {
                missed(p, s) =
                    static_cast<float>(1 - rural.GetMonitor().Get(p, {}, s).GetSatisfiedRatio());
            }
            for (uint32_t c = 0; c < Rural::NUM_CELLS; ++c)
            {
                const double seen = rural.ForecastVisibility(c, now, now + epoch);
                visible(p, c) = static_cast<float>(seen);
                numUes(p, c) = static_cast<float>(rural.GetNumUsers(p, c));
                for (uint32_t s = 0; s < Rural::NUM_SLICES; ++s)
                {
                    const uint32_t place = c * Rural::NUM_SLICES + s;
                    offered(p, place) = static_cast<float>(rural.GetOfferedBps(p, c, s));
                    spectrum.Allow(p, place, seen > 0);
                }
            }
            service.Write(rural, p, p, {});
        }
    }

    void Apply() const
    {
        for (uint32_t p = 0; p < Rural::NUM_PROVIDERS; ++p)
        {
            auto& provider = rural.GetProvider(p);
            provider.SetSpectrumBudget(spectrum.Shares(p));
            for (uint32_t i = 0; i < SLICES.size(); ++i)
            {
                provider.SetAdmission(SLICES[i], LEVELS[admission(p, i)]);
            }
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_ROLES_H
