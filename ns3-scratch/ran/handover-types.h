// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_HANDOVER_TYPES_H
#define QNTN_RAN_HANDOVER_TYPES_H

#include "ns3/nstime.h"
#include "ns3/vector.h"

#include <array>
#include <cstdint>

namespace qntn
{

/// Between what a user changes its cell.
enum class HandoverKind : uint8_t
{
    GROUND_TO_GROUND,
    GROUND_TO_SATELLITE,
    SATELLITE_TO_GROUND,
    SATELLITE_TO_SATELLITE,
};

inline constexpr size_t NUM_HANDOVER_KINDS = 4;

/// Why a user changes its cell.
enum class HandoverCause : uint8_t
{
    STRONGER,             ///< event A3: another cell of the same kind is stronger
    WEAK,                 ///< events A2 and A4: its cell is weak, a satellite is not
    GROUND_AGAIN,         ///< event A4: a gNB is strong enough to leave the satellite
    CONDITIONAL_DISTANCE, ///< condEventD1
    CONDITIONAL_TIME,     ///< condEventT1
    EPHEMERIS,            ///< its satellite is about to set, or has set
    REESTABLISHMENT,      ///< its radio link failed, or no cell served it; not a hand-over
};

inline constexpr size_t NUM_HANDOVER_CAUSES = 7;

/// What was wrong when a radio link failed. TS 38.300 V17, 15.5.2.
enum class FailureCause : uint8_t
{
    TOO_LATE,   ///< another cell takes the user, which has been in the old one for long
    TOO_EARLY,  ///< the user comes back to the cell that it was handed over from
    WRONG_CELL, ///< soon after a hand-over a third cell takes the user
    COVERAGE,   ///< no other cell takes the user
    OUTAGE,     ///< the cell has failed
};

inline constexpr size_t NUM_FAILURE_CAUSES = 5;

/// What mobility did to a user, or to all users, since the start.
struct MobilityReport
{
    std::array<uint64_t, NUM_HANDOVER_KINDS> handoversByKind{};
    std::array<uint64_t, NUM_HANDOVER_CAUSES> movesByCause{}; ///< re-establishments too
    std::array<uint64_t, NUM_FAILURE_CAUSES> failures{};
    uint64_t handovers{0};
    uint64_t pingPongs{0};  ///< hand-overs back within 1 s (TR 36.839 V11.1, 5.6)
    uint64_t outOfCells{0}; ///< times that no cell took the user
    ns3::Time interruption; ///< without any service while cells were changed

    uint64_t GetFailures() const;
    MobilityReport& operator+=(const MobilityReport& other);
};

/// A hand-over that is prepared, and that a user of the source cell executes by itself when all of
/// its conditions hold. TS 38.331 V17, 5.3.5.13.
struct ConditionalHandover
{
    uint32_t source;
    uint32_t target;
    /// condEventA4: the target's filtered strength over noise, dB; always asked for.
    double targetThresholdDb = -6;

    /// condEventD1 (5.5.4.15): the user is farther than threshold1M from reference1, and nearer
    /// than threshold2M to reference2.
    bool byDistance = false;
    ns3::Vector reference1{};
    ns3::Vector reference2{};
    double threshold1M = 0;
    double threshold2M = 0;
    double distanceHysteresisM = 0;

    /// condEventT1 (5.5.4.16): the time lies between threshold1 and threshold1 + duration.
    bool byTime = false;
    ns3::Time threshold1{};
    ns3::Time duration{};
};

/// \throws InputError for cells that there are not, no condition, or one that cannot be
void Validate(const ConditionalHandover& handover, size_t numCells);

/// Weight of a new measurement in the filter of TS 38.331 V17, 5.5.3.2 with coefficient k. There
/// 1/2^(k/4) is the weight for a measurement each 200 ms (TS 38.133 V17, 9.2.5); for another period
/// the filter keeps its time constant.
/// \throws std::invalid_argument for a coefficient above 19 or a period that is not above 0
double FilterWeight(uint32_t coefficient, double periodS);

/// Entry condition of event A3, TS 38.331 V17, 5.5.4.4, without individual offsets.
bool EntersA3(double servingDbm, double neighbourDbm, double offsetDb, double hysteresisDb);
/// Entry condition of event D1, TS 38.331 V17, 5.5.4.15, for the distances to its references.
bool EntersD1(const ConditionalHandover& handover, double distance1M, double distance2M);
/// Entry condition of event T1, TS 38.331 V17, 5.5.4.16.
bool EntersT1(const ConditionalHandover& handover, ns3::Time now);

/// SINR at which the PDCCH that radio link monitoring imagines is lost with a probability: DCI 1_0
/// of 40 bits and 24 of CRC on so many control channel elements, without power boost (TS 38.133
/// V17, Tables 8.1.2.1-1 and 8.1.2.1-2: 8 elements and 0.1 out of sync, 4 and 0.02 in sync), in
/// white noise.
double PdcchSinrDb(uint32_t numElements, double blockErrorRate);

} // namespace qntn

#endif // QNTN_RAN_HANDOVER_TYPES_H
