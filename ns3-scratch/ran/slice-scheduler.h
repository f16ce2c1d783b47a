// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_SLICE_SCHEDULER_H
#define QNTN_RAN_SLICE_SCHEDULER_H

#include "ran/fading.h"
#include "ran/ran-types.h"

#include "ns3/nstime.h"

#include <array>
#include <span>
#include <vector>

namespace qntn
{

/// What a grant is made of: single PRBs (resource allocation type 1) or whole resource block groups
/// (type 0, TS 38.214 V17, 5.1.2.2.1).
enum class ResourceUnit : uint8_t
{
    PRB,
    RBG,
};

/// Nominal size of a resource block group in PRBs, configuration 1: TS 38.214 V17, Table
/// 5.1.2.2.1-1.
/// \throws std::invalid_argument for a bandwidth part outside 1 .. 275 PRBs
uint32_t RbgPrbs(uint32_t bandwidthPartPrbs);

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
    /// What is known of each sixteenth of the carrier beside its mean, dB; null without such
    /// reports
    const std::array<float, NUM_SUBBANDS>* subbandsDb = nullptr;
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
///
/// Grants follow one another around the carrier. Where candidates know their sub-bands, the one
/// that gains most from the PRBs that come next takes them.
class SliceScheduler
{
  public:
    /// \param unit PRBs that every grant is a multiple of; a slice's quota counts in whole units,
    /// and what the carrier has beyond them stays empty
    void Configure(SchedulingPolicy policy, bool borrowing, uint32_t unit = 1);

    /// The PRBs of all whole units in so many.
    uint32_t ToWhole(uint32_t prbs) const;

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
    /// Makes grants of m_granted PRBs that follow one another from \p firstPrb on.
    void Place(const std::vector<Candidate>& candidates, uint32_t numPrbs, uint32_t firstPrb);

    SchedulingPolicy m_policy{SchedulingPolicy::PROPORTIONAL_FAIR};
    bool m_borrowing{false};
    uint32_t m_unit{1};
    std::vector<uint32_t> m_granted; ///< by candidate
    std::vector<uint32_t> m_used;    ///< by slice
    std::vector<SliceGrant> m_grants;
    std::vector<size_t> m_order;   ///< of placement
    std::vector<uint32_t> m_turns; ///< by slice: the flow whose turn it is
};

/// \throws InputError unless dedicated <= minimum <= maximum <= the carrier's PRBs
void ValidateQuota(const PrbQuota& quota, uint32_t numPrbs, const std::string& cell, size_t slice);

/// The same of each slice.
/// \throws InputError also if the minima do not fit into the carrier together
void ValidateQuotas(std::span<const PrbQuota> quotas, uint32_t numPrbs, const std::string& cell);

} // namespace qntn

#endif // QNTN_RAN_SLICE_SCHEDULER_H
