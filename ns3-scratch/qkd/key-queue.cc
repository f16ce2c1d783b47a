// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-queue.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <utility>

using namespace ns3;

namespace qntn
{

KeyQueue::KeyQueue(std::function<bool(uint64_t)> take) : m_take(std::move(take))
{
}

KeyQueue::~KeyQueue()
{
    Cancel();
}

bool
KeyQueue::TryTake(uint64_t bits)
{
    if (!m_waiting.empty() || !m_take(bits))
    {
        return false;
    }
    m_counters.requestedBits += bits;
    ++m_counters.granted;
    return true;
}

void
KeyQueue::Request(uint64_t bits, Time deadline, KeyCallback done)
{
    if (TryTake(bits))
    {
        done(true);
        return;
    }
    m_counters.requestedBits += bits;
    const uint64_t id = m_nextId++;
    const Time now = Simulator::Now();
    const EventId event =
        Simulator::Schedule(Max(deadline - now, Time(0)), &KeyQueue::Refuse, this, id);
    m_waiting.push_back({id, bits, now, done, event});
    m_waitingBits += bits;
}

void
KeyQueue::Serve()
{
    // A callback may ask again: its request joins the end of the queue and is looked at in turn.
    while (!m_waiting.empty() && m_take(m_waiting.front().bits))
    {
        Waiting served = std::move(m_waiting.front());
        m_waiting.pop_front();
        served.deadline.Cancel();
        m_waitingBits -= served.bits;
        ++m_counters.granted;
        served.done(true);
    }
}

void
KeyQueue::Cancel()
{
    for (Waiting& waiting : m_waiting)
    {
        waiting.deadline.Cancel();
    }
    m_waiting.clear();
    m_waitingBits = 0;
}

uint64_t
KeyQueue::GetNumWaiting() const
{
    return m_waiting.size();
}

uint64_t
KeyQueue::GetWaitingBits() const
{
    return m_waitingBits;
}

uint64_t
KeyQueue::GetHeadBits() const
{
    return m_waiting.empty() ? 0 : m_waiting.front().bits;
}

const KeyQueue::Counters&
KeyQueue::GetCounters() const
{
    return m_counters;
}

KeyQueue::Report
KeyQueue::TakeReport()
{
    const Counters before = std::exchange(m_reported, m_counters);
    return {.requestedBits = m_counters.requestedBits - before.requestedBits,
            .granted = m_counters.granted - before.granted,
            .refused = m_counters.refused - before.refused,
            .waiting = m_waiting.size(),
            .waitingBits = m_waitingBits,
            .headWait = m_waiting.empty() ? Time(0) : Simulator::Now() - m_waiting.front().since};
}

void
KeyQueue::Refuse(uint64_t id)
{
    const auto found = std::ranges::find(m_waiting, id, &Waiting::id);
    NS_ASSERT_MSG(found != m_waiting.end(), "request " << id << " has been answered");
    const Waiting refused = *found;
    m_waiting.erase(found);
    m_waitingBits -= refused.bits;
    ++m_counters.refused;
    refused.done(false);
    // Who waited behind it may be content with what is there.
    Serve();
}

} // namespace qntn
