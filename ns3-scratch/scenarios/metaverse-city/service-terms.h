// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H
#define QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H

#include "bridge/role.h"
#include "metaverse/city.h"
#include "scenarios/services/slice-fields.h"

#include <algorithm>
#include <optional>

namespace qntn
{

/// Upper bounds of observations that several roles have.
struct CityBounds
{
    static constexpr double KEY_BPS = 1e7;
};

/// Reward terms that every role has.
struct ServiceTerms
{
    explicit ServiceTerms(Role& role)
        : satisfied(role.Term("satisfied_ratio", "ratio", "own bursts whole and in time")),
          pad(role.Term(
              "xurllc_otp_ratio", "ratio", "own xURLLC in time under one-time pad, of the city's")),
          missed(role, City::SLICE_NAMES, "city")
    {
    }

    void Write(const City& city,
               uint32_t agent,
               std::optional<uint32_t> provider,
               std::optional<uint32_t> cell) const
    {
        const auto& monitor = city.GetMonitor();
        satisfied(agent) = monitor.Get(provider, cell, {}).GetSatisfiedRatio();
        pad(agent) =
            static_cast<double>(monitor.Get(provider, cell, City::XURLLC).padBursts) /
            std::max(1.0, static_cast<double>(monitor.Get({}, {}, City::XURLLC).endedBursts));
        missed.Write(monitor, agent, provider, cell);
    }

    Term satisfied;
    Term pad;
    MissedTerms missed;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_SERVICE_TERMS_H
