// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_WAIT_H
#define QNTN_BRIDGE_WAIT_H

#include <atomic>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
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

/// Waits until a sequence word leaves the value \p old: spins for \p spinNs, then sleeps.
///
/// While it sleeps, \p keepWaiting is asked at least every 20 ms; when it answers false the wait
/// ends.
/// \return whether the word changed
template <typename KeepWaiting>
bool
WaitForChange(const std::atomic<uint32_t>& word,
              uint32_t old,
              std::atomic<uint32_t>& sleeps,
              int64_t spinNs,
              KeepWaiting&& keepWaiting)
{
    constexpr uint32_t PAUSES_PER_LOOK_AT_CLOCK = 32;
    constexpr timespec NAP{0, 20'000'000};
    auto changed = [&] { return word.load(std::memory_order_acquire) != old; };

    if (changed())
    {
        return true;
    }
    for (const int64_t end = spinNs > 0 ? NowNs() + spinNs : 0; spinNs > 0 && NowNs() < end;)
    {
        for (uint32_t i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; ++i)
        {
            if (changed())
            {
                return true;
            }
            __builtin_ia32_pause();
        }
    }
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
