// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/service-network.h"

#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <numeric>

using namespace ns3;

namespace qntn
{

namespace
{
/// Of bursts whose packets are not made yet.
constexpr uint64_t NOT_NUMBERED = std::numeric_limits<uint64_t>::max();
} // namespace

NS_OBJECT_ENSURE_REGISTERED(ServiceNetwork);

TypeId
ServiceNetwork::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::ServiceNetwork")
            .SetParent<Object>()
            .SetGroupName("Metaverse")
            .AddConstructor<ServiceNetwork>()
            .AddAttribute("CoreDelay",
                          "From the edge server to a cell's gateway.",
                          TimeValue(MicroSeconds(500)),
                          MakeTimeAccessor(&ServiceNetwork::m_coreDelay),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("ServerRatio",
                          "Part of the delay budget within which the edge server must have begun a "
                          "burst; later it would hardly arrive in time and is thrown away.",
                          DoubleValue(0.5),
                          MakeDoubleAccessor(&ServiceNetwork::m_serverRatio),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute("PacketBytes",
                          "Longest packet that a burst is cut into.",
                          UintegerValue(1400),
                          MakeUintegerAccessor(&ServiceNetwork::m_packetBytes),
                          MakeUintegerChecker<uint32_t>(1, 9000));
    return tid;
}

void
ServiceNetwork::Configure(uint32_t numProviders, uint32_t numCells, uint32_t numSlices)
{
    NS_ABORT_MSG_IF(m_monitor, "ServiceNetwork::Configure is called twice");
    m_numCells = numCells;
    m_monitor = std::make_unique<ServiceMonitor>(numProviders, numCells, numSlices);
    m_core = std::make_unique<DelayLine<CorePacket>>(m_coreDelay,
                                                     [this](CorePacket&& item)
                                                     { LeaveCore(std::move(item)); });
}

void
ServiceNetwork::SetCellCallback(CellCallback cellOf)
{
    m_cellOf = cellOf;
}

void
ServiceNetwork::SetRadioCallback(RadioCallback radio)
{
    m_radio = radio;
}

void
ServiceNetwork::AddServer(Ptr<EdgeServer> server)
{
    server->SetDoneCallback(MakeCallback(&ServiceNetwork::Rendered, this));
    m_servers.push_back(server);
}

uint32_t
ServiceNetwork::AddFlow(const ServiceFlowConfig& config,
                        Ptr<TrafficSource> source,
                        const std::vector<Ptr<Sae>>& saes)
{
    const auto index = static_cast<uint32_t>(m_flows.size());
    NS_ABORT_MSG_IF(!m_monitor, "ServiceNetwork::AddFlow: call Configure before");
    NS_ABORT_MSG_IF(config.provider >= m_servers.size(),
                    "flow " << index << ": provider " << config.provider
                            << " has no server, there are " << m_servers.size()
                            << "; call AddServer before");
    NS_ABORT_MSG_IF(saes.size() != m_numCells,
                    "flow " << index << ": found " << saes.size()
                            << " SAEs, expected one for each of the " << m_numCells << " cells");
    for (const auto& sae : saes)
    {
        sae->SetOutputCallback(MakeCallback(&ServiceNetwork::Encrypted, this).Bind(index));
        sae->SetBlockedCallback(MakeCallback(&ServiceNetwork::Blocked, this).Bind(index));
    }
    source->SetOutputCallback(MakeCallback(&ServiceNetwork::Make, this).Bind(index));
    m_flows.push_back({config,
                       config.budget * m_serverRatio,
                       static_cast<double>(config.workPerMegabyte.GetNanoSeconds()),
                       source,
                       saes,
                       {},
                       {}});
    return index;
}

void
ServiceNetwork::Start()
{
    for (const auto& flow : m_flows)
    {
        flow.source->Start();
    }
}

void
ServiceNetwork::Make(uint32_t index, uint32_t bytes)
{
    auto& flow = m_flows[index];
    const uint32_t cell = m_cellOf(flow.config.user);
    if (cell == NO_CELL)
    {
        return;
    }
    const auto& config = flow.config;
    const Time now = Simulator::Now();
    const uint32_t numPackets = (bytes + m_packetBytes - 1) / m_packetBytes;
    flow.bursts.push_back({now,
                           bytes,
                           numPackets,
                           numPackets,
                           NOT_NUMBERED,
                           cell,
                           flow.source->GetQuality(),
                           false,
                           LossCause::NUM_CAUSES});
    flow.account.sent += numPackets;
    flow.account.atServer += numPackets;
    m_monitor->Offered({config.provider, cell, config.slice, config.user}, bytes);
    const double megabytes = bytes * 1e-6;
    const Time work =
        config.workPerBurst + NanoSeconds(static_cast<int64_t>(flow.workPerMegabyteNs * megabytes));
    m_servers[config.provider]->Submit(
        config.slice,
        {index, now, work, now + flow.patience, now + config.budget});
}

void
ServiceNetwork::Rendered(const EdgeServer::Job& job, bool rendered)
{
    auto& flow = m_flows[job.flow];
    const auto found = std::ranges::lower_bound(flow.bursts, job.created, {}, &Burst::created);
    NS_ASSERT_MSG(found != flow.bursts.end() && found->created == job.created,
                  "the server made up a burst");
    auto& burst = *found;
    flow.account.atServer -= burst.numPackets;
    const uint32_t cell = m_cellOf(flow.config.user);
    if (!rendered || cell == NO_CELL)
    {
        if (found != flow.bursts.begin()) // keeps the numbers in order
        {
            burst.firstUid = std::prev(found)->firstUid + std::prev(found)->numPackets;
        }
        Lose(flow, burst, rendered ? LossCause::NO_COVERAGE : LossCause::COMPUTE, burst.numPackets);
        return;
    }
    Sae& sae = *flow.saes[cell];
    burst.pad = sae.GetCipher() == Cipher::OneTimePad;
    std::vector<Ptr<const Packet>> packets;
    packets.reserve(burst.numPackets);
    for (uint32_t left = burst.bytes; left > 0; left -= std::min(left, m_packetBytes))
    {
        packets.push_back(Create<Packet>(std::min(left, m_packetBytes)));
    }
    burst.firstUid = packets.front()->GetUid();
    for (const auto& packet : packets) // may end the burst at once
    {
        sae.Send(packet, job.created);
    }
}

void
ServiceNetwork::Encrypted(uint32_t index, Ptr<const Packet> packet, Time created)
{
    ++m_flows[index].account.inCore;
    m_core->Send({index, packet, created});
}

void
ServiceNetwork::Blocked(uint32_t index, Ptr<const Packet> packet, Time)
{
    auto& flow = m_flows[index];
    Lose(flow, FindBurst(flow, packet->GetUid()), LossCause::KEY, 1);
}

void
ServiceNetwork::LeaveCore(CorePacket&& item)
{
    auto& account = m_flows[item.flow].account;
    --account.inCore;
    ++account.inRadio;
    m_radio(item.flow, item.packet, item.created);
}

void
ServiceNetwork::Delivered(uint32_t index, Ptr<const Packet> packet)
{
    auto& flow = m_flows[index];
    auto& burst = FindBurst(flow, packet->GetUid());
    --flow.account.inRadio;
    if (Simulator::Now() - burst.created > flow.config.budget)
    {
        Lose(flow, burst, LossCause::LATE, 1);
        return;
    }
    ++flow.account.delivered;
    --burst.numOpen;
    CloseIfEnded(flow, burst);
}

void
ServiceNetwork::Dropped(uint32_t index, Ptr<const Packet> packet, LossCause cause)
{
    auto& flow = m_flows[index];
    --flow.account.inRadio;
    Lose(flow, FindBurst(flow, packet->GetUid()), cause, 1);
}

ServiceNetwork::Burst&
ServiceNetwork::FindBurst(Flow& flow, uint64_t uid) const
{
    // Bursts are rendered, and so numbered, in order.
    const auto after = std::ranges::upper_bound(flow.bursts, uid, {}, &Burst::firstUid);
    NS_ASSERT_MSG(after != flow.bursts.begin(), "packet " << uid << " belongs to no burst");
    return *std::prev(after);
}

void
ServiceNetwork::Lose(Flow& flow, Burst& burst, LossCause cause, uint32_t numPackets)
{
    flow.account.lost.at(static_cast<size_t>(cause)) += numPackets;
    if (burst.cause == LossCause::NUM_CAUSES)
    {
        burst.cause = cause;
    }
    burst.numOpen -= numPackets;
    CloseIfEnded(flow, burst);
}

void
ServiceNetwork::CloseIfEnded(Flow& flow, const Burst& burst)
{
    if (burst.numOpen > 0)
    {
        return;
    }
    const auto& config = flow.config;
    const ServiceMonitor::Group group{config.provider, burst.cell, config.slice, config.user};
    const Time delay = Simulator::Now() - burst.created;
    if (burst.cause == LossCause::NUM_CAUSES)
    {
        m_monitor->Satisfied(group, burst.bytes, delay, burst.quality, burst.pad);
    }
    else
    {
        m_monitor->Lost(group, burst.cause);
    }
    while (!flow.bursts.empty() && flow.bursts.front().numOpen == 0)
    {
        flow.bursts.pop_front();
    }
}

uint32_t
ServiceNetwork::GetNumFlows() const
{
    return m_flows.size();
}

const ServiceFlowConfig&
ServiceNetwork::GetFlow(uint32_t flow) const
{
    return m_flows.at(flow).config;
}

const ServiceMonitor&
ServiceNetwork::GetMonitor() const
{
    return *m_monitor;
}

ServiceMonitor&
ServiceNetwork::GetMonitor()
{
    return *m_monitor;
}

ServiceNetwork::Account
ServiceNetwork::GetAccount(uint32_t index) const
{
    const auto& flow = m_flows.at(index);
    Account account = flow.account;
    for (const auto& sae : flow.saes)
    {
        account.atSae += sae->GetWaitingPackets();
    }
    return account;
}

void
ServiceNetwork::Check() const
{
    for (uint32_t index = 0; index < m_flows.size(); ++index)
    {
        const Account a = GetAccount(index);
        const uint64_t known = std::accumulate(a.lost.begin(), a.lost.end(), a.delivered) +
                               a.atServer + a.atSae + a.inCore + a.inRadio;
        NS_ABORT_MSG_IF(a.sent != known,
                        "flow " << index << ": " << a.sent << " packets sent, " << known
                                << " accounted for");
    }
}

void
ServiceNetwork::DoDispose()
{
    m_core.reset();
    m_flows.clear();
    m_servers.clear();
    m_cellOf.Nullify();
    m_radio.Nullify();
    Object::DoDispose();
}

} // namespace qntn
