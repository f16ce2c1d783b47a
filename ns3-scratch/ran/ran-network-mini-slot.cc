// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that is about downlink blocks shorter than a slot.
//
// What a slice with mini-slots has in a slot is its minimum of PRBs, in one place of the carrier.
// Its first mini-slot is scheduled with the slot; another one costs an event, and is run only if
// something waits.
#include "ran/ran-network.h"

#include "ns3/simulator.h"

#include <algorithm>

namespace qntn
{

using namespace ns3;

bool
RanNetwork::HasMiniSlots(Direction direction, uint32_t sliceId) const
{
    return direction == DOWNLINK && !m_miniSymbols.empty() && m_miniSymbols[sliceId] > 0;
}

uint32_t
RanNetwork::GetBlockSymbols(const Side& side, Direction direction, uint32_t sliceId) const
{
    return HasMiniSlots(direction, sliceId) ? m_miniSymbols[sliceId] : side.symbols;
}

Time
RanNetwork::GetDuration(const Cell& cell, Direction direction, const TransportBlock& block) const
{
    return HasMiniSlots(direction, block.sliceId) ? cell.slot * block.symbols / SYMBOLS_PER_SLOT
                                                  : cell.slot;
}

void
RanNetwork::ScheduleMiniSlot(uint32_t cellIndex,
                             uint32_t sliceId,
                             std::vector<Candidate>& candidates)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[DOWNLINK];
    MiniSlots& mini = cell.miniSlots[sliceId];
    if (m_miniSymbols[sliceId] > cell.downlinkSymbols)
    {
        return; // the slot is too short
    }
    std::vector<PrbQuota> alone(m_numSlices, PrbQuota{0, 0, 0});
    const uint32_t kept = side.quotas[sliceId].minimum;
    alone[sliceId] = {kept, kept, kept};
    for (const auto& grant :
         side.scheduler.Schedule(candidates, alone, cell.numPrbs, mini.firstPrb))
    {
        mini.prbSymbols += grant.numPrbs * m_miniSymbols[sliceId];
        side.grants.push_back(grant);
    }
    side.reports[sliceId].prbSlotsUsed += mini.prbSymbols / SYMBOLS_PER_SLOT;
    mini.prbSymbols %= SYMBOLS_PER_SLOT;
}

void
RanNetwork::ScheduleBesideMiniSlots(uint32_t cellIndex, uint32_t firstPrb)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[DOWNLINK];
    std::vector<std::vector<Candidate>> bySlice(m_numSlices);
    std::vector<Candidate> others;
    for (const auto& candidate : m_candidates)
    {
        const bool mini = HasMiniSlots(DOWNLINK, candidate.sliceId);
        (mini ? bySlice[candidate.sliceId] : others).push_back(candidate);
    }
    auto quotas = side.quotas;
    const uint32_t carrier = side.scheduler.ToWhole(cell.numPrbs);
    uint32_t next = side.scheduler.ToWhole(firstPrb);
    for (uint32_t slice = 0; slice < m_numSlices; ++slice)
    {
        if (HasMiniSlots(DOWNLINK, slice))
        {
            const uint32_t kept = quotas[slice].minimum;
            quotas[slice] = {kept, kept, kept};
            cell.miniSlots[slice].firstPrb = next % carrier;
            next += side.scheduler.ToWhole(kept);
            ScheduleMiniSlot(cellIndex, slice, bySlice[slice]);
        }
    }
    const auto& grants = side.scheduler.Schedule(others, quotas, cell.numPrbs, next % carrier);
    side.grants.insert(side.grants.end(), grants.begin(), grants.end());
}

void
RanNetwork::RunMiniSlot(uint32_t cellIndex, uint32_t sliceId)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[DOWNLINK];
    cell.miniSlots[sliceId].next = {};
    if (!m_channel->IsAvailable(cellIndex))
    {
        return; // it has failed since the slot began
    }
    m_candidates.clear();
    for (const uint32_t u : cell.users)
    {
        if (m_ues[u].servingCell == cellIndex && m_ues[u].links[DOWNLINK].numFlows > 0)
        {
            AddRetransmissions(cellIndex, DOWNLINK, u);
            AddCandidates(cellIndex, u, sliceId);
        }
    }
    std::erase_if(m_candidates,
                  [sliceId](const Candidate& candidate) { return candidate.sliceId != sliceId; });
    side.grants.clear();
    ScheduleMiniSlot(cellIndex, sliceId, m_candidates);
    Transmit(cellIndex, DOWNLINK);
    side.grants.clear();
    const auto waits = [&](uint32_t f)
    {
        const auto& flow = m_flows.GetFlows()[f];
        return flow.sliceId == sliceId && flow.config.direction == DOWNLINK && flow.queueBytes > 0;
    };
    if (std::ranges::any_of(cell.users,
                            [&](uint32_t u) { return std::ranges::any_of(m_ues[u].flows, waits); }))
    {
        PlanMiniSlot(cellIndex, sliceId);
    }
}

void
RanNetwork::PlanMiniSlot(uint32_t cellIndex, uint32_t sliceId)
{
    Cell& cell = m_cells[cellIndex];
    MiniSlots& mini = cell.miniSlots[sliceId];
    if (mini.next.IsPending() || !m_channel->IsAvailable(cellIndex))
    {
        return;
    }
    const Time length = cell.slot * m_miniSymbols[sliceId] / SYMBOLS_PER_SLOT;
    const int64_t number =
        (Simulator::Now() - cell.slotBegan).GetNanoSeconds() / length.GetNanoSeconds() + 1;
    if (number < cell.downlinkSymbols / m_miniSymbols[sliceId])
    {
        mini.next = Simulator::Schedule(cell.slotBegan + number * length - Simulator::Now(),
                                        &RanNetwork::RunMiniSlot,
                                        this,
                                        cellIndex,
                                        sliceId);
    }
}

void
RanNetwork::PlanMiniSlots()
{
    if (m_miniSymbols.empty())
    {
        return;
    }
    for (const auto& flow : m_flows.GetFlows())
    {
        const uint32_t serving = m_ues[flow.ueIndex].servingCell;
        if (flow.queueBytes > 0 && serving != NO_CELL &&
            HasMiniSlots(flow.config.direction, flow.sliceId))
        {
            PlanMiniSlot(serving, flow.sliceId);
        }
    }
}

} // namespace qntn
