// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/zmtp-link.h"

#include "bridge/transport.h"
#include "bridge/wait.h"

#include <limits>
#include <unistd.h>

namespace qntn
{

namespace
{

constexpr int64_t FLUSH_NS = 2'000'000'000;

} // namespace

ZmtpLink::ZmtpLink(int fd) : m_fd(fd), m_socket(fd)
{
}

ZmtpLink::~ZmtpLink()
{
    Flush();
    close(m_fd);
}

void
ZmtpLink::SetPatience(const Patience& patience)
{
    m_socket.SetPatience(patience);
}

void
ZmtpLink::Send(std::span<const Bytes> parts)
{
    if (!m_socket.Send(parts))
    {
        EndBecausePythonIsGone();
    }
}

MessageLink::Part
ZmtpLink::Receive()
{
    Part part;
    while (true)
    {
        const auto result = m_socket.Receive(part, std::numeric_limits<int64_t>::max());
        if (result == ZmtpSocket::Result::READY)
        {
            return part;
        }
        if (result == ZmtpSocket::Result::CLOSED)
        {
            EndBecausePythonIsGone();
        }
    }
}

void
ZmtpLink::Flush()
{
    const int64_t deadline = NowNs() + FLUSH_NS;
    while (m_socket.Flush(deadline) == ZmtpSocket::Result::INTERRUPTED)
    {
    }
}

} // namespace qntn
