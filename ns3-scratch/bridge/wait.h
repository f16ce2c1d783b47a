// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_WAIT_H
#define QNTN_BRIDGE_WAIT_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <limits>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qntn
{

/// Monotonic clock in ns.
inline int64_t
NowNs()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Writes a sequence word and wakes the peer if it sleeps on it.
inline void
Publish(std::atomic<uint32_t>& word, uint32_t sequence, const std::atomic<uint32_t>& peerSleeps)
{
    word.store(sequence, std::memory_order_seq_cst);
    if (peerSleeps.load(std::memory_order_seq_cst) != 0)
    {
        syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
}

/// How long a waiter stays awake before it sleeps.
///
/// It first spins, which answers within a cache line's way but takes the core from others; then it
/// offers its core to whoever can run, which lets several simulators and Python take turns without
/// the cost of sleeping and waking; then it sleeps on the futex. Waits that outlast all that make
/// it sleep at once, but for one in RETRY_PERIOD.
struct Patience
{
    static constexpr uint32_t LONG_WAITS = 8;
    static constexpr uint32_t RETRY_PERIOD = 32;

    int64_t spinNs{0};
    int64_t yieldNs{0};
    uint32_t longWaits{0}; ///< waits in a row that ended in sleep

    /// Whether this wait should begin awake.
    bool IsWorthIt() const
    {
        return longWaits < LONG_WAITS || longWaits % RETRY_PERIOD == 0;
    }

    /// Stays awake until \p changed() holds, for \p limitNs at most.
    /// \return whether it does
    template <typename Changed>
    bool StayAwake(Changed&& changed, int64_t limitNs);
};

template <typename Changed>
bool
Patience::StayAwake(Changed&& changed, int64_t limitNs)
{
    constexpr uint32_t PAUSES_PER_LOOK_AT_CLOCK = 32;

    if (!IsWorthIt())
    {
        return false;
    }
    int64_t now = NowNs();
    for (const int64_t end = now + std::min(spinNs, limitNs); now < end; now = NowNs())
    {
        for (uint32_t i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; ++i)
        {
            if (changed())
            {
                longWaits = 0;
                return true;
            }
            __builtin_ia32_pause();
        }
    }
    for (const int64_t end = now + std::min(yieldNs, limitNs); now < end; now = NowNs())
    {
        sched_yield();
        if (changed())
        {
            longWaits = 0;
            return true;
        }
    }
    return false;
}

/// Waits until a sequence word leaves the value \p old.
///
/// While it sleeps, \p keepWaiting is asked at least every 20 ms; when it answers false the wait
/// ends.
/// \return whether the word changed
template <typename KeepWaiting>
bool
WaitForChange(const std::atomic<uint32_t>& word,
              uint32_t old,
              std::atomic<uint32_t>& sleeps,
              Patience& patience,
              KeepWaiting&& keepWaiting)
{
    constexpr timespec NAP{0, 20'000'000};
    auto changed = [&] { return word.load(std::memory_order_acquire) != old; };

    if (changed())
    {
        return true;
    }
    if (patience.StayAwake(changed, std::numeric_limits<int64_t>::max()))
    {
        return true;
    }
    ++patience.longWaits;
    while (true)
    {
        sleeps.store(1, std::memory_order_seq_cst);
        if (word.load(std::memory_order_seq_cst) == old)
        {
            syscall(SYS_futex, &word, FUTEX_WAIT, old, &NAP, nullptr, 0);
        }
        sleeps.store(0, std::memory_order_relaxed);
        if (changed())
        {
            return true;
        }
        if (!keepWaiting())
        {
            return changed();
        }
    }
}

} // namespace qntn

#endif // QNTN_BRIDGE_WAIT_H
