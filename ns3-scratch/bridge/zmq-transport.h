// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ZMQ_TRANSPORT_H
#define QNTN_BRIDGE_ZMQ_TRANSPORT_H

#include "bridge/transport.h"

#include <vector>
#include <zmq.hpp>

namespace qntn
{

/// Everything as protobuf messages on a ZMQ PAIR socket; the arrays as bytes, one message a step.
///
/// A block above LARGE_BLOCK_BYTES is a frame of its own after its message, so that it is copied
/// once only. Off this machine the socket is a CURVE client with heartbeats, and the process ends
/// when the link is down.
class ZmqTransport : public Transport
{
  public:
    /// \param endpoint where Python listens, e.g. `tcp://127.0.0.1:5555`
    /// \param lifeline a socket that closes when Python ends, or -1
    /// \param keys folder with `simulator.key_secret` and `python.key`, or empty
    ZmqTransport(const std::string& endpoint, int lifeline, const std::string& keys);

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
    wire::Control Receive(zmq::message_t& block);
    void ReceiveFrame(zmq::message_t& frame);
    void EndIfLinkIsDown();

    std::vector<uint8_t> m_stateBlock; ///< before the socket, which may still send from it
    std::vector<uint8_t> m_actionBlock;
    zmq::context_t m_context;
    zmq::socket_t m_socket;
    zmq::socket_t m_monitor; ///< tells of a link that leaves the machine
    bool m_connected{false};
    uint32_t m_sequence{0};
};

} // namespace qntn

#endif // QNTN_BRIDGE_ZMQ_TRANSPORT_H
