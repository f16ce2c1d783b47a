// SPDX-License-Identifier: GPL-2.0-only
/// \file
/// What City tells about itself.
#include "metaverse/city.h"
#include "metaverse/radio-slices.h"

#include "ns3/simulator.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

void
City::Observe()
{
    const Time now = Simulator::Now();
    const double step_s = (now - m_observedAt).GetSeconds();
    NS_ABORT_MSG_IF(step_s <= 0, "City::Observe is called twice at " << now.As(Time::S));
    m_observedAt = now;
    m_services->GetMonitor().Roll();
    m_poseRatio = m_poseSamples == 0
                      ? 1
                      : static_cast<double>(m_poseInTime) / static_cast<double>(m_poseSamples);
    m_poseSamples = m_poseInTime = 0;
    for (uint32_t cell = 0; cell < NUM_CELLS; ++cell)
    {
        for (uint32_t slice = 0; slice < NUM_SLICES; ++slice)
        {
            auto& sum = m_radio[cell * NUM_SLICES + slice];
            sum = {};
            for (uint32_t provider = 0; provider < NUM_PROVIDERS; ++provider)
            {
                Add(sum, m_ran->TakeReport(cell, provider * NUM_SLICES + slice));
                const auto bytes = GetMonitor().Get(provider, cell, slice).offeredBytes;
                Smooth(m_offered_bps[(provider * NUM_CELLS + cell) * NUM_SLICES + slice],
                       8.0 * static_cast<double>(bytes) / step_s,
                       step_s);
            }
        }
    }
    for (uint32_t provider = 0; provider < NUM_PROVIDERS; ++provider)
    {
        for (uint32_t slice = 0; slice < NUM_SLICES; ++slice)
        {
            const auto server = m_providers[provider].GetServer();
            auto& report = m_cpu[provider * NUM_SLICES + slice];
            report = server->TakeReport(slice);
            Smooth(m_cpuDemand[provider * NUM_SLICES + slice],
                   report.submitted.GetSeconds() / step_s / server->GetNumCores(),
                   step_s);
        }
    }
    for (uint32_t relation = 0; relation < NUM_RELATIONS; ++relation)
    {
        m_relationReports[relation] = m_saeNetwork ? m_saeNetwork->TakeRelationReport(relation)
                                                   : m_keys->TakeRelationReport(relation);
        Smooth(m_keyDemand_bps[relation],
               static_cast<double>(m_relationReports[relation].requests.requestedBits) / step_s,
               step_s);
    }
    for (uint32_t link = 0; link < m_linkReports.size(); ++link)
    {
        m_linkReports[link] = m_keys->TakeLinkReport(link);
    }
    m_cost = m_keys->TakeCostReport();
    m_numHandovers = m_ran->GetNumHandovers() - m_totalHandovers;
    m_totalHandovers += m_numHandovers;
    for (uint32_t user = 0; user < m_servingCells.size(); ++user)
    {
        m_servingCells[user] = m_ran->GetServingCell(user);
    }
}

RanNetwork&
City::GetRan()
{
    return *m_ran;
}

const ServiceMonitor&
City::GetMonitor() const
{
    return m_services->GetMonitor();
}

const SliceReport&
City::GetRadio(uint32_t cell, uint32_t slice) const
{
    return m_radio.at(cell * NUM_SLICES + slice);
}

std::span<const SliceReport>
City::GetRadio(uint32_t cell) const
{
    return {&m_radio.at(cell * NUM_SLICES), NUM_SLICES};
}

const EdgeServer::Report&
City::GetCpu(uint32_t provider, uint32_t slice) const
{
    return m_cpu.at(provider * NUM_SLICES + slice);
}

double
City::GetCpuDemand(uint32_t provider, uint32_t slice) const
{
    return m_cpuDemand.at(provider * NUM_SLICES + slice);
}

const RelationReport&
City::GetRelationReport(uint32_t relation) const
{
    return m_relationReports.at(relation);
}

double
City::GetDeliveredKeyBits() const
{
    double bits = 0;
    for (const auto& report : m_relationReports)
    {
        bits += static_cast<double>(report.deliveredBits);
    }
    return bits;
}

const LinkReport&
City::GetLinkReport(uint32_t link) const
{
    return m_linkReports.at(link);
}

const RelayCost&
City::GetCost() const
{
    return m_cost;
}

Ptr<const SatelliteDownlink>
City::GetDownlink() const
{
    return m_downlink;
}

uint32_t
City::GetStationLink(uint32_t station) const
{
    return m_stationLinks.at(station);
}

double
City::GetOfferedBps(uint32_t provider, uint32_t cell, uint32_t slice) const
{
    return m_offered_bps.at((provider * NUM_CELLS + cell) * NUM_SLICES + slice);
}

double
City::GetKeyDemandBps(uint32_t relation) const
{
    return m_keyDemand_bps.at(relation);
}

uint32_t
City::GetNumUsers(uint32_t provider, uint32_t cell) const
{
    uint32_t count = 0;
    for (uint32_t user = 0; user < m_servingCells.size(); ++user)
    {
        count += m_servingCells[user] == cell && m_users->Get()[user].provider == provider;
    }
    return count;
}

double
City::GetPoseRatio() const
{
    return m_poseRatio;
}

uint32_t
City::GetNumCovered() const
{
    return m_servingCells.size() - std::ranges::count(m_servingCells, ServiceNetwork::NO_CELL);
}

uint64_t
City::GetNumHandovers() const
{
    return m_numHandovers;
}

Time
City::GetRushStart() const
{
    return m_rushStart;
}

Time
City::GetRushEnd() const
{
    return m_rushStart + m_config.rushDuration;
}

Time
City::GetPassStart() const
{
    return m_passStart;
}

Time
City::GetPassEnd() const
{
    return m_passStart + m_config.passDuration;
}

double
City::ForecastVisibility(Time from, Time to) const
{
    constexpr uint32_t NUM_SAMPLES = 50;
    const Ecef city = m_frame->ToEcef(0, 0, 0);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < NUM_SAMPLES; ++i)
    {
        const double at_s = (from + (to - from) * i / NUM_SAMPLES).GetSeconds();
        seen += ElevationDeg(city, m_orbit->PositionAt(at_s)) >= m_config.minElevationDeg;
    }
    return static_cast<double>(seen) / NUM_SAMPLES;
}

} // namespace qntn
