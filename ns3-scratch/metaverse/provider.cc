// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/provider.h"

#include "ns3/abort.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

namespace
{
/// Part of the spectrum that no provider can be outbid for.
constexpr double GUARANTEED_RATIO = 0.1;
} // namespace

Provider::Provider(std::string name, uint32_t numCells, uint32_t numSlices, Ptr<EdgeServer> server)
    : m_name(std::move(name)),
      m_numCells(numCells),
      m_numSlices(numSlices),
      m_server(server),
      m_spectrum(numCells * numSlices, 1.0 / (numCells * numSlices)),
      m_key(numCells, 1.0 / numCells),
      m_admission(numSlices, 1.0),
      m_sources(numSlices)
{
    server->SetNumClasses(numSlices);
}

void
Provider::SetSpectrumBudget(std::span<const float> budget)
{
    NS_ABORT_MSG_IF(budget.size() != m_spectrum.size(),
                    m_name << ": found " << budget.size()
                           << " spectrum budgets, expected one for each of the "
                           << m_spectrum.size() << " pairs of cell and slice");
    m_spectrum.assign(budget.begin(), budget.end());
}

double
Provider::GetSpectrumBudget(uint32_t cell, uint32_t slice) const
{
    return m_spectrum.at(cell * m_numSlices + slice);
}

void
Provider::SetKeyBudget(std::span<const float> budget)
{
    NS_ABORT_MSG_IF(budget.size() != m_key.size(),
                    m_name << ": found " << budget.size()
                           << " key budgets, expected one for each of the " << m_key.size()
                           << " cells");
    m_key.assign(budget.begin(), budget.end());
}

double
Provider::GetKeyLimit(uint32_t cell) const
{
    return std::min(1.0, m_key.at(cell) * m_numCells);
}

void
Provider::SetCpuShares(std::span<const float> shares)
{
    m_server->SetShares(std::vector<double>(shares.begin(), shares.end()));
}

void
Provider::SetAdmission(uint32_t slice, double ratio)
{
    NS_ABORT_MSG_IF(!(ratio >= 0 && ratio <= 1),
                    m_name << ": admission " << ratio << " of slice " << slice
                           << ", expected 0..1");
    m_admission.at(slice) = ratio;
    for (const auto& source : m_sources[slice])
    {
        source->SetAdmission(ratio);
    }
}

double
Provider::GetAdmission(uint32_t slice) const
{
    return m_admission.at(slice);
}

void
Provider::AddSource(uint32_t slice, Ptr<TrafficSource> source)
{
    m_sources.at(slice).push_back(source);
    source->SetAdmission(m_admission[slice]);
}

const std::string&
Provider::GetName() const
{
    return m_name;
}

Ptr<EdgeServer>
Provider::GetServer() const
{
    return m_server;
}

std::vector<double>
DivideBetweenProviders(std::span<const float> sliceShares,
                       const std::vector<Provider>& providers,
                       uint32_t cell)
{
    const auto numSlices = static_cast<uint32_t>(sliceShares.size());
    std::vector<double> shares(providers.size() * numSlices);
    for (uint32_t slice = 0; slice < numSlices; ++slice)
    {
        double sum = 0;
        for (const auto& provider : providers)
        {
            sum += provider.GetSpectrumBudget(cell, slice);
        }
        for (uint32_t p = 0; p < providers.size(); ++p)
        {
            const double equal = 1.0 / static_cast<double>(providers.size());
            const double budgeted =
                sum > 0 ? providers[p].GetSpectrumBudget(cell, slice) / sum : equal;
            const double part = GUARANTEED_RATIO * equal + (1 - GUARANTEED_RATIO) * budgeted;
            shares[p * numSlices + slice] = sliceShares[slice] * part;
        }
    }
    return shares;
}

} // namespace qntn
