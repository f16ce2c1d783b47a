// SPDX-License-Identifier: GPL-2.0-only
#include "ran/harq.h"

#include "ns3/assert.h"

#include <algorithm>
#include <utility>

namespace qntn
{

uint32_t
HarqEntity::CountFree(ns3::Time now, uint32_t numProcesses)
{
    while (!m_acknowledged.empty() && m_acknowledged.front() <= now)
    {
        m_acknowledged.pop_front();
    }
    const auto busy = static_cast<uint32_t>(m_waiting.size() + m_acknowledged.size());
    return numProcesses - std::min(busy, numProcesses);
}

void
HarqEntity::Acknowledge(ns3::Time acknowledged)
{
    m_acknowledged.push_back(acknowledged);
}

void
HarqEntity::Retry(TransportBlock&& block)
{
    m_waiting.push_back(std::move(block));
}

const std::deque<TransportBlock>&
HarqEntity::GetWaiting() const
{
    return m_waiting;
}

TransportBlock
HarqEntity::TakeDue(uint32_t sliceId, ns3::Time now)
{
    const auto found = std::ranges::find_if(
        m_waiting,
        [&](const auto& block) { return block.sliceId == sliceId && block.due <= now; });
    NS_ASSERT_MSG(found != m_waiting.end(), "no block of slice " << sliceId << " is due");
    TransportBlock block = std::move(*found);
    m_waiting.erase(found);
    return block;
}

bool
HarqEntity::TakeLate(ns3::Time now, TransportBlock& late)
{
    const auto found =
        std::ranges::find_if(m_waiting, [now](const auto& block) { return block.deadline < now; });
    if (found == m_waiting.end())
    {
        return false;
    }
    late = std::move(*found);
    m_waiting.erase(found);
    return true;
}

std::vector<TransportBlock>
HarqEntity::Flush()
{
    std::vector<TransportBlock> blocks(std::make_move_iterator(m_waiting.begin()),
                                       std::make_move_iterator(m_waiting.end()));
    m_waiting.clear();
    m_acknowledged.clear();
    return blocks;
}

} // namespace qntn
