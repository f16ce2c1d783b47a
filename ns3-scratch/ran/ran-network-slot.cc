// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that runs in every slot.
#include "ran/bler.h"
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

constexpr int64_t FEEDBACK_SLOTS = 4;   ///< from a block to its acknowledgement, beside light
constexpr double RATE_MEMORY_S = 0.1;   ///< of proportional fairness
constexpr int64_t FADING_PERIOD_MS = 2; ///< fine enough for 150 Hz of Doppler
constexpr int64_t CHECK_TICKS = 1000;   ///< between full checks of the accounts

} // namespace

void
RanNetwork::RunSlot()
{
    auto due = [&](Time period)
    {
        const auto ticks = std::max<int64_t>(period.GetNanoSeconds() / m_tick.GetNanoSeconds(), 1);
        return m_tickCount % static_cast<uint64_t>(ticks) == 0;
    };
    m_profile.Begin();
    if (m_tickCount > 0 && due(m_handoverPeriod))
    {
        m_channel->UpdateLargeScale();
        UpdateServingCells();
    }
    m_profile.End(SlotPart::MOBILITY);
    if (due(MilliSeconds(FADING_PERIOD_MS)))
    {
        std::vector<uint32_t> serving;
        std::ranges::transform(m_ues, std::back_inserter(serving), &Ue::servingCell);
        m_channel->UpdateFading(serving, 1e-3 * FADING_PERIOD_MS);
    }
    m_profile.End(SlotPart::FADING);
    if (due(m_cqiPeriod))
    {
        MeasureCqi();
    }
    m_profile.End(SlotPart::REPORTS);
    DiscardLatePackets();
    m_profile.End(SlotPart::DISCARD);
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Schedule(c);
    }
    m_profile.End(SlotPart::SCHEDULING);
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Transmit(c);
    }
    m_profile.End(SlotPart::BLOCKS);
    const double memory = m_tick.GetSeconds() / RATE_MEMORY_S;
    for (size_t f = 0; f < m_sentBits.size(); ++f)
    {
        const double rate_bps = m_sentBits[f] / m_tick.GetSeconds();
        m_averageRatesBps[f] += memory * (rate_bps - m_averageRatesBps[f]);
        m_sentBits[f] = 0;
    }
    if (m_tickCount % CHECK_TICKS == 0)
    {
        Check();
    }
    ++m_tickCount;
    m_profile.End(SlotPart::OTHER);
    m_nextSlot = Simulator::Schedule(m_tick, &RanNetwork::RunSlot, this);
}

void
RanNetwork::DiscardLatePackets()
{
    const Time now = Simulator::Now();
    const auto& flows = m_flows.GetFlows();
    FinishedPacket late;
    for (uint32_t f = 0; f < flows.size(); ++f)
    {
        while (m_flows.DiscardOlderThan(f, now - flows[f].delayBudget, late))
        {
            const uint32_t serving = m_ues[flows[f].ueIndex].servingCell;
            if (serving != NO_CELL)
            {
                m_cells[serving].reports[flows[f].sliceId].lateBytes += late.packet->GetSize();
            }
            m_dropped.IsNull() ? void() : m_dropped(f, late.packet, DropCause::LATE);
        }
    }
    TransportBlock block;
    for (auto& ue : m_ues)
    {
        while (ue.harq.TakeLate(now, block))
        {
            Lose(block, DropCause::LATE);
        }
    }
}

void
RanNetwork::Lose(const TransportBlock& block, DropCause cause)
{
    const uint32_t serving = m_ues[m_flows.GetFlows()[block.flow].ueIndex].servingCell;
    auto& report = m_cells[serving].reports[block.sliceId];
    for (const auto& packet : m_flows.Lose(block.segments, cause))
    {
        (cause == DropCause::LATE ? report.lateBytes : report.droppedBytes) +=
            packet.packet->GetSize();
        m_dropped.IsNull() ? void() : m_dropped(block.flow, packet.packet, cause);
    }
}

