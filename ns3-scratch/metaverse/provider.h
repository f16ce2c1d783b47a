// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_PROVIDER_H
#define QNTN_METAVERSE_PROVIDER_H

#include "metaverse/edge-server.h"
#include "metaverse/traffic-source.h"

#include "ns3/ptr.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

/// A Metaverse service provider: its edge server, the budgets it lays on cells and slices, and whom
/// it admits. Budgets are equal and everybody is admitted until told otherwise.
class Provider
{
  public:
    Provider(std::string name, uint32_t numCells, uint32_t numSlices, ns3::Ptr<EdgeServer> server);

    /// Budget for spectrum, numbers >= 0, [cell][slice] in one row. What counts is how a provider's
    /// part for a cell and slice compares with those of the others.
    void SetSpectrumBudget(std::span<const float> budget);
    double GetSpectrumBudget(uint32_t cell, uint32_t slice) const;

    /// Budget for key, numbers that sum to 1, by cell.
    void SetKeyBudget(std::span<const float> budget);
    /// How full the pool of key towards a cell may be kept, in 0..1: 1 from an equal part on.
    double GetKeyLimit(uint32_t cell) const;

    /// Divides the cores of the edge server between the slices.
    void SetCpuShares(std::span<const float> shares);

    /// Part of the nominal rate that is let through, for all sources of a slice.
    void SetAdmission(uint32_t slice, double ratio);
    double GetAdmission(uint32_t slice) const;
    void AddSource(uint32_t slice, ns3::Ptr<TrafficSource> source);

    const std::string& GetName() const;
    ns3::Ptr<EdgeServer> GetServer() const;

  private:
    std::string m_name;
    uint32_t m_numCells;
    uint32_t m_numSlices;
    ns3::Ptr<EdgeServer> m_server;
    std::vector<double> m_spectrum;
    std::vector<double> m_key;
    std::vector<double> m_admission;
    std::vector<std::vector<ns3::Ptr<TrafficSource>>> m_sources; ///< by slice
};

/// The shares of a cell's spectrum for each provider and slice, [provider][slice] in one row: a
/// slice's share is divided between the providers by their budgets for it, equally if nobody has
/// any.
std::vector<double> DivideBetweenProviders(std::span<const float> sliceShares,
                                           const std::vector<Provider>& providers,
                                           uint32_t cell);

} // namespace qntn

#endif // QNTN_METAVERSE_PROVIDER_H
