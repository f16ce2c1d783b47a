// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_QUOTA_H
#define QNTN_RAN_QUOTA_H

#include <cstdint>
#include <span>
#include <vector>

namespace qntn
{

/// Turns shares of a whole into whole units that sum to \p total exactly: each share's floor, then
/// one more for the largest remainders (Hamilton's method; the lower index wins a tie).
/// \param shares finite and >= 0; taken in proportion. All zero gives nothing to anybody.
/// \throws std::invalid_argument for a share that is negative or not finite
std::vector<uint32_t> LargestRemainder(std::span<const double> shares, uint32_t total);

} // namespace qntn

#endif // QNTN_RAN_QUOTA_H
