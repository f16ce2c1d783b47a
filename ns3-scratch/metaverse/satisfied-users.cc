// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/satisfied-users.h"

#include <algorithm>

namespace qntn
{

SatisfiedUsers::SatisfiedUsers(uint32_t numSlices) : m_tallies(numSlices)
{
}

void
SatisfiedUsers::Count(uint32_t slice, uint32_t user, bool satisfied)
{
    auto& users = m_tallies.at(slice);
    if (user >= users.size())
    {
        users.resize(user + 1);
    }
    auto& tally = users[user][m_now];
    ++tally.ended;
    tally.satisfied += satisfied;
}

void
SatisfiedUsers::Roll()
{
    m_now = (m_now + 1) % (WINDOW + 1);
    for (auto& users : m_tallies)
    {
        for (auto& intervals : users)
        {
            intervals[m_now] = {};
        }
    }
}

double
SatisfiedUsers::GetRatio(uint32_t slice) const
{
    uint32_t served = 0;
    uint32_t satisfied = 0;
    for (const auto& intervals : m_tallies.at(slice))
    {
        Tally sum;
        for (uint32_t interval = 0; interval < intervals.size(); ++interval)
        {
            if (interval != m_now)
            {
                sum.ended += intervals[interval].ended;
                sum.satisfied += intervals[interval].satisfied;
            }
        }
        served += sum.ended > 0;
        satisfied += sum.ended > 0 && static_cast<double>(sum.satisfied) >=
                                          LEAST_RATIO * static_cast<double>(sum.ended);
    }
    return served == 0 ? 1 : static_cast<double>(satisfied) / served;
}

} // namespace qntn
