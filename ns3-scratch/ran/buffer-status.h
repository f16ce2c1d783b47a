// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_BUFFER_STATUS_H
#define QNTN_RAN_BUFFER_STATUS_H

#include "ns3/nstime.h"

#include <algorithm>
#include <cstdint>
#include <deque>

namespace qntn
{

/// What a base station knows of a user's uplink buffer: the last report that has come, less what
/// was granted since it was made. TS 38.321 V17, 5.4.5.
class BufferStatus
{
  public:
    /// A report of \p bytes that is made now and may bring a grant from \p usable on.
    void Report(uint64_t bytes, ns3::Time usable)
    {
        m_onTheWay.push_back({bytes, m_granted, usable});
    }

    /// \p bytes have been granted.
    void Grant(uint64_t bytes)
    {
        m_granted += bytes;
    }

    /// Bytes that wait as far as is known at \p now.
    uint64_t GetKnown(ns3::Time now)
    {
        while (!m_onTheWay.empty() && m_onTheWay.front().usable <= now)
        {
            m_last = m_onTheWay.front();
            m_onTheWay.pop_front();
        }
        const uint64_t since = m_granted - m_last.granted;
        return m_last.bytes - std::min(m_last.bytes, since);
    }

    bool IsReportOnTheWay() const
    {
        return !m_onTheWay.empty();
    }

    /// Another base station knows nothing.
    void Reset()
    {
        *this = {};
    }

  private:
    struct Entry
    {
        uint64_t bytes;
        uint64_t granted; ///< in all, when it was made
        ns3::Time usable;
    };

    Entry m_last{};
    std::deque<Entry> m_onTheWay;
    uint64_t m_granted{0};
};

} // namespace qntn

#endif // QNTN_RAN_BUFFER_STATUS_H
