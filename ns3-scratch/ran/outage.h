// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_OUTAGE_H
#define QNTN_RAN_OUTAGE_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

/// A stretch of time in which a cell does not work.
struct Outage
{
    uint32_t cell;
    double startS;
    double endS;
};

/// Reads a schedule: "gnb_0 8 28, gnb_1 10 26" are two outages with start and end in seconds; an
/// empty text is none.
/// \throws std::invalid_argument for a cell that is not among \p cells, times that are none or in
/// the wrong order, and outages of one cell that overlap
std::vector<Outage> ReadOutages(const std::string& text, std::span<const std::string> cells);

} // namespace qntn

#endif // QNTN_RAN_OUTAGE_H
