// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RAN_FIXTURE_H
#define QNTN_RAN_RAN_FIXTURE_H

#include "ran/ran-network.h"

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace qntn
{

inline const FlowConfig UP{.direction = UPLINK};

/// A small network and the counts of what it delivers.
class RanFixture
{
  public:
    explicit RanFixture(uint32_t numSlices = 2, uint64_t run = 1)
        : ran(ns3::CreateObject<RanNetwork>())
    {
        ns3::RngSeedManager::SetSeed(1);
        ns3::RngSeedManager::SetRun(run);
        ran->SetAttribute("NumSlices", ns3::UintegerValue(numSlices));
        ran->SetDeliveredCallback(ns3::MakeCallback(&RanFixture::Delivered, this));
        ran->SetDroppedCallback(ns3::MakeCallback(&RanFixture::Dropped, this));
    }

    ~RanFixture()
    {
        ran->Dispose();
        ns3::Simulator::Destroy();
    }

    void AddGnb(double x, double y, const std::string& slotPattern = "D")
    {
        ran->AddGnb({"gnb", {x, y, 25}, {3.5e9, 40e6, 1, slotPattern}, 46, 8});
    }

    uint32_t AddUser(double x, double y, double vx = 0)
    {
        auto mobility = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
        mobility->SetPosition({x, y, 1.5});
        mobility->SetVelocity({vx, 0, 0});
        return ran->AddUe(mobility);
    }

    /// Offers a flow \p rateBps in packets of \p bytes, evenly spaced.
    void Offer(uint32_t flow, double rateBps, uint32_t bytes)
    {
        ran->Enqueue(flow, ns3::Create<ns3::Packet>(bytes), ns3::Simulator::Now());
        ns3::Simulator::Schedule(ns3::Seconds(bytes * 8 / rateBps),
                                 &RanFixture::Offer,
                                 this,
                                 flow,
                                 rateBps,
                                 bytes);
    }

    void Run(double seconds)
    {
        ns3::Simulator::Stop(ns3::Seconds(seconds));
        ns3::Simulator::Run();
        ran->Check();
    }

    ns3::Ptr<RanNetwork> ran;
    std::vector<uint64_t> deliveredBytes = std::vector<uint64_t>(100);
    std::vector<uint64_t> drops = std::vector<uint64_t>(NUM_DROP_CAUSES);
    std::vector<double> delays_s;
    ns3::Time longest;

    /// Only this flow's delays are noted.
    void SetFlowOfDelays(uint32_t flow)
    {
        m_flowOfDelays = flow;
    }

  private:
    uint32_t m_flowOfDelays{NO_CELL};

    void Delivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created)
    {
        deliveredBytes[flow] += packet->GetSize();
        if (flow != m_flowOfDelays && m_flowOfDelays != NO_CELL)
        {
            return;
        }
        delays_s.push_back((ns3::Simulator::Now() - created).GetSeconds());
        longest = std::max(longest, ns3::Simulator::Now() - created);
    }

    void Dropped(uint32_t, ns3::Ptr<const ns3::Packet>, DropCause cause)
    {
        ++drops[static_cast<size_t>(cause)];
    }
};

} // namespace qntn

#endif // QNTN_RAN_RAN_FIXTURE_H
