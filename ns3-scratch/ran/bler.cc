// SPDX-License-Identifier: GPL-2.0-only
#include "ran/bler.h"

#include "orbit/require.h"
#include "ran/decibel.h"
#include "ran/nr-tables.h"

#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

namespace qntn
{

namespace
{

constexpr double LOWEST_DB = -20;
constexpr double HIGHEST_DB = 45;
constexpr double STEP_DB = 0.25;
constexpr int NUM_STEPS = static_cast<int>((HIGHEST_DB - LOWEST_DB) / STEP_DB) + 1;
constexpr int NUM_NOISE_POINTS = 33; ///< of the integral over the noise
constexpr double NOISE_SIGMAS = 5;   ///< it reaches this far

/// Information of one dimension of Gray-mapped QAM: pulse-amplitude modulation with \p numBits.
SymbolInformation
PamInformation(int numBits, double snr)
{
    const int numPoints = 1 << numBits;
    const double spacing = 2 / std::sqrt((numPoints * numPoints - 1) / 3.0) * std::sqrt(snr);
    double sum = 0;
    double sumOfSquares = 0;
    double weightSum = 0;
    std::vector<double> likelihood(numPoints);
    for (int point = 0; point < numPoints / 2; ++point) // the other half is its mirror image
    {
        for (int i = 0; i < NUM_NOISE_POINTS; ++i)
        {
            const double noise = NOISE_SIGMAS * (2.0 * i / (NUM_NOISE_POINTS - 1) - 1);
            const double weight = std::exp(-noise * noise / 2);
            double total = 0;
            for (int other = 0; other < numPoints; ++other)
            {
                const double distance = noise + (point - other) * spacing;
                likelihood[other] = std::exp((noise * noise - distance * distance) / 2);
                total += likelihood[other];
            }
            double information = 0;
            for (int bit = 0; bit < numBits; ++bit)
            {
                auto label = [bit](int p) { return ((p ^ (p >> 1)) >> bit) & 1; };
                double same = 0;
                for (int other = 0; other < numPoints; ++other)
                {
                    same += label(other) == label(point) ? likelihood[other] : 0;
                }
                information += 1 + std::log2(same / total);
            }
            sum += weight * information;
            sumOfSquares += weight * information * information;
            weightSum += weight;
        }
    }
    const double mean = sum / weightSum;
    return {mean, sumOfSquares / weightSum - mean * mean};
}

using Curve = std::array<SymbolInformation, NUM_STEPS>;

Curve
MakeCurve(int modulationOrder)
{
    Curve curve;
    for (int i = 0; i < NUM_STEPS; ++i)
    {
        const auto pam =
            PamInformation(modulationOrder / 2, std::pow(10, (LOWEST_DB + i * STEP_DB) / 10));
        curve[i] = {2 * pam.meanBits, 2 * pam.varianceBits2};
    }
    return curve;
}

const Curve&
GetCurve(uint8_t modulationOrder)
{
    switch (modulationOrder)
    {
    case 2:
    {
        static const Curve curve = MakeCurve(2);
        return curve;
    }
    case 4:
    {
        static const Curve curve = MakeCurve(4);
        return curve;
    }
    case 6:
    {
        static const Curve curve = MakeCurve(6);
        return curve;
    }
    case 8:
    {
        static const Curve curve = MakeCurve(8);
        return curve;
    }
    default:
        throw std::invalid_argument("modulation_order: found " + std::to_string(modulationOrder) +
                                    ", expected 2, 4, 6 or 8");
    }
}

} // namespace

SymbolInformation
BicmInformation(double sinrDb, uint8_t modulationOrder)
{
    const Curve& curve = GetCurve(modulationOrder);
    const double place =
        std::fmin(std::fmax((sinrDb - LOWEST_DB) / STEP_DB, 0.0), NUM_STEPS - 1.001);
    const auto index = static_cast<int>(place);
    const double part = place - index;
    const auto& a = curve[index];
    const auto& b = curve[index + 1];
    return {a.meanBits + part * (b.meanBits - a.meanBits),
            a.varianceBits2 + part * (b.varianceBits2 - a.varianceBits2)};
}

double
DecoderLossDb(double codeBlockBits, double codedBits)
{
    constexpr double LONG_BLOCKS_DB = 0.4;
    constexpr double ROOT_DB = 7.8;
    constexpr double SHORT_CODE_BITS = 34;
    constexpr double SHORTEST_BLOCK_BITS = 24; // TS 38.214 V17, Table 5.1.3.2-1
    const double bits = std::fmax(codeBlockBits, SHORTEST_BLOCK_BITS);
    const double shortness = SHORT_CODE_BITS / (codedBits * bits / codeBlockBits);
    return LONG_BLOCKS_DB + ROOT_DB / std::sqrt(bits) - shortness * shortness;
}

double
Bler(double sinrDb, int64_t mcs, int64_t mcsTable, int64_t codeBlockBits)
{
    // the shortest block of TS 38.214 V17, Table 5.1.3.2-1, and what one code block of base graph 1
    // holds: TS 38.212 V17, 5.2.2
    Require(codeBlockBits >= 24 && codeBlockBits <= 8448,
            "code_block_bits",
            codeBlockBits,
            "24 .. 8448");
    RequireFinite("sinr_db", sinrDb);
    const Mcs scheme = McsParameters(mcs, mcsTable);
    ReceivedInformation received;
    const auto bits = static_cast<double>(codeBlockBits);
    received.Add(sinrDb, scheme.modulationOrder, bits / scheme.codeRate, bits);
    return BlerOf(received, bits);
}

void
ReceivedInformation::Add(double sinrDb,
                         uint8_t modulationOrder,
                         double newCodedBits,
                         double codeBlockBits)
{
    const double loss_db = DecoderLossDb(codeBlockBits, codedBits + newCodedBits);
    const auto information = BicmInformation(sinrDb - loss_db, modulationOrder);
    const double symbols = newCodedBits / modulationOrder;
    meanBits += symbols * information.meanBits;
    varianceBits2 += symbols * std::fmax(information.varianceBits2, 1e-12);
    codedBits += newCodedBits;
    energy += newCodedBits * FromDb(sinrDb);
}

double
BlerOf(const ReceivedInformation& received, double codeBlockBits)
{
    const double surplus = received.meanBits - codeBlockBits + 0.5 * std::log2(received.codedBits);
    return 0.5 * std::erfc(surplus / std::sqrt(received.varianceBits2) / std::numbers::sqrt2);
}

double
BlerOf(const ReceivedInformation& received,
       double codeBlockBits,
       uint8_t modulationOrder,
       double bufferBits)
{
    if (received.codedBits <= bufferBits)
    {
        return BlerOf(received, codeBlockBits);
    }
    ReceivedInformation buffer;
    buffer.Add(ToDb(received.energy / bufferBits), modulationOrder, bufferBits, codeBlockBits);
    return BlerOf(buffer, codeBlockBits);
}

} // namespace qntn
