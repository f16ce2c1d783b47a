// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_DECIBEL_H
#define QNTN_RAN_DECIBEL_H

#include <cmath>

namespace qntn
{

/// A power ratio, or mW of dBm.
inline double
FromDb(double db)
{
    return std::pow(10, db / 10);
}

/// Of a power ratio >= 0; -300 for 0.
inline double
ToDb(double ratio)
{
    return 10 * std::log10(ratio + 1e-30);
}

} // namespace qntn

#endif // QNTN_RAN_DECIBEL_H
