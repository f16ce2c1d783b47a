// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_SLICE_SCHEDULER_H
#define QNTN_RAN_SLICE_SCHEDULER_H

#include "ran/ran-types.h"

#include "ns3/nstime.h"

#include <span>
#include <vector>

namespace qntn
{

/// Who goes first inside a slice.
enum class SchedulingPolicy : uint8_t
{
    PROPORTIONAL_FAIR, ///< highest ratio of present rate to past rate
    ROUND_ROBIN,       ///< in turn
    EARLIEST_DEADLINE, ///< the packet that will be late first
};

/// Something that could be sent in this slot.
struct Candidate
{
    uint32_t flow;
    uint32_t sliceId;
    bool retransmission; ///< of a block that failed: served first, all its PRBs or none
    uint32_t mcs;
    uint32_t prbsWanted; ///< that would empty its queue, or that the block had
    ns3::Time deadline;
    double rateBps;    ///< on the whole carrier with its MCS
    double averageBps; ///< that its user has had
};

/// PRBs given to a candidate.
struct SliceGrant
{
    Candidate candidate;
    uint32_t numPrbs;
    uint32_t firstPrb; ///< they are contiguous, around the end of the carrier
};

/// Divides the PRBs of one slot on two levels: between slices by their quotas, and inside each
/// slice by a policy. Without borrowing a slice never has more than its minimum; with it, what
/// others leave of their not dedicated PRBs goes to slices that still want some, up to their
/// maximum.
class SliceScheduler
{
  public:
    void Configure(SchedulingPolicy policy, bool borrowing);

    /// \param candidates of all slices; reordered
    /// \param quotas by slice; their minima must fit into the carrier
    /// \return until the next call: grants whose PRBs sum to at most \p numPrbs, none in two grants
    const std::vector<SliceGrant>& Schedule(std::vector<Candidate>& candidates,
                                            std::span<const PrbQuota> quotas,
                                            uint32_t numPrbs,
                                            uint32_t firstPrb);

  private:
    /// Whether \p a goes before \p b in their slice.
    bool Before(const Candidate& a, const Candidate& b) const;

    SchedulingPolicy m_policy{SchedulingPolicy::PROPORTIONAL_FAIR};
    bool m_borrowing{false};
    std::vector<uint32_t> m_granted; ///< by candidate
    std::vector<uint32_t> m_used;    ///< by slice
    std::vector<SliceGrant> m_grants;
    std::vector<uint32_t> m_turns; ///< by slice: the flow whose turn it is
};

/// Aborts unless dedicated <= minimum <= maximum for each slice and the minima fit into the
/// carrier.
void ValidateQuotas(std::span<const PrbQuota> quotas, uint32_t numPrbs, const std::string& cell);

} // namespace qntn

#endif // QNTN_RAN_SLICE_SCHEDULER_H
