// SPDX-License-Identifier: GPL-2.0-only
#include "ran/slice-scheduler.h"

#include "ns3/abort.h"
#include "ns3/assert.h"

#include <algorithm>
#include <numeric>

namespace qntn
{

void
SliceScheduler::Configure(SchedulingPolicy policy, bool borrowing)
{
    m_policy = policy;
    m_borrowing = borrowing;
}

bool
SliceScheduler::Before(const Candidate& a, const Candidate& b) const
{
    if (a.retransmission != b.retransmission)
    {
        return a.retransmission;
    }
    switch (m_policy)
    {
    case SchedulingPolicy::EARLIEST_DEADLINE:
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.flow < b.flow;
    case SchedulingPolicy::ROUND_ROBIN:
        // unsigned: flows count from the one whose turn it is, around the end
        return a.flow - m_turns[a.sliceId] < b.flow - m_turns[b.sliceId];
    default:
    {
        const double aMetric = a.rateBps * b.averageBps;
        const double bMetric = b.rateBps * a.averageBps;
        return aMetric != bMetric ? aMetric > bMetric : a.flow < b.flow;
    }
    }
}

const std::vector<SliceGrant>&
SliceScheduler::Schedule(std::vector<Candidate>& candidates,
                         std::span<const PrbQuota> quotas,
                         uint32_t numPrbs,
                         uint32_t firstPrb)
{
    m_turns.resize(quotas.size(), 0);
    std::ranges::sort(candidates,
                      [this](const auto& a, const auto& b)
                      { return a.sliceId != b.sliceId ? a.sliceId < b.sliceId : Before(a, b); });
    auto& granted = m_granted;
    auto& used = m_used;
    granted.assign(candidates.size(), 0);
    used.assign(quotas.size(), 0);

    auto serve = [&](size_t i, uint32_t available)
    {
        const auto& candidate = candidates[i];
        const uint32_t missing = candidate.prbsWanted - granted[i];
        if (candidate.retransmission && missing > available)
        {
            return 0U;
        }
        const uint32_t given = std::min(missing, available);
        granted[i] += given;
        used[candidate.sliceId] += given;
        return given;
    };
    for (size_t i = 0; i < candidates.size(); ++i)
    {
        const uint32_t slice = candidates[i].sliceId;
        serve(i, quotas[slice].minimum - used[slice]);
    }
    if (m_borrowing)
    {
        uint32_t spare = numPrbs;
        for (size_t slice = 0; slice < quotas.size(); ++slice)
        {
            spare -= std::max(used[slice], quotas[slice].dedicated);
        }
        for (size_t i = 0; i < candidates.size() && spare > 0; ++i)
        {
            const uint32_t slice = candidates[i].sliceId;
            const uint32_t most = std::max(quotas[slice].maximum, used[slice]) - used[slice];
            const uint32_t kept = std::max(used[slice], quotas[slice].dedicated);
            const uint32_t own = kept - used[slice]; // dedicated and unused: its own before others'
            const uint32_t given = serve(i, std::min(most, own + spare));
            spare -= given - std::min(given, own);
        }
    }

    m_grants.clear();
    uint32_t next = firstPrb;
    uint32_t total = 0;
    for (size_t i = 0; i < candidates.size(); ++i)
    {
        if (granted[i] > 0)
        {
            m_grants.push_back({candidates[i], granted[i], next % numPrbs});
            next += granted[i];
            total += granted[i];
            m_turns[candidates[i].sliceId] = candidates[i].flow + 1;
        }
    }
    NS_ASSERT_MSG(total <= numPrbs, total << " PRBs are given of a carrier's " << numPrbs);
    return m_grants;
}

void
ValidateQuotas(std::span<const PrbQuota> quotas, uint32_t numPrbs, const std::string& cell)
{
    uint32_t sum = 0;
    for (size_t slice = 0; slice < quotas.size(); ++slice)
    {
        const auto& quota = quotas[slice];
        NS_ABORT_MSG_IF(quota.dedicated > quota.minimum || quota.minimum > quota.maximum ||
                            quota.maximum > numPrbs,
                        "cell " << cell << ", slice " << slice << ": quota {" << quota.dedicated
                                << ", " << quota.minimum << ", " << quota.maximum
                                << "} PRBs, expected dedicated <= minimum <= maximum <= "
                                << numPrbs);
        sum += quota.minimum;
    }
    NS_ABORT_MSG_IF(sum > numPrbs,
                    "cell " << cell << ": the slices' minima sum to " << sum
                            << " PRBs and exceed the carrier's " << numPrbs);
}

} // namespace qntn
