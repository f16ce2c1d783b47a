// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_DELAY_LINE_H
#define QNTN_METAVERSE_DELAY_LINE_H

#include "ns3/event-id.h"
#include "ns3/simulator.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace qntn
{

/// A stretch of network with a fixed delay and no bottleneck: what goes in comes out in the same
/// order, later. One event serves all that comes out at the same time.
template <typename Item>
class DelayLine
{
  public:
    DelayLine(ns3::Time delay, std::function<void(Item&&)> output)
        : m_delay(delay), m_output(std::move(output))
    {
    }

    ~DelayLine()
    {
        m_event.Cancel();
    }

    DelayLine(const DelayLine&) = delete;
    DelayLine& operator=(const DelayLine&) = delete;

    void Send(Item item)
    {
        m_items.emplace_back(ns3::Simulator::Now() + m_delay, std::move(item));
        if (!m_event.IsPending())
        {
            m_event = ns3::Simulator::Schedule(m_delay, &DelayLine::Deliver, this);
        }
    }

    uint64_t GetNumItems() const
    {
        return m_items.size();
    }

  private:
    void Deliver()
    {
        const ns3::Time now = ns3::Simulator::Now();
        while (!m_items.empty() && m_items.front().first <= now)
        {
            Item item = std::move(m_items.front().second);
            m_items.pop_front();
            m_output(std::move(item));
        }
        if (!m_items.empty() && !m_event.IsPending())
        {
            m_event =
                ns3::Simulator::Schedule(m_items.front().first - now, &DelayLine::Deliver, this);
        }
    }

    ns3::Time m_delay;
    std::function<void(Item&&)> m_output;
    std::deque<std::pair<ns3::Time, Item>> m_items;
    ns3::EventId m_event;
};

} // namespace qntn

#endif // QNTN_METAVERSE_DELAY_LINE_H
