// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ZMQ_LINK_H
#define QNTN_BRIDGE_ZMQ_LINK_H

#include "bridge/message-link.h"

#include <string>
#include <zmq.hpp>

namespace qntn
{

/// To a Python on another machine, by libzmq: a CURVE client with heartbeats. The process ends when
/// the link is down.
class ZmqLink : public MessageLink
{
  public:
    /// \param endpoint where Python listens, e.g. `tcp://192.0.2.1:5555`
    /// \param keys folder with `simulator.key_secret` and `python.key`
    ZmqLink(const std::string& endpoint, const std::string& keys);

    void Send(std::span<const Bytes> parts) override;
    Part Receive() override;
    void Flush() override;

  private:
    void EndIfLinkIsDown();

    zmq::context_t m_context;
    zmq::socket_t m_socket;
    zmq::socket_t m_monitor;
    zmq::message_t m_part; ///< that was received last
    bool m_connected{false};
};

} // namespace qntn

#endif // QNTN_BRIDGE_ZMQ_LINK_H
