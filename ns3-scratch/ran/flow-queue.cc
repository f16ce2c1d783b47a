// SPDX-License-Identifier: GPL-2.0-only
#include "ran/flow-queue.h"

#include "ns3/assert.h"

#include <algorithm>
#include <numeric>

namespace qntn
{

namespace
{

/// MAC subheader with 16-bit length and RLC UM header with segment offset: TS 38.321 V17, 6.1.2 and
/// TS 38.322 V17, 6.2.2.3.
constexpr uint32_t SEGMENT_HEADER_BYTES = 3 + 3;

} // namespace

uint32_t
FlowQueues::Add(uint32_t ueIndex, uint32_t sliceId, ns3::Time delayBudget, const FlowConfig& config)
{
    m_flows.push_back({.ueIndex = ueIndex,
                       .sliceId = sliceId,
                       .delayBudget = delayBudget,
                       .config = config,
                       .queue = {},
                       .account = {}});
    return static_cast<uint32_t>(m_flows.size() - 1);
}

const std::vector<FlowQueues::Flow>&
FlowQueues::GetFlows() const
{
    return m_flows;
}

void
FlowQueues::Push(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created)
{
    PacketId id;
    if (m_free.empty())
    {
        id = static_cast<PacketId>(m_records.size());
        m_records.emplace_back();
    }
    else
    {
        id = m_free.back();
        m_free.pop_back();
    }
    const uint32_t bytes = packet->GetSize();
    m_records[id] = {.packet = std::move(packet),
                     .created = created,
                     .flow = flow,
                     .toSend = bytes,
                     .onTheAir = 0,
                     .queued = true,
                     .lost = false};
    Flow& to = m_flows[flow];
    to.queue.push_back(id);
    to.queueBytes += bytes;
    ++to.account.sent;
    ++to.account.inFlight;
}

void
FlowQueues::Refuse(uint32_t flow, DropCause cause)
{
    ++m_flows[flow].account.sent;
    ++m_flows[flow].account.dropped[static_cast<size_t>(cause)];
}

ns3::Time
FlowQueues::GetOldest(uint32_t flow) const
{
    return m_records[m_flows[flow].queue.front()].created;
}

bool
FlowQueues::DiscardOlderThan(uint32_t flow, ns3::Time limit, FinishedPacket& discarded)
{
    Flow& from = m_flows[flow];
    auto begun = [this](PacketId packet)
    { return m_records[packet].toSend != m_records[packet].packet->GetSize(); };
    const auto oldest = std::ranges::find_if_not(from.queue, begun);
    if (oldest == from.queue.end() || m_records[*oldest].created >= limit)
    {
        return false;
    }
    const PacketId id = *oldest;
    Record& record = m_records[id];
    from.queue.erase(oldest);
    from.queueBytes -= record.toSend;
    ++from.account.dropped[static_cast<size_t>(DropCause::LATE)];
    --from.account.inFlight;
    discarded = {record.packet, record.created, record.sequence};
    record.queued = false;
    record.lost = true;
    record.toSend = 0;
    FreeIfDone(id);
    PopFinished(from);
    return true;
}

ns3::Time
FlowQueues::GetDeadline(const std::vector<Segment>& segments) const
{
    const Record& last = m_records[segments.back().packet];
    return last.created + m_flows[last.flow].delayBudget;
}

std::vector<Segment>
FlowQueues::Take(uint32_t flow, uint32_t bytes)
{
    Flow& from = m_flows[flow];
    std::vector<Segment> segments;
    while (bytes > SEGMENT_HEADER_BYTES && !from.queue.empty())
    {
        const PacketId id = from.queue.front();
        Record& record = m_records[id];
        if (!record.numbered)
        {
            record.numbered = true;
            record.sequence = from.nextSequence++;
        }
        const uint32_t part = std::min(record.toSend, bytes - SEGMENT_HEADER_BYTES);
        record.toSend -= part;
        record.onTheAir += part;
        from.queueBytes -= part;
        bytes -= part + SEGMENT_HEADER_BYTES;
        segments.push_back({id, part});
        PopFinished(from);
    }
    return segments;
}

std::vector<FinishedPacket>
FlowQueues::Arrive(const std::vector<Segment>& segments)
{
    std::vector<FinishedPacket> whole;
    for (const auto& segment : segments)
    {
        Record& record = m_records[segment.packet];
        NS_ASSERT(record.onTheAir >= segment.bytes);
        record.onTheAir -= segment.bytes;
        if (!record.lost && record.toSend == 0 && record.onTheAir == 0)
        {
            whole.push_back({record.packet, record.created, record.sequence});
        }
        FreeIfDone(segment.packet);
    }
    return whole;
}

std::vector<FinishedPacket>
FlowQueues::ArriveLate(const std::vector<Segment>& segments, std::vector<FinishedPacket>& expired)
{
    std::vector<Segment> complete;
    std::vector<Segment> parts;
    for (const auto& segment : segments)
    {
        const bool whole = segment.bytes == m_records[segment.packet].packet->GetSize();
        (whole ? complete : parts).push_back(segment);
    }
    expired = Lose(parts, DropCause::RADIO);
    return Arrive(complete);
}

std::vector<FinishedPacket>
FlowQueues::Retransmit(const std::vector<Segment>& segments)
{
    std::vector<Segment> again;
    std::vector<Segment> givenUp;
    for (const auto& segment : segments)
    {
        Record& record = m_records[segment.packet];
        const uint32_t most = m_flows[record.flow].config.maxRetransmissions;
        (++record.retransmissions > most ? givenUp : again).push_back(segment);
    }
    Return(again);
    return Lose(givenUp, DropCause::RADIO);
}

std::vector<FinishedPacket>
FlowQueues::Lose(const std::vector<Segment>& segments, DropCause cause)
{
    std::vector<FinishedPacket> lost;
    for (const auto& segment : segments)
    {
        Record& record = m_records[segment.packet];
        Flow& flow = m_flows[record.flow];
        record.onTheAir -= segment.bytes;
        if (!record.lost)
        {
            record.lost = true;
            lost.push_back({record.packet, record.created, record.sequence});
            ++flow.account.dropped[static_cast<size_t>(cause)];
            --flow.account.inFlight;
            flow.queueBytes -= record.toSend; // the rest is of no use
            record.toSend = 0;
        }
        PopFinished(flow);
        FreeIfDone(segment.packet);
    }
    return lost;
}

void
FlowQueues::Return(const std::vector<Segment>& segments)
{
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment)
    {
        Record& record = m_records[segment->packet];
        Flow& flow = m_flows[record.flow];
        record.onTheAir -= segment->bytes;
        if (!record.lost)
        {
            record.toSend += segment->bytes;
            flow.queueBytes += segment->bytes;
            if (!record.queued)
            {
                record.queued = true;
                flow.queue.push_front(segment->packet);
            }
        }
        FreeIfDone(segment->packet);
    }
}

