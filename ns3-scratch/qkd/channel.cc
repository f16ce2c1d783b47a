// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/channel.h"

#include "ns3/ipv4-address-helper.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/traffic-control-helper.h"
#include "ns3/uinteger.h"

using namespace ns3;

namespace qntn
{

namespace
{

/// Of a device: a datagram with its headers goes as one packet.
constexpr uint16_t MTU_BYTES = 65000;

} // namespace

Channel
JoinNodes(Ptr<Node> a, Ptr<Node> b, DataRate rate, Time delay, Ipv4Address network)
{
    PointToPointHelper helper;
    helper.SetDeviceAttribute("DataRate", DataRateValue(rate));
    helper.SetDeviceAttribute("Mtu", UintegerValue(MTU_BYTES));
    helper.SetChannelAttribute("Delay", TimeValue(delay));
    const NetDeviceContainer devices = helper.Install(a, b);
    Ipv4AddressHelper addresses(network, Ipv4Mask("255.255.255.252"));
    const Ipv4InterfaceContainer interfaces = addresses.Assign(devices);
    // The device's own queue is enough, and it drops nothing for having waited.
    TrafficControlHelper().Uninstall(devices);
    return {devices, {interfaces.GetAddress(0), interfaces.GetAddress(1)}};
}

} // namespace qntn
