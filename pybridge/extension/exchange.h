// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_EXCHANGE_H
#define QNTN_PYBRIDGE_EXCHANGE_H

#include "bridge/control-block.h"

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
/// The file begins with a control block for each environment; what lies behind is Python's to lay
/// out. It has no name, so nothing is left behind whoever dies.
class Exchange
{
  public:
    /// \throws std::system_error if the memory cannot be had
    Exchange(uint32_t numEnvironments, size_t bytes);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    uint8_t* GetMemory() const;
    size_t GetBytes() const;
    int GetDescriptor() const;

    /// A new simulator takes the place \p environment; its first state goes to block \p buffer.
    /// \param socket what is looked at while waiting for it, or -1
    void Seat(uint32_t environment, int socket, uint32_t buffer);
    /// Hands actions over.
    void Post(uint32_t environment, uint32_t command, uint32_t buffer);
    /// Waits for the state that answers the last Post (or for the first one).
    Outcome Wait(uint32_t environment, int64_t deadlineNs, int64_t spinNs);

    /// Closes the memory file; no further simulator can be seated. The memory stays while it is
    /// used.
    void CloseFile();

    uint32_t GetStatus(uint32_t environment) const;
    int64_t GetTimeNs(uint32_t environment) const;

  private:
    struct Place
    {
        int socket{-1};
        uint32_t statesSeen{0};
    };

    ControlBlock& At(uint32_t environment) const;

    int m_file{-1};
    size_t m_bytes;
    uint8_t* m_memory{nullptr};
    std::vector<Place> m_places;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_EXCHANGE_H
