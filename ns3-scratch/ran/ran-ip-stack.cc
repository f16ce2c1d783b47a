// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ran-ip-stack.h"

#include "ran/input-error.h"

#include "ns3/ipv4-header.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/ipv4.h"
#include "ns3/mac48-address.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <charconv>

namespace qntn
{

using namespace ns3;

namespace
{

constexpr uint16_t IPV4 = 0x0800;
constexpr uint16_t MTU_BYTES = 1500;

const RanIpStack::Bearer&
Choose(const std::vector<RanIpStack::Bearer>& bearers, const Ipv4Header& header)
{
    const auto dscp = static_cast<uint8_t>(header.GetDscp());
    const auto found = std::ranges::find(bearers, dscp, &RanIpStack::Bearer::dscp);
    return found == bearers.end() ? bearers.front() : *found;
}

/// Bits of the network's part; \throws InputError unless they are ones before zeros.
uint32_t
ReadMask(const std::string& text)
{
    constexpr uint32_t ADDRESS_BITS = 32;
    const std::string expected = "one like 255.0.0.0 or /8";
    if (text.starts_with('/'))
    {
        uint32_t length = 0;
        const char* end = text.data() + text.size();
        const auto [read, error] = std::from_chars(text.data() + 1, end, length);
        RequireInput(error == std::errc() && read == end && length <= ADDRESS_BITS,
                     "network mask",
                     text,
                     expected);
        return length == 0 ? 0 : UINT32_MAX << (ADDRESS_BITS - length);
    }
    const Ipv4Address mask(text.c_str());
    const uint32_t host = ~mask.Get();
    RequireInput(mask.IsInitialized() && (host & (host + 1)) == 0, "network mask", text, expected);
    return mask.Get();
}

Ptr<Ipv4>
RequireInternetStack(const std::string& field, Ptr<Node> node)
{
    RequireInput(node != nullptr, field + ", node", "none", "a node");
    auto ipv4 = node->GetObject<Ipv4>();
    RequireInput(ipv4 != nullptr,
                 field + ", node " + std::to_string(node->GetId()) + ", Internet stack",
                 "none",
                 "one; install InternetStackHelper before");
    return ipv4;
}

} // namespace

RanIpStack::RanIpStack(Ptr<RanNetwork> ran, RanNetwork::DeliveredCallback others)
    : m_ran(std::move(ran)), m_others(others)
{
    RequireInput(m_ran != nullptr, "IP stack, radio network", "none", "one");
    m_ran->SetDeliveredCallback(MakeCallback(&RanIpStack::Delivered, this));
}

RanIpStack::~RanIpStack()
{
    m_ran->SetDeliveredCallback({});
    for (auto& ue : m_ues)
    {
        ue.device->SetSendCallback({});
    }
    if (m_upf)
    {
        m_upf->SetSendCallback({});
    }
}

Ptr<VirtualNetDevice>
RanIpStack::MakeDevice(Ptr<Node> node, Ipv4Address address)
{
    auto ipv4 = node->GetObject<Ipv4>();
    auto device = CreateObject<VirtualNetDevice>();
    device->SetAddress(Mac48Address::Allocate());
    device->SetMtu(MTU_BYTES);
    node->AddDevice(device);
    const uint32_t interface = ipv4->AddInterface(device);
    ipv4->AddAddress(interface, Ipv4InterfaceAddress(address, m_mask));
    ipv4->SetMetric(interface, 1);
    ipv4->SetUp(interface);
    return device;
}

Ptr<VirtualNetDevice>
RanIpStack::Install(Ptr<Node> upf, const std::string& network, const std::string& mask)
{
    RequireInput(!m_upf, "UPF", "a second call of Install", "one");
    RequireInternetStack("UPF", upf);
    const Ipv4Mask bits(ReadMask(mask));
    const Ipv4Address address(network.c_str());
    RequireInput(address.IsInitialized() && (address.Get() & bits.GetInverse()) == 0,
                 "network",
                 network,
                 "an address like 7.0.0.0, with zeros where the mask " + mask + " has them");
    RequireInput(bits.GetInverse() > 1, "network mask", mask, "a shorter one, with room for users");
    m_network = address;
    m_mask = bits;
    m_upfAddress = Ipv4Address(m_network.Get() + 1);
    m_upf = MakeDevice(upf, m_upfAddress);
    m_upf->SetSendCallback(MakeCallback(&RanIpStack::SendDown, this));
    return m_upf;
}

void
RanIpStack::CheckBearers(uint32_t ueIndex, const std::vector<Bearer>& bearers) const
{
    constexpr uint32_t MOST_DSCP = 63; // RFC 2474, 3: six bits
    const std::string user = "user " + std::to_string(ueIndex);
    RequireInput(!bearers.empty(), user + ", bearers", "none", "at least one");
    for (auto bearer = bearers.begin(); bearer != bearers.end(); ++bearer)
    {
        const std::string field =
            user + ", bearer " + std::to_string(bearer - bearers.begin()) + ", dscp";
        const uint32_t dscp = bearer->dscp;
        RequireInput(dscp <= MOST_DSCP, field, dscp, "0 .. 63");
        const auto other = std::find_if(bearers.begin(),
                                        bearer,
                                        [=](const Bearer& one) { return one.dscp == dscp; });
        RequireInput(other == bearer,
                     field,
                     dscp,
                     "another than that of bearer " + std::to_string(other - bearers.begin()));
        m_ran->CheckFlow(ueIndex, bearer->sliceId, bearer->delayBudget);
    }
}

Ipv4Address
RanIpStack::AddUe(Ptr<Node> node, uint32_t ueIndex, const std::vector<Bearer>& bearers)
{
    const std::string user = "user " + std::to_string(ueIndex);
    RequireInput(m_upf != nullptr, user, "a call before Install", "one after it");
    RequireInput(std::ranges::find(m_ues, ueIndex, &Ue::index) == m_ues.end(),
                 user,
                 "a second call of AddUe",
                 "one");
    RequireInternetStack(user, node);
    CheckBearers(ueIndex, bearers);
    const auto place = static_cast<uint32_t>(m_ues.size());
    const Ipv4Address address(m_network.Get() + 2 + place);
    RequireInput(m_mask.GetInverse() > 2 + place,
                 user + ", network mask",
                 m_mask,
                 "a shorter one, as no address is left for the user");
    auto device = MakeDevice(node, address);
    device->SetSendCallback(MakeCallback(&RanIpStack::SendUp, this).Bind(place));
    Ipv4StaticRoutingHelper()
        .GetStaticRouting(node->GetObject<Ipv4>())
        ->SetDefaultRoute(m_upfAddress, node->GetObject<Ipv4>()->GetInterfaceForDevice(device));
    m_ues.push_back({ueIndex, device, bearers});
    m_byAddress[address.Get()] = place;
    for (auto& bearer : m_ues.back().bearers)
    {
        FlowConfig config{.direction = DOWNLINK, .rlc = bearer.rlc, .inOrder = bearer.inOrder};
        bearer.downlinkFlow = m_ran->AddFlow(ueIndex, bearer.sliceId, bearer.delayBudget, config);
        m_byFlow[bearer.downlinkFlow] = device;
        config.direction = UPLINK;
        bearer.uplinkFlow = m_ran->AddFlow(ueIndex, bearer.sliceId, bearer.delayBudget, config);
        m_byFlow[bearer.uplinkFlow] = m_upf;
    }
    return address;
}

bool
RanIpStack::SendDown(Ptr<Packet> packet, const Address&, const Address&, uint16_t protocol)
{
    Ipv4Header header;
    packet->PeekHeader(header);
    const auto found = m_byAddress.find(header.GetDestination().Get());
    if (protocol != IPV4 || found == m_byAddress.end())
    {
        ++m_numUnroutable;
        return false;
    }
    m_ran->Enqueue(Choose(m_ues[found->second].bearers, header).downlinkFlow,
                   packet,
                   Simulator::Now());
    return true;
}

bool
RanIpStack::SendUp(
    uint32_t place, Ptr<Packet> packet, const Address&, const Address&, uint16_t protocol)
{
    if (protocol != IPV4)
    {
        ++m_numUnroutable;
        return false;
    }
    Ipv4Header header;
    packet->PeekHeader(header);
    m_ran->Enqueue(Choose(m_ues[place].bearers, header).uplinkFlow, packet, Simulator::Now());
    return true;
}

void
RanIpStack::Delivered(uint32_t flow, Ptr<const Packet> packet, Time created)
{
    const auto found = m_byFlow.find(flow);
    if (found == m_byFlow.end())
    {
        m_others.IsNull() ? void() : m_others(flow, packet, created);
        return;
    }
    const auto& device = found->second;
    const Address other =
        device == m_upf ? m_ues.front().device->GetAddress() : m_upf->GetAddress();
    // in the context of the receiving node, which ns-3 demands
    Simulator::ScheduleWithContext(device->GetNode()->GetId(),
                                   Time(),
                                   &VirtualNetDevice::Receive,
                                   device,
                                   packet->Copy(),
                                   IPV4,
                                   other,
                                   device->GetAddress(),
                                   NetDevice::PACKET_HOST);
}

const RanIpStack::Ue&
RanIpStack::FindUe(uint32_t ueIndex) const
{
    const auto found = std::ranges::find(m_ues, ueIndex, &Ue::index);
    RequireInput(found != m_ues.end(),
                 "user",
                 ueIndex,
                 "one that RanIpStack::AddUe was called with");
    return *found;
}

Ptr<VirtualNetDevice>
RanIpStack::GetDevice(uint32_t ueIndex) const
{
    return FindUe(ueIndex).device;
}

const std::vector<RanIpStack::Bearer>&
RanIpStack::GetBearers(uint32_t ueIndex) const
{
    return FindUe(ueIndex).bearers;
}

uint64_t
RanIpStack::GetNumUnroutable() const
{
    return m_numUnroutable;
}

} // namespace qntn