void
FlowQueues::CountDelivered(uint32_t flow)
{
    ++m_flows[flow].account.delivered;
    --m_flows[flow].account.inFlight;
}

void
FlowQueues::CountDropped(uint32_t flow, DropCause cause)
{
    ++m_flows[flow].account.dropped[static_cast<size_t>(cause)];
    --m_flows[flow].account.inFlight;
}

void
FlowQueues::PopFinished(Flow& flow)
{
    while (!flow.queue.empty() && m_records[flow.queue.front()].toSend == 0)
    {
        const PacketId id = flow.queue.front();
        flow.queue.pop_front();
        m_records[id].queued = false;
        FreeIfDone(id);
    }
}

void
FlowQueues::FreeIfDone(PacketId id)
{
    Record& record = m_records[id];
    if (record.packet && !record.queued && record.toSend == 0 && record.onTheAir == 0)
    {
        record.packet = nullptr;
        m_free.push_back(id);
    }
}

void
FlowQueues::Check() const
{
    std::vector<uint64_t> waiting(m_flows.size(), 0);
    for (const auto& record : m_records)
    {
        if (record.packet)
        {
            waiting[record.flow] += record.toSend;
        }
    }
    for (size_t i = 0; i < m_flows.size(); ++i)
    {
        const auto& account = m_flows[i].account;
        const uint64_t dropped =
            std::accumulate(std::begin(account.dropped), std::end(account.dropped), uint64_t{0});
        NS_ASSERT_MSG(account.sent == account.delivered + dropped + account.inFlight,
                      "flow " << i << ": sent " << account.sent << ", delivered "
                              << account.delivered << ", dropped " << dropped << ", in flight "
                              << account.inFlight);
        NS_ASSERT_MSG(waiting[i] == m_flows[i].queueBytes,
                      "flow " << i << ": " << waiting[i] << " bytes wait, the queue counts "
                              << m_flows[i].queueBytes);
    }
}

} // namespace qntn
