// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that is about what became of blocks: decoding, HARQ, RLC, PDCP.
#include "ran/decibel.h"
#include "ran/nr-tables.h"
#include "ran/ran-network.h"
#include "ran/tbs.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qntn
{

using namespace ns3;

namespace
{

/// From a block to its acknowledgement, beside light and the wait for an uplink slot (N1 of
/// TS 38.214 V17, Table 5.3-1, is 10 symbols at numerology 1).
constexpr int64_t K1_SLOTS = 1;
constexpr int64_t DECISION_SLOTS = 1; ///< from an acknowledgement to the next transmission

} // namespace

ProtocolTimers
ProtocolTimers::For(bool isNtn, Time oneWayDelay)
{
    constexpr int64_t LONGEST_LOW_ORBIT_MS = 30; // one way, both links of 1200 km at 10 degrees
    if (!isNtn)
    {
        return {MilliSeconds(35), MilliSeconds(10), MilliSeconds(80), MilliSeconds(60)};
    }
    if (oneWayDelay < MilliSeconds(LONGEST_LOW_ORBIT_MS))
    {
        return {MilliSeconds(200), MilliSeconds(50), MilliSeconds(400), MilliSeconds(300)};
    }
    return {MilliSeconds(2200), MilliSeconds(500), MilliSeconds(4000), MilliSeconds(3000)};
}

ProtocolTimers
RanNetwork::GetTimers(uint32_t ueIndex) const
{
    const uint32_t serving = m_ues[ueIndex].servingCell;
    return serving == NO_CELL
               ? ProtocolTimers::For(false, Time())
               : ProtocolTimers::For(m_cells[serving].isNtn, GetPropagationDelay(serving, ueIndex));
}

Time
RanNetwork::GetFeedbackTime(uint32_t cellIndex,
                            Direction direction,
                            uint32_t ueIndex,
                            Time duration) const
{
    const Cell& cell = m_cells[cellIndex];
    const Time now = Simulator::Now();
    if (direction == UPLINK)
    {
        return now + duration + GetGrantDelay(cellIndex, ueIndex);
    }
    const int64_t slot_ns = cell.slot.GetNanoSeconds();
    const Time earliest = now + duration + K1_SLOTS * cell.slot +
                          2 * GetPropagationDelay(cellIndex, ueIndex) - m_begin;
    const int64_t slot = (earliest.GetNanoSeconds() + slot_ns - 1) / slot_ns;
    const auto place = static_cast<size_t>(slot) % cell.uplinkWait.size();
    return m_begin + (slot + cell.uplinkWait[place] + 1 + DECISION_SLOTS) * cell.slot;
}

double
RanNetwork::BlockError(const Cell& cell, TransportBlock& block, double sinr, double part) const
{
    const Mcs scheme = McsParameters(block.mcs, cell.carrier.mcsTable);
    const uint32_t codeBlocks = NumCodeBlocks(block.bits, scheme.codeRate);
    const uint32_t codeBlockBits = block.bits / codeBlocks;
    // with fewer resources a retransmission carries a part of the block's energy
    double error = 0;
    if (m_combining == HarqCombining::INCREMENTAL)
    {
        const double sentBits = codeBlockBits / scheme.codeRate; // the first time
        block.received.Add(ToDb(sinr), scheme.modulationOrder, part * sentBits, codeBlockBits);
        error =
            BlerOf(block.received,
                   codeBlockBits,
                   scheme.modulationOrder,
                   std::max(sentBits, codeBlockBits / MotherCodeRate(block.bits, scheme.codeRate)));
    }
    else
    {
        block.combinedSinr += part * sinr;
        error = Bler(ToDb(block.combinedSinr), block.mcs, cell.carrier.mcsTable, codeBlockBits);
    }
    return 1 - std::pow(1 - error, codeBlocks);
}

void
RanNetwork::Decode(uint32_t cellIndex,
                   Direction direction,
                   TransportBlock&& block,
                   const SliceGrant& grant)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    const uint32_t ueIndex = m_flows.GetFlows()[block.flow].ueIndex;
    Link& link = m_ues[ueIndex].links[direction];
    const uint32_t symbols = GetBlockSymbols(side, direction, block.sliceId);
    const double part = static_cast<double>(grant.numPrbs * symbols) /
                        static_cast<double>(block.numPrbs * block.symbols);
    const double sinr =
        direction == DOWNLINK
            ? m_channel->GetSinr(cellIndex, ueIndex, grant.firstPrb, grant.numPrbs, cell.numPrbs)
            : m_channel->GetUplinkSinr(cellIndex,
                                       ueIndex,
                                       grant.firstPrb,
                                       grant.numPrbs,
                                       cell.numPrbs);
    ++block.transmissions;
    const double error = BlockError(cell, block, sinr, part);
    if (block.blind && block.transmissions < m_ntnRepetitions)
    {
        block.due = Simulator::Now() + cell.slot; // nobody asks whether it is needed
        link.harq.Retry(std::move(block));
        return;
    }
    const bool arrived = m_decoding->GetValue() >= error;
    const Time feedback =
        GetFeedbackTime(cellIndex, direction, ueIndex, GetDuration(cell, direction, block.sliceId));
    if (block.transmissions == 1 && !block.blind)
    {
        const size_t loop = GetLoop(block.sliceId);
        link.adaptation.Learn(arrived,
                              loop,
                              loop == 0 ? m_targetBler : m_targets[loop - 1],
                              feedback);
        side.reports[block.sliceId].failedBlocks += !arrived;
        side.use.failedBlocks += !arrived;
        m_states[block.flow].use.failedBlocks += !arrived;
    }
    if (block.blind)
    {
        side.reports[block.sliceId].failedBlocks += !arrived;
        side.use.failedBlocks += !arrived;
        m_states[block.flow].use.failedBlocks += !arrived;
        link.harq.Acknowledge(Simulator::Now() + cell.slot);
    }
    else if (arrived || block.transmissions >= m_maxTransmissions)
    {
        link.harq.Acknowledge(feedback);
    }
    if (arrived)
    {
        Arrived(cellIndex, direction, block);
    }
    else if (block.blind || block.transmissions >= m_maxTransmissions)
    {
        Failed(cellIndex, direction, std::move(block));
    }
    else
    {
        block.due = feedback;
        link.harq.Retry(std::move(block));
    }
}

