// SPDX-License-Identifier: GPL-2.0-only
#include "ran/handover-types.h"

#include "orbit/require.h"
#include "ran/bler.h"
#include "ran/input-error.h"

#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

namespace qntn
{

uint64_t
MobilityReport::GetFailures() const
{
    return std::accumulate(failures.begin(), failures.end(), uint64_t{0});
}

MobilityReport&
MobilityReport::operator+=(const MobilityReport& other)
{
    auto add = [](auto& sum, const auto& terms)
    {
        for (size_t i = 0; i < sum.size(); ++i)
        {
            sum[i] += terms[i];
        }
    };
    add(handoversByKind, other.handoversByKind);
    add(movesByCause, other.movesByCause);
    add(failures, other.failures);
    handovers += other.handovers;
    pingPongs += other.pingPongs;
    outOfCells += other.outOfCells;
    interruption += other.interruption;
    return *this;
}

double
FilterWeight(uint32_t coefficient, double periodS)
{
    constexpr double ASSUMED_PERIOD_S = 0.2;
    Require(coefficient <= 19, "filter coefficient", coefficient, "0 .. 19");
    Require(periodS > 0, "measurement period, s", periodS, "above 0");
    const double old = 1 - std::exp2(-0.25 * coefficient);
    return 1 - std::pow(old, periodS / ASSUMED_PERIOD_S);
}

bool
EntersA3(double servingDbm, double neighbourDbm, double offsetDb, double hysteresisDb)
{
    return neighbourDbm - hysteresisDb > servingDbm + offsetDb;
}

bool
EntersD1(const ConditionalHandover& handover, double distance1M, double distance2M)
{
    return distance1M - handover.distanceHysteresisM > handover.threshold1M &&
           distance2M + handover.distanceHysteresisM < handover.threshold2M;
}

bool
EntersT1(const ConditionalHandover& handover, ns3::Time now)
{
    return now > handover.threshold1 && now <= handover.threshold1 + handover.duration;
}

double
PdcchSinrDb(uint32_t numElements, double blockErrorRate)
{
    constexpr uint32_t DCI_BITS = 40 + 24;
    constexpr double BITS_OF_ELEMENT = 6 * 9 * 2; // 6 REGs of 9 data elements, QPSK: TS 38.211, 7.3
    double low_db = -20;
    double high_db = 20;
    while (high_db - low_db > 1e-3)
    {
        const double middle_db = (low_db + high_db) / 2;
        ReceivedInformation received;
        received.Add(middle_db, 2, BITS_OF_ELEMENT * numElements, DCI_BITS);
        (BlerOf(received, DCI_BITS) > blockErrorRate ? low_db : high_db) = middle_db;
    }
    return high_db;
}

void
Validate(const ConditionalHandover& handover, size_t numCells)
{
    const std::string field = "conditional hand-over, ";
    RequireIndex(field + "source", handover.source, numCells);
    RequireIndex(field + "target", handover.target, numCells);
    RequireInput(handover.source != handover.target,
                 field + "target",
                 handover.target,
                 "another cell than the source");
    RequireInput(handover.byDistance || handover.byTime,
                 field + "condition",
                 "none",
                 "a distance, a time or both");
    RequireInput(!handover.byTime || handover.duration.IsStrictlyPositive(),
                 field + "duration",
                 handover.duration.As(ns3::Time::S),
                 "above 0");
    RequireInput(std::isfinite(handover.targetThresholdDb),
                 field + "target_threshold_db",
                 handover.targetThresholdDb,
                 "a finite number");
    for (const auto& [name, distance_m] :
         {std::pair{"threshold1_m", handover.threshold1M},
          std::pair{"threshold2_m", handover.threshold2M},
          std::pair{"distance_hysteresis_m", handover.distanceHysteresisM}})
    {
        RequireInput(!handover.byDistance || (distance_m >= 0 && std::isfinite(distance_m)),
                     field + name,
                     distance_m,
                     "0 or more");
    }
}

} // namespace qntn
