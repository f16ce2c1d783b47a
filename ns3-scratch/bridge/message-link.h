// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_MESSAGE_LINK_H
#define QNTN_BRIDGE_MESSAGE_LINK_H

#include "bridge/zmtp-socket.h"

#include <span>

namespace qntn
{

/// Carries messages to and from Python. Ends the process when Python is gone.
class MessageLink
{
  public:
    using Part = ZmtpSocket::Part;

    virtual ~MessageLink() = default;

    /// How long a wait for Python stays awake, where that is the link's to choose.
    virtual void SetPatience(const Patience&)
    {
    }

    /// Sends a message of one part or two. The bytes of a second part may be read until Python
    /// answers, or until Flush.
    virtual void Send(std::span<const Bytes> parts) = 0;

    /// Waits for the next part of a message.
    /// \throws std::runtime_error if what came cannot be a message
    virtual Part Receive() = 0;

    /// Delivers what is still queued; nothing can be sent after.
    virtual void Flush() = 0;
};

} // namespace qntn

#endif // QNTN_BRIDGE_MESSAGE_LINK_H
