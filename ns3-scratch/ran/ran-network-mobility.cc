// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that knows which cell serves whom, and what it tells about itself.
#include "ran/input-error.h"
#include "ran/ran-network.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace qntn
{

using namespace ns3;

namespace
{

constexpr int64_t CQI_DELAY_SLOTS = 4; ///< from a measurement to its use, beside light

} // namespace

void
RanNetwork::UpdateServingCells()
{
    const Time now = Simulator::Now();
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        const auto decision =
            m_handover->Decide(u, m_ues[u].servingCell, now < m_ues[u].interruptedUntil);
        if (decision.moves)
        {
            Move(u, decision);
        }
    }
}

void
RanNetwork::Move(uint32_t ueIndex, const HandoverControl::Decision& decision)
{
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    const uint32_t source = ue.servingCell;
    const uint32_t target = decision.target;
    ReturnBlocks(ueIndex, decision.cause == HandoverCause::REESTABLISHMENT);
    ue.powerCommandDb = 0;
    ue.servingCell = target;
    const Time oneWay = target == NO_CELL ? Time() : GetPropagationDelay(target, ueIndex);
    const Time interruption = m_handover->Move(ueIndex, source, decision, oneWay);
    if (target == NO_CELL)
    {
        return;
    }
    const auto queued = [this](uint32_t f)
    {
        const auto& flow = m_flows.GetFlows()[f];
        return flow.queueBytes > 0 && flow.config.direction == DOWNLINK;
    };
    const bool forwards =
        source != NO_CELL && source != target && std::ranges::any_of(ue.flows, queued);
    ue.interruptedUntil =
        now + (forwards ? std::max(interruption, m_handover->GetXnDelay()) : interruption);
    ue.forwardedUntil = source == NO_CELL || source == target ? now : ue.interruptedUntil;
    m_channel->ResetFading(ueIndex, target);
}

void
RanNetwork::Enqueue(uint32_t flowId, Ptr<const Packet> packet, Time created)
{
    NS_ASSERT_MSG(m_started && flowId < m_flows.GetFlows().size(), "no flow " << flowId);
    const auto& flow = m_flows.GetFlows()[flowId];
    const Ue& ue = m_ues[flow.ueIndex];
    const Time now = Simulator::Now();
    const Time xn = m_handover->GetXnDelay();
    uint32_t& forwarded = m_states[flowId].forwarded;
    // Until the path is switched, packets come to the old cell, which sends them on; those that
    // come to the new one wait for the last of these (end marker, TS 38.300 V17, 9.2.3.2).
    if (flow.config.direction == DOWNLINK && xn.IsStrictlyPositive() &&
        (now < ue.forwardedUntil || forwarded > 0))
    {
        ++forwarded;
        const Time arrives = std::max(std::min(now, ue.forwardedUntil) + xn, now);
        Simulator::Schedule(arrives - now,
                            &RanNetwork::Forwarded,
                            Ptr<RanNetwork>(this),
                            flowId,
                            packet,
                            created);
        return;
    }
    EnterQueue(flowId, std::move(packet), created);
}

void
RanNetwork::Forwarded(uint32_t flowId, Ptr<const Packet> packet, Time created)
{
    --m_states[flowId].forwarded;
    EnterQueue(flowId, std::move(packet), created);
}

void
RanNetwork::SetOutage(uint32_t cellIndex, bool fails)
{
    if (!m_channel) // disposed
    {
        return;
    }
    RequireIndex("outage, cell", cellIndex, m_cells.size());
    m_channel->SetDown(cellIndex, fails);
    for (uint32_t u = 0; u < m_ues.size() && fails; ++u)
    {
        if (m_ues[u].servingCell == cellIndex)
        {
            ReturnBlocks(u, true);
        }
    }
}

void
RanNetwork::ScheduleOutage(uint32_t cellIndex, Time start, Time end)
{
    RequireIndex("outage, cell", cellIndex, m_cells.size());
    const std::string cell = "outage of cell " + m_cells[cellIndex].name;
    RequireInput(start >= Simulator::Now(), cell + ", start", start.As(Time::S), "a time to come");
    RequireInput(end > start, cell + ", end", end.As(Time::S), "a time after the start");
    const Time now = Simulator::Now();
    Simulator::Schedule(start - now,
                        &RanNetwork::SetOutage,
                        Ptr<RanNetwork>(this),
                        cellIndex,
                        true);
    Simulator::Schedule(end - now, &RanNetwork::SetOutage, Ptr<RanNetwork>(this), cellIndex, false);
}

void
RanNetwork::MeasureCqi()
{
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        Ue& ue = m_ues[u];
        if (ue.servingCell == NO_CELL)
        {
            continue;
        }
        const auto& cell = m_cells[ue.servingCell];
        const auto& thresholds = RateThresholds::ForTable(cell.carrier.mcsTable);
        const uint32_t cqi = thresholds.ToCqi(m_channel->MeasureSinrDb(ue.servingCell, u));
        const Time delay = CQI_DELAY_SLOTS * NanoSeconds(SlotNs(cell.carrier.numerology)) +
                           GetPropagationDelay(ue.servingCell, u);
        if (m_subbandCqi)
        {
            const Subbands measured_db = m_channel->MeasureSubbandsDb(ue.servingCell, u);
            LinkAdaptation::SubbandsDb subbands_db;
            std::ranges::transform(measured_db,
                                   subbands_db.begin(),
                                   [&](double sinr_db)
                                   { return thresholds.DifferenceDb(cqi, sinr_db); });
            ue.links[DOWNLINK].adaptation.Report(cqi, subbands_db, Simulator::Now() + delay);
        }
        else
        {
            ue.links[DOWNLINK].adaptation.Report(cqi, Simulator::Now() + delay);
        }
        if (ue.links[UPLINK].numFlows > 0)
        {
            // the base station measures itself; the grant has to come back
            const double sinr_db = m_channel->MeasureUplinkSinrDb(ue.servingCell, u);
            ue.links[UPLINK].adaptation.ReportSinr(sinr_db,
                                                   Simulator::Now() + cell.slot +
                                                       GetGrantDelay(ue.servingCell, u));
            if (m_uplinkClosedLoop)
            {
                ControlPower(ue.servingCell, u, sinr_db);
            }
        }
    }
}

