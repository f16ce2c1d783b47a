// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_TBS_H
#define QNTN_RAN_TBS_H

#include <cstdint>

namespace qntn
{

/// Transport block size in bits. TS 38.214 V17, 5.1.3.2, steps 1 to 4. Counts are signed, here and
/// below, so that a negative one is refused as what it is.
/// \param numSymbols OFDM symbols of the shared channel in the slot, 1..14
/// \param dmrsResPerPrb resource elements of a PRB that reference signals take
/// \param overheadResPerPrb xOverhead: 0, 6, 12 or 18
/// \throws std::invalid_argument for what the standard does not define
uint32_t TbsBits(int64_t numPrbs,
                 int64_t mcs,
                 int64_t mcsTable,
                 int64_t numSymbols = 14,
                 int64_t dmrsResPerPrb = 12,
                 int64_t overheadResPerPrb = 0,
                 int64_t numLayers = 1);

/// How many code blocks a transport block is cut into. TS 38.212 V17, 5.2.2.
uint32_t NumCodeBlocks(uint32_t tbsBits, double codeRate);

/// Information bits over all coded bits of the base graph that a transport block takes: 1/3 or 1/5.
/// TS 38.212 V17, 5.3.2.
double MotherCodeRate(uint32_t tbsBits, double codeRate);

/// Peak data rate, bit/s. TS 38.306 V17, 4.1.2, for one carrier.
/// \param scaling the capability scalingFactor: 1, 0.8, 0.75 or 0.4
double PeakRateBps(int64_t numPrbs,
                   int64_t numerology,
                   int64_t numLayers,
                   int64_t modulationOrder,
                   double overheadRatio,
                   double codeRate = 948.0 / 1024,
                   double scaling = 1.0);

} // namespace qntn

#endif // QNTN_RAN_TBS_H
