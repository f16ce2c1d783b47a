// SPDX-License-Identifier: GPL-2.0-only
//
// The part of RadioChannel that looks from the users to the cells.
#include "ran/decibel.h"
#include "ran/radio-channel.h"

#include <algorithm>
#include <cmath>

namespace qntn
{

namespace
{

constexpr double ACTIVITY_MEMORY = 0.99; ///< of the mean interference, an uplink slot

} // namespace

void
RadioChannel::SetPowerControl(double maxDbm, double p0Dbm, double alpha)
{
    m_ueMaxMw = FromDb(maxDbm);
    m_p0Dbm = p0Dbm;
    m_alpha = alpha;
}

double
RadioChannel::AskedUplinkPowerMw(uint32_t cellIndex, uint32_t ueIndex) const
{
    const double loss_db = -ToDb(GetLink(cellIndex, ueIndex).uplinkGain);
    return FromDb(m_p0Dbm + 10 * std::log10(1U << m_cells[cellIndex].carrier.numerology) +
                  m_alpha * loss_db + m_ues[ueIndex].uplinkOffsetDb);
}

void
RadioChannel::ChangeUplinkPower(uint32_t cellIndex, uint32_t ueIndex, double changeDb)
{
    if (changeDb < 0 || AskedUplinkPowerMw(cellIndex, ueIndex) < m_ueMaxMw)
    {
        m_ues[ueIndex].uplinkOffsetDb += changeDb;
    }
}

double
RadioChannel::GetUplinkPowerMw(uint32_t cellIndex, uint32_t ueIndex, uint32_t numPrbs) const
{
    return std::min(AskedUplinkPowerMw(cellIndex, ueIndex), m_ueMaxMw / numPrbs);
}

uint32_t
RadioChannel::GetUplinkPrbLimit(uint32_t cellIndex, uint32_t ueIndex, double leastSnrDb) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    const double least_mw =
        std::min(FromDb(leastSnrDb) * link.uplinkNoisePerPrbMw / (link.uplinkGain + 1e-30),
                 GetUplinkPowerMw(cellIndex, ueIndex, 1));
    return static_cast<uint32_t>(std::clamp(m_ueMaxMw / least_mw, 1.0, 1e6));
}

void
RadioChannel::BeginUplink(uint32_t cellIndex, bool isUplink)
{
    Cell& cell = m_cells[cellIndex];
    if (cell.isUplink) // the slot before was one
    {
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            cell.meanUplinkMw[s] =
                ACTIVITY_MEMORY * cell.meanUplinkMw[s] + (1 - ACTIVITY_MEMORY) * cell.uplinkMw[s];
        }
        cell.uplinkMw.fill(0);
    }
    cell.isUplink = isUplink;
}

void
RadioChannel::AddUplink(
    uint32_t cellIndex, uint32_t ueIndex, uint32_t firstPrb, uint32_t numPrbs, uint32_t carrierPrbs)
{
    if (m_interferers[cellIndex].empty())
    {
        return;
    }
    Subbands prbs{};
    AddPrbs(prbs, firstPrb, numPrbs, carrierPrbs);
    const double power_mw = GetUplinkPowerMw(cellIndex, ueIndex, numPrbs);
    for (const uint32_t other : m_interferers[cellIndex])
    {
        Cell& victim = m_cells[other];
        if (!victim.isUplink)
        {
            continue;
        }
        const double received_mw = power_mw * GetLink(other, ueIndex).uplinkGain;
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            victim.uplinkMw[s] += received_mw * prbs[s] / victim.subbandPrbs[s];
        }
    }
}

double
RadioChannel::GetUplinkSinr(uint32_t cellIndex,
                            uint32_t ueIndex,
                            uint32_t firstPrb,
                            uint32_t numPrbs,
                            uint32_t carrierPrbs) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    const Cell& cell = m_cells[cellIndex];
    const double received_mw = GetUplinkPowerMw(cellIndex, ueIndex, numPrbs) * link.uplinkGain;
    Subbands prbs{};
    AddPrbs(prbs, firstPrb, numPrbs, carrierPrbs);
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        if (prbs[s] > 0)
        {
            const double noise_mw = link.uplinkNoisePerPrbMw + cell.uplinkMw[s];
            sum += prbs[s] * std::log2(1 + received_mw * m_ues[ueIndex].fading[s] / noise_mw);
        }
    }
    return std::exp2(sum / numPrbs) - 1;
}

double
RadioChannel::MeasureUplinkSinrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    const Cell& cell = m_cells[cellIndex];
    const double received_mw = GetUplinkPowerMw(cellIndex, ueIndex, 1) * link.uplinkGain;
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const double noise_mw = link.uplinkNoisePerPrbMw + cell.meanUplinkMw[s];
        sum += std::log2(1 + received_mw * m_ues[ueIndex].fading[s] / noise_mw);
    }
    return ToDb(std::exp2(sum / NUM_SUBBANDS) - 1);
}

} // namespace qntn
