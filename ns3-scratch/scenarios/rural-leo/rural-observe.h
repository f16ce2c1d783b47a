// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_OBSERVE_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_OBSERVE_H

// What Rural tells about itself, and how it is steered.
#include "metaverse/radio-slices.h"
#include "ran/quota.h"
#include "scenarios/rural-leo/rural-build.h"
#include "scenarios/rural-leo/rural.h"

#include "ns3/simulator.h"

#include <algorithm>

namespace qntn
{

inline void
Rural::SetSliceShares(uint32_t cell, std::span<const float> shares)
{
    DividePrbs(*m_ran, cell, DivideSlices(cell, shares));
}

inline std::vector<double>
Rural::DivideSlices(uint32_t cell, std::span<const float> shares) const
{
    return DivideBetweenProviders(shares, m_providers, cell);
}

inline Provider&
Rural::GetProvider(uint32_t provider)
{
    return m_providers.at(provider);
}

inline void
Rural::Observe()
{
    const ns3::Time now = ns3::Simulator::Now();
    const double step_s = (now - m_observedAt).GetSeconds();
    m_observedAt = now;
    m_services->GetMonitor().Roll();
    for (uint32_t cell = 0; cell < NUM_CELLS; ++cell)
    {
        for (uint32_t slice = 0; slice < NUM_SLICES; ++slice)
        {
            SliceReport& sum = m_radio[cell * NUM_SLICES + slice];
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
    m_numHandovers = m_ran->GetNumHandovers() - m_totalHandovers;
    m_totalHandovers += m_numHandovers;
    m_satelliteHandovers = 0;
    for (uint32_t user = 0; user < m_servingCells.size(); ++user)
    {
        const uint32_t before = std::exchange(m_servingCells[user], m_ran->GetServingCell(user));
        m_satelliteHandovers += IsSatellite(before) && IsSatellite(m_servingCells[user]) &&
                                before != m_servingCells[user];
    }
}

inline const RanNetwork&
Rural::GetRan() const
{
    return *m_ran;
}

inline const ServiceMonitor&
Rural::GetMonitor() const
{
    return m_services->GetMonitor();
}

inline const SliceReport&
Rural::GetRadio(uint32_t cell, uint32_t slice) const
{
    return m_radio.at(cell * NUM_SLICES + slice);
}

inline std::span<const SliceReport>
Rural::GetRadio(uint32_t cell) const
{
    return {&m_radio.at(cell * NUM_SLICES), NUM_SLICES};
}

inline double
Rural::GetOfferedBps(uint32_t provider, uint32_t cell, uint32_t slice) const
{
    return m_offered_bps.at((provider * NUM_CELLS + cell) * NUM_SLICES + slice);
}

inline uint32_t
Rural::GetNumUsers(uint32_t provider, uint32_t cell) const
{
    uint32_t count = 0;
    for (uint32_t user = 0; user < m_servingCells.size(); ++user)
    {
        count += m_servingCells[user] == cell && m_users[user].provider == provider;
    }
    return count;
}

inline uint32_t
Rural::GetNumCovered() const
{
    return m_servingCells.size() - std::ranges::count(m_servingCells, ServiceNetwork::NO_CELL);
}

inline uint64_t
Rural::GetNumHandovers() const
{
    return m_numHandovers;
}

inline uint32_t
Rural::GetNumSatelliteHandovers() const
{
    return m_satelliteHandovers;
}

inline double
Rural::GetSatelliteDelayS() const
{
    double sum_s = 0;
    uint32_t count = 0;
    for (uint32_t user = 0; user < m_servingCells.size(); ++user)
    {
        const uint32_t cell = m_servingCells[user];
        if (IsSatellite(cell))
        {
            sum_s += (m_ran->GetPropagationDelay(cell, user) + m_ran->GetBackhaulDelay(cell))
                         .GetSeconds();
            ++count;
        }
    }
    return count > 0 ? sum_s / count : 0;
}

inline double
Rural::GetMeanIslHops() const
{
    const double now_s = ns3::Simulator::Now().GetSeconds();
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < NUM_SATELLITES; ++i)
    {
        if (!m_ran->IsAvailable(NUM_GNBS + i))
        {
            continue;
        }
        if (const auto route = m_paths[i]->Find(now_s))
        {
            sum += static_cast<double>(route->satellites.size() - 1);
            ++count;
        }
    }
    return count > 0 ? sum / count : 0;
}

inline double
Rural::ForecastVisibility(uint32_t cell, ns3::Time from, ns3::Time to) const
{
    if (!IsSatellite(cell))
    {
        return 1;
    }
    constexpr uint32_t NUM_SAMPLES = 10;
    const Ecef ground = m_frame.ToEcef(0, 0, 0);
    const auto& orbit = *m_orbits[cell - NUM_GNBS];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < NUM_SAMPLES; ++i)
    {
        // at the end of the episode there may be no more of the flight
        const ns3::Time at = std::min(from + (to - from) * i / NUM_SAMPLES, m_config.duration);
        seen += ElevationDeg(ground, orbit.PositionAt(at.GetSeconds())) >= m_config.minElevationDeg;
    }
    return static_cast<double>(seen) / NUM_SAMPLES;
}

inline const std::vector<RuralUser>&
Rural::GetUsers() const
{
    return m_users;
}

inline const ns3::Vector&
Rural::GetGnbPosition(uint32_t cell)
{
    return rural::GNB_POSITIONS.at(cell);
}

inline const std::string&
Rural::GetSatelliteName(uint32_t cell) const
{
    return m_names.at(cell - NUM_GNBS);
}

inline ns3::Vector
Rural::GetGroundPoint(uint32_t cell, ns3::Time time) const
{
    const Ecef satellite = m_orbits.at(cell - NUM_GNBS)->PositionAt(time.GetSeconds());
    const double scale = EARTH_RADIUS_M / Norm(satellite);
    const auto local =
        m_frame.FromEcef({satellite.x * scale, satellite.y * scale, satellite.z * scale});
    return {local.east, local.north, 0};
}

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_OBSERVE_H
