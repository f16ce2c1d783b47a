// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_KEY_NETWORK_WIDE_NETWORK_H
#define QNTN_SCENARIOS_KEY_NETWORK_WIDE_NETWORK_H

#include "bridge/bridge.h"
#include "qkd/topology.h"

#include "ns3/random-variable-stream.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace qntn
{

/// Makes a wide-area topology into a key network: fibres in spans, as many sites as asked for,
/// demands between random sites, random faults.
class WideNetwork
{
  public:
    /// Reads its parameters.
    explicit WideNetwork(Bridge& bridge)
        : m_spanKm(bridge.Parameter<double>(
              "span_km", 1, 1000, "km", "longest fibre between in-line relays")),
          m_numKmes(bridge.Parameter<uint32_t>(
              "num_kmes", 4, 1000, "1", "14: the published network; else a lattice")),
          m_numDemands(
              bridge.Parameter<uint32_t>("num_demands", 1, 10000, "1", "pairs of sites with key")),
          m_demandBps(
              bridge.Parameter<double>("demand_bps", 0, 1e9, "bps", "key that each demand uses")),
          m_faultsPerHour(
              bridge.Parameter<double>("faults_per_hour", 0, 1e5, "1/h", "random faults")),
          m_faultSeconds(
              bridge.Parameter<double>("fault_s", 1, 1e5, "s", "length of a random fault")),
          m_random(ns3::CreateObject<ns3::UniformRandomVariable>())
    {
        m_random->SetStream(7);
    }

    /// Lengths become those of one span: a fibre is a chain of equal spans with in-line relays,
    /// which makes key at the rate of one of them. Other sizes than the published one: a ring with
    /// a chord from every second site, 800 km each.
    QkdTopology Widen(const QkdTopology& published) const
    {
        QkdTopology wide = published;
        if (m_numKmes != published.sites.size())
        {
            wide.sites.clear();
            wide.links.clear();
            for (uint32_t i = 0; i < m_numKmes; ++i)
            {
                wide.sites.push_back(std::to_string(i));
            }
            const auto add = [&](uint32_t a, uint32_t b)
            { wide.links.push_back({wide.sites[a], wide.sites[b], 800, {}, {}, {}}); };
            for (uint32_t i = 0; i < m_numKmes; ++i)
            {
                add(i, (i + 1) % m_numKmes);
            }
            const auto reach = static_cast<uint32_t>(std::sqrt(m_numKmes)) + 1;
            for (uint32_t i = 0; i < m_numKmes && m_numKmes > 2 * reach; i += 2)
            {
                add(i, (i + reach) % m_numKmes);
            }
        }
        for (auto& link : wide.links)
        {
            link.lengthKm /= std::max(1.0, std::ceil(link.lengthKm / m_spanKm));
        }
        return wide;
    }

    /// In the format of the parameter demands.
    std::string DrawDemands(const QkdTopology& topology) const
    {
        std::ostringstream text;
        std::set<std::pair<uint32_t, uint32_t>> drawn;
        const std::size_t numSites = topology.sites.size();
        const std::size_t possible = numSites * (numSites - 1) / 2;
        while (drawn.size() < std::min<std::size_t>(m_numDemands, possible))
        {
            const uint32_t from = Draw(numSites);
            const uint32_t to = (from + 1 + Draw(numSites - 1)) % numSites;
            if (drawn.insert(std::minmax(from, to)).second)
            {
                text << topology.sites[from] << " " << topology.sites[to] << " " << m_demandBps
                     << "; ";
            }
        }
        return text.str();
    }

    /// In the format of the parameter faults.
    std::string DrawFaults(const QkdTopology& topology, ns3::Time duration) const
    {
        static const std::vector<std::string> kinds{"attack", "cut", "outage", "crash"};
        std::ostringstream text;
        const double seconds = duration.GetSeconds();
        const auto number = static_cast<uint32_t>(m_faultsPerHour * std::min(seconds, 1e6) / 3600);
        for (uint32_t i = 0; i < number; ++i)
        {
            const std::string& kind = kinds[Draw(kinds.size())];
            const auto& link = topology.links[Draw(topology.links.size())];
            const double begin = m_random->GetValue(0, seconds);
            text << kind << " "
                 << (kind == "crash" ? topology.sites[Draw(topology.sites.size())]
                                     : link.siteA + "-" + link.siteB)
                 << " " << begin << " " << begin + m_faultSeconds
                 << (kind == "attack" ? " 0.5; " : "; ");
        }
        return text.str();
    }

  private:
    uint32_t Draw(std::size_t size) const
    {
        return m_random->GetInteger(0, static_cast<uint32_t>(size) - 1);
    }

    double m_spanKm;
    uint32_t m_numKmes;
    uint32_t m_numDemands;
    double m_demandBps;
    double m_faultsPerHour;
    double m_faultSeconds;
    ns3::Ptr<ns3::UniformRandomVariable> m_random;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_KEY_NETWORK_WIDE_NETWORK_H
