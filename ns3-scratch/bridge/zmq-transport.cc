// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/zmq-transport.h"

#include "bridge/control-check.h"

#include <bit>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/stat.h>
#include <sysexits.h>

namespace qntn
{

static_assert(std::endian::native == std::endian::little, "arrays travel as little-endian bytes");

namespace
{

constexpr int LINGER_MS = 2000;
constexpr size_t LARGE_BLOCK_BYTES = 4096; // as in pybridge/channel.py
constexpr int HEARTBEAT_MS = 500;          // these two as in pybridge/link.py
constexpr int SILENCE_MS = 2000;           // without a heartbeat the link is down
constexpr int LOOK_MS = 100;               // how often a wait looks at the link
constexpr int64_t LONGEST_CONNECT_MS = 30'000;
constexpr size_t Z85_KEY_LENGTH = 40;

/// The value of `name = "value"` in a certificate file as ZMQ's tools write them.
std::string
ReadKey(const std::filesystem::path& file, const std::string& name)
{
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
    {
        const auto start = line.find_first_not_of(" \t");
        if (start == std::string::npos || line.compare(start, name.size(), name) != 0)
        {
            continue;
        }
        const auto open = line.find('"', start);
        const auto close = line.find('"', open + 1);
        if (open != std::string::npos && close == open + 1 + Z85_KEY_LENGTH)
        {
            return line.substr(open + 1, Z85_KEY_LENGTH);
        }
    }
    std::cerr << "no " << name << " in " << file << "; `qntn keys FOLDER` makes keys\n";
    std::exit(EX_NOINPUT);
}

/// Ends the process if others than the owner may read a secret key.
void
RequirePrivate(const std::filesystem::path& file)
{
    struct stat status{};
    if (stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    {
        std::cerr << file << " may be read by others; run: chmod 600 " << file << "\n";
        std::exit(EX_NOPERM);
    }
}

} // namespace

ZmqTransport::ZmqTransport(const std::string& endpoint, int lifeline, const std::string& keys)
    : m_socket(m_context, zmq::socket_type::pair)
{
    m_socket.set(zmq::sockopt::linger, LINGER_MS);
    m_socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(LARGEST_ZMQ_BYTES));
    if (!endpoint.starts_with("ipc://"))
    {
        if (keys.empty())
        {
            std::cerr << endpoint
                      << " leaves this program's machine: --qntn-keys=FOLDER is needed\n";
            std::exit(EX_USAGE);
        }
        const std::filesystem::path folder = keys;
        RequirePrivate(folder / "simulator.key_secret");
        m_socket.set(zmq::sockopt::curve_publickey,
                     ReadKey(folder / "simulator.key_secret", "public-key"));
        m_socket.set(zmq::sockopt::curve_secretkey,
                     ReadKey(folder / "simulator.key_secret", "secret-key"));
        m_socket.set(zmq::sockopt::curve_serverkey, ReadKey(folder / "python.key", "public-key"));
        m_socket.set(zmq::sockopt::heartbeat_ivl, HEARTBEAT_MS);
        m_socket.set(zmq::sockopt::heartbeat_timeout, SILENCE_MS);
        m_socket.set(zmq::sockopt::heartbeat_ttl, SILENCE_MS);
        m_socket.set(zmq::sockopt::rcvtimeo, LOOK_MS);
        m_monitor = zmq::socket_t(m_context, zmq::socket_type::pair);
        zmq_socket_monitor(m_socket.handle(),
                           "inproc://link",
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
        m_monitor.connect("inproc://link");
    }
    m_socket.connect(endpoint);
    if (lifeline != -1)
    {
        EndWithPeerOf(lifeline);
    }
}

void
ZmqTransport::EndIfLinkIsDown()
{
    if (!m_monitor)
    {
        return;
    }
    zmq::message_t event;
    while (m_monitor.recv(event, zmq::recv_flags::dontwait))
    {
        uint16_t number = 0;
        std::memcpy(&number, event.data(), sizeof(number));
        zmq::message_t address;
        (void)m_monitor.recv(address);
        if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        {
            m_connected = true;
        }
        else if (m_connected)
        {
            std::cerr << "the link to Python is down" << std::endl;
            EndBecausePythonIsGone();
        }
    }
}

void
ZmqTransport::Send(const wire::Control& message)
{
    EndIfLinkIsDown();
    const auto bytes = message.SerializeAsString();
    m_socket.send(zmq::buffer(bytes), zmq::send_flags::none);
}

void
ZmqTransport::ReceiveFrame(zmq::message_t& frame)
{
    const auto began = std::chrono::steady_clock::now();
    while (true)
    {
        try
        {
            if (m_socket.recv(frame))
            {
                return;
            }
        }
        catch (const zmq::error_t& error)
        {
            if (error.num() != EINTR)
            {
                throw;
            }
        }
        EndIfLinkIsDown();
        if (m_monitor && !m_connected &&
            std::chrono::steady_clock::now() - began >
                std::chrono::milliseconds(LONGEST_CONNECT_MS))
        {
            std::cerr << "no connection to Python: it is not there, or it does not know this key"
                      << std::endl;
            EndBecausePythonIsGone();
        }
    }
}

wire::Control
ZmqTransport::Receive(zmq::message_t& block)
{
    zmq::message_t bytes;
    ReceiveFrame(bytes);
    if (bytes.more())
    {
        ReceiveFrame(block);
        if (block.more())
        {
            Fail(*this, "protocol", "a message has more frames than one for its block");
        }
    }
    wire::Control message;
    if (const auto problem = Decode(bytes.data(), bytes.size(), message); !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    return message;
}

wire::Control
ZmqTransport::Receive()
{
    zmq::message_t block;
    auto message = Receive(block);
    if (block.size() != 0)
    {
        Fail(*this, "protocol", "a block came with a message that has none");
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
    if (m_stateBlock.size() <= LARGE_BLOCK_BYTES)
    {
        state.set_block(m_stateBlock.data(), m_stateBlock.size());
        Send(message);
        return;
    }
    EndIfLinkIsDown();
    const auto bytes = message.SerializeAsString();
    m_socket.send(zmq::buffer(bytes), zmq::send_flags::sndmore);
    // nobody writes the block before the answer is there, by when it has been sent
    zmq::message_t block(m_stateBlock.data(), m_stateBlock.size(), [](void*, void*) {});
    m_socket.send(block, zmq::send_flags::none);
}

Transport::Answer
ZmqTransport::Await()
{
    zmq::message_t frame;
    wire::Control message = Receive(frame);
    if (frame.size() != 0 && message.has_action() && message.action().block().empty())
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