void
RanNetwork::Arrived(uint32_t cellIndex, Direction direction, const TransportBlock& block)
{
    const Cell& cell = m_cells[cellIndex];
    const auto& flow = m_flows.GetFlows()[block.flow];
    FlowState& state = m_states[block.flow];
    auto& report = m_cells[cellIndex].sides[direction].reports[block.sliceId];
    const Time duration = GetDuration(cell, direction, block.sliceId);
    const Time arrival =
        duration + GetPropagationDelay(cellIndex, flow.ueIndex) + GetBackhaulDelay(cellIndex);
    state.sentBits += block.bits;
    if (direction == UPLINK && flow.config.configuredGrantBytes == 0)
    {
        state.buffer.Report(flow.queueBytes,
                            Simulator::Now() + duration + GetGrantDelay(cellIndex, flow.ueIndex));
    }
    std::vector<FinishedPacket> expired;
    const bool late = flow.config.rlc == RlcMode::UNACKNOWLEDGED && block.transmissions > 1 &&
                      Simulator::Now() - block.begun > GetTimers(flow.ueIndex).reassembly;
    auto whole =
        late ? m_flows.ArriveLate(block.segments, expired) : m_flows.Arrive(block.segments);
    if (!expired.empty())
    {
        CountLost(block.flow, expired, DropCause::RADIO);
    }
    if (whole.empty())
    {
        return;
    }
    for (const auto& packet : whole)
    {
        report.deliveredBytes += packet.packet->GetSize();
    }
    if (m_freeTickets.empty())
    {
        m_freeTickets.push_back(static_cast<uint32_t>(m_onTheWay.size()));
        m_onTheWay.emplace_back();
    }
    const uint32_t ticket = m_freeTickets.back();
    m_freeTickets.pop_back();
    m_onTheWay[ticket] = std::move(whole);
    Simulator::Schedule(arrival, &RanNetwork::Deliver, Ptr<RanNetwork>(this), block.flow, ticket);
}

void
RanNetwork::Failed(uint32_t cellIndex, Direction direction, TransportBlock&& block)
{
    const auto& flow = m_flows.GetFlows()[block.flow];
    if (flow.config.rlc == RlcMode::UNACKNOWLEDGED)
    {
        Lose(block, DropCause::RADIO);
        return;
    }
    // The receiver waits for what HARQ may still bring, then reports; the report takes an uplink
    // slot (downlink data) or the next downlink slot, and is not sent more often than allowed.
    FlowState& state = m_states[block.flow];
    const ProtocolTimers timers = GetTimers(flow.ueIndex);
    const Time light = GetPropagationDelay(cellIndex, flow.ueIndex);
    const Time arrival = Simulator::Now() + m_cells[cellIndex].slot + light;
    const Time report = std::max({arrival,
                                  block.begun + light + timers.reassembly,
                                  state.lastStatus + timers.statusProhibit});
    state.lastStatus = report;
    AwaitStatus(block,
                block.begun,
                report - arrival +
                    GetFeedbackTime(cellIndex, direction, flow.ueIndex, m_cells[cellIndex].slot));
    m_missing.push_back(std::move(block));
}

uint64_t
RanNetwork::GetPollRetransmissions(uint32_t flowId) const
{
    return m_started ? m_states[flowId].pollRetransmissions : 0;
}

void
RanNetwork::AwaitStatus(TransportBlock& block, Time polled, Time report)
{
    block.due = report;
    block.statusLost = m_statusLossRatio > 0 && m_decoding->GetValue() < m_statusLossRatio;
    if (block.statusLost)
    {
        const uint32_t ueIndex = m_flows.GetFlows()[block.flow].ueIndex;
        block.due = std::max(report, polled + GetTimers(ueIndex).pollRetransmit);
    }
}

