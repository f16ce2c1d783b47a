// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_MESSAGE_TRANSPORT_H
#define QNTN_BRIDGE_MESSAGE_TRANSPORT_H

#include "bridge/message-link.h"
#include "bridge/transport.h"

#include <memory>
#include <string>
#include <vector>

namespace qntn
{

/// Everything as protobuf messages; the arrays as bytes, one message a step.
///
/// A block above LARGE_BLOCK_BYTES is a part of its own after its message, so that it is copied
/// once only.
class MessageTransport : public Transport
{
  public:
    explicit MessageTransport(std::unique_ptr<MessageLink> link);

    void Send(const wire::Control& message) override;
    wire::Control Receive() override;
    void Flush() override;
    uint32_t Open(const wire::Start& start) override;
    uint8_t* GetStateBlock(uint32_t buffer) override;
    const uint8_t* GetActionBlock() const override;
    void Publish(wire::Status status, int64_t timeNs) override;
    Answer Await() override;

  private:
    /// Receives a message and, if there is one, the block that follows it.
    /// \param[out] block valid until the next call
    void Receive(wire::Control& message, Bytes& block);
    MessageLink::Part ReceivePart();

    std::vector<uint8_t> m_stateBlock; ///< before the link, which may still send from it
    std::vector<uint8_t> m_actionBlock;
    std::unique_ptr<MessageLink> m_link;
    wire::Control m_state; ///< these three are kept, so that a step allocates nothing
    wire::Control m_action;
    std::string m_bytes;
    uint32_t m_sequence{0};
};

} // namespace qntn

#endif // QNTN_BRIDGE_MESSAGE_TRANSPORT_H
