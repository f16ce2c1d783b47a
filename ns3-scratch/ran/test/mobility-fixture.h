// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_MOBILITY_FIXTURE_H
#define QNTN_RAN_MOBILITY_FIXTURE_H

#include "orbit/circular-orbit.h"
#include "ran/test/ran-fixture.h"

#include "ns3/double.h"
#include "ns3/enum.h"

#include <memory>
#include <vector>

namespace qntn
{

/// What tests of mobility share: satellites, moves with their times, and the order of deliveries.
class MobilityFixture : public RanFixture
{
  public:
    static constexpr double LATITUDE_DEG = 40;

    explicit MobilityFixture(uint64_t run = 1) : RanFixture(1, run)
    {
        ran->SetDeliveredCallback(ns3::MakeCallback(&MobilityFixture::NoteDelivery, this));
    }

    void SetHandover(const std::string& name, const ns3::AttributeValue& value)
    {
        ran->GetHandoverControl().SetAttribute(name, value);
    }

    /// A beam of a satellite that stands overhead at a time.
    uint32_t AddSatellite(double overheadS, double frequencyHz, double minElevationDeg)
    {
        const auto orbit = std::make_shared<CircularOrbit>(
            CircularOrbit::Over(LATITUDE_DEG, 0, 600e3, 90, overheadS));
        return ran->AddNtnCell({.name = "leo",
                                .trajectory = orbit,
                                .frame = GroundFrame(LATITUDE_DEG, 0),
                                .beamCentre = {0, 0, 0},
                                .carrier = {frequencyHz, 30e6, 0, "D", 1},
                                .eirpDensityDbwPerMhz = 34,
                                .minElevationDeg = minElevationDeg,
                                .coreDelay = ns3::Seconds(0),
                                .environment = "Rural"});
    }

    /// With all PRBs for the only slice.
    void Start()
    {
        ran->AssignStreams(3);
        ran->Start();
        for (uint32_t c = 0; c < ran->GetNumCells(); ++c)
        {
            const uint32_t prbs = ran->GetNumPrbs(c);
            ran->SetPrbQuota(c, 0, {0, prbs, prbs});
        }
    }

    struct Move
    {
        double atS;
        uint32_t from;
        uint32_t to;
        ns3::Vector position;
    };

    /// Notes each change of a user's cell, in steps of 5 ms.
    std::vector<Move> Follow(uint32_t user, ns3::Ptr<ns3::MobilityModel> mobility, double seconds)
    {
        std::vector<Move> moves;
        uint32_t before = ran->GetServingCell(user);
        for (int i = 0; i < static_cast<int>(seconds * 200); ++i)
        {
            Run(0.005);
            const uint32_t now = ran->GetServingCell(user);
            if (now != before)
            {
                moves.push_back(
                    {ns3::Simulator::Now().GetSeconds(), before, now, mobility->GetPosition()});
                before = now;
            }
        }
        return moves;
    }

    ns3::Ptr<ns3::ConstantVelocityMobilityModel> MakeMobility(double x, double vx)
    {
        auto mobility = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
        mobility->SetPosition({x, 20, 1.5});
        mobility->SetVelocity({vx, 0, 0});
        return mobility;
    }

    /// sent = delivered + dropped + in flight, as the account of a flow tells.
    bool IsAccountedFor(uint32_t flow) const
    {
        const auto account = ran->GetAccount(flow);
        return account.sent == account.delivered + GetDropped(flow) + account.inFlight;
    }

    uint64_t GetDropped(uint32_t flow) const
    {
        const auto account = ran->GetAccount(flow);
        return account.dropped[0] + account.dropped[1] + account.dropped[2] + account.dropped[3];
    }

    /// Longest time between two deliveries, that began at \p sinceS or later.
    double GetLongestGap(double sinceS = 0) const
    {
        double longest = 0;
        for (size_t i = 1; i < deliveredAt.size(); ++i)
        {
            longest = deliveredAt[i - 1] < sinceS
                          ? longest
                          : std::max(longest, deliveredAt[i] - deliveredAt[i - 1]);
        }
        return longest;
    }

    RanNetwork::DeliveredCallback alsoDelivered;
    std::vector<double> deliveredAt;
    std::vector<ns3::Time> created; ///< of the delivered packets, in order of delivery

  private:
    void NoteDelivery(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time made)
    {
        deliveredBytes[flow] += packet->GetSize();
        deliveredAt.push_back(ns3::Simulator::Now().GetSeconds());
        created.push_back(made);
        alsoDelivered.IsNull() ? void() : alsoDelivered(flow, packet, made);
    }
};

} // namespace qntn

#endif // QNTN_RAN_MOBILITY_FIXTURE_H
