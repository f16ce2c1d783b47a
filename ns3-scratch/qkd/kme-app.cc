// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-app.h"

#include "ns3/inet-socket-address.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KmeApp);

namespace
{

/// Datagrams to a neighbour that may be without acknowledgement.
constexpr std::size_t WINDOW = 8;
/// How many messages back a repeated one is recognised.
constexpr std::size_t REMEMBERED = 1024;

} // namespace

TypeId
KmeApp::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::KmeApp")
            .SetParent<Application>()
            .SetGroupName("Qntn")
            .AddConstructor<KmeApp>()
            .AddAttribute("RetryTimeout",
                          "A datagram is repeated after this, and what sending it takes.",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&KmeApp::m_retryTimeout),
                          MakeTimeChecker(MilliSeconds(1)))
            .AddAttribute("MaxAttempts",
                          "A datagram is given up after as many attempts, and its message with it.",
                          UintegerValue(4),
                          MakeUintegerAccessor(&KmeApp::m_maxAttempts),
                          MakeUintegerChecker<uint32_t>(1, 100));
    return tid;
}

void
KmeApp::SetCallbacks(ReceiveCallback receive, LostCallback lost)
{
    m_receive = receive;
    m_lost = lost;
}

void
KmeApp::AddNeighbour(uint32_t site, Ipv4Address address, DataRate rate)
{
    Neighbour& neighbour = m_neighbours[site];
    neighbour.address = InetSocketAddress(address, PORT);
    neighbour.rate = rate;
    m_siteOf[address] = site;
}

void
KmeApp::Send(uint32_t site, const KmeMessage& message)
{
    if (!m_up)
    {
        return;
    }
    Neighbour& neighbour = m_neighbours.at(site);
    const uint64_t number = m_nextNumber++;
    const auto numParts = static_cast<uint32_t>(message.payloadBytes / PART_BYTES + 1);
    ++m_counters.messages;
    for (uint32_t i = 0; i < numParts; ++i)
    {
        Part part;
        part.header.message = message;
        part.header.number = number;
        part.header.part = i;
        part.header.numParts = numParts;
        part.bytes = i + 1 < numParts
                         ? PART_BYTES
                         : static_cast<uint32_t>(message.payloadBytes - uint64_t{i} * PART_BYTES);
        neighbour.waiting.push_back(part);
    }
    Pump(site);
}

void
KmeApp::SetUp(bool up)
{
    m_up = up;
    if (!up)
    {
        Forget();
    }
}

bool
KmeApp::IsUp() const
{
    return m_up;
}

const KmeApp::Counters&
KmeApp::GetCounters() const
{
    return m_counters;
}

void
KmeApp::DoDispose()
{
    Forget();
    m_socket = nullptr;
    m_neighbours.clear();
    m_receive = ReceiveCallback();
    m_lost = LostCallback();
    Application::DoDispose();
}

void
KmeApp::StartApplication()
{
    m_socket = Socket::CreateSocket(GetNode(), UdpSocketFactory::GetTypeId());
    m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), PORT));
    m_socket->SetRecvCallback(MakeCallback(&KmeApp::Read, this));
    for (const auto& [site, neighbour] : m_neighbours)
    {
        Pump(site);
    }
}

void
KmeApp::StopApplication()
{
    if (m_socket)
    {
        m_socket->Close();
        m_socket = nullptr;
    }
}

void
KmeApp::Forget()
{
    for (auto& [site, neighbour] : m_neighbours)
    {
        for (auto& [key, part] : neighbour.underWay)
        {
            part.timeout.Cancel();
        }
        neighbour.underWay.clear();
        neighbour.waiting.clear();
        neighbour.arriving.clear();
        neighbour.bytesUnderWay = 0;
    }
}

void
KmeApp::Pump(uint32_t site)
{
    Neighbour& neighbour = m_neighbours.at(site);
    while (m_socket && !neighbour.waiting.empty() && neighbour.underWay.size() < WINDOW)
    {
        const Part next = neighbour.waiting.front();
        neighbour.waiting.pop_front();
        neighbour.bytesUnderWay += next.bytes;
        auto [place, isNew] =
            neighbour.underWay.insert({{next.header.number, next.header.part}, next});
        Transmit(site, place->second);
    }
}

