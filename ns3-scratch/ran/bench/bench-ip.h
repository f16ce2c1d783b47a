// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_BENCH_IP_H
#define QNTN_RAN_BENCH_IP_H

#include "ran/ran-ip-stack.h"

#include "ns3/node.h"
#include "ns3/socket.h"

#include <map>

namespace qntn
{

/// The bench's users as ns-3 nodes with UDP sockets over the `ip` stack, an UPF, and an edge node
/// behind it on a wire of 10 Gbit/s.
class BenchIp
{
  public:
    explicit BenchIp(ns3::Ptr<RanNetwork> ran);

    /// A user with one bearer.
    void AddUe(uint32_t ueIndex, uint32_t sliceId, ns3::Time delayBudget);
    /// A socket that sends to the user, or from it to the edge node.
    ns3::Ptr<ns3::Socket> MakeSocket(uint32_t ueIndex, Direction direction) const;
    uint64_t GetReceivedBytes() const;

  private:
    struct Ue
    {
        ns3::Ptr<ns3::Node> node;
        ns3::Ipv4Address address;
    };

    void Listen(ns3::Ptr<ns3::Node> node);
    void Receive(ns3::Ptr<ns3::Socket> socket);

    RanIpStack m_stack;
    ns3::Ptr<ns3::Node> m_edge;
    ns3::Ipv4Address m_edgeAddress;
    std::map<uint32_t, Ue> m_ues;
    uint64_t m_receivedBytes{0};
};

} // namespace qntn

#endif // QNTN_RAN_BENCH_IP_H
