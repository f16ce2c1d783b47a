// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_ELEVATION_TABLE_H
#define QNTN_RAN_ELEVATION_TABLE_H

#include <algorithm>
#include <cstddef>

namespace qntn
{

constexpr double KA_BAND_HZ = 6e9; ///< from here on the Ka columns of TR 38.811's tables count

/// Interpolates linearly between the rows of a table of TR 38.811, for 10, 20, .. 90 degrees; flat
/// below 10 degrees.
/// \param get the value of row 0 .. 8
template <typename Get>
double
AtElevation(double elevationDeg, Get get)
{
    const double place = std::clamp(elevationDeg / 10 - 1, 0.0, 8.0);
    const auto index = std::min(static_cast<size_t>(place), size_t{7});
    const double part = place - static_cast<double>(index);
    return get(index) * (1 - part) + get(index + 1) * part;
}

} // namespace qntn

#endif // QNTN_RAN_ELEVATION_TABLE_H
