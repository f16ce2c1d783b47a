// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_BLER_H
#define QNTN_RAN_BLER_H

#include <cstdint>

namespace qntn
{

/// What real LDPC decoders lose against the normal approximation: the mean gap to the link-level
/// simulations of tests/reference/ran/bler_anchors_sionna.csv at BLER 0.1.
inline constexpr double DECODER_LOSS_DB = 0.9;

/// Mean and variance of the information that one symbol of bit-interleaved coded modulation
/// carries.
struct SymbolInformation
{
    double meanBits;
    double varianceBits2;
};

/// For Gray-mapped square QAM in white noise, from tables in steps of 0.25 dB that are made when a
/// modulation is first asked for (some ms).
/// \param modulationOrder 2, 4, 6 or 8 bits per symbol
SymbolInformation BicmInformation(double sinrDb, uint8_t modulationOrder);

/// Probability that a code block is lost: the normal approximation of finite-length coding
/// (Polyanskiy, Poor, Verdu, IEEE Trans. Inf. Theory 56(5), 2010) over BICM, less DECODER_LOSS_DB.
/// \param codeBlockBits information bits of the code block
/// \throws std::invalid_argument for an unknown MCS or an empty block
double Bler(double sinrDb, uint32_t mcs, uint8_t mcsTable, uint32_t codeBlockBits);

/// What the transmissions of a code block have carried together, each with fresh parity bits.
struct ReceivedInformation
{
    double meanBits{0};
    double varianceBits2{0};
    double codedBits{0};

    /// A transmission of \p codedBits more.
    void Add(double sinrDb, uint8_t modulationOrder, double codedBits);
};

/// Probability that a code block is lost after incremental redundancy: the formula of Bler with the
/// information and the length of all transmissions.
double BlerOf(const ReceivedInformation& received, uint32_t codeBlockBits);

} // namespace qntn

#endif // QNTN_RAN_BLER_H
