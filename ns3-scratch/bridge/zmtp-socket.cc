// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/zmtp-socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace qntn
{

namespace
{

// ZMTP 3.0: greeting, framing and the handshake of mechanism NULL.
constexpr size_t GREETING_BYTES = 64;
constexpr size_t SIGNATURE_END = 9;
constexpr size_t VERSION_AT = 10;
constexpr size_t MECHANISM_AT = 12;
constexpr uint8_t FLAG_MORE = 1;
constexpr uint8_t FLAG_LONG = 2;
constexpr uint8_t FLAG_COMMAND = 4;
constexpr size_t SHORT_HEADER_BYTES = 2;
constexpr size_t LONG_HEADER_BYTES = 9;
constexpr size_t LONGEST_SHORT_BODY = 255;
constexpr std::string_view READY{"\x05READY\x0bSocket-Type\0\0\0\x04PAIR", 26};
constexpr size_t READY_NAME_BYTES = 6;

constexpr size_t FIRST_BUFFER_BYTES = 16 << 10;

std::array<uint8_t, GREETING_BYTES>
Greeting()
{
    std::array<uint8_t, GREETING_BYTES> bytes{};
    bytes[0] = 0xff;
    bytes[SIGNATURE_END] = 0x7f;
    bytes[VERSION_AT] = 3;
    std::memcpy(&bytes[MECHANISM_AT], "NULL", 4);
    return bytes;
}

using FrameHeader = std::array<uint8_t, LONG_HEADER_BYTES>;

size_t
WriteHeader(FrameHeader& header, size_t bodyBytes, uint8_t flags)
{
    if (bodyBytes <= LONGEST_SHORT_BODY)
    {
        header[0] = flags;
        header[1] = static_cast<uint8_t>(bodyBytes);
        return SHORT_HEADER_BYTES;
    }
    header[0] = flags | FLAG_LONG;
    for (size_t i = 1; i < LONG_HEADER_BYTES; ++i)
    {
        header[i] = static_cast<uint8_t>(uint64_t{bodyBytes} >> (8 * (LONG_HEADER_BYTES - 1 - i)));
    }
    return LONG_HEADER_BYTES;
}

} // namespace

ZmtpSocket::ZmtpSocket(int fd) : m_fd(fd), m_buffer(FIRST_BUFFER_BYTES)
{
    const auto greeting = Greeting();
    FrameHeader header;
    const size_t headerBytes = WriteHeader(header, READY.size(), FLAG_COMMAND);
    m_unsent.assign(greeting.begin(), greeting.end());
    m_unsent.insert(m_unsent.end(), header.begin(), header.begin() + headerBytes);
    m_unsent.insert(m_unsent.end(), READY.begin(), READY.end());
    Push(); // whether the peer is there shows later
}

void
ZmtpSocket::SetPatience(const Patience& patience)
{
    m_patience = patience;
}

bool
ZmtpSocket::Send(std::span<const Bytes> parts)
{
    constexpr size_t PARTS_AT_ONCE = 4;
    if (parts.size() > PARTS_AT_ONCE)
    {
        throw std::invalid_argument("a message has " + std::to_string(parts.size()) +
                                    " parts, expected at most " + std::to_string(PARTS_AT_ONCE));
    }
    std::array<FrameHeader, PARTS_AT_ONCE> headers;
    std::array<iovec, 2 * PARTS_AT_ONCE> pieces;
    size_t numPieces = 0;
    for (size_t i = 0; i < parts.size(); ++i)
    {
        const uint8_t more = i + 1 < parts.size() ? FLAG_MORE : 0;
        pieces[numPieces++] = {headers[i].data(), WriteHeader(headers[i], parts[i].size(), more)};
        pieces[numPieces++] = {const_cast<uint8_t*>(parts[i].data()), parts[i].size()};
    }
    size_t sent = 0;
    if (m_sent == m_unsent.size()) // else it has to wait its turn
    {
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = numPieces;
        ssize_t result;
        do
        {
            result = sendmsg(m_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (result == -1 && errno == EINTR);
        if (result == -1 && errno != EAGAIN)
        {
            return false;
        }
        sent = result > 0 ? static_cast<size_t>(result) : 0;
    }
    for (const auto& piece : std::span(pieces).first(numPieces))
    {
        const size_t skipped = std::min(sent, piece.iov_len);
        const auto* begin = static_cast<const uint8_t*>(piece.iov_base);
        m_unsent.insert(m_unsent.end(), begin + skipped, begin + piece.iov_len);
        sent -= skipped;
    }
    return Push();
}

bool
ZmtpSocket::Push()
{
    while (m_sent < m_unsent.size())
    {
        const ssize_t result = send(m_fd,
                                    m_unsent.data() + m_sent,
                                    m_unsent.size() - m_sent,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (result >= 0)
        {
            m_sent += static_cast<size_t>(result);
        }
        else if (errno == EAGAIN)
        {
            return true;
        }
        else if (errno != EINTR)
        {
            return false;
        }
    }
    m_unsent.clear();
    m_sent = 0;
    return true;
}

ZmtpSocket::Result
ZmtpSocket::Flush(int64_t deadlineNs)
{
    while (true)
    {
        if (!Push())
        {
            return Result::CLOSED;
        }
        if (m_unsent.empty())
        {
            return Result::READY;
        }
        if (const auto result = Wait(POLLOUT, deadlineNs); result != Result::READY)
        {
            return result;
        }
    }
}

ZmtpSocket::Result
ZmtpSocket::Wait(short events, int64_t deadlineNs) const
{
    const int64_t left = std::max<int64_t>(0, deadlineNs - NowNs());
    const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
    pollfd socket{m_fd, events, 0};
    const int result = ppoll(&socket, 1, &timeout, nullptr);
    if (result == -1)
    {
        return Result::INTERRUPTED;
    }
    return result == 0 ? Result::TIMED_OUT : Result::READY;
}

bool
ZmtpSocket::Pull()
{
    const ssize_t result =
        recv(m_fd, m_buffer.data() + m_end, m_buffer.size() - m_end, MSG_DONTWAIT);
    if (result > 0)
    {
        m_end += static_cast<size_t>(result);
        return true;
    }
    m_closed = result == 0 || (errno != EAGAIN && errno != EINTR);
    return m_closed;
}

ZmtpSocket::Result
ZmtpSocket::Need(size_t numBytes, int64_t deadlineNs)
{
    while (m_end - m_begin < numBytes)
    {
        if (m_begin + numBytes > m_buffer.size())
        {
            std::memmove(m_buffer.data(), m_buffer.data() + m_begin, m_end - m_begin);
            m_end -= m_begin;
            m_begin = 0;
            m_buffer.resize(std::max(m_buffer.size(), numBytes));
        }
        if (!Pull() && !m_patience.StayAwake([this] { return Pull(); }, deadlineNs - NowNs()))
        {
            ++m_patience.longWaits;
            Push(); // if the peer is gone, the next read tells
            const short events = m_unsent.empty() ? POLLIN : POLLIN | POLLOUT;
            if (const auto waited = Wait(events, deadlineNs); waited != Result::READY)
            {
                return waited;
            }
        }
        if (m_closed)
        {
            return Result::CLOSED;
        }
    }
    return Result::READY;
}

ZmtpSocket::Result
ZmtpSocket::NeedHeader(Header& header, int64_t deadlineNs)
{
    if (const auto result = Need(SHORT_HEADER_BYTES, deadlineNs); result != Result::READY)
    {
        return result;
    }
    header.flags = m_buffer[m_begin];
    if ((header.flags & FLAG_LONG) == 0)
    {
        header.headerBytes = SHORT_HEADER_BYTES;
        header.bodyBytes = m_buffer[m_begin + 1];
        return Result::READY;
    }
    if (const auto result = Need(LONG_HEADER_BYTES, deadlineNs); result != Result::READY)
    {
        return result;
    }
    uint64_t length = 0;
    for (size_t i = 1; i < LONG_HEADER_BYTES; ++i)
    {
        length = length << 8 | m_buffer[m_begin + i];
    }
    if (length > LARGEST_PART_BYTES)
    {
        throw std::runtime_error("a part of a message has " + std::to_string(length) +
                                 " bytes, expected at most " + std::to_string(LARGEST_PART_BYTES));
    }
    header.headerBytes = LONG_HEADER_BYTES;
    header.bodyBytes = length;
    return Result::READY;
}

ZmtpSocket::Result
ZmtpSocket::ShakeHands(int64_t deadlineNs)
{
    if (!m_greeted)
    {
        if (const auto result = Need(GREETING_BYTES, deadlineNs); result != Result::READY)
        {
            return result;
        }
        const uint8_t* theirs = &m_buffer[m_begin];
        if (theirs[0] != 0xff || (theirs[SIGNATURE_END] & 1) == 0 || theirs[VERSION_AT] < 3 ||
            std::memcmp(theirs + MECHANISM_AT, "NULL", 5) != 0)
        {
            throw std::runtime_error("the peer does not greet as ZMTP 3 does with mechanism NULL");
        }
        m_begin += GREETING_BYTES;
        m_greeted = true;
    }
    Header header;
    if (const auto result = NeedHeader(header, deadlineNs); result != Result::READY)
    {
        return result;
    }
    if (const auto result = Need(header.headerBytes + header.bodyBytes, deadlineNs);
        result != Result::READY)
    {
        return result;
    }
    const uint8_t* body = &m_buffer[m_begin + header.headerBytes];
    if ((header.flags & FLAG_COMMAND) == 0 || header.bodyBytes < READY_NAME_BYTES ||
        std::memcmp(body, READY.data(), READY_NAME_BYTES) != 0)
    {
        throw std::runtime_error("the peer does not finish ZMTP's handshake");
    }
    m_begin += header.headerBytes + header.bodyBytes;
    m_ready = true;
    return Result::READY;
}

ZmtpSocket::Result
ZmtpSocket::Receive(Part& part, int64_t deadlineNs)
{
    m_begin += std::exchange(m_used, 0);
    if (m_begin == m_end)
    {
        m_begin = m_end = 0;
    }
    if (!m_ready)
    {
        if (const auto result = ShakeHands(deadlineNs); result != Result::READY)
        {
            return result;
        }
    }
    while (true)
    {
        Header header;
        if (const auto result = NeedHeader(header, deadlineNs); result != Result::READY)
        {
            return result;
        }
        const size_t frameBytes = header.headerBytes + header.bodyBytes;
        if (const auto result = Need(frameBytes, deadlineNs); result != Result::READY)
        {
            return result;
        }
        if ((header.flags & FLAG_COMMAND) != 0) // none is needed on one machine
        {
            m_begin += frameBytes;
            continue;
        }
        part.bytes = {&m_buffer[m_begin] + header.headerBytes, header.bodyBytes};
        part.more = (header.flags & FLAG_MORE) != 0;
        m_used = frameBytes;
        return Result::READY;
    }
}

} // namespace qntn
