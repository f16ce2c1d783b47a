// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_BLER_H
#define QNTN_RAN_BLER_H

#include <cstdint>

namespace qntn
{

/// What an LDPC decoder loses against the normal approximation, dB: a part that long blocks keep,
/// one that falls with the root of the block's length, less the approximation's own error below a
/// hundred coded bits. Fitted by least squares to the link-level simulations of
/// tests/reference/ran/bler_anchors_sionna.csv at BLER 0.1; blocks below 24 bits, which there are
/// not, lose as those of 24.
/// \param codeBlockBits information bits of the code block
/// \param codedBits bits that carry it
double DecoderLossDb(double codeBlockBits, double codedBits);

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
/// (Polyanskiy, Poor, Verdu, IEEE Trans. Inf. Theory 56(5), 2010) over BICM, less DecoderLossDb.
/// \param codeBlockBits information bits of the code block, 24 .. 8448
/// \throws std::invalid_argument for an unknown MCS or another block
double Bler(double sinrDb, int64_t mcs, int64_t mcsTable, int64_t codeBlockBits);

/// What the transmissions of a code block have carried together, each with fresh parity bits.
struct ReceivedInformation
{
    double meanBits{0};
    double varianceBits2{0};
    double codedBits{0};
    double energy{0}; ///< SINR, linear, summed over the coded bits

    /// A transmission of \p newCodedBits more, of a code block of \p codeBlockBits.
    void Add(double sinrDb, uint8_t modulationOrder, double newCodedBits, double codeBlockBits);
};

/// Probability that a code block is lost after incremental redundancy: the formula of Bler with the
/// information and the length of all transmissions.
double BlerOf(const ReceivedInformation& received, double codeBlockBits);

/// The same where only \p bufferBits of the coded bits can differ: the circular buffer of TS 38.212
/// V17, 5.4.2.1. What is sent beyond it repeats bits and adds to their energy, spread over all of
/// them.
/// \param modulationOrder of all transmissions
double BlerOf(const ReceivedInformation& received,
              double codeBlockBits,
              uint8_t modulationOrder,
              double bufferBits);

} // namespace qntn

#endif // QNTN_RAN_BLER_H