uint32_t
RanNetwork::GetNumCells() const
{
    return static_cast<uint32_t>(m_cells.size());
}

uint32_t
RanNetwork::GetNumSlices() const
{
    return m_numSlices;
}

uint32_t
RanNetwork::GetNumUes() const
{
    return static_cast<uint32_t>(m_ues.size());
}

uint32_t
RanNetwork::GetNumUes(uint32_t cellIndex) const
{
    return static_cast<uint32_t>(std::ranges::count(m_ues, cellIndex, &Ue::servingCell));
}

uint32_t
RanNetwork::GetNumPrbs(uint32_t cellIndex) const
{
    return m_cells[cellIndex].numPrbs;
}

bool
RanNetwork::IsAvailable(uint32_t cellIndex) const
{
    return m_channel->IsAvailable(cellIndex);
}

double
RanNetwork::GetElevationDeg(uint32_t cellIndex) const
{
    return m_channel->GetElevationDeg(cellIndex);
}

Time
RanNetwork::GetPropagationDelay(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Cell& cell = m_cells[cellIndex];
    const double service_s = m_channel->GetSlantRangeM(cellIndex, ueIndex) / SPEED_OF_LIGHT_MPS;
    const double feeder_s = cell.gnbOnBoard ? 0 : m_channel->GetGatewayDelayS(cellIndex);
    return NanoSeconds(static_cast<int64_t>((service_s + feeder_s) * 1e9)) + cell.coreDelay;
}

Time
RanNetwork::GetBackhaulDelay(uint32_t cellIndex) const
{
    return m_cells[cellIndex].gnbOnBoard ? Seconds(m_channel->GetGatewayDelayS(cellIndex)) : Time();
}

uint32_t
RanNetwork::GetServingCell(uint32_t ueIndex) const
{
    return m_ues[ueIndex].servingCell;
}

uint64_t
RanNetwork::GetNumHandovers() const
{
    return m_handover->GetReport().handovers;
}

HandoverControl&
RanNetwork::GetHandoverControl() const
{
    return *m_handover;
}

MobilityReport
RanNetwork::GetMobility(uint32_t ueIndex) const
{
    return m_handover->GetReport(ueIndex);
}

MobilityReport
RanNetwork::GetMobility() const
{
    return m_handover->GetReport();
}

double
RanNetwork::GetSinrDb(uint32_t ueIndex) const
{
    const uint32_t serving = m_ues[ueIndex].servingCell;
    return serving == NO_CELL ? -std::numeric_limits<double>::infinity()
                              : m_channel->MeasureSinrDb(serving, ueIndex);
}

SliceReport
RanNetwork::TakeReport(uint32_t cellIndex, uint32_t sliceId, Direction direction)
{
    Side& side = m_cells[cellIndex].sides[direction];
    SliceReport report = std::exchange(side.reports[sliceId], {});
    const Time now = Simulator::Now();
    uint32_t users = 0;
    for (auto& ue : m_ues)
    {
        if (ue.servingCell != cellIndex)
        {
            continue;
        }
        bool inSlice = false;
        for (const uint32_t f : ue.flows)
        {
            const auto& flow = m_flows.GetFlows()[f];
            if (flow.sliceId != sliceId || flow.config.direction != direction)
            {
                continue;
            }
            inSlice = true;
            report.queueBytes += flow.queueBytes;
            if (flow.queueBytes > 0)
            {
                report.headOfLineDelay =
                    std::max(report.headOfLineDelay, now - m_flows.GetOldest(f));
            }
        }
        users += inSlice;
        report.meanCqi += inSlice ? ue.links[DOWNLINK].adaptation.GetCqi(now) : 0;
    }
    report.meanCqi /= std::max(users, 1U);
    return report;
}

FlowAccount
RanNetwork::GetAccount(uint32_t flowId) const
{
    FlowAccount account = m_flows.GetFlows()[flowId].account;
    const uint32_t forwarded = m_started ? m_states[flowId].forwarded : 0;
    account.sent += forwarded;
    account.inFlight += forwarded;
    return account;
}

const RadioUse&
RanNetwork::GetUse(uint32_t flowId) const
{
    static const RadioUse NONE;
    return m_started ? m_states[flowId].use : NONE;
}

const RadioUse&
RanNetwork::GetCellUse(uint32_t cellIndex, Direction direction) const
{
    return m_cells[cellIndex].sides[direction].use;
}

uint64_t
RanNetwork::GetOfferedPrbSymbols(uint32_t cellIndex, Direction direction) const
{
    return m_cells[cellIndex].sides[direction].offeredPrbSymbols;
}

void
RanNetwork::Check() const
{
    m_flows.Check();
}

} // namespace qntn
