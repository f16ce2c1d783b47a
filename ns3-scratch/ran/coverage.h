// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_COVERAGE_H
#define QNTN_RAN_COVERAGE_H

#include "ran/ran-types.h"

#include <span>

namespace qntn
{

/// How far from a gNB its path loss model is defined, m. TR 38.901 V17, Table 7.4.1-1.
double GnbReachM(const GnbConfig& config);

/// From a beam's centre to its half-power contour when the satellite stands above it, m.
double BeamReachM(const NtnCellConfig& config);

/// For input from outside, before anything is simulated.
/// \throws std::invalid_argument, which names the user, if a place is within reach of no cell
void RequireCoverage(std::span<const ns3::Vector> places,
                     std::span<const GnbConfig> gnbs,
                     std::span<const NtnCellConfig> satellites);

} // namespace qntn

#endif // QNTN_RAN_COVERAGE_H
