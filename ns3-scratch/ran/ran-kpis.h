// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RAN_KPIS_H
#define QNTN_RAN_RAN_KPIS_H

#include "ran/ran-network.h"

#include <array>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace qntn
{

/// What a group of flows got, over the time that a RanKpis has seen.
struct KpiRow
{
    std::string of;   ///< "ue", "slice", "cell" or a name given to flows, such as "provider"
    uint32_t index;   ///< which one
    std::string name; ///< as SetName has it, else such as "slice_1"
    Direction direction;
    uint64_t packets{0}; ///< delivered or dropped
    uint64_t deliveredBytes{0};
    uint64_t droppedPackets{0};
    uint64_t violations{0}; ///< dropped, or delivered after the budget
    double throughputBps{0};
    double delayP50S{0}; ///< of delivered packets; 0 without any
    double delayP99S{0};
    double delayP999S{0};
    double satisfiedRatio{0}; ///< of its users: at least 99 % of packets in time (TR 38.838, 7.2)
    double blerRatio{0};      ///< first transmissions that failed, since the network began
    /// PRBs and symbols used, of those that its cell has had, or all cells: since the network began
    double prbUtilisationRatio{0};
    MobilityReport mobility{}; ///< of its users, from the start of the network on
};

/// Collects the key figures of a RanNetwork from its deliveries and drops, by user, slice, serving
/// cell and any other group of flows. Delays are counted in steps of 2 %.
class RanKpis
{
  public:
    /// \param ran its callbacks stay free: call Delivered and Dropped from yours
    explicit RanKpis(ns3::Ptr<const RanNetwork> ran);

    /// A flow, before its first packet.
    void AddFlow(uint32_t flowId,
                 uint32_t ueIndex,
                 uint32_t sliceId,
                 ns3::Time delayBudget,
                 Direction direction);
    /// A further group that a flow belongs to, say ("provider", 1).
    void AddGroup(uint32_t flowId, const std::string& of, uint32_t index);
    /// What the rows of a group are called, say "xr" for ("slice", 0).
    void SetName(const std::string& of, uint32_t index, const std::string& name);

    void Delivered(uint32_t flowId, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void Dropped(uint32_t flowId, ns3::Ptr<const ns3::Packet> packet, DropCause cause);

    /// All groups, in a fixed order.
    std::vector<KpiRow> GetRows() const;
    /// The rows with a line of names, RFC 4180.
    void WriteCsv(std::ostream& out) const;

  private:
    static constexpr size_t NUM_STEPS = 820; ///< 10 us to more than 100 s

    struct Count
    {
        uint64_t packets{0};
        uint64_t inTime{0};
    };

    struct Group
    {
        uint64_t packets{0};
        uint64_t deliveredBytes{0};
        uint64_t dropped{0};
        uint64_t violations{0};
        std::vector<uint32_t> delays = std::vector<uint32_t>(NUM_STEPS);
        std::map<uint32_t, Count> users{};
        std::vector<uint32_t> flows{}; ///< none for a cell
    };

    struct Flow
    {
        uint32_t ueIndex{0};
        ns3::Time delayBudget;
        Direction direction{DOWNLINK};
        std::vector<std::pair<std::string, uint32_t>> groups{};
    };

    using Key = std::pair<std::pair<std::string, uint32_t>, Direction>;

    template <typename Change>
    void ForEachGroup(uint32_t flowId, Change change);
    /// What the radio did for a group, and what it could have had.
    std::pair<RadioUse, uint64_t> GetUse(const Key& key, const Group& group) const;
    static double Quantile(const Group& group, double part);

    ns3::Ptr<const RanNetwork> m_ran;
    ns3::Time m_begin;
    std::vector<Flow> m_flows;
    std::map<Key, Group> m_groups;
    std::map<std::pair<std::string, uint32_t>, std::string> m_names;
};

} // namespace qntn

#endif // QNTN_RAN_RAN_KPIS_H
