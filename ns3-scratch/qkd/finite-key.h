// SPDX-License-Identifier: GPL-2.0-only
/// \file
/// Secret key from a finite block of decoy-state BB84 with two decoy intensities.
#ifndef QNTN_QKD_FINITE_KEY_H
#define QNTN_QKD_FINITE_KEY_H

#include <array>
#include <cstdint>

namespace qntn
{

/// One value for each intensity, strongest first.
using Intensities = std::array<double, 3>;

/// How a block was made and what is asked of its key.
struct FiniteKeyConfig
{
    double blockSize;        ///< sifted bits in the key basis X
    Intensities intensities; ///< photons a pulse; mu1 > mu2 + mu3, mu2 > mu3 >= 0
    Intensities intensityProbabilities;
    double basisProbability;     ///< of X, at both ends
    double transmittance;        ///< receiver included
    double darkCountProbability; ///< a detector and pulse
    double afterpulseProbability;
    double misalignment;
    double errorCorrectionEfficiency;
    double epsilonSecrecy;
    double epsilonCorrectness;
    /// Take Eq. 4's bound v_Z1, but never more than all errors seen in Z, of which those of single
    /// photons are a part. Lim et al. do not; SatQuMA does.
    bool capSinglePhotonErrors{false};
};

/// Expected counts of a block and the bounds that follow.
struct FiniteKeyCounts
{
    double pulses; ///< sent for the block
    Intensities xDetections;
    Intensities zDetections;
    Intensities zErrors;
    double qber;                ///< in X
    double xVacuum;             ///< lower bound, s_X0
    double xSinglePhoton;       ///< lower bound, s_X1
    double zSinglePhoton;       ///< lower bound, s_Z1
    double zSinglePhotonErrors; ///< upper bound, v_Z1
    double phaseError;          ///< upper bound, phi_X
    double errorCorrectionBits;
    int64_t keyBits; ///< >= 0
};

/// What a block has shown, one count for each intensity.
struct FiniteKeyObservation
{
    Intensities xDetections; ///< sifted in the key basis
    Intensities zDetections; ///< sifted in the test basis
    Intensities zErrors;
    double qber; ///< in X
};

/// The bounds that follow from counts that were observed; of \p config only the intensities, their
/// probabilities, the error-correction efficiency and the epsilons are used.
FiniteKeyCounts BoundFiniteKey(const FiniteKeyConfig& config,
                               const FiniteKeyObservation& observation);

/// What a pulse of each intensity does: detected, and detected wrongly.
struct DetectionProbabilities
{
    Intensities detected;
    Intensities wrong;
};

/// Of pulses that both ends treat in the same basis; the intensities' own probabilities do not
/// count.
DetectionProbabilities DetectPulses(const FiniteKeyConfig& config);

/// Lim et al., PRA 89, 022307 (2014), Eqs. 1-5, with two misprints corrected: lambda_EC = n_X f
/// h(e_obs), and the errors of an intensity follow from the transmittance of the whole system.
/// \throw std::invalid_argument for values out of range and intensities out of order
FiniteKeyCounts EvaluateFiniteKey(const FiniteKeyConfig& config);

/// Key bits of a block.
int64_t FiniteKeyLength(double blockSize,
                        const Intensities& intensities,
                        const Intensities& intensityProbabilities,
                        double basisProbability,
                        double transmittance,
                        double darkCountProbability,
                        double afterpulseProbability,
                        double misalignment,
                        double errorCorrectionEfficiency,
                        double epsilonSecrecy,
                        double epsilonCorrectness,
                        bool capSinglePhotonErrors = false);

} // namespace qntn

#endif // QNTN_QKD_FINITE_KEY_H
