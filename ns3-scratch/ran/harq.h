// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_HARQ_H
#define QNTN_RAN_HARQ_H

#include "ran/bler.h"
#include "ran/flow-queue.h"

#include "ns3/nstime.h"

#include <deque>
#include <vector>

namespace qntn
{

inline constexpr uint32_t NUM_HARQ_PROCESSES = 16;     ///< TS 38.214 V17, 5.1
inline constexpr uint32_t NUM_HARQ_PROCESSES_NTN = 32; ///< TS 38.306 V17, Rel-17 NTN

/// How a receiver puts the transmissions of a block together.
enum class HarqCombining : uint8_t
{
    CHASE,       ///< equal transmissions, energies add
    INCREMENTAL, ///< fresh parity bits, information adds
};

/// A transport block of one flow and the transmissions that it has had.
struct TransportBlock
{
    uint32_t flow;
    uint32_t sliceId;
    uint32_t numPrbs; ///< of the first transmission
    uint32_t symbols; ///< of the first transmission
    uint32_t mcs;
    uint32_t bits;
    uint32_t transmissions{0};
    double combinedSinr{0};       ///< linear, summed over the transmissions (chase combining)
    ReceivedInformation received; ///< by one of its code blocks (incremental redundancy)
    bool blind{false};            ///< sent a fixed number of times, without feedback
    bool statusLost{false};       ///< given up by HARQ, and the report that would tell is lost
    ns3::Time begun;              ///< first transmission
    ns3::Time due;                ///< of the next transmission
    ns3::Time deadline;           ///< when its last packet is of no use any more
    std::vector<Segment> segments;
};

/// The HARQ processes of one user. A process is busy from a block's first transmission until the
/// acknowledgement of its last one is back.
class HarqEntity
{
  public:
    /// How many new blocks may start at \p now.
    uint32_t CountFree(ns3::Time now, uint32_t numProcesses);
    /// A block got through; its process is free at \p acknowledged.
    void Acknowledge(ns3::Time acknowledged);
    /// A block did not get through and waits until it is due again.
    void Retry(TransportBlock&& block);
    /// The blocks that did not get through, oldest first.
    const std::deque<TransportBlock>& GetWaiting() const;
    /// Takes the oldest block of a slice that is due.
    TransportBlock TakeDue(uint32_t sliceId, ns3::Time now);
    /// Takes a block that waits and whose packets are all too late; false if there is none.
    bool TakeLate(ns3::Time now, TransportBlock& late);
    /// Gives up all blocks that wait, for a change of cell; frees every process.
    std::vector<TransportBlock> Flush();

  private:
    std::deque<TransportBlock> m_waiting;
    std::deque<ns3::Time> m_acknowledged;
};

} // namespace qntn

#endif // QNTN_RAN_HARQ_H
