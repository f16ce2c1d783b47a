// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H
#define QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H

#include "bridge/role.h"
#include "metaverse/city.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace qntn
{

/// Upper bounds of observations that several roles have.
struct CityBounds
{
    static constexpr double BPS = 1e9;
    static constexpr double KEY_BPS = 1e7;
};

/// Reward terms that every role has: what its own users missed, as a part of all that ended in the
/// city, so that the terms of a role's agents sum up to the city's.
struct ServiceTerms
{
    explicit ServiceTerms(Role& role)
        : satisfied(role.Term("satisfied_ratio", "ratio", "own bursts whole and in time")),
          pad(role.Term(
              "xurllc_otp_ratio", "ratio", "own xURLLC in time under one-time pad, of the city's"))
    {
        for (const std::string slice : City::SLICE_NAMES)
        {
            missed.push_back(role.Term(slice + "_missed_ratio",
                                       "ratio",
                                       "quality that own users missed, of all " + slice +
                                           " bursts of the city"));
        }
    }

    void Write(const City& city,
               uint32_t agent,
               std::optional<uint32_t> provider,
               std::optional<uint32_t> cell) const
    {
        satisfied(agent) = city.GetMonitor().Get(provider, cell, {}).GetSatisfiedRatio();
        for (uint32_t slice = 0; slice < City::NUM_SLICES; ++slice)
        {
            const auto all = city.GetMonitor().Get({}, {}, slice);
            const auto own = city.GetMonitor().Get(provider, cell, slice);
            const double ended = std::max(1.0, static_cast<double>(all.endedBursts));
            missed[slice](agent) = (static_cast<double>(own.endedBursts) - own.quality) / ended;
            if (slice == City::XURLLC)
            {
                pad(agent) = static_cast<double>(own.padBursts) / ended;
            }
        }
    }

    Term satisfied;
    Term pad;
    std::vector<Term> missed;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H
