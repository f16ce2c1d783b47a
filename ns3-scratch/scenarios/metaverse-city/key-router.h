// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_KEY_ROUTER_H
#define QNTN_SCENARIOS_METAVERSE_CITY_KEY_ROUTER_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "scenarios/metaverse-city/service-terms.h"

#include <array>

namespace qntn
{

inline constexpr std::array REFILL_LEVELS{0.25, 0.5, 0.75, 1.0};

/// Routes the key of a relation and chooses how it is used.
struct KeyRouter
{
    City& city;
    Role& role;

    Observation fill =
        role.Observe("key_fill_ratio", 1, 0, 1, "ratio", "fill of the relation's pool");
    Observation slope = role.Observe("key_slope_bps",
                                     1,
                                     -CityBounds::KEY_BPS,
                                     CityBounds::KEY_BPS,
                                     "bps",
                                     "change of the relation's pool");
    Observation demand = role.Observe("key_demand_bps", 1, 0, MOST_BPS, "bps", "key asked for");
    Observation waiting =
        role.Observe("waiting_requests", 1, 0, 1e6, "1", "requests that wait for key");
    Observation headWait =
        role.Observe("head_wait_ms", 1, 0, 1e5, "ms", "age of the oldest waiting request");
    Observation blocked =
        role.Observe("blocked_ratio", 1, 0, 1, "ratio", "bursts lost for want of key");
    Observation xurllc =
        role.Observe("xurllc_bps", 1, 0, MOST_BPS, "bps", "xURLLC traffic to encrypt");
    Observation limit =
        role.Observe("key_limit_ratio", 1, 0, 1, "ratio", "fill that the key budget allows");
    Observation open = role.Observe(
        "path_open", City::NUM_PATHS, 0, 1, "bool", "whether each candidate path is open");
    Observation rate = role.Observe("path_rate_bps",
                                    City::NUM_PATHS,
                                    0,
                                    CityBounds::KEY_BPS,
                                    "bps",
                                    "key rate of each path's slowest link");
    Observation usable = role.Observe("path_usable_bits",
                                      City::NUM_PATHS,
                                      0,
                                      CityBounds::KEY_BPS,
                                      "bits",
                                      "what each path could relay now");
    Observation hops = role.Observe("path_hops", City::NUM_PATHS, 0, 16, "1", "links of each path");
    Observation qber =
        role.Observe("path_qber", City::NUM_PATHS, 0, 0.5, "ratio", "greatest QBER on each path");
    Observation elevation = role.Observe("elevation_deg",
                                         1,
                                         -90,
                                         90,
                                         "deg",
                                         "of the satellite, if it is the relation's cell; else 90");

    Choice path =
        role.Choose("path", 1, City::NUM_PATHS, "candidate path over which the pool is refilled");
    Choice cipher = role.Choose("cipher",
                                1,
                                3,
                                "one-time pad for none, xURLLC or all; AES-256-GCM for the rest",
                                {.labels = {"aes", "otp_xurllc", "otp_all"}});
    Choice refill = role.Choose("refill_level",
                                1,
                                REFILL_LEVELS.size(),
                                "fill up to which the pool is refilled",
                                {.labels = {"0.25", "0.5", "0.75", "1.0"}, .defaultChoice = 3});
    ServiceTerms service{role};
    Term linkKey = role.Term("link_key_bits", "bits", "key of links spent on refilling the pool");
    Term blockedTerm =
        role.Term("blocked_ratio", "ratio", "bursts of the relation lost for want of key");

    void Observe() const
    {
        auto& keys = city.GetKeys();
        for (uint32_t r = 0; r < City::NUM_RELATIONS; ++r)
        {
            const uint32_t p = r / City::NUM_CELLS;
            const uint32_t c = r % City::NUM_CELLS;
            const auto& report = city.GetRelationReport(r);
            const auto bursts = city.GetMonitor().Get(p, c, {});
            fill(r) = static_cast<float>(report.fillRatio);
            slope(r) = static_cast<float>(report.slopeBps);
            demand(r) = static_cast<float>(city.GetKeyDemandBps(r));
            waiting(r) = static_cast<float>(report.requests.waiting);
            headWait(r) = static_cast<float>(report.requests.headWait.GetSeconds() * 1e3);
            blocked(r) = static_cast<float>(bursts.GetLostRatio(LossCause::KEY));
            xurllc(r) = static_cast<float>(city.GetOfferedBps(p, c, City::XURLLC));
            limit(r) = static_cast<float>(city.GetProvider(p).GetKeyLimit(c));
            elevation(r) = static_cast<float>(city.GetRan().GetElevationDeg(c));
            bool anyOpen = false;
            for (uint32_t k = 0; k < City::NUM_PATHS; ++k)
            {
                const bool exists = k < keys.GetNumPaths(r);
                const bool isOpen = exists && keys.IsPathOpen(r, k);
                anyOpen = anyOpen || isOpen;
                open(r, k) = isOpen ? 1 : 0;
                rate(r, k) = exists ? static_cast<float>(keys.GetPathRateBps(r, k)) : 0;
                usable(r, k) = exists ? static_cast<float>(keys.GetPathUsableBits(r, k)) : 0;
                hops(r, k) = exists ? static_cast<float>(keys.GetPath(r, k).edges.size()) : 0;
                qber(r, k) = exists ? static_cast<float>(city.GetPathQber(r, k)) : 0;
                path.Allow(r, 0, k, isOpen);
            }
            path.Allow(r,
                       0,
                       0,
                       anyOpen ? open(r, 0) > 0 : true); // something must be left to choose
            service.Write(city, r, p, c);
            linkKey(r) = static_cast<double>(report.linkBits);
            blockedTerm(r) = blocked(r);
        }
    }

    void Apply() const
    {
        for (uint32_t r = 0; r < City::NUM_RELATIONS; ++r)
        {
            city.GetKeys().SetPath(r, path(r));
            city.SetCipherPolicy(r, static_cast<CipherPolicy>(cipher(r)));
            city.SetRefillLevel(r, REFILL_LEVELS[refill(r)]);
        }
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_KEY_ROUTER_H
