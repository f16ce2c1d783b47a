// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_KEY_NETWORK_KEY_NETWORK_H
#define QNTN_SCENARIOS_KEY_NETWORK_KEY_NETWORK_H

#include "bridge/bridge.h"
#include "orbit/nearest-name.h"
#include "qkd/fault-schedule.h"
#include "qkd/key-paths.h"
#include "qkd/kme-network.h"
#include "qkd/measured-link.h"
#include "qkd/qkd-network.h"
#include "qkd/topology.h"
#include "scenarios/key-network/wide-network.h"

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace qntn
{

/// A demand for key between two sites.
struct KeyDemand
{
    std::string source;
    std::string target;
    double rateBps;
};

/// A published QKD network with demands, built from the parameters of a scenario.
class KeyNetwork
{
  public:
    /// Reads the parameters; refuses what does not go together.
    /// \param wide the network is too wide for its fibres: spans, random demands, random faults
    KeyNetwork(Bridge& bridge, const std::string& topologyName, bool wide = false);

    QkdNetwork& GetKeys() const
    {
        return *m_network;
    }

    const KmeNetwork* GetKmes() const
    {
        return m_kmes ? PeekPointer(m_kmes) : nullptr;
    }

    const std::vector<KeyDemand>& GetDemands() const
    {
        return m_demands;
    }

    ns3::Time GetDuration() const
    {
        return m_duration;
    }

    ns3::Time GetStep() const
    {
        return m_step;
    }

    bool IsRoutedByAgents() const
    {
        return m_routing == "agents";
    }

    bool IsLive() const
    {
        return m_live;
    }

    /// Whether there are metrics of every demand and link; the live door needs them.
    bool IsDetailed() const
    {
        return m_detailed || m_live;
    }

    bool HasFaultAgent() const
    {
        return m_faultAgent;
    }

    void Start();

    /// Blocked requests of a demand, so far.
    uint64_t GetBlocked(uint32_t relation) const
    {
        return m_network->GetKeyQueue(relation).GetCounters().refused;
    }

  private:
    static std::vector<std::vector<std::string>> Split(const std::string& text);
    double Number(const std::string& what, const std::string& word);
    void ReadDemands(const std::string& text, const QkdTopology& topology);
    std::map<std::string, uint64_t> ReadFills(const std::string& text, const QkdTopology& topology);
    void AddLinks(const QkdTopology& topology);
    /// An application that asks for key once a period.
    void Ask(uint32_t relation);

    Bridge& m_bridge;
    ns3::Ptr<QkdNetwork> m_network;
    ns3::Ptr<KmeNetwork> m_kmes;
    std::vector<KeyDemand> m_demands;
    ns3::Time m_duration;
    ns3::Time m_step;
    ns3::Time m_keyWait;
    std::string m_routing;
    std::string m_faultText;
    bool m_live{false};
    bool m_detailed{true};
    bool m_faultAgent{false};
    QkdLinkConfig m_base;
    double m_generation{1};
    std::map<std::string, uint64_t> m_fills;
    std::optional<WideNetwork> m_wide;
};

/// Requests of applications come as often as this.
inline const ns3::Time REQUEST_PERIOD = ns3::Seconds(1);

inline KeyNetwork::KeyNetwork(Bridge& bridge, const std::string& topologyName, bool wide)
    : m_bridge(bridge), m_network(ns3::CreateObject<QkdNetwork>())
{
    using ns3::Seconds;
    const auto number =
        [&bridge](const char* name, double low, double high, const char* unit, const char* help)
    { return bridge.Parameter<double>(name, low, high, unit, help); };
    m_duration = Seconds(number("episode_s", 1, 1e7, "s", "length of an episode"));
    m_step = Seconds(number("step_s", 0.001, 3600, "s", "time between decisions"));
    const double blockPeriod =
        number("block_period_s", 0.001, 3600, "s", "how often counts are drawn and key is relayed");
    std::string demands;
    if (wide)
    {
        m_wide.emplace(bridge);
    }
    else
    {
        demands = bridge.TextParameter("demands", {}, "'SOURCE TARGET BITS_PER_SECOND; ...'");
    }
    m_keyWait = Seconds(number("key_wait_s", 0, 3600, "s", "longest that a request waits for key"));
    m_routing = bridge.TextParameter("routing",
                                     {"agents", "ShortestPath", "LargestResidual"},
                                     "who chooses the path of a relation");
    const auto maxPaths =
        bridge.Parameter<uint32_t>("max_paths", 1, 64, "1", "candidate paths of a relation");
    m_base.pulseRateHz =
        number("pulse_rate_hz", 1e3, 1e11, "Hz", "of links without a measured rate");
    m_base.mu = number("mu", 0.001, 2, "photons", "of a signal pulse");
    m_base.nu = number("nu", 0.0001, 2, "photons", "of a weak decoy pulse");
    m_base.receiverEfficiency = number("receiver_efficiency", 0.001, 1, "ratio", "of detectors");
    m_base.darkCountProbability =
        number("dark_count_probability", 0, 0.01, "ratio", "of a detector and pulse");
    m_base.misalignment = number("misalignment", 0, 0.5, "ratio", "of links without a QBER");
    const std::string length = bridge.TextParameter("key_length",
                                                    {"finite", "asymptotic"},
                                                    "which statistics a block pays for");
    const auto blockBits =
        bridge.Parameter<uint64_t>("block_bits", 1000, 1e9, "bits", "sifted bits of a block");
    m_generation = number("generation_ratio", 0, 100, "ratio", "of the pulse rates of all links");
    const double minMib = number("pool_min_mib", 0, 1e6, "MiB", "M_min of link pools");
    const double thresholdMib = number("pool_threshold_mib", 0, 1e6, "MiB", "M_thr of link pools");
    const double maxMib = number("pool_max_mib", 0, 1e6, "MiB", "M_max of link pools");
    const double initialMib = number("pool_initial_mib", 0, 1e6, "MiB", "fill of link pools");
    const std::string fills =
        bridge.TextParameter("pool_initial_links_mib",
                             {},
                             "fill of single link pools: 'A-B MEBIBYTES; ...'");
    const auto relationBits = bridge.Parameter<uint64_t>("relation_pool_bits",
                                                         256,
                                                         1e12,
                                                         "bits",
                                                         "M_max of the pool of a demand");
    const double classicalRate = number("classical_rate_bps",
                                        0,
                                        1e12,
                                        "bps",
                                        "of the classical channels; 0: no messages, no delay");
    const std::string scheme =
        bridge.TextParameter("relay_scheme", {"HopByHop", "Xor"}, "how key is relayed");
    const auto minRelay = bridge.Parameter<uint64_t>("min_relay_bits",
                                                     1,
                                                     1e9,
                                                     "bits",
                                                     "less is relayed only if it is urgent");
    m_faultText =
        bridge.TextParameter("faults", {}, "'attack A-B 600 1200 0.5; cut A-B 10 20; crash A 5 9'");
    m_faultAgent =
        bridge.Parameter<bool>("fault_agent", 0, 1, "bool", "1: faults are an action, too");
    m_detailed = bridge.Parameter<bool>("detailed",
                                        0,
                                        1,
                                        "bool",
                                        "1: metrics of every demand and link; 0: of all together");
    m_live = bridge.Parameter<bool>("live", 0, 1, "bool", "1: key can be taken from outside");

    constexpr double MIB = 8.0 * 1024 * 1024;
    if (!(minMib <= thresholdMib && thresholdMib <= maxMib && initialMib <= maxMib))
    {
        std::ostringstream text;
        text << "pool_min_mib, pool_threshold_mib, pool_max_mib, pool_initial_mib are " << minMib
             << ", " << thresholdMib << ", " << maxMib << ", " << initialMib
             << "; expected min <= threshold <= max and initial <= max";
        bridge.Refuse(text.str());
    }
    if (!(m_base.nu < m_base.mu))
    {
        bridge.Refuse("nu is " + std::to_string(m_base.nu) +
                      ", expected below mu = " + std::to_string(m_base.mu));
    }
    m_base.pool = {.initialBits = static_cast<uint64_t>(initialMib * MIB),
                   .minBits = static_cast<uint64_t>(minMib * MIB),
                   .thresholdBits = static_cast<uint64_t>(thresholdMib * MIB),
                   .maxBits = static_cast<uint64_t>(maxMib * MIB)};
    m_base.keyLength = length == "finite" ? KeyLength::Finite : KeyLength::Asymptotic;
    m_base.finite.blockBits = m_base.distilBits = blockBits;
    try
    {
        auto topology = ReadQkdTopology(bridge.DataPath("qkd/networks.json"), topologyName);
        if (m_wide)
        {
            topology = m_wide->Widen(topology);
            demands = m_wide->DrawDemands(topology);
            m_faultText += ";" + m_wide->DrawFaults(topology, m_duration);
        }
        m_fills = ReadFills(fills, topology);
        ReadDemands(demands, topology);
        for (const std::string& site : topology.sites)
        {
            m_network->AddSite(site, SiteKind::Endpoint);
            bridge.AddSite(site, "endpoint");
        }
        AddLinks(topology);
        m_network->SetAttribute("BlockPeriod", ns3::TimeValue(Seconds(blockPeriod)));
        m_network->SetAttribute("MinRelayBits", ns3::UintegerValue(minRelay));
        m_network->SetAttribute("MaxPaths", ns3::UintegerValue(maxPaths));
        m_network->SetAttribute("Routing",
                                ns3::StringValue(m_routing == "agents" ? "Manual" : m_routing));
        for (const KeyDemand& demand : m_demands)
        {
            const auto perPeriod =
                static_cast<uint64_t>(demand.rateBps * REQUEST_PERIOD.GetSeconds());
            if (perPeriod > relationBits)
            {
                bridge.Refuse("relation_pool_bits is " + std::to_string(relationBits) +
                              ", expected at least a second of demand " + demand.source + "-" +
                              demand.target + ", " + std::to_string(perPeriod));
            }
            m_network->AddRelation(topology.GetSite(demand.source),
                                   topology.GetSite(demand.target),
                                   {.thresholdBits = relationBits / 4, .maxBits = relationBits});
        }
        ScheduleFaults(*m_network, ReadFaultSchedule(m_faultText));
    }
    catch (const std::invalid_argument& error)
    {
        bridge.Refuse(error.what());
    }
    if (classicalRate > 0)
    {
        m_kmes = ns3::CreateObject<KmeNetwork>();
        m_kmes->SetAttribute(
            "ClassicalRate",
            ns3::DataRateValue(ns3::DataRate(static_cast<uint64_t>(classicalRate))));
        m_kmes->SetAttribute("RelayScheme", ns3::StringValue(scheme));
        m_network->SetTransport(m_kmes);
    }
}

inline void
KeyNetwork::Start()
{
    m_network->Start();
    m_network->AssignStreams(1000);
    for (uint32_t relation = 0; relation < m_demands.size(); ++relation)
    {
        ns3::Simulator::Schedule(REQUEST_PERIOD, &KeyNetwork::Ask, this, relation);
    }
}

inline std::vector<std::vector<std::string>>
KeyNetwork::Split(const std::string& text)
{
    std::vector<std::vector<std::string>> entries;
    std::istringstream all(text);
    for (std::string entry; std::getline(all, entry, ';');)
    {
        std::istringstream line(entry);
        std::vector<std::string> words;
        for (std::string word; line >> word;)
        {
            words.push_back(word);
        }
        if (!words.empty())
        {
            entries.push_back(words);
        }
    }
    return entries;
}

inline double
KeyNetwork::Number(const std::string& what, const std::string& word)
{
    std::istringstream stream(word);
    double value = 0;
    if (!(stream >> value) || !stream.eof() || !(value >= 0))
    {
        m_bridge.Refuse(what + ": found '" + word + "', expected a number of 0 or more");
    }
    return value;
}

inline void
KeyNetwork::ReadDemands(const std::string& text, const QkdTopology& topology)
{
    std::vector<KeyEdge> edges;
    for (const auto& link : topology.links)
    {
        edges.push_back({topology.GetSite(link.siteA), topology.GetSite(link.siteB), 1});
    }
    for (const auto& words : Split(text))
    {
        if (words.size() != 3)
        {
            m_bridge.Refuse("demands: '" + words[0] + " ...' has " + std::to_string(words.size()) +
                            " words, expected SOURCE TARGET BITS_PER_SECOND");
        }
        const uint32_t from = topology.GetSite(words[0]);
        const uint32_t to = topology.GetSite(words[1]);
        if (from == to || FindKeyPaths(topology.sites.size(), edges, from, to, 1).empty())
        {
            m_bridge.Refuse("demands: no path of links between " + words[0] + " and " + words[1]);
        }
        for (const KeyDemand& other : m_demands)
        {
            if (std::minmax(other.source, other.target) == std::minmax(words[0], words[1]))
            {
                m_bridge.Refuse("demands: " + words[0] + " and " + words[1] +
                                " appear twice; add up their rates");
            }
        }
        m_demands.push_back({words[0], words[1], Number("demands: rate", words[2])});
    }
    if (m_demands.empty())
    {
        m_bridge.Refuse("demands: found none, expected 'SOURCE TARGET BITS_PER_SECOND; ...'");
    }
}

inline std::map<std::string, uint64_t>
KeyNetwork::ReadFills(const std::string& text, const QkdTopology& topology)
{
    std::vector<std::string> names;
    for (const auto& link : topology.links)
    {
        names.push_back(link.siteA + "-" + link.siteB);
    }
    std::map<std::string, uint64_t> fills;
    for (const auto& words : Split(text))
    {
        if (words.size() != 2 || std::ranges::find(names, words[0]) == names.end())
        {
            m_bridge.Refuse("pool_initial_links_mib: found '" + words[0] +
                            "', expected 'LINK MEBIBYTES' with a link such as " +
                            NearestName(words[0], names));
        }
        fills[words[0]] =
            static_cast<uint64_t>(Number("pool_initial_links_mib", words[1]) * 8 * 1024 * 1024);
    }
    return fills;
}

inline void
KeyNetwork::AddLinks(const QkdTopology& topology)
{
    for (const auto& link : topology.links)
    {
        QkdLinkConfig config = MakeMeasuredLink(topology, link, m_base);
        config.pulseRateHz *= m_generation;
        const auto fill = m_fills.find(link.siteA + "-" + link.siteB);
        if (fill != m_fills.end())
        {
            config.pool.initialBits = fill->second;
            if (fill->second > config.pool.maxBits)
            {
                m_bridge.Refuse("pool_initial_links_mib: " + fill->first +
                                " holds more than pool_max_mib");
            }
        }
        m_network->AddLink(config);
        m_bridge.AddSpan(link.siteA, link.siteB, link.lengthKm);
    }
}

inline void
KeyNetwork::Ask(uint32_t relation)
{
    const auto bits =
        static_cast<uint64_t>(m_demands[relation].rateBps * REQUEST_PERIOD.GetSeconds());
    if (bits > 0)
    {
        m_network->RequestKey(relation,
                              bits,
                              ns3::Simulator::Now() + m_keyWait,
                              ns3::Callback<void, bool>([](bool) {}));
    }
    ns3::Simulator::Schedule(REQUEST_PERIOD, &KeyNetwork::Ask, this, relation);
}

} // namespace qntn

#endif // QNTN_SCENARIOS_KEY_NETWORK_KEY_NETWORK_H
