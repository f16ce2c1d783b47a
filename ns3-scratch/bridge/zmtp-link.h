// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ZMTP_LINK_H
#define QNTN_BRIDGE_ZMTP_LINK_H

#include "bridge/message-link.h"

namespace qntn
{

/// To the Python that started this process, on a socket that it handed over. It has no name, so
/// nobody else can connect.
class ZmtpLink : public MessageLink
{
  public:
    /// \param fd a connected stream socket; owned
    explicit ZmtpLink(int fd);
    ~ZmtpLink() override;
    ZmtpLink(const ZmtpLink&) = delete;
    ZmtpLink& operator=(const ZmtpLink&) = delete;

    void SetPatience(const Patience& patience) override;
    void Send(std::span<const Bytes> parts) override;
    Part Receive() override;
    void Flush() override;

  private:
    int m_fd;
    ZmtpSocket m_socket;
};

} // namespace qntn

#endif // QNTN_BRIDGE_ZMTP_LINK_H