void
RanNetwork::Schedule(uint32_t cellIndex)
{
    Cell& cell = m_cells[cellIndex];
    cell.grants.clear();
    cell.symbols = 0;
    if (m_tickCount % cell.slotTicks != 0 || !m_channel->IsAvailable(cellIndex))
    {
        m_channel->SetActivity(cellIndex, {}, false);
        return;
    }
    const uint64_t slot = m_tickCount / cell.slotTicks;
    cell.symbols =
        DownlinkSymbols(cell.carrier.slotPattern[slot % cell.carrier.slotPattern.size()]);
    if (cell.symbols == 0)
    {
        m_channel->SetActivity(cellIndex, {}, false);
        return;
    }
    if (cell.quotasChanged)
    {
        ValidateQuotas(cell.quotas, cell.numPrbs, cell.name);
        cell.quotasChanged = false;
    }

    m_candidates.clear();
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        if (m_ues[u].servingCell == cellIndex && Simulator::Now() >= m_ues[u].interruptedUntil)
        {
            AddCandidates(cellIndex, u);
        }
    }

    // Blocks begin three sub-bands on in each slot, so that a retransmission meets another fade: it
    // stands for interleaved VRB-to-PRB mapping (TS 38.211 V17, 7.3.1.6). Cells begin at PRBs of
    // their own, so that at low load they do not meet.
    const uint64_t hop = 3 * slot % RadioChannel::NUM_SUBBANDS * cell.numPrbs;
    const uint32_t first = (cellIndex * cell.numPrbs / static_cast<uint32_t>(m_cells.size()) +
                            static_cast<uint32_t>(hop / RadioChannel::NUM_SUBBANDS)) %
                           cell.numPrbs;
    cell.grants = cell.scheduler.Schedule(m_candidates, cell.quotas, cell.numPrbs, first);
    RadioChannel::Subbands prbs{};
    for (const auto& grant : cell.grants)
    {
        cell.reports[grant.candidate.sliceId].prbSlotsUsed += grant.numPrbs;
        RadioChannel::AddPrbs(prbs, grant.firstPrb, grant.numPrbs, cell.numPrbs);
    }
    m_channel->SetActivity(cellIndex, prbs, true);
    for (uint32_t slice = 0; slice < m_numSlices; ++slice)
    {
        cell.reports[slice].prbSlotsQuota += cell.quotas[slice].minimum;
    }
}

void
RanNetwork::AddCandidates(uint32_t cellIndex, uint32_t ueIndex)
{
    const Cell& cell = m_cells[cellIndex];
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    uint64_t slices = 0; // that have a retransmission here: one of a user at a time
    for (const auto& block : ue.harq.GetWaiting())
    {
        const auto& quota = cell.quotas[block.sliceId];
        const uint32_t most = m_borrowing ? quota.maximum : quota.minimum;
        if (block.due > now || most == 0 || (slices >> block.sliceId & 1) != 0)
        {
            continue;
        }
        slices |= uint64_t{1} << block.sliceId;
        m_candidates.push_back({block.flow,
                                block.sliceId,
                                true,
                                block.mcs,
                                std::min(block.numPrbs, most),
                                block.deadline,
                                1,
                                1});
    }

    uint32_t free =
        ue.harq.CountFree(now, cell.isNtn ? NUM_HARQ_PROCESSES_NTN : NUM_HARQ_PROCESSES);
    const auto& thresholds = RateThresholds::ForTable(cell.carrier.mcsTable);
    const auto& sizes = cell.symbols == SYMBOLS_PER_SLOT ? cell.fullBlocks : cell.specialBlocks;
    const double slots_per_s = 1e9 / static_cast<double>(SlotNs(cell.carrier.numerology));
    const uint32_t mcs = ue.link.SelectMcs(thresholds, now);
    for (size_t i = 0; i < ue.flows.size() && free > 0; ++i)
    {
        const uint32_t f = ue.flows[(i + m_tickCount) % ue.flows.size()];
        const auto& flow = m_flows.GetFlows()[f];
        if (flow.queueBytes == 0)
        {
            continue;
        }
        // a header of 6 bytes for each packet of the queue, and one for the cut
        const double wanted_bits =
            8.0 * (static_cast<double>(flow.queueBytes) + 6.0 * (flow.queue.size() + 1.0));
        const auto enough = std::ranges::lower_bound(sizes[mcs], wanted_bits);
        const auto prbs = std::min<ptrdiff_t>(enough - sizes[mcs].begin(), cell.numPrbs);
        m_candidates.push_back({f,
                                flow.sliceId,
                                false,
                                mcs,
                                static_cast<uint32_t>(prbs),
                                m_flows.GetOldest(f) + flow.delayBudget,
                                sizes[mcs].back() * slots_per_s,
                                m_averageRatesBps[f]});
        --free;
    }
}

