// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_SHM_TRANSPORT_H
#define QNTN_BRIDGE_SHM_TRANSPORT_H

#include "bridge/control-block.h"
#include "bridge/transport.h"
#include "bridge/wait.h"

#include <sys/socket.h>

namespace qntn
{

/// Arrays in a memory file whose descriptor comes with Start; control messages on a unix socket.
class ShmTransport : public Transport
{
  public:
    /// \param socket a connected unix SOCK_SEQPACKET socket; owned
    explicit ShmTransport(int socket);
    ~ShmTransport() override;
    ShmTransport(const ShmTransport&) = delete;
    ShmTransport& operator=(const ShmTransport&) = delete;

    void Send(const wire::Control& message) override;
    wire::Control Receive() override;
    void Flush() override;
    uint32_t Open(const wire::Start& start) override;
    uint8_t* GetStateBlock(uint32_t buffer) override;
    const uint8_t* GetActionBlock() const override;
    void Publish(wire::Status status, int64_t timeNs) override;
    Answer Await() override;

  private:
    bool IsPeerThere() const;
    /// Keeps the last descriptor that came with a message and closes all others.
    /// \return how many came
    size_t TakeDescriptors(msghdr& header);

    int m_socket;
    int m_memoryFile{-1}; ///< came with the last message that carried a descriptor
    uint8_t* m_memory{nullptr};
    uint64_t m_memoryBytes{0};
    ControlBlock* m_control{nullptr};
    uint64_t m_state[STATE_BLOCKS]{};
    uint64_t m_action{0};
    uint32_t m_sequence{0};
    Patience m_patience;
};

} // namespace qntn

#endif // QNTN_BRIDGE_SHM_TRANSPORT_H
