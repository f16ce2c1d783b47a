// SPDX-License-Identifier: GPL-2.0-only
#include "ran/tbs.h"

#include "orbit/require.h"
#include "ran/nr-tables.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>

namespace qntn
{

namespace
{

// TS 38.214 V17, Table 5.1.3.2-1
constexpr uint32_t SMALL_SIZES[] = {
    24,   32,   40,   48,   56,   64,   72,   80,   88,   96,   104,  112,  120,  128,  136,  144,
    152,  160,  168,  176,  184,  192,  208,  224,  240,  256,  272,  288,  304,  320,  336,  352,
    368,  384,  408,  432,  456,  480,  504,  528,  552,  576,  608,  640,  672,  704,  736,  768,
    808,  848,  888,  928,  984,  1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416,
    1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536,
    2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824};
constexpr double LARGEST_SMALL_INFO = 3824;
constexpr int64_t RES_PER_PRB_AT_MOST = 156;

uint32_t
CeilDiv(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/// Base graph 2 is for short or slow blocks: TS 38.212 V17, 6.2.2.
bool
TakesSecondGraph(uint32_t tbsBits, double codeRate)
{
    return tbsBits <= 292 || (tbsBits <= 3824 && codeRate <= 0.67) || codeRate <= 0.25;
}

} // namespace

uint32_t
TbsBits(int64_t numPrbs,
        int64_t mcs,
        int64_t mcsTable,
        int64_t numSymbols,
        int64_t dmrsResPerPrb,
        int64_t overheadResPerPrb,
        int64_t numLayers)
{
    Require(numPrbs >= 1 && numPrbs <= 275, "num_prbs", numPrbs, "1 .. 275");
    Require(numSymbols >= 1 && numSymbols <= 14, "num_symbols", numSymbols, "1 .. 14");
    Require(numLayers >= 1 && numLayers <= 4, "num_layers", numLayers, "1 .. 4 of one codeword");
    const int64_t resOfPrb = 12 * numSymbols;
    Require(overheadResPerPrb == 0 || overheadResPerPrb == 6 || overheadResPerPrb == 12 ||
                overheadResPerPrb == 18,
            "overhead_res_per_prb",
            overheadResPerPrb,
            "0, 6, 12 or 18");
    Require(overheadResPerPrb < resOfPrb,
            "overhead_res_per_prb",
            overheadResPerPrb,
            "less than the PRB's " + std::to_string(resOfPrb) + " resource elements");
    Require(dmrsResPerPrb >= 0 && dmrsResPerPrb < resOfPrb - overheadResPerPrb,
            "dmrs_res_per_prb",
            dmrsResPerPrb,
            "0 .. " + std::to_string(resOfPrb - overheadResPerPrb - 1));
    const Mcs scheme = McsParameters(mcs, mcsTable);
    const int64_t resPerPrb =
        std::min(RES_PER_PRB_AT_MOST, resOfPrb - dmrsResPerPrb - overheadResPerPrb);
    const auto numRes = static_cast<double>(resPerPrb * numPrbs);
    const double info =
        numRes * scheme.codeRate * scheme.modulationOrder * static_cast<double>(numLayers);

    if (info <= LARGEST_SMALL_INFO)
    {
        const int n = std::max(3, static_cast<int>(std::floor(std::log2(info))) - 6);
        const double step = std::exp2(n);
        const auto quantised =
            static_cast<uint32_t>(std::max(24.0, step * std::floor(info / step)));
        return *std::lower_bound(std::begin(SMALL_SIZES), std::end(SMALL_SIZES), quantised);
    }
    const int n = static_cast<int>(std::floor(std::log2(info - 24))) - 5;
    const double step = std::exp2(n);
    const auto quantised =
        static_cast<uint32_t>(std::max(3840.0, step * std::round((info - 24) / step)));
    uint32_t blocks = 1;
    if (scheme.codeRate <= 0.25)
    {
        blocks = CeilDiv(quantised + 24, 3816);
    }
    else if (quantised > 8424)
    {
        blocks = CeilDiv(quantised + 24, 8424);
    }
    return 8 * blocks * CeilDiv(quantised + 24, 8 * blocks) - 24;
}

uint32_t
NumCodeBlocks(uint32_t tbsBits, double codeRate)
{
    const uint32_t largest = TakesSecondGraph(tbsBits, codeRate) ? 3840 : 8448;
    const uint32_t bits = tbsBits + (tbsBits > 3824 ? 24 : 16);
    return bits <= largest ? 1 : CeilDiv(bits, largest - 24);
}

double
MotherCodeRate(uint32_t tbsBits, double codeRate)
{
    return TakesSecondGraph(tbsBits, codeRate) ? 1.0 / 5 : 1.0 / 3;
}

double
PeakRateBps(int64_t numPrbs,
            int64_t numerology,
            int64_t numLayers,
            int64_t modulationOrder,
            double overheadRatio,
            double codeRate,
            double scaling)
{
    Require(numPrbs >= 1 && numPrbs <= 275, "num_prbs", numPrbs, "1 .. 275");
    Require(numerology >= 0 && numerology <= 4, "numerology", numerology, "0 .. 4");
    Require(numLayers >= 1 && numLayers <= 8, "num_layers", numLayers, "1 .. 8");
    Require(modulationOrder >= 2 && modulationOrder <= 10 && modulationOrder % 2 == 0,
            "modulation_order",
            modulationOrder,
            "2, 4, 6, 8 or 10");
    Require(overheadRatio >= 0 && overheadRatio < 1,
            "overhead_ratio",
            overheadRatio,
            "0 or more, below 1");
    Require(codeRate > 0 && codeRate <= 1, "code_rate", codeRate, "above 0, at most 1");
    Require(scaling == 1 || scaling == 0.8 || scaling == 0.75 || scaling == 0.4,
            "scaling",
            scaling,
            "1, 0.8, 0.75 or 0.4");
    const double symbolS = 1e-3 / (14 * std::exp2(numerology));
    const auto bitsPerRe = static_cast<double>(numLayers * modulationOrder);
    return bitsPerRe * scaling * codeRate * static_cast<double>(numPrbs) * 12 / symbolS *
           (1 - overheadRatio);
}

} // namespace qntn
