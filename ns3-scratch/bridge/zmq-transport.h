// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ZMQ_TRANSPORT_H
#define QNTN_BRIDGE_ZMQ_TRANSPORT_H

#include "bridge/transport.h"

#include <vector>
#include <zmq.hpp>

namespace qntn
{

/// Everything as protobuf messages on a ZMQ PAIR socket; the arrays as bytes, one message a step.
class ZmqTransport : public Transport
{
  public:
    /// \param endpoint where Python listens, e.g. `tcp://127.0.0.1:5555`
    /// \param lifeline a socket that closes when Python ends, or -1
    ZmqTransport(const std::string& endpoint, int lifeline);

    void Send(const wire::Control& message) override;
    wire::Control Receive() override;
    void Flush() override;
    uint32_t Open(const wire::Start& start) override;
    uint8_t* GetStateBlock(uint32_t buffer) override;
    const uint8_t* GetActionBlock() const override;
    void Publish(wire::Status status, int64_t timeNs) override;
    Answer Await() override;

  private:
    zmq::context_t m_context;
    zmq::socket_t m_socket;
    std::vector<uint8_t> m_stateBlock;
    std::vector<uint8_t> m_actionBlock;
    uint32_t m_sequence{0};
};

} // namespace qntn

#endif // QNTN_BRIDGE_ZMQ_TRANSPORT_H
