// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RanNetwork that knows which cell serves whom, and what it tells about itself.
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

constexpr double NTN_HYSTERESIS_DB = 3; ///< on the way back from a satellite
constexpr int64_t CQI_DELAY_SLOTS = 4;  ///< from a measurement to its use, beside light

} // namespace

void
RanNetwork::UpdateServingCells()
{
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        const uint32_t serving = m_ues[u].servingCell;
        const bool onSatellite = serving != NO_CELL && m_cells[serving].isNtn;
        uint32_t gnb = NO_CELL;
        uint32_t satellite = NO_CELL;
        for (uint32_t c = 0; c < m_cells.size(); ++c)
        {
            uint32_t& best = m_cells[c].isNtn ? satellite : gnb;
            if (m_channel->IsAvailable(c) &&
                (best == NO_CELL || m_channel->GetSnrDb(c, u) > m_channel->GetSnrDb(best, u)))
            {
                best = c;
            }
        }
        uint32_t target = serving;
        const bool satelliteStays = onSatellite && m_channel->IsAvailable(serving);
        const double needed_db = m_ntnThresholdDb + (satelliteStays ? NTN_HYSTERESIS_DB : 0);
        if (gnb != NO_CELL && m_channel->GetSnrDb(gnb, u) >= needed_db)
        {
            const bool stays = serving != NO_CELL && !onSatellite &&
                               m_channel->GetSnrDb(gnb, u) <
                                   m_channel->GetSnrDb(serving, u) + m_handoverHysteresisDb;
            target = stays ? serving : gnb;
        }
        else
        {
            const bool reached =
                satellite != NO_CELL && m_channel->GetSnrDb(satellite, u) >= m_ntnThresholdDb;
            target = reached ? satellite : NO_CELL;
        }
        if (target != serving)
        {
            Handover(u, target);
        }
    }
}

void
RanNetwork::Handover(uint32_t ueIndex, uint32_t target)
{
    Ue& ue = m_ues[ueIndex];
    const bool first = ue.servingCell == NO_CELL;
    ReturnBlocks(ueIndex);
    ue.powerCommandDb = 0;
    ue.servingCell = target;
    if (target != NO_CELL)
    {
        m_numHandovers += !first;
        ue.interruptedUntil = first ? Simulator::Now() : Simulator::Now() + m_handoverInterruption;
        m_channel->ResetFading(ueIndex, target);
    }
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
    return m_numHandovers;
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
    return m_flows.GetFlows()[flowId].account;
}

void
RanNetwork::Check() const
{
    m_flows.Check();
}

} // namespace qntn
