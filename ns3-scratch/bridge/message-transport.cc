// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/message-transport.h"

#include "bridge/control-check.h"

#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace qntn
{

static_assert(std::endian::native == std::endian::little, "arrays travel as little-endian bytes");

namespace
{

constexpr size_t LARGE_BLOCK_BYTES = 4096; // as in pybridge/channel.py

Bytes
AsBytes(const std::string& text)
{
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

} // namespace

MessageTransport::MessageTransport(std::unique_ptr<MessageLink> link) : m_link(std::move(link))
{
}

void
MessageTransport::Send(const wire::Control& message)
{
    message.SerializeToString(&m_bytes);
    const Bytes part = AsBytes(m_bytes);
    m_link->Send({&part, 1});
}

MessageLink::Part
MessageTransport::ReceivePart()
{
    try
    {
        return m_link->Receive();
    }
    catch (const std::runtime_error& error)
    {
        Fail(*this, "protocol", error.what());
    }
}

void
MessageTransport::Receive(wire::Control& message, Bytes& block)
{
    const auto first = ReceivePart();
    if (const auto problem = Decode(first.bytes.data(), first.bytes.size(), message);
        !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    if (!first.more)
    {
        block = {};
        return;
    }
    const auto second = ReceivePart();
    if (second.more)
    {
        Fail(*this, "protocol", "a message has more parts than one for its block");
    }
    block = second.bytes;
}

wire::Control
MessageTransport::Receive()
{
    wire::Control message;
    Bytes block;
    Receive(message, block);
    if (!block.empty())
    {
        Fail(*this, "protocol", "a block came with a message that has none");
    }
    return message;
}

void
MessageTransport::Flush()
{
    m_link->Flush();
}

uint32_t
MessageTransport::Open(const wire::Start& start)
{
    if (start.state_bytes() > LARGEST_PART_BYTES || start.action_bytes() > LARGEST_PART_BYTES)
    {
        Fail(*this, "protocol", "Start asks for blocks larger than a message may be");
    }
    m_link->SetPatience(
        {static_cast<int64_t>(start.spin_ns()), static_cast<int64_t>(start.yield_ns())});
    m_stateBlock.assign(start.state_bytes(), 0);
    m_actionBlock.assign(start.action_bytes(), 0);
    return 0;
}

uint8_t*
MessageTransport::GetStateBlock(uint32_t)
{
    return m_stateBlock.data();
}

const uint8_t*
MessageTransport::GetActionBlock() const
{
    return m_actionBlock.data();
}

void
MessageTransport::Publish(wire::Status status, int64_t timeNs)
{
    wire::State& state = *m_state.mutable_state();
    state.set_sequence(m_sequence);
    state.set_status(status);
    state.set_time_ns(timeNs);
    if (m_stateBlock.size() <= LARGE_BLOCK_BYTES)
    {
        state.set_block(m_stateBlock.data(), m_stateBlock.size());
        Send(m_state);
        return;
    }
    m_state.SerializeToString(&m_bytes);
    const std::array<Bytes, 2> parts{AsBytes(m_bytes), m_stateBlock};
    m_link->Send(parts);
}

Transport::Answer
MessageTransport::Await()
{
    Bytes frame;
    Receive(m_action, frame);
    wire::Control& message = m_action;
    if (!frame.empty() && message.has_action() && message.action().block().empty())
    {
        if (frame.size() != m_actionBlock.size())
        {
            Fail(*this,
                 "protocol",
                 "expected " + std::to_string(m_actionBlock.size()) + " bytes of actions, found " +
                     std::to_string(frame.size()));
        }
        if (message.action().sequence() != m_sequence || message.action().command() != wire::STEP)
        {
            Fail(*this,
                 "protocol",
                 "expected the actions of step " + std::to_string(m_sequence) +
                     ", found those of step " + std::to_string(message.action().sequence()));
        }
        ++m_sequence;
        std::memcpy(m_actionBlock.data(), frame.data(), frame.size());
        return {wire::STEP, 0};
    }
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
