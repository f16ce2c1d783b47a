// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ran-kpis.h"

#include "ran/input-error.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>

namespace qntn
{

using namespace ns3;

namespace
{

constexpr double SHORTEST_S = 10e-6;
constexpr double STEP = 1.02;
constexpr double SATISFIED_RATIO = 0.99; // of packets in time; TR 38.838 V17, 7.2

double
Ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

} // namespace

RanKpis::RanKpis(Ptr<const RanNetwork> ran) : m_ran(std::move(ran)), m_begin(Simulator::Now())
{
}

void
RanKpis::AddFlow(
    uint32_t flowId, uint32_t ueIndex, uint32_t sliceId, Time delayBudget, Direction direction)
{
    m_flows.resize(std::max<size_t>(m_flows.size(), flowId + 1));
    m_flows[flowId] = {ueIndex, delayBudget, direction, {{"slice", sliceId}, {"ue", ueIndex}}};
    for (const auto& name : m_flows[flowId].groups)
    {
        m_groups[{name, direction}].flows.push_back(flowId);
    }
}

void
RanKpis::AddGroup(uint32_t flowId, const std::string& of, uint32_t index)
{
    RequireInput(flowId < m_flows.size() && !m_flows[flowId].groups.empty(),
                 "group " + of + ", flow",
                 flowId,
                 "one that RanKpis::AddFlow was called with");
    m_flows[flowId].groups.emplace_back(of, index);
    m_groups[{{of, index}, m_flows[flowId].direction}].flows.push_back(flowId);
}

void
RanKpis::SetName(const std::string& of, uint32_t index, const std::string& name)
{
    m_names[{of, index}] = name;
}

template <typename Change>
void
RanKpis::ForEachGroup(uint32_t flowId, Change change)
{
    const Flow& flow = m_flows[flowId];
    for (const auto& name : flow.groups)
    {
        change(m_groups[{name, flow.direction}]);
    }
    if (const uint32_t serving = m_ran->GetServingCell(flow.ueIndex); serving != NO_CELL)
    {
        change(m_groups[{{"cell", serving}, flow.direction}]);
    }
}

void
RanKpis::Delivered(uint32_t flowId, Ptr<const Packet> packet, Time created)
{
    if (flowId >= m_flows.size() || m_flows[flowId].groups.empty())
    {
        return;
    }
    const Flow& flow = m_flows[flowId];
    const Time delay = Simulator::Now() - created;
    const bool inTime = delay <= flow.delayBudget;
    const double steps = std::log(delay.GetSeconds() / SHORTEST_S) / std::log(STEP);
    const auto place = static_cast<size_t>(std::clamp(steps, 0.0, NUM_STEPS - 1.0));
    ForEachGroup(flowId,
                 [&](Group& group)
                 {
                     ++group.packets;
                     group.deliveredBytes += packet->GetSize();
                     group.violations += !inTime;
                     ++group.delays[place];
                     Count& user = group.users[flow.ueIndex];
                     ++user.packets;
                     user.inTime += inTime;
                 });
}

void
RanKpis::Dropped(uint32_t flowId, Ptr<const Packet>, DropCause)
{
    if (flowId >= m_flows.size() || m_flows[flowId].groups.empty())
    {
        return;
    }
    const uint32_t ueIndex = m_flows[flowId].ueIndex;
    ForEachGroup(flowId,
                 [ueIndex](Group& group)
                 {
                     ++group.packets;
                     ++group.dropped;
                     ++group.violations;
                     ++group.users[ueIndex].packets;
                 });
}

double
RanKpis::Quantile(const Group& group, double part)
{
    const uint64_t delivered = group.packets - group.dropped;
    const double wanted = part * static_cast<double>(delivered);
    uint64_t below = 0;
    for (size_t i = 0; i < NUM_STEPS && delivered > 0; ++i)
    {
        below += group.delays[i];
        if (static_cast<double>(below) >= wanted)
        {
            return SHORTEST_S * std::pow(STEP, static_cast<double>(i) + 0.5);
        }
    }
    return 0;
}

std::pair<RadioUse, uint64_t>
RanKpis::GetUse(const Key& key, const Group& group) const
{
    const Direction direction = key.second;
    if (key.first.first == "cell")
    {
        const uint32_t cell = key.first.second;
        return {m_ran->GetCellUse(cell, direction), m_ran->GetOfferedPrbSymbols(cell, direction)};
    }
    RadioUse use;
    for (const uint32_t flow : group.flows)
    {
        use += m_ran->GetUse(flow);
    }
    uint64_t offered = 0;
    for (uint32_t cell = 0; cell < m_ran->GetNumCells(); ++cell)
    {
        offered += m_ran->GetOfferedPrbSymbols(cell, direction);
    }
    return {use, offered};
}

std::vector<KpiRow>
RanKpis::GetRows() const
{
    const double seconds = (Simulator::Now() - m_begin).GetSeconds();
    std::vector<KpiRow> rows;
    for (const auto& [key, group] : m_groups)
    {
        const auto satisfied =
            std::ranges::count_if(group.users,
                                  [](const auto& user)
                                  {
                                      const Count& count = user.second;
                                      return static_cast<double>(count.inTime) >=
                                             SATISFIED_RATIO * static_cast<double>(count.packets);
                                  });
        const auto [use, offered] = GetUse(key, group);
        MobilityReport mobility;
        for (const auto& user : group.users)
        {
            mobility += m_ran->GetMobility(user.first);
        }
        const auto named = m_names.find(key.first);
        rows.push_back(
            {.of = key.first.first,
             .index = key.first.second,
             .name = named != m_names.end()
                         ? named->second
                         : key.first.first + "_" + std::to_string(key.first.second),
             .direction = key.second,
             .packets = group.packets,
             .deliveredBytes = group.deliveredBytes,
             .droppedPackets = group.dropped,
             .violations = group.violations,
             .throughputBps = 8 * static_cast<double>(group.deliveredBytes) / seconds,
             .delayP50S = Quantile(group, 0.5),
             .delayP99S = Quantile(group, 0.99),
             .delayP999S = Quantile(group, 0.999),
             .satisfiedRatio = Ratio(static_cast<uint64_t>(satisfied), group.users.size()),
             .blerRatio = Ratio(use.failedBlocks, use.blocks),
             .prbUtilisationRatio = Ratio(use.prbSymbols, offered),
             .mobility = mobility});
    }
    return rows;
}

void
RanKpis::WriteCsv(std::ostream& out) const
{
    out << "of,index,name,direction,packets,delivered_bytes,dropped_packets,violations,throughput_"
           "bps,"
           "delay_p50_s,delay_p99_s,delay_p999_s,satisfied_ratio,bler_ratio,prb_utilisation_ratio,"
           "handovers,ping_pongs,"
           "radio_link_failures,interruption_s\r\n";
    for (const auto& row : GetRows())
    {
        out << row.of << ',' << row.index << ',' << row.name << ','
            << (row.direction == UPLINK ? "up" : "down") << ',' << row.packets << ','
            << row.deliveredBytes << ',' << row.droppedPackets << ',' << row.violations << ','
            << row.throughputBps << ',' << row.delayP50S << ',' << row.delayP99S << ','
            << row.delayP999S << ',' << row.satisfiedRatio << ',' << row.blerRatio << ','
            << row.prbUtilisationRatio << ',' << row.mobility.handovers << ','
            << row.mobility.pingPongs << ',' << row.mobility.GetFailures() << ','
            << row.mobility.interruption.GetSeconds() << "\r\n";
    }
}

} // namespace qntn
