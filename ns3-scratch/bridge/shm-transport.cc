// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/shm-transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace qntn
{

namespace
{

constexpr size_t LARGEST_MESSAGE_BYTES = 1 << 20;

static_assert(static_cast<uint32_t>(EpisodeStatus::RUNNING) == wire::RUNNING &&
              static_cast<uint32_t>(EpisodeStatus::TERMINATED) == wire::TERMINATED &&
              static_cast<uint32_t>(EpisodeStatus::TRUNCATED) == wire::TRUNCATED);

} // namespace

ShmTransport::ShmTransport(int socket) : m_socket(socket)
{
    EndWithPeerOf(m_socket);
}

ShmTransport::~ShmTransport()
{
    if (m_memory != nullptr)
    {
        munmap(m_memory, m_memoryBytes);
    }
    if (m_memoryFile != -1)
    {
        close(m_memoryFile);
    }
    close(m_socket);
}

void
ShmTransport::Send(const wire::Control& message)
{
    const auto bytes = message.SerializeAsString();
    if (send(m_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size()))
    {
        EndBecausePythonIsGone();
    }
}

wire::Control
ShmTransport::Receive()
{
    std::string bytes(LARGEST_MESSAGE_BYTES, '\0');
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = ancillary;
    header.msg_controllen = sizeof(ancillary);

    ssize_t received;
    do
    {
        received = recvmsg(m_socket, &header, MSG_CMSG_CLOEXEC);
    } while (received == -1 && errno == EINTR);
    if (received <= 0)
    {
        EndBecausePythonIsGone();
    }
    if (const cmsghdr* extra = CMSG_FIRSTHDR(&header);
        extra != nullptr && extra->cmsg_level == SOL_SOCKET && extra->cmsg_type == SCM_RIGHTS)
    {
        std::memcpy(&m_memoryFile, CMSG_DATA(extra), sizeof(int));
    }
    wire::Control message;
    if ((header.msg_flags & MSG_TRUNC) != 0 || !message.ParseFromArray(bytes.data(), received))
    {
        Fail(*this,
             "protocol",
             "a control message of " + std::to_string(received) +
                 " bytes cannot be read; both sides must be of the same qntn version");
    }
    return message;
}

void
ShmTransport::Flush()
{
    // a message is in the socket when send returns
}

uint32_t
ShmTransport::Open(const wire::Start& start)
{
    struct stat file{};
    if (m_memoryFile == -1 || fstat(m_memoryFile, &file) == -1 ||
        start.state_size() != STATE_BLOCKS ||
        static_cast<uint64_t>(file.st_size) != start.memory_bytes())
    {
        Fail(*this, "protocol", "Start came without the memory file that it describes");
    }
    auto fits = [&](uint64_t offset, uint64_t bytes)
    { return offset <= start.memory_bytes() && bytes <= start.memory_bytes() - offset; };
    if (!fits(start.control(), sizeof(ControlBlock)) ||
        start.control() % alignof(ControlBlock) != 0 ||
        !std::ranges::all_of(start.state(),
                             [&](uint64_t offset) { return fits(offset, start.state_bytes()); }) ||
        !fits(start.action(), start.action_bytes()))
    {
        Fail(*this, "protocol", "Start lays blocks outside the memory file");
    }
    m_memoryBytes = start.memory_bytes();
    void* memory =
        mmap(nullptr, m_memoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED, m_memoryFile, 0);
    if (memory == MAP_FAILED)
    {
        Fail(*this,
             "protocol",
             std::string("the memory file cannot be mapped: ") + std::strerror(errno));
    }
    m_memory = static_cast<uint8_t*>(memory);
    m_control = reinterpret_cast<ControlBlock*>(m_memory + start.control());
    std::ranges::copy(start.state(), m_state);
    m_action = start.action();
    m_patience = {static_cast<int64_t>(start.spin_ns()), static_cast<int64_t>(start.yield_ns())};
    m_sequence = m_control->actionSequence.load();
    return m_control->buffer % STATE_BLOCKS;
}

uint8_t*
ShmTransport::GetStateBlock(uint32_t buffer)
{
    return m_memory + m_state[buffer % STATE_BLOCKS];
}

const uint8_t*
ShmTransport::GetActionBlock() const
{
    return m_memory + m_action;
}

void
ShmTransport::Publish(wire::Status status, int64_t timeNs)
{
    m_control->status = static_cast<EpisodeStatus>(status);
    m_control->timeNs = timeNs;
    const uint32_t sequence = m_control->stateSequence.load(std::memory_order_relaxed) + 1;
    qntn::Publish(m_control->stateSequence, sequence, m_control->pythonSleeps);
}

Transport::Answer
ShmTransport::Await()
{
    const bool answered = WaitForChange(m_control->actionSequence,
                                        m_sequence,
                                        m_control->simulatorSleeps,
                                        m_patience,
                                        [this] { return IsPeerThere(); });
    if (!answered)
    {
        EndBecausePythonIsGone();
    }
    m_sequence = m_control->actionSequence.load(std::memory_order_acquire);
    return {m_control->command == wire::CLOSE ? wire::CLOSE : wire::STEP,
            m_control->buffer % STATE_BLOCKS};
}

bool
ShmTransport::IsPeerThere() const
{
    pollfd peer{m_socket, POLLRDHUP, 0};
    return poll(&peer, 1, 0) == 0;
}

} // namespace qntn
