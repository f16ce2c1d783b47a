// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_SATISFIED_USERS_H
#define QNTN_METAVERSE_SATISFIED_USERS_H

#include <array>
#include <cstdint>
#include <vector>

namespace qntn
{

/// Counts the users of each slice who are served well over the last intervals: a satisfied user is
/// one for whom at least LEAST_RATIO of what ended arrived whole and in time (TR 38.838, 7.2, which
/// asks it of the packets of a whole simulation).
class SatisfiedUsers
{
  public:
    static constexpr double LEAST_RATIO = 0.99;
    static constexpr uint32_t WINDOW = 10; ///< intervals that are looked back on

    explicit SatisfiedUsers(uint32_t numSlices);

    /// A burst of a user has ended.
    void Count(uint32_t slice, uint32_t user, bool satisfied);
    /// Ends the interval.
    void Roll();
    /// Part of the users of a slice for whom anything ended in the last WINDOW intervals; 1 if for
    /// none.
    double GetRatio(uint32_t slice) const;

  private:
    struct Tally
    {
        uint64_t ended{0};
        uint64_t satisfied{0};
    };

    using Intervals = std::array<Tally, WINDOW + 1>; ///< a ring; one of them goes on

    std::vector<std::vector<Intervals>> m_tallies; ///< [slice][user]
    uint32_t m_now{0};                             ///< the interval that goes on
};

} // namespace qntn

#endif // QNTN_METAVERSE_SATISFIED_USERS_H
