// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_URLLC_SOURCE_H
#define QNTN_METAVERSE_URLLC_SOURCE_H

#include "metaverse/traffic-source.h"

#include "ns3/random-variable-stream.h"

namespace qntn
{

/// Haptic and control samples of extreme URLLC: one small packet each period, from a random phase
/// on.
class UrllcSource : public TrafficSource
{
  public:
    static ns3::TypeId GetTypeId();
    UrllcSource();

    double GetNominalRateBps() const override;
    int64_t AssignStreams(int64_t stream) override;

  private:
    ns3::Time DrawArrival(ns3::Time now) override;
    uint32_t DrawBytes() override;

    uint32_t m_bytes;
    ns3::Time m_period;
    bool m_started{false};
    ns3::Ptr<ns3::UniformRandomVariable> m_phase;
};

} // namespace qntn

#endif // QNTN_METAVERSE_URLLC_SOURCE_H
