// SPDX-License-Identifier: GPL-2.0-only
#include "stream.h"

#include "bridge/zmtp-socket.h"

#include <array>
#include <limits>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace qntn
{

size_t
HearStream(const uint8_t* bytes, size_t numBytes)
{
    std::array<int, 2> ends{};
    if (numBytes > LONGEST_STREAM_BYTES || socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == -1)
    {
        throw std::invalid_argument("a stream too long, or no socket");
    }
    ZmtpSocket socket(ends[0]);
    if (send(ends[1], bytes, numBytes, 0) != static_cast<ssize_t>(numBytes))
    {
        throw std::runtime_error("the stream does not fit into a socket");
    }
    close(ends[1]);
    size_t heard = 0;
    uint8_t sum = 0;
    try
    {
        ZmtpSocket::Part part;
        while (socket.Receive(part, std::numeric_limits<int64_t>::max()) ==
               ZmtpSocket::Result::READY)
        {
            heard += part.bytes.size();
            for (const uint8_t byte : part.bytes)
            {
                sum ^= byte;
            }
        }
    }
    catch (const std::runtime_error&)
    {
        // another protocol
    }
    [[maybe_unused]] volatile const uint8_t read = sum;
    close(ends[0]);
    return heard;
}

} // namespace qntn
