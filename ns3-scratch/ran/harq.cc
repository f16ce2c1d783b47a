// SPDX-License-Identifier: GPL-2.0-only
#include "ran/harq.h"

#include "ns3/assert.h"

#include <algorithm>
#include <utility>

namespace qntn
{

bool
HarqEntity::CanStart(ns3::Time now, uint32_t numProcesses)
{
    std::erase_if(m_acknowledged, [now](ns3::Time time) { return time <= now; });
    return m_waiting.size() + m_acknowledged.size() < numProcesses;
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

const TransportBlock*
HarqEntity::PeekDue(uint32_t sliceId, ns3::Time now) const
{
    const auto found = std::ranges::find_if(
        m_waiting,
        [&](const auto& block) { return block.sliceId == sliceId && block.due <= now; });
    return found == m_waiting.end() ? nullptr : &*found;
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