void
KmeApp::Transmit(uint32_t site, Part& part)
{
    Neighbour& neighbour = m_neighbours.at(site);
    ++part.attempts;
    auto packet = Create<Packet>(part.bytes);
    packet->AddHeader(part.header);
    ++m_counters.datagrams;
    m_counters.bytes += packet->GetSize();
    m_socket->SendTo(packet, 0, neighbour.address);
    // What is under way both ways may be ahead of it, and of its acknowledgement.
    const Time sending = neighbour.rate.CalculateBytesTxTime(
        static_cast<uint32_t>(2 * (neighbour.bytesUnderWay + WINDOW * 100)));
    part.timeout = Simulator::Schedule(m_retryTimeout + sending,
                                       &KmeApp::TimeOut,
                                       this,
                                       site,
                                       PartKey{part.header.number, part.header.part});
}

void
KmeApp::TimeOut(uint32_t site, PartKey key)
{
    Neighbour& neighbour = m_neighbours.at(site);
    Part& part = neighbour.underWay.at(key);
    if (part.attempts < m_maxAttempts)
    {
        ++m_counters.retries;
        Transmit(site, part);
        return;
    }
    const KmeHeader lost = part.header;
    const auto isOfLost = [&](const Part& other) { return other.header.number == lost.number; };
    std::erase_if(neighbour.waiting, isOfLost);
    for (auto it = neighbour.underWay.begin(); it != neighbour.underWay.end();)
    {
        if (isOfLost(it->second))
        {
            it->second.timeout.Cancel();
            neighbour.bytesUnderWay -= it->second.bytes;
            it = neighbour.underWay.erase(it);
        }
        else
        {
            ++it;
        }
    }
    ++m_counters.lostMessages;
    m_lost(site, lost.message);
    Pump(site);
}

void
KmeApp::Read(Ptr<Socket> socket)
{
    Address from;
    while (Ptr<Packet> packet = socket->RecvFrom(from))
    {
        if (!m_up)
        {
            continue;
        }
        const uint32_t site = m_siteOf.at(InetSocketAddress::ConvertFrom(from).GetIpv4());
        KmeHeader header;
        packet->RemoveHeader(header);
        if (header.message.type == KmeMessageType::Acknowledge)
        {
            Acknowledge(m_neighbours.at(site), header);
            Pump(site);
        }
        else
        {
            Take(site, header, packet->GetSize());
        }
    }
}

void
KmeApp::Acknowledge(Neighbour& neighbour, const KmeHeader& header)
{
    const auto found = neighbour.underWay.find({header.number, header.part});
    if (found != neighbour.underWay.end())
    {
        found->second.timeout.Cancel();
        neighbour.bytesUnderWay -= found->second.bytes;
        neighbour.underWay.erase(found);
    }
}

void
KmeApp::Take(uint32_t site, const KmeHeader& header, uint32_t bytes)
{
    Neighbour& neighbour = m_neighbours.at(site);
    KmeHeader answer = header;
    answer.message = {};
    auto packet = Create<Packet>();
    packet->AddHeader(answer);
    ++m_counters.datagrams;
    m_counters.bytes += packet->GetSize();
    m_socket->SendTo(packet, 0, neighbour.address);

    if (neighbour.arrived.contains(header.number))
    {
        return;
    }
    if (header.numParts > 1)
    {
        std::set<uint32_t>& parts = neighbour.arriving[header.number];
        parts.insert(header.part);
        if (parts.size() < header.numParts)
        {
            return;
        }
        neighbour.arriving.erase(header.number);
    }
    neighbour.arrived.insert(header.number);
    if (neighbour.arrived.size() > REMEMBERED)
    {
        neighbour.arrived.erase(neighbour.arrived.begin());
    }
    KmeMessage message = header.message;
    message.payloadBytes = uint64_t{header.numParts - 1} * PART_BYTES + bytes;
    m_receive(site, message);
}

} // namespace qntn
