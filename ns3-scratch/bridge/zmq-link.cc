// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/zmq-link.h"

#include "bridge/transport.h"

#include <cerrno>
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

namespace
{

constexpr int LINGER_MS = 2000;
constexpr int HEARTBEAT_MS = 500; // these two as in pybridge/link.py
constexpr int SILENCE_MS = 2000;  // without a heartbeat the link is down
constexpr int LOOK_MS = 100;      // how often a wait looks at the link
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

ZmqLink::ZmqLink(const std::string& endpoint, const std::string& keys)
    : m_socket(m_context, zmq::socket_type::pair), m_monitor(m_context, zmq::socket_type::pair)
{
    if (keys.empty())
    {
        std::cerr << endpoint << " leaves this program's machine: --qntn-keys=FOLDER is needed\n";
        std::exit(EX_USAGE);
    }
    const std::filesystem::path folder = keys;
    const auto own = folder / "simulator.key_secret";
    RequirePrivate(own);
    m_socket.set(zmq::sockopt::curve_publickey, ReadKey(own, "public-key"));
    m_socket.set(zmq::sockopt::curve_secretkey, ReadKey(own, "secret-key"));
    m_socket.set(zmq::sockopt::curve_serverkey, ReadKey(folder / "python.key", "public-key"));
    m_socket.set(zmq::sockopt::linger, LINGER_MS);
    m_socket.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(LARGEST_PART_BYTES));
    m_socket.set(zmq::sockopt::heartbeat_ivl, HEARTBEAT_MS);
    m_socket.set(zmq::sockopt::heartbeat_timeout, SILENCE_MS);
    m_socket.set(zmq::sockopt::heartbeat_ttl, SILENCE_MS);
    m_socket.set(zmq::sockopt::rcvtimeo, LOOK_MS);
    zmq_socket_monitor(m_socket.handle(),
                       "inproc://link",
                       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
    m_monitor.connect("inproc://link");
    m_socket.connect(endpoint);
}

void
ZmqLink::EndIfLinkIsDown()
{
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
ZmqLink::Send(std::span<const Bytes> parts)
{
    EndIfLinkIsDown();
    m_socket.send(zmq::buffer(parts[0].data(), parts[0].size()),
                  parts.size() > 1 ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (parts.size() > 1)
    {
        // nobody writes it before the answer is there, by when it has been sent
        zmq::message_t second(const_cast<uint8_t*>(parts[1].data()),
                              parts[1].size(),
                              [](void*, void*) {});
        m_socket.send(second, zmq::send_flags::none);
    }
}

MessageLink::Part
ZmqLink::Receive()
{
    const auto began = std::chrono::steady_clock::now();
    while (true)
    {
        try
        {
            if (m_socket.recv(m_part))
            {
                return {{m_part.data<uint8_t>(), m_part.size()}, m_part.more()};
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
        if (!m_connected && std::chrono::steady_clock::now() - began >
                                std::chrono::milliseconds(LONGEST_CONNECT_MS))
        {
            std::cerr << "no connection to Python: it is not there, or it does not know this key"
                      << std::endl;
            EndBecausePythonIsGone();
        }
    }
}

void
ZmqLink::Flush()
{
    m_socket.close();
    m_context.close();
}

} // namespace qntn
