// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/relation.h"

#include "ns3/abort.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

Relation::Relation(std::string name, std::vector<KeyPath> paths, const KeyPoolConfig& pool)
    : m_paths(std::move(paths)),
      m_pool(std::move(name), pool),
      m_queue([this](uint64_t bits) { return m_pool.Deliver(bits); })
{
}

const std::vector<KeyPath>&
Relation::GetPaths() const
{
    return m_paths;
}

void
Relation::AddPath(KeyPath path)
{
    m_paths.push_back(std::move(path));
}

void
Relation::SetPath(uint32_t pathIndex)
{
    NS_ABORT_MSG_IF(pathIndex >= m_paths.size(),
                    "relation " << m_pool.GetName() << ": path " << pathIndex
                                << " does not exist, expected 0 to " << m_paths.size() - 1);
    m_pathIndex = pathIndex;
}

uint32_t
Relation::GetPathIndex() const
{
    return m_pathIndex;
}

const KeyPath&
Relation::GetCurrentPath() const
{
    return m_paths[m_pathIndex];
}

void
Relation::SetRefillThreshold(double ratio)
{
    NS_ABORT_MSG_IF(!(ratio >= 0 && ratio <= 1),
                    "relation " << m_pool.GetName() << ": refill threshold is " << ratio
                                << ", expected 0 to 1");
    m_refillThreshold = ratio;
}

uint64_t
Relation::GetNeed() const
{
    const auto& config = m_pool.GetConfig();
    const auto target =
        static_cast<uint64_t>(m_refillThreshold * static_cast<double>(config.maxBits));
    const uint64_t wanted =
        std::min(config.maxBits, std::max(target, config.minBits + m_queue.GetWaitingBits()));
    const uint64_t coming = m_pool.GetStoredBits() + m_counters.inFlightBits;
    return wanted > coming ? wanted - coming : 0;
}

void
Relation::Refill(uint64_t bits, Time now)
{
    m_pool.Add(bits, now);
    ++m_counters.relays;
    m_counters.linkBits += bits * GetCurrentPath().edges.size();
}

void
Relation::BeginRelay(uint64_t bits)
{
    m_counters.inFlightBits += bits;
}

void
Relation::PayLink(uint64_t bits)
{
    m_counters.linkBits += bits;
}

void
Relation::EndRelay(uint64_t bits, uint64_t linkBits, bool delivered, Time now)
{
    m_counters.inFlightBits -= bits;
    if (delivered)
    {
        ++m_counters.relays;
        m_pool.Add(bits, now);
        return;
    }
    ++m_counters.failedRelays;
    m_counters.failedLinkBits += linkBits;
}

void
Relation::Request(uint64_t bits, Time deadline, KeyQueue::KeyCallback done)
{
    const auto& config = m_pool.GetConfig();
    NS_ABORT_MSG_IF(bits > config.maxBits - config.minBits,
                    "relation " << m_pool.GetName() << ": a request for " << bits
                                << " bits can never be met, the pool lends at most "
                                << config.maxBits - config.minBits << "; raise maxBits");
    m_queue.Request(bits, deadline, done);
}

KeyQueue&
Relation::GetQueue()
{
    return m_queue;
}

const KeyQueue&
Relation::GetQueue() const
{
    return m_queue;
}

const Relation::Counters&
Relation::GetCounters() const
{
    return m_counters;
}

const KeyPool&
Relation::GetPool() const
{
    return m_pool;
}

KeyPool&
Relation::GetPool()
{
    return m_pool;
}

} // namespace qntn
