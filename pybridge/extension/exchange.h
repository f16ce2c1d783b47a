// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_EXCHANGE_H
#define QNTN_PYBRIDGE_EXCHANGE_H

#include "bridge/control-block.h"
#include "bridge/wait.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qntn
{

/// Why a wait for a simulator's state ended.
enum class Outcome : uint8_t
{
    READY,        ///< the state is there
    TIMED_OUT,    ///< the deadline passed
    SOCKET_EVENT, ///< the simulator closed its socket or sent a message
    INTERRUPTED,  ///< a Python signal handler raised
};

/// Python's half of the exchange in shared memory: one memory file for all environments of a
/// vector.
///
/// Each environment has two seats with a control block each: on one sits the simulator of the
/// present episode, on the other that of the next one, which builds its first state in good time.
/// The file begins with the control blocks; what lies behind is Python's to lay out. It has no
/// name, so nothing is left behind whoever dies.
class Exchange
{
  public:
    static constexpr uint32_t SEATS = 2; ///< of each environment
    /// The state block that takes the first state of the simulator on seat 0; that of seat 1
    /// follows.
    static constexpr uint32_t FIRST_STATE_BLOCK = STATE_BLOCKS - SEATS;

    /// \throws std::system_error if the memory cannot be had
    Exchange(uint32_t numEnvironments, size_t bytes, int64_t spinNs, int64_t yieldNs);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    uint8_t* GetMemory() const;
    size_t GetBytes() const;
    int GetDescriptor() const;

    /// A new simulator takes the free seat of \p environment.
    /// \param socket what is looked at while waiting for it, or -1
    /// \return the offset of its control block
    size_t Prepare(uint32_t environment, int socket);
    /// Waits for the first state of the simulator that was prepared.
    Outcome AwaitFirst(uint32_t environment, int64_t deadlineNs);
    /// The prepared simulator becomes the present one.
    /// \return the state block with its first state
    uint32_t Seat(uint32_t environment);

    /// Hands actions to all present simulators; their next states go to block \p buffer.
    void Post(uint32_t buffer);
    /// Waits for the states that answer the last Post.
    /// \param[out] environment whose state did not come
    Outcome Await(int64_t deadlineNs, uint32_t& environment);

    /// Closes the memory file; no further simulator can be seated. The memory stays while it is
    /// used.
    void CloseFile();

    uint32_t GetNumEnvironments() const;
    /// The control block of the present simulator.
    const ControlBlock& GetControl(uint32_t environment) const;

  private:
    struct Place
    {
        int socket{-1};
        uint32_t statesSeen{0};
        Patience patience;
    };

    struct Environment
    {
        uint32_t seat{0}; ///< of the present simulator
        Place places[SEATS];
    };

    size_t OffsetOf(uint32_t environment, uint32_t seat) const;
    ControlBlock& At(uint32_t environment, uint32_t seat) const;
    /// Waits; with the interpreter's lock released unless it is short.
    Outcome Await(uint32_t environment, uint32_t seat, int64_t deadlineNs);

    int m_file{-1};
    size_t m_bytes;
    int64_t m_spinNs;
    int64_t m_yieldNs;
    uint8_t* m_memory{nullptr};
    std::vector<Environment> m_environments;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_EXCHANGE_H
