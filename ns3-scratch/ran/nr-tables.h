// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_NR_TABLES_H
#define QNTN_RAN_NR_TABLES_H

#include <cstdint>

namespace qntn
{

inline constexpr uint32_t NUM_CQIS = 15; ///< usable ones; CQI 0 means out of range

/// A modulation and coding scheme.
struct Mcs
{
    uint8_t modulationOrder; ///< bits per symbol: 2, 4, 6 or 8
    double codeRate;

    double SpectralEfficiency() const
    {
        return modulationOrder * codeRate;
    }
};

/// An entry of MCS table 1 (64QAM), 2 (256QAM) or 3 (low spectral efficiency). TS 38.214, 5.1.3.1.
/// \throws std::invalid_argument for a reserved or unknown index, or another table
Mcs McsParameters(int64_t mcs, int64_t mcsTable);

/// How many entries of an MCS table are not reserved.
uint32_t NumMcs(uint8_t mcsTable);

/// What CQI 1..15 stands for, by the CQI table of the same number. TS 38.214, 5.2.2.1.
Mcs CqiParameters(uint32_t cqi, uint8_t mcsTable);

/// The block error rate that a CQI promises. TS 38.214, 5.2.2.1.
double CqiBlockErrorRate(uint8_t mcsTable);

} // namespace qntn

#endif // QNTN_RAN_NR_TABLES_H
