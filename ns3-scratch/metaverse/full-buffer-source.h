// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_FULL_BUFFER_SOURCE_H
#define QNTN_METAVERSE_FULL_BUFFER_SOURCE_H

#include "metaverse/traffic-source.h"

namespace qntn
{

/// Full buffer, TR 36.814 A.2.1.3.2: a queue that never runs empty. Each millisecond it is filled
/// up to a depth that must be more than the radio sends in that time.
class FullBufferSource : public TrafficSource
{
  public:
    /// Tells what waits in the queue.
    using BacklogCallback = ns3::Callback<uint64_t /*bytes*/>;

    static ns3::TypeId GetTypeId();

    void SetBacklogCallback(BacklogCallback backlog);
    double GetNominalRateBps() const override;
    int64_t AssignStreams(int64_t stream) override;

  protected:
    void DoDispose() override;

  private:
    ns3::Time DrawArrival(ns3::Time now) override;
    uint32_t DrawBytes() override;

    uint32_t m_depthBytes;
    BacklogCallback m_backlog;
};

} // namespace qntn

#endif // QNTN_METAVERSE_FULL_BUFFER_SOURCE_H
