// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_HAPTIC_SOURCE_H
#define QNTN_METAVERSE_HAPTIC_SOURCE_H

#include "metaverse/traffic-source.h"

#include "ns3/random-variable-stream.h"

namespace qntn
{

/// Compressed haptics as 3GPP SA4 describes them for Release 20 (LS S4-260162): samples of
/// truncated Pareto size at exponential distances. It cannot be thinned.
class HapticSource : public TrafficSource
{
  public:
    static ns3::TypeId GetTypeId();
    HapticSource();

    double GetNominalRateBps() const override;
    int64_t AssignStreams(int64_t stream) override;

  private:
    ns3::Time DrawArrival(ns3::Time now) override;
    uint32_t DrawBytes() override;

    double m_shape;
    uint32_t m_leastBits;
    uint32_t m_mostBits;
    ns3::Time m_meanGap;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Ptr<ns3::UniformRandomVariable> m_size;
};

} // namespace qntn

#endif // QNTN_METAVERSE_HAPTIC_SOURCE_H
