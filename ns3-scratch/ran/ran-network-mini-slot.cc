// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that is about blocks shorter than a slot.
//
// What a slice with mini-slots has in a slot is its minimum of PRBs, in one place of the carrier.
// Its first mini-slot is scheduled with the slot; another one costs an event, and is run only if
// something waits or, in the uplink, if a configured grant may begin there.
#include "ran/ran-network.h"

#include "ns3/simulator.h"

#include <algorithm>

namespace qntn
{

using namespace ns3;

bool
RanNetwork::HasMiniSlots(Direction direction, uint32_t sliceId) const
{
    const auto& symbols = m_miniSymbols[direction];
    return !symbols.empty() && symbols[sliceId] > 0;
}

uint32_t
RanNetwork::GetBlockSymbols(const Side& side, Direction direction, uint32_t sliceId) const
{
    return HasMiniSlots(direction, sliceId) ? m_miniSymbols[direction][sliceId] : side.symbols;
}

Time
RanNetwork::GetDuration(const Cell& cell, Direction direction, uint32_t sliceId) const
{
    return HasMiniSlots(direction, sliceId)
               ? cell.slot * m_miniSymbols[direction][sliceId] / SYMBOLS_PER_SLOT
               : cell.slot;
}

void
RanNetwork::ScheduleMiniSlot(uint32_t cellIndex,
                             Direction direction,
                             uint32_t sliceId,
                             std::vector<Candidate>& candidates)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    MiniSlots& mini = side.miniSlots[sliceId];
    const uint32_t symbols = m_miniSymbols[direction][sliceId];
    if (symbols > side.slotSymbols)
    {
        return; // the slot is too short
    }
    std::vector<PrbQuota> alone(m_numSlices, PrbQuota{0, 0, 0});
    const uint32_t kept = side.quotas[sliceId].minimum;
    alone[sliceId] = {kept, kept, kept};
    for (const auto& grant :
         side.scheduler.Schedule(candidates, alone, cell.numPrbs, mini.firstPrb))
    {
        mini.prbSymbols += grant.numPrbs * symbols;
        side.grants.push_back(grant);
    }
    side.reports[sliceId].prbSlotsUsed += mini.prbSymbols / SYMBOLS_PER_SLOT;
    mini.prbSymbols %= SYMBOLS_PER_SLOT;
}

void
RanNetwork::ScheduleBesideMiniSlots(uint32_t cellIndex, Direction direction, uint32_t firstPrb)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    std::vector<std::vector<Candidate>> bySlice(m_numSlices);
    std::vector<Candidate> others;
    for (const auto& candidate : m_candidates)
    {
        const bool mini = HasMiniSlots(direction, candidate.sliceId);
        (mini ? bySlice[candidate.sliceId] : others).push_back(candidate);
    }
    auto quotas = side.quotas;
    const uint32_t carrier = side.scheduler.ToWhole(cell.numPrbs);
    uint32_t next = side.scheduler.ToWhole(firstPrb);
    for (uint32_t slice = 0; slice < m_numSlices; ++slice)
    {
        if (HasMiniSlots(direction, slice))
        {
            const uint32_t kept = quotas[slice].minimum;
            quotas[slice] = {kept, kept, kept};
            side.miniSlots[slice].firstPrb = next % carrier;
            next += side.scheduler.ToWhole(kept);
            ScheduleMiniSlot(cellIndex, direction, slice, bySlice[slice]);
        }
    }
    const auto& grants = side.scheduler.Schedule(others, quotas, cell.numPrbs, next % carrier);
    side.grants.insert(side.grants.end(), grants.begin(), grants.end());
}

void
RanNetwork::RunMiniSlot(uint32_t cellIndex, Direction direction, uint32_t sliceId)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    side.miniSlots[sliceId].next = {};
    if (!m_channel->IsAvailable(cellIndex))
    {
        return; // it has failed since the slot began
    }
    m_candidates.clear();
    for (const uint32_t u : cell.users)
    {
        if (m_ues[u].servingCell == cellIndex && m_ues[u].links[direction].numFlows > 0)
        {
            AddRetransmissions(cellIndex, direction, u);
            direction == DOWNLINK ? AddCandidates(cellIndex, u, sliceId)
                                  : AddUplinkCandidates(cellIndex, u, sliceId);
        }
    }
    std::erase_if(m_candidates,
                  [sliceId](const Candidate& candidate) { return candidate.sliceId != sliceId; });
    side.grants.clear();
    ScheduleMiniSlot(cellIndex, direction, sliceId, m_candidates);
    Transmit(cellIndex, direction);
    side.grants.clear();
    const auto waits = [&](uint32_t f)
    {
        const auto& flow = m_flows.GetFlows()[f];
        return flow.sliceId == sliceId && flow.config.direction == direction &&
               WantsMiniSlot(cell, f);
    };
    if (std::ranges::any_of(cell.users,
                            [&](uint32_t u) { return std::ranges::any_of(m_ues[u].flows, waits); }))
    {
        PlanMiniSlot(cellIndex, direction, sliceId);
    }
}

bool
RanNetwork::WantsMiniSlot(const Cell& cell, uint32_t f) const
{
    const auto& flow = m_flows.GetFlows()[f];
    if (flow.config.direction == DOWNLINK)
    {
        return flow.queueBytes > 0;
    }
    if (!m_ues[flow.ueIndex].links[UPLINK].harq.GetWaiting().empty())
    {
        return true;
    }
    const FlowState& state = m_states[f];
    return flow.config.configuredGrantBytes > 0
               ? state.configuredBytes > 0 || state.nextConfiguredGrant < cell.slotBegan + cell.slot
               : flow.queueBytes > 0;
}

void
RanNetwork::PlanMiniSlot(uint32_t cellIndex, Direction direction, uint32_t sliceId)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    MiniSlots& mini = side.miniSlots[sliceId];
    if (mini.next.IsPending() || !m_channel->IsAvailable(cellIndex))
    {
        return;
    }
    const uint32_t symbols = m_miniSymbols[direction][sliceId];
    const Time length = cell.slot * symbols / SYMBOLS_PER_SLOT;
    const int64_t number =
        (Simulator::Now() - cell.slotBegan).GetNanoSeconds() / length.GetNanoSeconds() + 1;
    if (number < side.slotSymbols / symbols)
    {
        mini.next = Simulator::Schedule(cell.slotBegan + number * length - Simulator::Now(),
                                        &RanNetwork::RunMiniSlot,
                                        this,
                                        cellIndex,
                                        direction,
                                        sliceId);
    }
}

void
RanNetwork::PlanMiniSlots()
{
    const auto& flows = m_flows.GetFlows();
    if (m_miniSymbols[DOWNLINK].empty() && m_miniSymbols[UPLINK].empty())
    {
        return;
    }
    for (uint32_t f = 0; f < flows.size(); ++f)
    {
        const auto direction = flows[f].config.direction;
        const uint32_t serving = m_ues[flows[f].ueIndex].servingCell;
        if (serving != NO_CELL && HasMiniSlots(direction, flows[f].sliceId) &&
            WantsMiniSlot(m_cells[serving], f))
        {
            PlanMiniSlot(serving, direction, flows[f].sliceId);
        }
    }
}

} // namespace qntn
