// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_PROVIDER_ROLE_H
#define QNTN_SCENARIOS_METAVERSE_CITY_PROVIDER_ROLE_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "scenarios/metaverse-city/service-terms.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <array>

namespace qntn
{

inline constexpr std::array ADMISSION_LEVELS{0.4, 0.7, 1.0};
inline constexpr std::array ADMISSION_SLICES{City::XR, City::EMBB}; ///< xURLLC cannot be thinned

/// Lays a provider's budgets on cells and slices.
struct ProviderRole
{
    City& city;
    Role& role;

    Observation offered = role.Observe("offered_bps",
                                       City::NUM_CELLS* City::NUM_SLICES,
                                       0,
                                       MOST_BPS,
                                       "bps",
                                       "traffic of own users, [cell][slice] in one row");
    Observation numUes =
        role.Observe("num_ues", City::NUM_CELLS, 0, 60, "1", "own users in each cell");
    Observation missed = role.Observe(
        "missed_ratio", City::NUM_SLICES, 0, 1, "ratio", "own bursts not satisfied, by slice");
    Observation cpuDemand = role.Observe("cpu_demand_ratio",
                                         City::NUM_SLICES,
                                         0,
                                         100,
                                         "ratio",
                                         "work that arrives, in the server's cores, by slice");
    Observation cpuBacklog = role.Observe(
        "cpu_backlog_ms", City::NUM_SLICES, 0, 1e5, "ms", "work that waits, on one core, by slice");
    Observation keyDemand = role.Observe("key_demand_bps",
                                         City::NUM_CELLS,
                                         0,
                                         MOST_BPS,
                                         "bps",
                                         "key asked for, by the relation to each cell");
    Observation keyFill = role.Observe(
        "key_fill_ratio", City::NUM_CELLS, 0, 1, "ratio", "fill of each relation's pool");
    Observation price = role.Observe(
        "key_price_usd_per_s", 1, 0, 1e6, city.GetCurrency() + "/s", "what the relays cost now");
    Observation visible = role.Observe(
        "leo_visible_ratio", 1, 0, 1, "ratio", "part of this epoch with the satellite");

    Simplex spectrum =
        role.Simplex("spectrum_budget_ratio",
                     City::NUM_CELLS* City::NUM_SLICES,
                     "budget for spectrum, [cell][slice] in one row; a cell divides a slice's "
                     "PRBs between the providers by their parts for it",
                     {.demand = "offered_bps"});
    Simplex cpu = role.Simplex("cpu_share_ratio",
                               City::NUM_SLICES,
                               "shares of the edge server's cores",
                               {.demand = "cpu_demand_ratio", .labels = {"xr", "xurllc", "embb"}});
    Simplex key =
        role.Simplex("key_budget_ratio",
                     City::NUM_CELLS,
                     "budget for key to each cell; less than an equal part lowers the pool",
                     {.demand = "key_demand_bps"});
    Choice admission = role.Choose("admission_level",
                                   ADMISSION_SLICES.size(),
                                   ADMISSION_LEVELS.size(),
                                   "part of the rate of XR video and of eMBB that is let through",
                                   {.labels = {"0.4", "0.7", "1.0"}, .defaultChoice = 2});
    ServiceTerms service{role};
    Term keyCost = role.Term("key_cost_usd",
                             city.GetCurrency(),
                             "its part of the relays' cost, by the key delivered to it");
    Term cpuUse =
        role.Term("cpu_utilisation_ratio", "ratio", "part of the server's time that is used");

    void Observe(ns3::Time epoch, ns3::Time step) const
    {
        const ns3::Time now = ns3::Simulator::Now();
        for (uint32_t p = 0; p < City::NUM_PROVIDERS; ++p)
        {
            const auto& server = *city.GetProvider(p).GetServer();
            double rendered_s = 0;
            double delivered_bits = 0;
            for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
            {
                missed(p, s) =
                    static_cast<float>(1 - city.GetMonitor().Get(p, {}, s).GetSatisfiedRatio());
                cpuDemand(p, s) = static_cast<float>(city.GetCpuDemand(p, s));
                cpuBacklog(p, s) = static_cast<float>(server.GetBacklog(s).GetSeconds() * 1e3);
                rendered_s += city.GetCpu(p, s).rendered.GetSeconds();
            }
            for (uint32_t c = 0; c < City::NUM_CELLS; ++c)
            {
                for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
                {
                    offered(p, c * City::NUM_SLICES + s) =
                        static_cast<float>(city.GetOfferedBps(p, c, s));
                }
                const uint32_t relation = City::GetRelation(p, c);
                numUes(p, c) = static_cast<float>(city.GetNumUsers(p, c));
                delivered_bits +=
                    static_cast<double>(city.GetRelationReport(relation).deliveredBits);
                keyDemand(p, c) = static_cast<float>(city.GetKeyDemandBps(relation));
                keyFill(p, c) = static_cast<float>(city.GetRelationReport(relation).fillRatio);
            }
            price(p) = static_cast<float>(city.GetCost().GetTotal() / step.GetSeconds());
            const double seen = city.ForecastVisibility(now, now + epoch);
            visible(p) = static_cast<float>(seen);
            for (uint32_t s = 0; s < City::NUM_SLICES; ++s)
            {
                spectrum.Allow(p, City::SATELLITE * City::NUM_SLICES + s, seen > 0);
            }
            service.Write(city, p, p, {});
            const double allDelivered_bits = std::max(1.0, city.GetDeliveredKeyBits());
            keyCost(p) = city.GetCost().GetTotal() * delivered_bits / allDelivered_bits;
            cpuUse(p) = rendered_s / (server.GetNumCores() * step.GetSeconds());
        }
    }

    void Apply() const
    {
        for (uint32_t p = 0; p < City::NUM_PROVIDERS; ++p)
        {
            auto& provider = city.GetProvider(p);
            provider.SetSpectrumBudget(spectrum.Shares(p));
            provider.SetCpuShares(cpu.Shares(p));
            provider.SetKeyBudget(key.Shares(p));
            for (uint32_t i = 0; i < ADMISSION_SLICES.size(); ++i)
            {
                provider.SetAdmission(ADMISSION_SLICES[i], ADMISSION_LEVELS[admission(p, i)]);
            }
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_PROVIDER_ROLE_H
