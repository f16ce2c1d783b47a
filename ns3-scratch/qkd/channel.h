// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_CHANNEL_H
#define QNTN_QKD_CHANNEL_H

#include "ns3/data-rate.h"
#include "ns3/ipv4-address.h"
#include "ns3/net-device-container.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/ptr.h"

#include <array>

namespace qntn
{

/// A classical channel between two nodes, and their addresses at it.
struct Channel
{
    ns3::NetDeviceContainer devices;
    std::array<ns3::Ipv4Address, 2> addresses;
};

/// Joins two nodes with Internet stacks by a full-duplex channel. A datagram of 60 kB is one
/// packet, and none is dropped for having waited.
/// \param network /30, of which the nodes get the first two addresses
Channel JoinNodes(ns3::Ptr<ns3::Node> a,
                  ns3::Ptr<ns3::Node> b,
                  ns3::DataRate rate,
                  ns3::Time delay,
                  ns3::Ipv4Address network);

} // namespace qntn

#endif // QNTN_QKD_CHANNEL_H
