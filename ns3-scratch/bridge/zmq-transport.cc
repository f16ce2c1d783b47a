// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/zmq-transport.h"

#include "bridge/control-check.h"

#include <bit>
#include <cstring>

namespace qntn
{

static_assert(std::endian::native == std::endian::little, "arrays travel as little-endian bytes");

namespace
{

constexpr int LINGER_MS = 2000;

} // namespace

ZmqTransport::ZmqTransport(const std::string& endpoint, int lifeline)
    : m_socket(m_context, zmq::socket_type::pair)
{
    m_socket.set(zmq::sockopt::linger, LINGER_MS);
    m_socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(LARGEST_ZMQ_BYTES));
    m_socket.connect(endpoint);
    if (lifeline != -1)
    {
        EndWithPeerOf(lifeline);
    }
}

void
ZmqTransport::Send(const wire::Control& message)
{
    const auto bytes = message.SerializeAsString();
    m_socket.send(zmq::buffer(bytes), zmq::send_flags::none);
}

wire::Control
ZmqTransport::Receive()
{
    zmq::message_t bytes;
    for (bool received = false; !received;)
    {
        try
        {
            received = m_socket.recv(bytes).has_value();
        }
        catch (const zmq::error_t& error)
        {
            if (error.num() != EINTR)
            {
                throw;
            }
        }
    }
    wire::Control message;
    if (const auto problem = Decode(bytes.data(), bytes.size(), message); !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    return message;
}

void
ZmqTransport::Flush()
{
    m_socket.close();
    m_context.close();
}

uint32_t
ZmqTransport::Open(const wire::Start& start)
{
    if (start.state_bytes() > LARGEST_ZMQ_BYTES || start.action_bytes() > LARGEST_ZMQ_BYTES)
    {
        Fail(*this, "protocol", "Start asks for blocks larger than a message may be");
    }
    m_stateBlock.assign(start.state_bytes(), 0);
    m_actionBlock.assign(start.action_bytes(), 0);
    return 0;
}

uint8_t*
ZmqTransport::GetStateBlock(uint32_t)
{
    return m_stateBlock.data();
}

const uint8_t*
ZmqTransport::GetActionBlock() const
{
    return m_actionBlock.data();
}

void
ZmqTransport::Publish(wire::Status status, int64_t timeNs)
{
    wire::Control message;
    wire::State& state = *message.mutable_state();
    state.set_sequence(m_sequence);
    state.set_status(status);
    state.set_time_ns(timeNs);
    state.set_block(m_stateBlock.data(), m_stateBlock.size());
    Send(message);
}

Transport::Answer
ZmqTransport::Await()
{
    const wire::Control message = Receive();
    if (const auto problem = CheckAction(message, m_sequence, m_actionBlock.size());
        !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    ++m_sequence;
    if (message.action().command() == wire::CLOSE)
    {
        return {wire::CLOSE, 0};
    }
    std::memcpy(m_actionBlock.data(), message.action().block().data(), m_actionBlock.size());
    return {wire::STEP, 0};
}

} // namespace qntn
