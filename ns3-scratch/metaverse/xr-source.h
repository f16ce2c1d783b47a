// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_XR_SOURCE_H
#define QNTN_METAVERSE_XR_SOURCE_H

#include "metaverse/traffic-source.h"

#include "ns3/random-variable-stream.h"

namespace qntn
{

/// Video of extended reality, downlink, TR 38.838 V17 clause 5.1.1: one frame each 1/fps, late or
/// early by a truncated Gaussian jitter, of truncated Gaussian size.
///
/// Admission thins the encoder's rate: all frames shrink, none is skipped. What a frame is worth
/// falls with the square root of the rate.
class XrSource : public TrafficSource
{
  public:
    static ns3::TypeId GetTypeId();
    XrSource();

    void SetAdmission(double ratio) override;
    double GetQuality() const override;
    double GetNominalRateBps() const override;
    int64_t AssignStreams(int64_t stream) override;

  private:
    ns3::Time DrawArrival(ns3::Time now) override;
    uint32_t DrawBytes() override;

    double m_rate_bps;
    double m_framesPerSecond;
    double m_sizeDeviation; ///< of the mean
    double m_sizeRange;     ///< of the mean, to either side
    ns3::Time m_jitterDeviation;
    ns3::Time m_jitterRange;
    double m_admission{1};
    bool m_started{false};
    ns3::Time m_nominal; ///< arrival of the next frame without jitter
    ns3::Ptr<ns3::NormalRandomVariable> m_size;
    ns3::Ptr<ns3::NormalRandomVariable> m_jitter;
    ns3::Ptr<ns3::UniformRandomVariable> m_phase;
};

} // namespace qntn

#endif // QNTN_METAVERSE_XR_SOURCE_H
