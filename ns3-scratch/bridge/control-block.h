// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_CONTROL_BLOCK_H
#define QNTN_BRIDGE_CONTROL_BLOCK_H

#include <atomic>
#include <cstdint>

namespace qntn
{

/// Version of everything that passes between the processes; raised by each incompatible change.
inline constexpr uint32_t PROTOCOL_VERSION = 2;
/// What the byte-order mark of Configure and Hello must read as.
inline constexpr uint32_t BYTE_ORDER_MARK = 0x01020304;

/// The words through which one simulator and Python take turns, in shared memory.
///
/// Python raises actionSequence after writing actions; the simulator raises stateSequence after
/// writing a state. Each side's words have a cache line of their own, and so have the two flags by
/// which a sleeper asks to be woken.
struct ControlBlock
{
    // written by Python
    alignas(64) std::atomic<uint32_t> actionSequence; ///< count of actions sent; futex word
    uint32_t command;                                 ///< Command of qntn.proto
    uint32_t buffer;                                  ///< which state block to write next: 0 or 1

    // written by the simulator
    alignas(64) std::atomic<uint32_t> stateSequence; ///< count of states sent; futex word
    uint32_t status;                                 ///< Status of qntn.proto
    int64_t timeNs;                                  ///< simulated time of the state

    alignas(64) std::atomic<uint32_t> pythonSleeps; ///< 1 while Python sleeps on stateSequence
    alignas(64)
        std::atomic<uint32_t> simulatorSleeps; ///< 1 while the simulator sleeps on actionSequence
};

static_assert(sizeof(ControlBlock) == 256, "the control block is four cache lines");
static_assert(std::atomic<uint32_t>::is_always_lock_free, "sequence words must be lock-free");

} // namespace qntn

#endif // QNTN_BRIDGE_CONTROL_BLOCK_H
