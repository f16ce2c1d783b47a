// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_EMBB_SOURCE_H
#define QNTN_METAVERSE_EMBB_SOURCE_H

#include "metaverse/traffic-source.h"

#include "ns3/random-variable-stream.h"

namespace qntn
{

/// Elastic downloads: files of one size that come as a Poisson process (FTP model 3, TR 36.872
/// A.2.1.3.1).
///
/// The load ratio makes rush hours. Admission is random: a refused file is never made, and a user
/// who is refused a part of the files values the service in proportion.
class EmbbSource : public TrafficSource
{
  public:
    static ns3::TypeId GetTypeId();
    EmbbSource();

    /// Times the nominal rate, from the next file on.
    void SetLoad(double ratio);
    void SetAdmission(double ratio) override;
    double GetQuality() const override;
    double GetNominalRateBps() const override;
    int64_t AssignStreams(int64_t stream) override;

  private:
    ns3::Time DrawArrival(ns3::Time now) override;
    uint32_t DrawBytes() override;

    double m_rate_bps;
    uint32_t m_fileBytes;
    double m_load{1};
    double m_admission{1};
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
};

} // namespace qntn

#endif // QNTN_METAVERSE_EMBB_SOURCE_H
