// SPDX-License-Identifier: GPL-2.0-only
//
// The smallest scenario with everything in it: one link shared by a few queues, a worker that
// divides the link each step and a manager that chooses the link's rate each epoch. Packets are
// ns-3 packets in ns-3 queues. It serves tests and tutorials; start here to write your own.
#include "bridge/bridge.h"

#include "ns3/drop-tail-queue.h"
#include "ns3/packet.h"
#include "ns3/random-variable-stream.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <array>
#include <vector>

using namespace ns3;

namespace
{

constexpr uint32_t PACKET_BYTES = 1000;
constexpr uint32_t QUEUE_PACKETS = 100;
/// What the link can be set to, and what each rate costs a second.
constexpr std::array<double, 3> LINK_RATES_BPS{4e6, 8e6, 16e6};
constexpr std::array<double, 3> LINK_PRICES_EUR_PER_S{1.0, 2.5, 8.0};

/// Flows that queue up for their share of one link.
class SharedLink
{
  public:
    explicit SharedLink(uint32_t numFlows)
        : m_offered_bps(numFlows, 0.0),
          m_credit_bytes(numFlows, 0.0),
          m_arrivals(CreateObject<ExponentialRandomVariable>())
    {
        for (uint32_t i = 0; i < numFlows; ++i)
        {
            m_queues.push_back(CreateObject<DropTailQueue<Packet>>());
            m_queues.back()->SetMaxSize(QueueSize(QueueSizeUnit::PACKETS, QUEUE_PACKETS));
        }
        m_arrivals->SetStream(1);
    }

    /// Packets of flow \p flow come at \p rateBps from now on, with exponential gaps; none at 0.
    void StartFlow(uint32_t flow, double rateBps)
    {
        m_offered_bps[flow] = rateBps;
        if (rateBps > 0)
        {
            ScheduleArrival(flow);
        }
    }

    /// Sends for \p duration: each flow gets its share of \p linkBps, whole packets only.
    /// \return bytes sent
    uint64_t Serve(uint32_t flow, double share, double linkBps, Time duration)
    {
        uint64_t sent_bytes = 0;
        m_credit_bytes[flow] += share * linkBps * duration.GetSeconds() / 8;
        while (m_credit_bytes[flow] >= PACKET_BYTES && m_queues[flow]->GetNPackets() > 0)
        {
            m_credit_bytes[flow] -= m_queues[flow]->Dequeue()->GetSize();
            sent_bytes += PACKET_BYTES;
        }
        m_credit_bytes[flow] = std::min<double>(m_credit_bytes[flow], PACKET_BYTES);
        return sent_bytes;
    }

    uint32_t GetQueuedBytes(uint32_t flow) const
    {
        return m_queues[flow]->GetNBytes();
    }

    double GetOfferedBps(uint32_t flow) const
    {
        return m_offered_bps[flow];
    }

  private:
    void ScheduleArrival(uint32_t flow)
    {
        const double mean_s = PACKET_BYTES * 8 / m_offered_bps[flow];
        Simulator::Schedule(Seconds(m_arrivals->GetValue(mean_s, 0)),
                            &SharedLink::Arrive,
                            this,
                            flow);
    }

    void Arrive(uint32_t flow)
    {
        m_queues[flow]->Enqueue(Create<Packet>(PACKET_BYTES));
        ScheduleArrival(flow);
    }

    std::vector<Ptr<DropTailQueue<Packet>>> m_queues;
    std::vector<double> m_offered_bps;
    std::vector<double> m_credit_bytes;
    Ptr<ExponentialRandomVariable> m_arrivals;
};

} // namespace

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto numFlows =
        bridge.Parameter<uint32_t>("num_flows", 1, 1000, "1", "flows on the link");
    const auto numSteps =
        bridge.Parameter<uint32_t>("num_steps", 1, 1e9, "steps", "length of an episode");
    const auto epochSteps =
        bridge.Parameter<uint32_t>("epoch_steps", 1, 1e6, "steps", "a manager's period");
    const auto load_bps =
        bridge.Parameter<double>("load_bps", 0, 1e9, "bps", "offered load of all flows");

    auto& manager = bridge.AddRole("manager", 1, epochSteps, "chooses the rate of the link");
    auto offered = manager.Observe("offered_bps", 1, 0, 1e9, "bps", "offered load of all flows");
    auto rate = manager.Choose("link_rate",
                               1,
                               LINK_RATES_BPS.size(),
                               "rate that the link is bought with",
                               {.labels = {"4 Mb/s", "8 Mb/s", "16 Mb/s"}, .defaultChoice = 1});
    auto price = manager.Term("price_eur", "eur", "cost of the link in this step");
    auto managerLost = manager.Term("backlog_ratio", "ratio", "mean fill of the queues");

    auto& worker = bridge.AddRole("worker", 1, 1, "divides the link between the flows");
    auto queue =
        worker.Observe("queue_bytes", numFlows, 0, QUEUE_PACKETS * PACKET_BYTES, "bytes", "queued");
    auto demand = worker.Observe("offered_bps", numFlows, 0, 1e9, "bps", "offered load");
    auto share = worker.Simplex("link_share_ratio",
                                numFlows,
                                "share of the link",
                                {.demand = "offered_bps"});
    auto backlog = worker.Term("backlog_ratio", "ratio", "mean fill of the queues");

    auto carried = bridge.Metric("carried_bps", "bps", "carried by the link in this step");
    auto backlogMetric = bridge.Metric("backlog_ratio", "ratio", "mean fill of the queues");
    auto priceMetric = bridge.Metric("price_eur", "eur", "cost of the link in this step");

    bridge.SetStep(MilliSeconds(100));
    bridge.Open();

    SharedLink link(numFlows);
    auto weights = CreateObject<UniformRandomVariable>();
    weights->SetStream(2);
    std::vector<double> weight(numFlows);
    double sum = 0;
    for (auto& w : weight)
    {
        sum += w = weights->GetValue(0.1, 1.0);
    }
    for (uint32_t i = 0; i < numFlows; ++i)
    {
        link.StartFlow(i, load_bps * weight[i] / sum);
    }

    uint32_t chosen = 0;
    for (uint32_t step = 0; step < numSteps; ++step)
    {
        offered(0) = static_cast<float>(load_bps);
        for (uint32_t i = 0; i < numFlows; ++i)
        {
            queue(0, i) = static_cast<float>(link.GetQueuedBytes(i));
            demand(0, i) = static_cast<float>(link.GetOfferedBps(i));
        }
        bridge.Step();
        if (manager.Acted())
        {
            chosen = rate(0);
        }

        Simulator::Stop(bridge.GetStep());
        Simulator::Run();
        double fill = 0;
        uint64_t sent_bytes = 0;
        for (uint32_t i = 0; i < numFlows; ++i)
        {
            sent_bytes += link.Serve(i, share(0, i), LINK_RATES_BPS[chosen], bridge.GetStep());
            fill += link.GetQueuedBytes(i) / double{QUEUE_PACKETS * PACKET_BYTES} / numFlows;
        }
        const double cost = LINK_PRICES_EUR_PER_S[chosen] * bridge.GetStep().GetSeconds();
        price(0) = priceMetric() = cost;
        backlog(0) = managerLost(0) = backlogMetric() = fill;
        carried() = 8.0 * static_cast<double>(sent_bytes) / bridge.GetStep().GetSeconds();
    }
    bridge.Finish(qntn::End::TRUNCATED);
    Simulator::Destroy();
    return 0;
}
