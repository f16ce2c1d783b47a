// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that runs in every slot, as the sender sees it.
#include "ran/ran-network.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <utility>

namespace qntn
{

using namespace ns3;

namespace
{

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
    RetransmitMissing();
    DiscardLatePackets();
    m_profile.End(SlotPart::DISCARD);
    for (auto& cell : m_cells)
    {
        cell.users.clear();
    }
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        const Ue& ue = m_ues[u];
        if (ue.servingCell != NO_CELL && Simulator::Now() >= ue.interruptedUntil)
        {
            m_cells[ue.servingCell].users.push_back(u);
        }
    }
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Schedule(c, DOWNLINK);
    }
    if (m_hasUplink)
    {
        ScheduleUplink();
    }
    m_profile.End(SlotPart::SCHEDULING);
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Transmit(c, DOWNLINK);
        if (m_hasUplink)
        {
            Transmit(c, UPLINK);
        }
    }
    PlanMiniSlots();
    m_profile.End(SlotPart::BLOCKS);
    const double tick_s = m_tick.GetSeconds();
    const double memory = tick_s / RATE_MEMORY_S;
    for (auto& state : m_states)
    {
        const double rate_bps = state.sentBits / tick_s;
        state.averageRateBps += memory * (rate_bps - state.averageRateBps);
        state.sentBits = 0;
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
            CountLost(f, {late}, DropCause::LATE);
        }
    }
    TransportBlock block;
    for (auto& ue : m_ues)
    {
        for (auto& link : ue.links)
        {
            while (link.harq.TakeLate(now, block))
            {
                Lose(block, DropCause::LATE);
            }
        }
    }
}

uint32_t
RanNetwork::GetSlotSymbols(const Cell& cell, Direction direction) const
{
    const auto& pattern = cell.carrier.slotPattern;
    const char letter = pattern[m_tickCount / cell.slotTicks % pattern.size()];
    if (direction == DOWNLINK)
    {
        return DownlinkSymbols(letter);
    }
    // the two uplink symbols of `S` carry control and sounding, no data
    return letter == 'U' || IsFdd(pattern) ? SYMBOLS_PER_SLOT : 0;
}

void
RanNetwork::Schedule(uint32_t cellIndex, Direction direction)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    side.grants.clear();
    const bool begins = m_tickCount % cell.slotTicks == 0 && m_channel->IsAvailable(cellIndex);
    side.symbols = begins ? GetSlotSymbols(cell, direction) : 0;
    if (begins)
    {
        cell.slotBegan = Simulator::Now();
        side.slotSymbols = side.symbols;
    }
    if (side.symbols == 0)
    {
        if (direction == DOWNLINK)
        {
            m_channel->SetActivity(cellIndex, {}, false);
        }
        return;
    }
    side.offeredPrbSymbols += uint64_t{cell.numPrbs} * side.symbols;
    if (side.quotasChanged)
    {
        ValidateQuotas(side.quotas, cell.numPrbs, cell.name);
        side.quotasChanged = false;
    }

    m_candidates.clear();
    for (const uint32_t u : cell.users)
    {
        if (m_ues[u].links[direction].numFlows > 0)
        {
            AddRetransmissions(cellIndex, direction, u);
            direction == DOWNLINK ? AddCandidates(cellIndex, u) : AddUplinkCandidates(cellIndex, u);
        }
    }

    // Blocks begin some sub-bands on in each slot, so that a retransmission meets another fade: it
    // stands for interleaved VRB-to-PRB mapping (TS 38.211 V17, 7.3.1.6). Cells begin at PRBs of
    // their own, so that at low load they do not meet.
    constexpr uint32_t HOP_SUBBANDS = 7;
    const uint64_t slot = m_tickCount / cell.slotTicks;
    const uint64_t hop = HOP_SUBBANDS * slot % NUM_SUBBANDS * cell.numPrbs;
    const uint32_t first = (cellIndex * cell.numPrbs / static_cast<uint32_t>(m_cells.size()) +
                            static_cast<uint32_t>(hop / NUM_SUBBANDS)) %
                           cell.numPrbs;
    if (!m_miniSymbols[direction].empty())
    {
        ScheduleBesideMiniSlots(cellIndex, direction, first);
    }
    else
    {
        side.grants = side.scheduler.Schedule(m_candidates, side.quotas, cell.numPrbs, first);
    }
    Subbands prbs{};
    for (const auto& grant : side.grants)
    {
        if (!HasMiniSlots(direction, grant.candidate.sliceId))
        {
            side.reports[grant.candidate.sliceId].prbSlotsUsed += grant.numPrbs;
        }
        if (direction == DOWNLINK)
        {
            AddPrbs(prbs, grant.firstPrb, grant.numPrbs, cell.numPrbs);
        }
    }
    if (direction == DOWNLINK)
    {
        m_channel->SetActivity(cellIndex, prbs, true);
    }
    for (uint32_t slice = 0; slice < m_numSlices; ++slice)
    {
        side.reports[slice].prbSlotsQuota += side.quotas[slice].minimum;
    }
}

