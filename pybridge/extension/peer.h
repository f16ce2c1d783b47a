// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_PEER_H
#define QNTN_PYBRIDGE_PEER_H

#include "bridge/control-block.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace qntn
{

/// The simulator's half of the exchange in shared memory, for a fake simulator on a thread of this
/// process. Its memory is a map of its own, as in another process.
class Peer
{
  public:
    /// \param file the memory file; it is not kept
    /// \param control where the environment's control block lies
    /// \param socket its end of the control socket: closed when Python is gone; not owned
    /// \throws std::system_error if the file cannot be mapped
    Peer(int file, size_t bytes, size_t control, int socket);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    uint8_t* GetMemory() const;
    size_t GetBytes() const;
    /// The state block to begin with.
    uint32_t GetBuffer() const;

    /// Hands the present state over.
    void Publish(uint32_t status, int64_t timeNs);
    /// Waits for the answer, without the GIL.
    /// \return the command and the state block to write next; nothing if Python is gone
    std::optional<std::pair<uint32_t, uint32_t>> Await();

  private:
    size_t m_bytes;
    int m_socket;
    uint8_t* m_memory;
    ControlBlock* m_control;
    uint32_t m_sequence;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_PEER_H
