// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ZMTP_SOCKET_H
#define QNTN_BRIDGE_ZMTP_SOCKET_H

#include "bridge/wait.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qntn
{

using Bytes = std::span<const uint8_t>;

/// Longest part of a message that either side takes.
inline constexpr size_t LARGEST_PART_BYTES = 64 << 20;

/// ZMQ's wire protocol as a PAIR socket speaks it, on a connected stream socket: ZMTP 3.0
/// (rfc.zeromq.org/spec/23), mechanism NULL. Both sides of a link on one machine use it; it also
/// talks to libzmq, which has to be heard once before anything is sent to it, because messages may
/// follow our greeting at once.
///
/// Messages are read and written by the thread that wants them. libzmq hands each over to a thread
/// of its own, on both sides, which costs several times as much as the message itself.
class ZmtpSocket
{
  public:
    enum class Result : uint8_t
    {
        READY,
        TIMED_OUT,
        CLOSED,      ///< the peer is gone, and all that it sent has been read
        INTERRUPTED, ///< by a signal; try again
    };

    /// One part of a message.
    struct Part
    {
        Bytes bytes; ///< valid until the next call
        bool more;   ///< whether the message goes on
    };

    /// Greets the peer.
    /// \param fd a connected stream socket, which the caller owns
    explicit ZmtpSocket(int fd);

    /// How long a wait for the peer stays awake; at first not at all.
    void SetPatience(const Patience& patience);

    /// Sends a message; does not wait. What the socket does not take at once goes on in Receive and
    /// Flush.
    /// \return false if the peer is gone
    bool Send(std::span<const Bytes> parts);

    /// Waits for the next part of a message until \p deadlineNs (NowNs).
    /// \throws std::runtime_error if the peer speaks another protocol or the part is too large
    Result Receive(Part& part, int64_t deadlineNs);

    /// Waits until all has been sent.
    Result Flush(int64_t deadlineNs);

  private:
    struct Header
    {
        uint8_t flags;
        size_t headerBytes;
        size_t bodyBytes;
    };

    /// Writes as much as the socket takes.
    /// \return false if the peer is gone
    bool Push();
    /// Waits until \p numBytes lie in the buffer.
    Result Need(size_t numBytes, int64_t deadlineNs);
    /// Reads what has come.
    /// \return false if nothing has
    bool Pull();
    Result Wait(short events, int64_t deadlineNs) const;
    Result NeedHeader(Header& header, int64_t deadlineNs);
    Result ShakeHands(int64_t deadlineNs);

    int m_fd;
    std::vector<uint8_t> m_unsent; ///< from m_sent on
    size_t m_sent{0};
    std::vector<uint8_t> m_buffer; ///< what has been read but not used lies in [m_begin, m_end)
    size_t m_begin{0};
    size_t m_end{0};
    size_t m_used{0}; ///< bytes at m_begin that the caller may still read
    Patience m_patience;
    bool m_closed{false}; ///< by the peer
    bool m_greeted{false};
    bool m_ready{false};
};

} // namespace qntn

#endif // QNTN_BRIDGE_ZMTP_SOCKET_H
