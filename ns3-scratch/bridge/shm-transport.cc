// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/shm-transport.h"

#include "bridge/control-check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace qntn
{

namespace
{

/// More descriptors than one may come with a message only by mistake; they are closed.
constexpr size_t MOST_DESCRIPTORS = 16;

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
        if (errno == EMSGSIZE)
        {
            std::cerr << "a control message of " << bytes.size()
                      << " bytes is longer than the socket takes: describe less" << std::endl;
            std::_Exit(EXIT_FAILURE);
        }
        EndBecausePythonIsGone();
    }
}

wire::Control
ShmTransport::Receive()
{
    std::string bytes(LARGEST_CONTROL_BYTES, '\0');
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))]{};
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
    const size_t numDescriptors = TakeDescriptors(header);
    wire::Control message;
    if ((header.msg_flags & MSG_TRUNC) != 0)
    {
        Fail(*this,
             "protocol",
             "a control message is longer than " + std::to_string(LARGEST_CONTROL_BYTES) +
                 " bytes");
    }
    if (const auto problem = Decode(bytes.data(), received, message); !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    if (numDescriptors > 1 || (header.msg_flags & MSG_CTRUNC) != 0)
    {
        Fail(*this,
             "protocol",
             "a control message came with several open files, expected one with Start and none "
             "else");
    }
    return message;
}

size_t
ShmTransport::TakeDescriptors(msghdr& header)
{
    size_t numDescriptors = 0;
    for (cmsghdr* extra = CMSG_FIRSTHDR(&header); extra != nullptr;
         extra = CMSG_NXTHDR(&header, extra))
    {
        if (extra->cmsg_level != SOL_SOCKET || extra->cmsg_type != SCM_RIGHTS)
        {
            continue;
        }
        const size_t bytes = extra->cmsg_len - CMSG_LEN(0);
        for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int))
        {
            if (m_memoryFile != -1)
            {
                close(m_memoryFile);
            }
            std::memcpy(&m_memoryFile, CMSG_DATA(extra) + at, sizeof(int));
            ++numDescriptors;
        }
    }
    return numDescriptors;
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
    if (m_memoryFile == -1 || fstat(m_memoryFile, &file) == -1)
    {
        Fail(*this, "protocol", "Start came without the memory file that it describes");
    }
    if (const auto problem = CheckMemory(start, static_cast<uint64_t>(file.st_size));
        !problem.empty())
    {
        Fail(*this, "protocol", problem);
    }
    // a file that its owner may shrink would end this process by SIGBUS
    const int seals = fcntl(m_memoryFile, F_GET_SEALS);
    if (seals == -1 || (seals & F_SEAL_SHRINK) == 0)
    {
        Fail(*this,
             "protocol",
             "the memory file may shrink: expected a memfd sealed with F_SEAL_SHRINK");
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
