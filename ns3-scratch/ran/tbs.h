// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_TBS_H
#define QNTN_RAN_TBS_H

#include <cstdint>

namespace qntn
{

/// Transport block size in bits. TS 38.214 V17, 5.1.3.2, steps 1 to 4.
/// \param numSymbols OFDM symbols of the shared channel in the slot, 1..14
/// \param dmrsResPerPrb resource elements of a PRB that reference signals take
/// \param overheadResPerPrb xOverhead: 0, 6, 12 or 18
/// \throws std::invalid_argument for what the standard does not define
uint32_t TbsBits(uint32_t numPrbs,
                 uint32_t mcs,
                 uint8_t mcsTable,
                 uint32_t numSymbols = 14,
                 uint32_t dmrsResPerPrb = 12,
                 uint32_t overheadResPerPrb = 0,
                 uint32_t numLayers = 1);

/// How many code blocks a transport block is cut into. TS 38.212 V17, 5.2.2.
uint32_t NumCodeBlocks(uint32_t tbsBits, double codeRate);

/// Peak data rate, bit/s. TS 38.306 V17, 4.1.2, for one carrier.
double PeakRateBps(uint32_t numPrbs,
                   uint8_t numerology,
                   uint32_t numLayers,
                   uint8_t modulationOrder,
                   double overheadRatio,
                   double codeRate = 948.0 / 1024,
                   double scaling = 1.0);

} // namespace qntn

#endif // QNTN_RAN_TBS_H
