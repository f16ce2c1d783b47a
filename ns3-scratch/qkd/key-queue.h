// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_QUEUE_H
#define QNTN_QKD_KEY_QUEUE_H

#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/nstime.h"

#include <cstdint>
#include <deque>
#include <functional>

namespace qntn
{

/// Who asks for key, of a relation's pool or of a stock, and waits for it: in order, each until its
/// deadline.
class KeyQueue
{
  public:
    using KeyCallback = ns3::Callback<void, bool /*granted*/>;

    /// Requests so far.
    struct Counters
    {
        uint64_t requestedBits{0};
        uint64_t granted{0};
        uint64_t refused{0};
    };

    /// Requests since the last report, and who waits now.
    struct Report
    {
        uint64_t requestedBits;
        uint64_t granted;
        uint64_t refused;
        uint64_t waiting;
        uint64_t waitingBits;
        ns3::Time headWait; ///< of the oldest request that waits
    };

    /// \param take takes so many bits where they are, or says that there are not so many
    explicit KeyQueue(std::function<bool(uint64_t bits)> take);
    ~KeyQueue();
    KeyQueue(const KeyQueue&) = delete;
    KeyQueue& operator=(const KeyQueue&) = delete;

    /// Take key if it is there and nobody waits for it.
    bool TryTake(uint64_t bits);
    /// Ask for key; the answer comes at once, when there is so much, or with false at \p deadline.
    void Request(uint64_t bits, ns3::Time deadline, KeyCallback done);
    /// Grant waiting requests, in order, as far as the key goes.
    void Serve();
    /// Forget who waits; nobody is called.
    void Cancel();

    uint64_t GetNumWaiting() const;
    uint64_t GetWaitingBits() const;
    /// Of the oldest request that waits; 0 if none does.
    uint64_t GetHeadBits() const;
    const Counters& GetCounters() const;
    Report TakeReport();

  private:
    struct Waiting
    {
        uint64_t id;
        uint64_t bits;
        ns3::Time since;
        KeyCallback done;
        ns3::EventId deadline;
    };

    void Refuse(uint64_t id);

    std::function<bool(uint64_t)> m_take;
    std::deque<Waiting> m_waiting;
    uint64_t m_waitingBits{0};
    uint64_t m_nextId{0};
    Counters m_counters;
    Counters m_reported;
};

} // namespace qntn

#endif // QNTN_QKD_KEY_QUEUE_H
