// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_TRAFFIC_SOURCE_H
#define QNTN_METAVERSE_TRAFFIC_SOURCE_H

#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/nstime.h"
#include "ns3/object.h"

#include <cstdint>

namespace qntn
{

/// An application that makes bursts: what belongs together and is of use only as a whole (a video
/// frame, a control sample, a file; a PDU set in the words of TS 23.501).
class TrafficSource : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    using BurstCallback = ns3::Callback<void, uint32_t /*bytes*/>;
    /// Receives each burst when it is made.
    void SetOutputCallback(BurstCallback output);

    /// Make bursts from now on; once.
    void Start();

    /// Part of the nominal rate that the provider lets through, in 0..1. How a source obeys is its
    /// own matter; one that cannot be thinned ignores it.
    virtual void SetAdmission(double ratio);
    /// What a burst is worth at the present admission, in 0..1.
    virtual double GetQuality() const;
    /// Mean bits a second at full admission.
    virtual double GetNominalRateBps() const = 0;
    /// \return streams used
    virtual int64_t AssignStreams(int64_t stream) = 0;

  protected:
    void DoDispose() override;

  private:
    /// When the next burst comes; called first at Start, then after each burst.
    virtual ns3::Time DrawArrival(ns3::Time now) = 0;
    /// Size of the burst that is made now; 0 for none.
    virtual uint32_t DrawBytes() = 0;
    void Emit();

    BurstCallback m_output;
    ns3::EventId m_next;
};

} // namespace qntn

#endif // QNTN_METAVERSE_TRAFFIC_SOURCE_H
