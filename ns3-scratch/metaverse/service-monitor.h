// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_SERVICE_MONITOR_H
#define QNTN_METAVERSE_SERVICE_MONITOR_H

#include "metaverse/delay-histogram.h"
#include "metaverse/satisfied-users.h"

#include "ns3/nstime.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace qntn
{

/// Why a burst, or a packet, did not arrive in time.
enum class LossCause : uint8_t
{
    COMPUTE,     ///< its deadline passed at the edge server
    KEY,         ///< blocked by security: no key in time
    LATE,        ///< later than the delay budget
    OVERFLOW,    ///< a radio queue was full
    RADIO,       ///< lost in spite of retransmissions
    NO_COVERAGE, ///< the user is in no cell
    NUM_CAUSES,
};

/// What became of the bursts that ended in an interval.
struct ServiceReport
{
    uint64_t offeredBursts{0};
    uint64_t offeredBytes{0};
    uint64_t endedBursts{0};
    uint64_t satisfiedBursts{0}; ///< whole and within the delay budget
    uint64_t satisfiedBytes{0};
    uint64_t padBursts{0}; ///< satisfied, and encrypted by one-time pad
    double quality{0};     ///< sum of what the satisfied bursts are worth, each in 0..1
    std::array<uint64_t, static_cast<size_t>(LossCause::NUM_CAUSES)>
        lostBursts{}; ///< by the first cause

    uint64_t GetLost(LossCause cause) const;
    /// Parts of the bursts that ended; none ended: none missed.
    double GetSatisfiedRatio() const;
    double GetQualityRatio() const;
    double GetLostRatio(LossCause cause) const;
    /// One-time pad among the bursts that ended; 0 if none did.
    double GetPadRatio() const;
    ServiceReport& operator+=(const ServiceReport& other);
};

/// Keeps the indicators of service by provider, cell and slice, interval by interval, and how many
/// users are satisfied.
class ServiceMonitor
{
  public:
    ServiceMonitor(uint32_t numProviders, uint32_t numCells, uint32_t numSlices);

    /// Where a burst belongs: the cell is the one that served the user when it was made.
    struct Group
    {
        uint32_t provider;
        uint32_t cell;
        uint32_t slice;
        uint32_t user;
    };

    void Offered(const Group& group, uint32_t bytes);
    void Satisfied(const Group& group, uint32_t bytes, ns3::Time delay, double quality, bool pad);
    void Lost(const Group& group, LossCause cause);

    /// Ends the interval: what follows is about it until it is called again.
    void Roll();
    /// Sum over the groups that match; nothing matches all.
    ServiceReport Get(std::optional<uint32_t> provider,
                      std::optional<uint32_t> cell,
                      std::optional<uint32_t> slice) const;
    /// Delay that a part \p ratio of the satisfied bursts of a slice stay below; zero if there are
    /// none.
    ns3::Time GetDelayQuantile(uint32_t slice, double ratio) const;
    /// See SatisfiedUsers::GetRatio.
    double GetSatisfiedUsersRatio(uint32_t slice) const;

  private:
    uint32_t GetIndex(uint32_t provider, uint32_t cell, uint32_t slice) const;

    uint32_t m_numProviders;
    uint32_t m_numCells;
    uint32_t m_numSlices;
    std::vector<ServiceReport> m_current;
    std::vector<ServiceReport> m_last;
    std::vector<DelayHistogram> m_currentDelays; ///< by slice
    std::vector<DelayHistogram> m_lastDelays;
    SatisfiedUsers m_users;
};

} // namespace qntn

#endif // QNTN_METAVERSE_SERVICE_MONITOR_H
