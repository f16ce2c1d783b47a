// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_QKD_OPERATOR_H
#define QNTN_SCENARIOS_METAVERSE_CITY_QKD_OPERATOR_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "scenarios/metaverse-city/service-terms.h"

#include "ns3/simulator.h"

#include <vector>

namespace qntn
{

/// Deploys the key relays.
struct QkdOperator
{
    City& city;
    Role& role;
    std::vector<uint32_t> sites = city.GetKeys().GetRelaySites();
    uint32_t numSites = static_cast<uint32_t>(sites.size());
    uint32_t numLinks = city.GetKeys().GetNumLinks();

    Observation keyFill = role.Observe(
        "key_fill_ratio", City::NUM_RELATIONS, 0, 1, "ratio", "fill of each relation's pool");
    Observation keySlope = role.Observe("key_slope_bps",
                                        City::NUM_RELATIONS,
                                        -CityBounds::KEY_BPS,
                                        CityBounds::KEY_BPS,
                                        "bps",
                                        "change of each relation's pool");
    Observation keyDemand = role.Observe(
        "key_demand_bps", City::NUM_RELATIONS, 0, MOST_BPS, "bps", "key asked for, by relation");
    Observation linkFill =
        role.Observe("link_fill_ratio", numLinks, 0, 1, "ratio", "fill of each link's pool");
    Observation siteDemand =
        role.Observe("site_demand_bps",
                     numSites,
                     0,
                     MOST_BPS,
                     "bps",
                     "key asked for by the relations whose shortest path needs the site");
    Observation siteOpen =
        role.Observe("site_open", numSites, 0, 1, "bool", "whether the site relays key now");
    Observation setup =
        role.Observe("site_setup_s", numSites, 0, 3600, "s", "until a reserved site opens");
    Observation commitment = role.Observe("site_commitment_s",
                                          numSites,
                                          0,
                                          86400,
                                          "s",
                                          "for which a reserved site is paid in any case");
    Observation reservedPrice = role.Observe("reserved_price_usd_per_s",
                                             numSites,
                                             0,
                                             1e6,
                                             city.GetCurrency() + "/s",
                                             "price of the site when reserved");
    Observation onDemandPrice = role.Observe("on_demand_price_usd_per_s",
                                             numSites,
                                             0,
                                             1e6,
                                             city.GetCurrency() + "/s",
                                             "price of the site on demand");
    Observation visible = role.Observe("leo_visible_ratio",
                                       2,
                                       0,
                                       1,
                                       "ratio",
                                       "part of this and the next epoch with the satellite");

    Choice state = role.Choose("relay_state",
                               numSites,
                               3,
                               "deployment of each candidate site",
                               {.demand = "site_demand_bps",
                                .labels = {"off", "reserved", "on_demand"},
                                .defaultChoice = 1});
    ServiceTerms service{role};
    Term cost = role.Term("deployment_cost_usd",
                          city.GetCurrency(),
                          "paid for relays in the step, cost set " +
                              city.GetKeys().GetCostSet().GetLabel());
    Term blocked = role.Term("blocked_ratio", "ratio", "bursts lost for want of key");

    void Observe(ns3::Time epoch) const
    {
        auto& keys = city.GetKeys();
        const ns3::Time now = ns3::Simulator::Now();
        for (uint32_t r = 0; r < City::NUM_RELATIONS; ++r)
        {
            keyFill(0, r) = static_cast<float>(city.GetRelationReport(r).fillRatio);
            keySlope(0, r) = static_cast<float>(city.GetRelationReport(r).slopeBps);
            keyDemand(0, r) = static_cast<float>(city.GetKeyDemandBps(r));
        }
        for (uint32_t link = 0; link < numLinks; ++link)
        {
            linkFill(0, link) = static_cast<float>(city.GetLinkReport(link).fillRatio);
        }
        for (uint32_t i = 0; i < numSites; ++i)
        {
            double demand_bps = 0;
            for (uint32_t r = 0; r < City::NUM_RELATIONS; ++r)
            {
                demand_bps += city.Needs(r, 0, sites[i]) ? city.GetKeyDemandBps(r) : 0;
            }
            const auto& relay = keys.GetRelay(sites[i]);
            siteDemand(0, i) = static_cast<float>(demand_bps);
            siteOpen(0, i) = keys.IsSiteOpen(sites[i]) ? 1 : 0;
            setup(0, i) = static_cast<float>(relay.GetRemainingSetup(now).GetSeconds());
            commitment(0, i) = static_cast<float>(relay.GetRemainingCommitment(now).GetSeconds());
            reservedPrice(0, i) =
                static_cast<float>(keys.GetSitePrice(sites[i], RelayState::Reserved));
            onDemandPrice(0, i) =
                static_cast<float>(keys.GetSitePrice(sites[i], RelayState::OnDemand));
        }
        visible(0, 0) = static_cast<float>(city.ForecastVisibility(now, now + epoch));
        visible(0, 1) = static_cast<float>(city.ForecastVisibility(now + epoch, now + 2 * epoch));
        service.Write(city, 0, {}, {});
        cost(0) = city.GetCost().GetTotal();
        blocked(0) = city.GetMonitor().Get({}, {}, {}).GetLostRatio(LossCause::KEY);
    }

    void Apply() const
    {
        for (uint32_t i = 0; i < numSites; ++i)
        {
            city.GetKeys().SetRelayState(sites[i], static_cast<RelayState>(state(0, i)));
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_QKD_OPERATOR_H
