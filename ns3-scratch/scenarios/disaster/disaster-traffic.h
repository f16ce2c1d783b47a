// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_DISASTER_DISASTER_TRAFFIC_H
#define QNTN_SCENARIOS_DISASTER_DISASTER_TRAFFIC_H

#include "metaverse/radio-slices.h"
#include "metaverse/service-monitor.h"
#include "metaverse/traffic-source.h"
#include "ran/ran-kpis.h"
#include "ran/ran-network.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

namespace qntn
{

/// Sends what the sources make over the radio and finds out what became of it: a burst (a voice
/// frame, a video frame, a file) is satisfied when all of its packets arrive within the budget.
class DisasterTraffic
{
  public:
    /// \param numCells the cell after the last stands for users in no cell
    DisasterTraffic(ns3::Ptr<RanNetwork> ran, uint32_t numCells, uint32_t numSlices)
        : m_ran(std::move(ran)), m_numCells(numCells), m_monitor(1, numCells + 1, numSlices)
    {
        m_ran->SetDeliveredCallback(ns3::MakeCallback(&DisasterTraffic::Delivered, this));
        m_ran->SetDroppedCallback(ns3::MakeCallback(&DisasterTraffic::Dropped, this));
    }

    void AddFlow(uint32_t user, uint32_t slice, ns3::Time budget, ns3::Ptr<TrafficSource> source)
    {
        const uint32_t flow = m_ran->AddFlow(user, slice, budget);
        m_flows.push_back({user, slice, budget, source});
        source->SetOutputCallback(ns3::MakeCallback(&DisasterTraffic::Make, this).Bind(flow));
    }

    void Start() const
    {
        for (const auto& flow : m_flows)
        {
            flow.source->Start();
        }
    }

    void SetAdmission(uint32_t slice, double ratio) const
    {
        for (const auto& flow : m_flows)
        {
            if (flow.slice == slice)
            {
                flow.source->SetAdmission(ratio);
            }
        }
    }

    int64_t AssignStreams(int64_t stream) const
    {
        int64_t used = 0;
        for (const auto& flow : m_flows)
        {
            used += flow.source->AssignStreams(stream + used);
        }
        return used;
    }

    /// Begins to count the radio's key figures; after the last flow, before Start.
    RanKpis& CountKpis()
    {
        m_kpis = std::make_unique<RanKpis>(m_ran);
        for (uint32_t f = 0; f < m_flows.size(); ++f)
        {
            const Flow& flow = m_flows[f];
            m_kpis->AddFlow(f, flow.user, flow.slice, flow.budget, DOWNLINK);
        }
        return *m_kpis;
    }

    /// What was counted.
    const RanKpis& GetKpis() const
    {
        return *m_kpis;
    }

    ServiceMonitor& GetMonitor()
    {
        return m_monitor;
    }

    void Dispose()
    {
        m_kpis.reset();
        for (const auto& flow : m_flows)
        {
            flow.source->Dispose();
        }
        m_flows.clear();
    }

  private:
    static constexpr uint32_t PACKET_BYTES = 1400;

    struct Flow
    {
        uint32_t user;
        uint32_t slice;
        ns3::Time budget;
        ns3::Ptr<TrafficSource> source;
    };

    struct Burst
    {
        ServiceMonitor::Group group;
        ns3::Time created;
        uint32_t bytes{0};
        uint32_t openPackets{0};
        double quality{1};
        bool lost{false};
        LossCause cause{LossCause::LATE};
    };

    void Make(uint32_t flow, uint32_t bytes)
    {
        if (m_free.empty())
        {
            m_free.push_back(static_cast<uint32_t>(m_bursts.size()));
            m_bursts.emplace_back();
        }
        const uint32_t index = m_free.back();
        m_free.pop_back();
        const auto& config = m_flows[flow];
        const uint32_t cell = std::min(m_ran->GetServingCell(config.user), m_numCells);
        const uint32_t numPackets = (bytes + PACKET_BYTES - 1) / PACKET_BYTES;
        m_bursts[index] = {.group = {0, cell, config.slice, config.user},
                           .created = ns3::Simulator::Now(),
                           .bytes = bytes,
                           .openPackets = numPackets,
                           .quality = config.source->GetQuality()};
        m_monitor.Offered(m_bursts[index].group, bytes);
        for (uint32_t left = bytes; left > 0; left -= std::min(left, PACKET_BYTES))
        {
            auto packet = ns3::Create<ns3::Packet>(std::min(left, PACKET_BYTES));
            m_burstOf[packet->GetUid()] = index;
            m_ran->Enqueue(flow, packet, ns3::Simulator::Now());
        }
    }

    void Delivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created)
    {
        if (m_kpis)
        {
            m_kpis->Delivered(flow, packet, created);
        }
        const bool late = ns3::Simulator::Now() - created > m_flows[flow].budget;
        Close(packet, late, LossCause::LATE);
    }

    void Dropped(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, DropCause cause)
    {
        if (m_kpis)
        {
            m_kpis->Dropped(flow, packet, cause);
        }
        Close(packet, true, ToLossCause(cause));
    }

    void Close(const ns3::Ptr<const ns3::Packet>& packet, bool lost, LossCause cause)
    {
        const auto found = m_burstOf.find(packet->GetUid());
        const uint32_t index = found->second;
        m_burstOf.erase(found);
        Burst& burst = m_bursts[index];
        if (lost && !burst.lost)
        {
            burst.lost = true;
            burst.cause = cause;
        }
        if (--burst.openPackets > 0)
        {
            return;
        }
        if (burst.lost)
        {
            m_monitor.Lost(burst.group, burst.cause);
        }
        else
        {
            const ns3::Time delay = ns3::Simulator::Now() - burst.created;
            m_monitor.Satisfied(burst.group, burst.bytes, delay, burst.quality, false);
        }
        m_free.push_back(index);
    }

    ns3::Ptr<RanNetwork> m_ran;
    std::unique_ptr<RanKpis> m_kpis; ///< none: not counted
    uint32_t m_numCells;
    ServiceMonitor m_monitor;
    std::vector<Flow> m_flows; ///< numbered as the radio's
    std::vector<Burst> m_bursts;
    std::vector<uint32_t> m_free;
    std::unordered_map<uint64_t, uint32_t> m_burstOf; ///< by the packet's number
};

} // namespace qntn

#endif // QNTN_SCENARIOS_DISASTER_DISASTER_TRAFFIC_H