void
RanNetwork::AddRetransmissions(uint32_t cellIndex, Direction direction, uint32_t ueIndex)
{
    const Side& side = m_cells[cellIndex].sides[direction];
    const Time now = Simulator::Now();
    uint64_t slices = 0; // that have a retransmission here: one of a user at a time
    for (const auto& block : m_ues[ueIndex].links[direction].harq.GetWaiting())
    {
        const auto& quota = side.quotas[block.sliceId];
        const bool borrows = m_borrowing && !HasMiniSlots(direction, block.sliceId);
        const uint32_t most = side.scheduler.ToWhole(borrows ? quota.maximum : quota.minimum);
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
}

uint32_t
RanNetwork::CountFreeProcesses(uint32_t cellIndex, Direction direction, uint32_t ueIndex)
{
    auto& harq = m_ues[ueIndex].links[direction].harq;
    if (!m_cells[cellIndex].isNtn)
    {
        return harq.CountFree(Simulator::Now(), NUM_HARQ_PROCESSES);
    }
    const uint32_t withFeedback = NUM_HARQ_PROCESSES_NTN - m_ntnBlindProcesses;
    return harq.CountFree(Simulator::Now(), withFeedback) + m_ntnBlindProcesses;
}

void
RanNetwork::AddCandidates(uint32_t cellIndex, uint32_t ueIndex, uint32_t sliceId)
{
    const Cell& cell = m_cells[cellIndex];
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    const bool waits =
        std::ranges::any_of(ue.flows,
                            [this](uint32_t f)
                            {
                                const auto& flow = m_flows.GetFlows()[f];
                                return flow.queueBytes > 0 && flow.config.direction == DOWNLINK;
                            });
    if (!waits)
    {
        return;
    }
    uint32_t free = CountFreeProcesses(cellIndex, DOWNLINK, ueIndex);
    const auto& thresholds = RateThresholds::ForTable(cell.carrier.mcsTable);
    const Side& side = cell.sides[DOWNLINK];
    const double slots_per_s = 1e9 / static_cast<double>(SlotNs(cell.carrier.numerology));
    auto& adaptation = ue.links[DOWNLINK].adaptation;
    size_t loop = 0;
    uint32_t mcs = adaptation.SelectMcs(thresholds, now, loop);
    const auto* known = m_subbandCqi ? &adaptation.GetSubbandsDb(now) : nullptr;
    for (size_t i = 0; i < ue.flows.size() && free > 0; ++i)
    {
        const uint32_t f = ue.flows[(i + m_tickCount) % ue.flows.size()];
        const auto& flow = m_flows.GetFlows()[f];
        if (flow.queueBytes == 0 || flow.config.direction != DOWNLINK ||
            (sliceId != ALL_SLICES && flow.sliceId != sliceId))
        {
            continue;
        }
        if (GetLoop(flow.sliceId) != loop)
        {
            loop = GetLoop(flow.sliceId);
            mcs = adaptation.SelectMcs(thresholds, now, loop);
        }
        const auto& sizes = side.blocks[GetBlockSymbols(side, DOWNLINK, flow.sliceId)];
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
                                m_states[f].averageRateBps,
                                known});
        --free;
    }
}

uint32_t
RanNetwork::SelectSubbandMcs(uint32_t cellIndex, const SliceGrant& grant)
{
    const Cell& cell = m_cells[cellIndex];
    const uint32_t ueIndex = m_flows.GetFlows()[grant.candidate.flow].ueIndex;
    auto& adaptation = m_ues[ueIndex].links[DOWNLINK].adaptation;
    const Time now = Simulator::Now();
    const double better_db =
        MeanOverPrbs(adaptation.GetSubbandsDb(now), grant.firstPrb, grant.numPrbs, cell.numPrbs);
    return adaptation.SelectMcs(RateThresholds::ForTable(cell.carrier.mcsTable),
                                now,
                                GetLoop(grant.candidate.sliceId),
                                better_db);
}

void
RanNetwork::Transmit(uint32_t cellIndex, Direction direction)
{
    Cell& cell = m_cells[cellIndex];
    Side& side = cell.sides[direction];
    const Time now = Simulator::Now();
    for (const auto& grant : side.grants)
    {
        const auto& candidate = grant.candidate;
        const uint32_t ueIndex = m_flows.GetFlows()[candidate.flow].ueIndex;
        auto& harq = m_ues[ueIndex].links[direction].harq;
        const uint32_t symbols = GetBlockSymbols(side, direction, candidate.sliceId);
        side.use.prbSymbols += uint64_t{grant.numPrbs} * symbols;
        m_states[candidate.flow].use.prbSymbols += uint64_t{grant.numPrbs} * symbols;
        if (candidate.retransmission)
        {
            Decode(cellIndex, direction, harq.TakeDue(candidate.sliceId, now), grant);
            continue;
        }
        const uint32_t mcs = direction == UPLINK ? SelectGrantMcs(cellIndex, grant)
                             : m_subbandCqi      ? SelectSubbandMcs(cellIndex, grant)
                                                 : candidate.mcs;
        TransportBlock block{.flow = candidate.flow,
                             .sliceId = candidate.sliceId,
                             .numPrbs = grant.numPrbs,
                             .symbols = symbols,
                             .mcs = mcs,
                             .bits = side.blocks[symbols][mcs][grant.numPrbs],
                             .received = {},
                             .begun = now,
                             .due = now,
                             .deadline = now,
                             .segments = {}};
        block.segments = m_flows.Take(candidate.flow, block.bits / 8);
        if (direction == UPLINK)
        {
            CountGrant(cellIndex, block);
        }
        if (!block.segments.empty())
        {
            block.blind = cell.isNtn && m_ntnBlindProcesses > 0 &&
                          harq.CountFree(now, NUM_HARQ_PROCESSES_NTN - m_ntnBlindProcesses) == 0;
            ++side.reports[candidate.sliceId].transportBlocks;
            ++side.use.blocks;
            ++m_states[candidate.flow].use.blocks;
            block.deadline = m_flows.GetDeadline(block.segments);
            Decode(cellIndex, direction, std::move(block), grant);
        }
    }
}

} // namespace qntn
