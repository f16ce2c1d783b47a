// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that is about the uplink: what base stations know, and what they grant.
#include "ran/decibel.h"
#include "ran/ran-network.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <limits>

namespace qntn
{

using namespace ns3;

namespace
{

/// From a report to the block that it brings, beside light: one to decide, one to prepare (N2 of
/// TS 38.214 V17, Table 6.4-1, is 12 symbols at numerology 1).
constexpr int64_t GRANT_SLOTS = 2;
/// What a scheduling request brings: room for a buffer status report and a short packet.
constexpr uint64_t REQUEST_BYTES = 64;
constexpr uint64_t MOST_GRANTS_AT_ONCE = 16; ///< configured ones that fell between uplink slots
constexpr uint64_t HEADER_BYTES = 6;         ///< of a packet in a block

} // namespace

void
RanNetwork::ScheduleUplink()
{
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        const Cell& cell = m_cells[c];
        const bool begins = m_tickCount % cell.slotTicks == 0;
        if (!begins && !m_miniSymbols[UPLINK].empty())
        {
            continue; // its slot has mini-slots to come, which the same users disturb
        }
        m_channel->BeginUplink(c,
                               begins && m_channel->IsAvailable(c) &&
                                   GetSlotSymbols(cell, UPLINK) > 0);
    }
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Schedule(c, UPLINK);
        for (const auto& grant : m_cells[c].sides[UPLINK].grants)
        {
            m_channel->AddUplink(c,
                                 m_flows.GetFlows()[grant.candidate.flow].ueIndex,
                                 grant.firstPrb,
                                 grant.numPrbs,
                                 m_cells[c].numPrbs);
        }
    }
}

Time
RanNetwork::GetGrantDelay(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Cell& cell = m_cells[cellIndex];
    Time light = 2 * GetPropagationDelay(cellIndex, ueIndex);
    if (cell.isNtn) // K_offset counts slots of 15 kHz, whatever the cell's: TS 38.213 V18, 4.2
    {
        constexpr int64_t UNIT_NS = 1'000'000;
        light = NanoSeconds((light.GetNanoSeconds() + UNIT_NS - 1) / UNIT_NS * UNIT_NS);
    }
    return light + GRANT_SLOTS * cell.slot;
}

uint64_t
RanNetwork::GetUplinkDemand(uint32_t cellIndex, uint32_t f)
{
    const auto& flow = m_flows.GetFlows()[f];
    const auto& cell = m_cells[cellIndex];
    FlowState& state = m_states[f];
    const Time now = Simulator::Now();
    if (const uint64_t bytes = flow.config.configuredGrantBytes; bytes > 0)
    {
        if (state.configuredSlot != cell.slotBegan)
        {
            state.configuredSlot = cell.slotBegan;
            state.configuredBytes = 0; // what found no room in the slot before is lost
        }
        if (now >= state.nextConfiguredGrant)
        {
            const Time period = flow.config.configuredGrantPeriod;
            const auto periods = static_cast<uint64_t>(
                1 + (now - state.nextConfiguredGrant).GetNanoSeconds() / period.GetNanoSeconds());
            state.nextConfiguredGrant += static_cast<int64_t>(periods) * period;
            state.configuredBytes =
                std::min(state.configuredBytes + periods * bytes, MOST_GRANTS_AT_ONCE * bytes);
        }
        return state.configuredBytes;
    }
    const uint64_t known = state.buffer.GetKnown(now);
    if (known == 0 && flow.queueBytes > 0 && !state.buffer.IsReportOnTheWay() &&
        m_ues[flow.ueIndex].links[UPLINK].harq.GetWaiting().empty())
    {
        // this uplink slot or mini-slot has the user's scheduling request (TS 38.321 V17, 5.4.4)
        state.buffer.Report(REQUEST_BYTES,
                            now + GetDuration(cell, UPLINK, flow.sliceId) +
                                GetGrantDelay(cellIndex, flow.ueIndex));
    }
    return known;
}

