// SPDX-License-Identifier: GPL-2.0-only
#include "ran/bench/bench-ip.h"

#include "ns3/inet-socket-address.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/packet.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
#include "ns3/udp-socket-factory.h"

namespace qntn
{

using namespace ns3;

namespace
{

constexpr uint16_t PORT = 4000;

} // namespace

BenchIp::BenchIp(Ptr<RanNetwork> ran) : m_stack(std::move(ran)), m_edge(CreateObject<Node>())
{
    auto upf = CreateObject<Node>();
    InternetStackHelper().Install(NodeContainer(m_edge, upf));
    PointToPointHelper wire;
    wire.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
    wire.SetChannelAttribute("Delay", StringValue("1ms"));
    Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
    const auto interfaces = addresses.Assign(wire.Install(m_edge, upf));
    m_edgeAddress = interfaces.GetAddress(0);
    Ipv4StaticRoutingHelper()
        .GetStaticRouting(m_edge->GetObject<Ipv4>())
        ->SetDefaultRoute(interfaces.GetAddress(1), 1);
    m_stack.Install(upf);
    Listen(m_edge);
}

void
BenchIp::AddUe(uint32_t ueIndex, uint32_t sliceId, Time delayBudget)
{
    auto node = CreateObject<Node>();
    InternetStackHelper().Install(node);
    const auto address =
        m_stack.AddUe(node, ueIndex, {{.sliceId = sliceId, .delayBudget = delayBudget}});
    m_ues[ueIndex] = {node, address};
    Listen(node);
}

void
BenchIp::Listen(Ptr<Node> node)
{
    auto socket = Socket::CreateSocket(node, UdpSocketFactory::GetTypeId());
    socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), PORT));
    socket->SetRecvCallback(MakeCallback(&BenchIp::Receive, this));
}

void
BenchIp::Receive(Ptr<Socket> socket)
{
    while (const auto packet = socket->Recv())
    {
        m_receivedBytes += packet->GetSize();
    }
}

Ptr<Socket>
BenchIp::MakeSocket(uint32_t ueIndex, Direction direction) const
{
    const Ue& ue = m_ues.at(ueIndex);
    auto socket = Socket::CreateSocket(direction == DOWNLINK ? m_edge : ue.node,
                                       UdpSocketFactory::GetTypeId());
    socket->Connect(InetSocketAddress(direction == DOWNLINK ? ue.address : m_edgeAddress, PORT));
    return socket;
}

uint64_t
BenchIp::GetReceivedBytes() const
{
    return m_receivedBytes;
}

} // namespace qntn