void
RanNetwork::Transmit(uint32_t cellIndex)
{
    Cell& cell = m_cells[cellIndex];
    const Time now = Simulator::Now();
    const auto& sizes = cell.symbols == SYMBOLS_PER_SLOT ? cell.fullBlocks : cell.specialBlocks;
    for (const auto& grant : cell.grants)
    {
        const auto& candidate = grant.candidate;
        Ue& ue = m_ues[m_flows.GetFlows()[candidate.flow].ueIndex];
        if (candidate.retransmission)
        {
            Decode(cellIndex, ue.harq.TakeDue(candidate.sliceId, now), grant);
            continue;
        }
        TransportBlock block{.flow = candidate.flow,
                             .sliceId = candidate.sliceId,
                             .numPrbs = grant.numPrbs,
                             .symbols = cell.symbols,
                             .mcs = candidate.mcs,
                             .bits = sizes[candidate.mcs][grant.numPrbs],
                             .due = now,
                             .deadline = now,
                             .segments = {}};
        block.segments = m_flows.Take(candidate.flow, block.bits / 8);
        if (!block.segments.empty())
        {
            ++cell.reports[candidate.sliceId].transportBlocks;
            block.deadline = m_flows.GetDeadline(block.segments);
            Decode(cellIndex, std::move(block), grant);
        }
    }
}

void
RanNetwork::Deliver(uint32_t flowId, uint32_t ticket)
{
    const auto whole = std::move(m_onTheWay[ticket]);
    m_freeTickets.push_back(ticket);
    for (const auto& packet : whole)
    {
        m_flows.CountDelivered(flowId);
        m_delivered.IsNull() ? void() : m_delivered(flowId, packet.packet, packet.created);
    }
}

void
RanNetwork::Decode(uint32_t cellIndex, TransportBlock&& block, const SliceGrant& grant)
{
    Cell& cell = m_cells[cellIndex];
    const uint32_t ueIndex = m_flows.GetFlows()[block.flow].ueIndex;
    Ue& ue = m_ues[ueIndex];
    const Time slot = NanoSeconds(SlotNs(cell.carrier.numerology));
    const Time arrival = slot + GetPropagationDelay(cellIndex, ueIndex);
    const Time feedback = arrival + arrival - slot + FEEDBACK_SLOTS * slot;

    // chase combining; with fewer resources a retransmission carries a part of the block's energy
    const double part = static_cast<double>(grant.numPrbs * cell.symbols) /
                        static_cast<double>(block.numPrbs * block.symbols);
    block.combinedSinr +=
        part * m_channel->GetSinr(cellIndex, ueIndex, grant.firstPrb, grant.numPrbs, cell.numPrbs);
    ++block.transmissions;
    const double sinr_db = 10 * std::log10(block.combinedSinr + 1e-30);
    const Mcs scheme = McsParameters(block.mcs, cell.carrier.mcsTable);
    const uint32_t codeBlocks = NumCodeBlocks(block.bits, scheme.codeRate);
    const double codeBlockError =
        Bler(sinr_db, block.mcs, cell.carrier.mcsTable, block.bits / codeBlocks);
    const bool arrived = m_decoding->GetValue() < std::pow(1 - codeBlockError, codeBlocks);

    auto& report = cell.reports[block.sliceId];
    if (block.transmissions == 1)
    {
        ue.link.Learn(arrived, m_targetBler);
        report.failedBlocks += !arrived;
    }
    if (arrived)
    {
        m_sentBits[block.flow] += block.bits;
        ue.harq.Acknowledge(Simulator::Now() + feedback);
        auto whole = m_flows.Arrive(block.segments);
        for (const auto& packet : whole)
        {
            report.deliveredBytes += packet.packet->GetSize();
        }
        if (!whole.empty())
        {
            if (m_freeTickets.empty())
            {
                m_freeTickets.push_back(static_cast<uint32_t>(m_onTheWay.size()));
                m_onTheWay.emplace_back();
            }
            const uint32_t ticket = m_freeTickets.back();
            m_freeTickets.pop_back();
            m_onTheWay[ticket] = std::move(whole);
            Simulator::Schedule(arrival,
                                &RanNetwork::Deliver,
                                Ptr<RanNetwork>(this),
                                block.flow,
                                ticket);
        }
    }
    else if (block.transmissions < m_maxTransmissions)
    {
        block.due = Simulator::Now() + feedback;
        ue.harq.Retry(std::move(block));
    }
    else
    {
        ue.harq.Acknowledge(Simulator::Now() + feedback);
        Lose(block, DropCause::RADIO);
    }
}

} // namespace qntn