void
RanNetwork::AddUplinkCandidates(uint32_t cellIndex, uint32_t ueIndex, uint32_t sliceId)
{
    const Cell& cell = m_cells[cellIndex];
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    uint32_t free = CountFreeProcesses(cellIndex, UPLINK, ueIndex);
    const auto& thresholds = RateThresholds::ForTable(cell.carrier.mcsTable);
    const Side& side = cell.sides[UPLINK];
    const double slots_per_s = 1e9 / static_cast<double>(SlotNs(cell.carrier.numerology));
    for (size_t i = 0; i < ue.flows.size() && free > 0; ++i)
    {
        const uint32_t f = ue.flows[(i + m_tickCount) % ue.flows.size()];
        const auto& flow = m_flows.GetFlows()[f];
        if (flow.config.direction != UPLINK || (sliceId != ALL_SLICES && flow.sliceId != sliceId))
        {
            continue;
        }
        const uint64_t demand = GetUplinkDemand(cellIndex, f);
        if (demand == 0)
        {
            continue;
        }
        const auto& sizes = side.blocks[GetBlockSymbols(side, UPLINK, flow.sliceId)];
        const uint32_t mcs =
            ue.links[UPLINK].adaptation.SelectUplinkMcs(thresholds, now, GetLoop(flow.sliceId));
        const uint64_t packets = flow.queue.size() + 1;
        const auto wanted_bits = static_cast<double>(8 * (demand + HEADER_BYTES * packets));
        const auto enough = std::ranges::lower_bound(sizes[mcs], wanted_bits);
        const uint32_t most =
            std::min(cell.numPrbs,
                     m_channel->GetUplinkPrbLimit(cellIndex, ueIndex, m_uplinkLeastSnrDb));
        const auto prbs = std::min<ptrdiff_t>(enough - sizes[mcs].begin(), most);
        m_candidates.push_back(
            {f,
             flow.sliceId,
             false,
             mcs,
             static_cast<uint32_t>(prbs),
             flow.queueBytes > 0 ? m_flows.GetOldest(f) + flow.delayBudget : now + flow.delayBudget,
             sizes[mcs].back() * slots_per_s,
             m_states[f].averageRateBps});
        --free;
    }
}

double
RanNetwork::GetUplinkSinrDb(uint32_t ueIndex) const
{
    const uint32_t serving = m_ues[ueIndex].servingCell;
    return serving == NO_CELL ? -std::numeric_limits<double>::infinity()
                              : m_channel->MeasureUplinkSinrDb(serving, ueIndex);
}

void
RanNetwork::ControlPower(uint32_t cellIndex, uint32_t ueIndex, double sinrDb)
{
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    if (ue.powerCommandDb != 0 && now >= ue.powerCommandDue)
    {
        m_channel->ChangeUplinkPower(cellIndex, ueIndex, ue.powerCommandDb);
        ue.powerCommandDb = 0;
    }
    if (now < ue.nextPowerCommand)
    {
        return;
    }
    // TS 38.213 V17, Table 7.1.1-1, accumulated: -1, 0, 1 or 3 dB
    const double missing_db = m_uplinkTargetSinrDb - sinrDb;
    ue.powerCommandDb = missing_db >= 2 ? 3 : missing_db >= 0.5 ? 1 : missing_db <= -0.5 ? -1 : 0;
    ue.powerCommandDue = now + GetGrantDelay(cellIndex, ueIndex);
    ue.nextPowerCommand =
        ue.powerCommandDue + m_cqiPeriod; // the next measurement shows what it did
}

uint32_t
RanNetwork::SelectGrantMcs(uint32_t cellIndex, const SliceGrant& grant)
{
    const uint32_t ueIndex = m_flows.GetFlows()[grant.candidate.flow].ueIndex;
    const double change_db = ToDb(m_channel->GetUplinkPowerMw(cellIndex, ueIndex, grant.numPrbs) /
                                  m_channel->GetUplinkPowerMw(cellIndex, ueIndex, 1));
    const auto& thresholds = RateThresholds::ForTable(m_cells[cellIndex].carrier.mcsTable);
    return m_ues[ueIndex].links[UPLINK].adaptation.SelectUplinkMcs(thresholds,
                                                                   Simulator::Now(),
                                                                   GetLoop(grant.candidate.sliceId),
                                                                   change_db);
}

void
RanNetwork::CountGrant(uint32_t cellIndex, const TransportBlock& block)
{
    FlowState& state = m_states[block.flow];
    const auto& flow = m_flows.GetFlows()[block.flow];
    uint64_t bytes = 0;
    for (const auto& segment : block.segments)
    {
        bytes += segment.bytes;
    }
    state.buffer.Grant(bytes);
    const uint64_t given = block.bits / 8 - HEADER_BYTES * block.segments.size();
    state.configuredBytes -= std::min(state.configuredBytes, given);
    if (block.segments.empty() && flow.config.configuredGrantBytes == 0)
    {
        // padding has a buffer status report of its own
        state.buffer.Report(0,
                            Simulator::Now() +
                                GetDuration(m_cells[cellIndex], UPLINK, block.sliceId) +
                                GetGrantDelay(cellIndex, flow.ueIndex));
    }
}

} // namespace qntn