bool
RanNetwork::Poll(TransportBlock& block)
{
    // TS 38.322 V17, 5.3.3.4: what is not acknowledged goes with the poll if nothing else can
    const auto& flow = m_flows.GetFlows()[block.flow];
    const Time now = Simulator::Now();
    const uint32_t serving = m_ues[flow.ueIndex].servingCell;
    ++m_states[block.flow].pollRetransmissions;
    if (flow.queueBytes == 0)
    {
        return true;
    }
    if (serving == NO_CELL)
    {
        block.due = now + GetTimers(flow.ueIndex).pollRetransmit;
        return false;
    }
    const Direction direction = flow.config.direction;
    AwaitStatus(block,
                now,
                GetFeedbackTime(serving, direction, flow.ueIndex, m_cells[serving].slot));
    return false;
}

void
RanNetwork::RetransmitMissing()
{
    const Time now = Simulator::Now();
    for (size_t i = 0; i < m_missing.size();)
    {
        if (m_missing[i].due > now)
        {
            ++i;
            continue;
        }
        if (m_missing[i].statusLost && !Poll(m_missing[i]))
        {
            ++i;
            continue;
        }
        const TransportBlock block = std::move(m_missing[i]);
        m_missing.erase(m_missing.begin() + static_cast<ptrdiff_t>(i));
        CountLost(block.flow, m_flows.Retransmit(block.segments), DropCause::RADIO);
    }
}

void
RanNetwork::ReturnBlocks(uint32_t ueIndex, bool lost)
{
    Ue& ue = m_ues[ueIndex];
    for (auto& link : ue.links)
    {
        for (const auto& block : link.harq.Flush())
        {
            const auto rlc = m_flows.GetFlows()[block.flow].config.rlc;
            if (lost && rlc == RlcMode::UNACKNOWLEDGED) // TS 38.323 V17, 5.1.2
            {
                Lose(block, DropCause::RADIO);
                continue;
            }
            m_flows.Return(block.segments); // the new cell sends them
        }
        link.adaptation.Reset();
    }
    for (const uint32_t f : ue.flows)
    {
        m_states[f].buffer.Reset();
    }
}

void
RanNetwork::Lose(const TransportBlock& block, DropCause cause)
{
    CountLost(block.flow, m_flows.Lose(block.segments, cause), cause);
}

void
RanNetwork::CountLost(uint32_t f, const std::vector<FinishedPacket>& lost, DropCause cause)
{
    const auto& flow = m_flows.GetFlows()[f];
    const uint32_t serving = m_ues[flow.ueIndex].servingCell;
    for (const auto& packet : lost)
    {
        if (serving != NO_CELL)
        {
            auto& report = m_cells[serving].sides[flow.config.direction].reports[flow.sliceId];
            (cause == DropCause::LATE ? report.lateBytes : report.droppedBytes) +=
                packet.packet->GetSize();
        }
        m_dropped.IsNull() ? void() : m_dropped(f, packet.packet, cause);
    }
}

void
RanNetwork::Deliver(uint32_t flowId, uint32_t ticket)
{
    const auto whole = std::move(m_onTheWay[ticket]);
    m_freeTickets.push_back(ticket);
    if (!m_flows.GetFlows()[flowId].config.inOrder)
    {
        for (const auto& packet : whole)
        {
            HandUp(flowId, packet);
        }
        return;
    }
    FlowState& state = m_states[flowId];
    for (const auto& packet : whole)
    {
        if (packet.sequence < state.expectedSequence) // given up before: TS 38.323 V17, 5.2.2.1
        {
            m_flows.CountDropped(flowId, DropCause::LATE);
            CountLost(flowId, {packet}, DropCause::LATE);
            continue;
        }
        const auto place = std::ranges::upper_bound(state.waiting,
                                                    packet.sequence,
                                                    {},
                                                    [](const Reordered& waiting)
                                                    { return waiting.packet.sequence; });
        state.waiting.insert(place, {packet, Simulator::Now()});
    }
    Reorder(flowId);
}

void
RanNetwork::Reorder(uint32_t flowId)
{
    FlowState& state = m_states[flowId];
    const Time patience = GetTimers(m_flows.GetFlows()[flowId].ueIndex).reordering;
    while (!state.waiting.empty())
    {
        const Reordered first = state.waiting.front();
        const Time until = first.arrived + patience;
        if (first.packet.sequence > state.expectedSequence && until > Simulator::Now())
        {
            if (!state.reorderingEnds.IsPending())
            {
                state.reorderingEnds = Simulator::Schedule(until - Simulator::Now(),
                                                           &RanNetwork::Reorder,
                                                           Ptr<RanNetwork>(this),
                                                           flowId);
            }
            return;
        }
        state.waiting.pop_front();
        state.expectedSequence = first.packet.sequence + 1;
        HandUp(flowId, first.packet);
    }
}

void
RanNetwork::HandUp(uint32_t flowId, const FinishedPacket& packet)
{
    m_flows.CountDelivered(flowId);
    m_delivered.IsNull() ? void() : m_delivered(flowId, packet.packet, packet.created);
}

} // namespace qntn
