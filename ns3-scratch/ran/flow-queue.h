// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_FLOW_QUEUE_H
#define QNTN_RAN_FLOW_QUEUE_H

#include "ran/ran-types.h"

#include "ns3/nstime.h"
#include "ns3/packet.h"

#include <deque>
#include <vector>

namespace qntn
{

using PacketId = uint32_t;

/// Some bytes of a packet in a transport block.
struct Segment
{
    PacketId packet;
    uint32_t bytes;
};

/// A packet that has arrived whole, or was lost.
struct FinishedPacket
{
    ns3::Ptr<const ns3::Packet> packet;
    ns3::Time created;
    uint32_t sequence; ///< PDCP's number, from 0 on in the order of sending
};

/// The packets of all flows: waiting in the RLC queue of their flow, cut into segments, on the air.
///
/// Each packet is in exactly one state, and each is accounted for: sent = delivered + dropped + in
/// flight.
class FlowQueues
{
  public:
    struct Flow
    {
        uint32_t ueIndex;
        uint32_t sliceId;
        ns3::Time delayBudget;
        FlowConfig config;
        uint32_t nextSequence{0};
        std::deque<PacketId> queue;
        uint64_t queueBytes{0}; ///< still to be sent
        FlowAccount account;
    };

    uint32_t Add(uint32_t ueIndex,
                 uint32_t sliceId,
                 ns3::Time delayBudget,
                 const FlowConfig& config = {});
    const std::vector<Flow>& GetFlows() const;

    /// A packet joins the end of its flow's queue.
    void Push(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    /// A packet is counted as sent and dropped at once.
    void Refuse(uint32_t flow, DropCause cause);

    /// When the oldest packet of the queue was made. The queue must not be empty.
    ns3::Time GetOldest(uint32_t flow) const;
    /// Removes the oldest packet of which nothing has been sent, if it was made before \p limit.
    bool DiscardOlderThan(uint32_t flow, ns3::Time limit, FinishedPacket& discarded);

    /// When the last packet of a block is of no use any more.
    ns3::Time GetDeadline(const std::vector<Segment>& segments) const;

    /// Fills a transport block of \p bytes with what waits, headers included.
    std::vector<Segment> Take(uint32_t flow, uint32_t bytes);
    /// The segments of a block have arrived. \return the packets that are whole now
    std::vector<FinishedPacket> Arrive(const std::vector<Segment>& segments);
    /// The same of a block that came so late that the receiver has thrown away the packets of
    /// which it had only other segments. \param expired these packets; dropped
    std::vector<FinishedPacket> ArriveLate(const std::vector<Segment>& segments,
                                           std::vector<FinishedPacket>& expired);
    /// The segments of a block are lost, and a status report asks for them. \return the packets
    /// that were asked for too often and are lost
    std::vector<FinishedPacket> Retransmit(const std::vector<Segment>& segments);
    /// The segments of a block are lost for good. \return the packets that are lost with them
    std::vector<FinishedPacket> Lose(const std::vector<Segment>& segments, DropCause cause);
    /// The segments of a block are to be sent anew, by another cell.
    void Return(const std::vector<Segment>& segments);

    /// A packet that Arrive returned has reached its user.
    void CountDelivered(uint32_t flow);
    /// A packet that Arrive returned is thrown away by its receiver.
    void CountDropped(uint32_t flow, DropCause cause);
    /// Asserts that every packet of every flow is accounted for.
    void Check() const;

  private:
    struct Record
    {
        ns3::Ptr<const ns3::Packet> packet;
        ns3::Time created;
        uint32_t flow;
        uint32_t toSend;   ///< bytes
        uint32_t onTheAir; ///< bytes
        bool queued;
        bool lost;
        bool numbered{false};
        uint32_t sequence{0};
        uint32_t retransmissions{0};
    };

    void PopFinished(Flow& flow);
    void FreeIfDone(PacketId id);

    std::vector<Flow> m_flows;
    std::vector<Record> m_records;
    std::vector<PacketId> m_free;
};

} // namespace qntn

#endif // QNTN_RAN_FLOW_QUEUE_H
