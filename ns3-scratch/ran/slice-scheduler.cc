// SPDX-License-Identifier: GPL-2.0-only
#include "ran/slice-scheduler.h"

#include "ran/input-error.h"

#include "ns3/assert.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace qntn
{

uint32_t
RbgPrbs(uint32_t bandwidthPartPrbs)
{
    if (bandwidthPartPrbs < 1 || bandwidthPartPrbs > 275)
    {
        throw std::invalid_argument("bandwidth_part_prbs: found " +
                                    std::to_string(bandwidthPartPrbs) + ", expected 1 .. 275");
    }
    return bandwidthPartPrbs <= 36    ? 2
           : bandwidthPartPrbs <= 72  ? 4
           : bandwidthPartPrbs <= 144 ? 8
                                      : 16;
}

void
SliceScheduler::Configure(SchedulingPolicy policy, bool borrowing, uint32_t unit)
{
    m_unit = unit;
    m_policy = policy;
    m_borrowing = borrowing;
}

uint32_t
SliceScheduler::ToWhole(uint32_t prbs) const
{
    return prbs / m_unit * m_unit;
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

    const auto whole = [this](uint32_t prbs) { return ToWhole(prbs); };
    numPrbs = whole(numPrbs);
    auto serve = [&](size_t i, uint32_t available)
    {
        const auto& candidate = candidates[i];
        const uint32_t wanted = whole(candidate.prbsWanted + m_unit - 1);
        const uint32_t missing = std::max(wanted, granted[i]) - granted[i];
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
        serve(i, whole(quotas[slice].minimum) - used[slice]);
    }
    if (m_borrowing)
    {
        uint32_t spare = numPrbs;
        for (size_t slice = 0; slice < quotas.size(); ++slice)
        {
            spare -= std::max(used[slice], whole(quotas[slice].dedicated));
        }
        for (size_t i = 0; i < candidates.size() && spare > 0; ++i)
        {
            const uint32_t slice = candidates[i].sliceId;
            const uint32_t most = std::max(whole(quotas[slice].maximum), used[slice]) - used[slice];
            const uint32_t kept = std::max(used[slice], whole(quotas[slice].dedicated));
            const uint32_t own = kept - used[slice]; // dedicated and unused: its own before others'
            const uint32_t given = serve(i, std::min(most, own + spare));
            spare -= given - std::min(given, own);
        }
    }

    Place(candidates, numPrbs, whole(firstPrb));
    return m_grants;
}

void
SliceScheduler::Place(const std::vector<Candidate>& candidates, uint32_t numPrbs, uint32_t firstPrb)
{
    m_grants.clear();
    m_order.clear();
    bool selective = false;
    for (size_t i = 0; i < candidates.size(); ++i)
    {
        if (m_granted[i] > 0)
        {
            m_order.push_back(i);
            selective = selective || candidates[i].subbandsDb != nullptr;
        }
    }
    uint32_t next = firstPrb;
    uint32_t total = 0;
    for (size_t k = 0; k < m_order.size(); ++k)
    {
        if (selective)
        {
            const auto gainDb = [&](size_t i)
            {
                const auto* known = candidates[i].subbandsDb;
                return known ? MeanOverPrbs(*known, next % numPrbs, m_granted[i], numPrbs) : 0;
            };
            const auto best = std::ranges::max_element(m_order.begin() + static_cast<ptrdiff_t>(k),
                                                       m_order.end(),
                                                       {},
                                                       gainDb);
            std::swap(m_order[k], *best);
        }
        const size_t i = m_order[k];
        m_grants.push_back({candidates[i], m_granted[i], next % numPrbs});
        next += m_granted[i];
        total += m_granted[i];
    }
    for (size_t i = 0; i < candidates.size(); ++i) // in the order of service
    {
        if (m_granted[i] > 0)
        {
            m_turns[candidates[i].sliceId] = candidates[i].flow + 1;
        }
    }
    NS_ASSERT_MSG(total <= numPrbs, total << " PRBs are given of a carrier's " << numPrbs);
}

void
ValidateQuota(const PrbQuota& quota, uint32_t numPrbs, const std::string& cell, size_t slice)
{
    const std::string field =
        "cell " + cell + ", slice " + std::to_string(slice) + ", quota in PRBs";
    const std::string found = "{" + std::to_string(quota.dedicated) + ", " +
                              std::to_string(quota.minimum) + ", " + std::to_string(quota.maximum) +
                              "}";
    RequireInput(quota.dedicated <= quota.minimum && quota.minimum <= quota.maximum &&
                     quota.maximum <= numPrbs,
                 field,
                 found,
                 "dedicated <= minimum <= maximum <= " + std::to_string(numPrbs));
}

void
ValidateQuotas(std::span<const PrbQuota> quotas, uint32_t numPrbs, const std::string& cell)
{
    uint32_t sum = 0;
    for (size_t slice = 0; slice < quotas.size(); ++slice)
    {
        ValidateQuota(quotas[slice], numPrbs, cell, slice);
        sum += quotas[slice].minimum;
    }
    RequireInput(sum <= numPrbs,
                 "cell " + cell + ", sum of the slices' minima in PRBs",
                 sum,
                 "at most the carrier's " + std::to_string(numPrbs));
}

} // namespace qntn
