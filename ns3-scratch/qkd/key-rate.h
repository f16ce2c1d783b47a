// SPDX-License-Identifier: GPL-2.0-only
/// \file
/// Key rates of decoy-state BB84. Transmittances are linear and include the receiver, rates are in
/// bits per emitted pulse and may be negative (no key). Arguments out of range throw
/// std::invalid_argument.
#ifndef QNTN_QKD_KEY_RATE_H
#define QNTN_QKD_KEY_RATE_H

namespace qntn
{

/// h(p) = -p log2 p - (1 - p) log2 (1 - p).
double BinaryEntropy(double probability);

/// Transmittance of a fibre with its receiver.
double FibreTransmittance(double lengthKm, double attenuationDbPerKm, double receiverEfficiency);

/// Probability that a pulse is detected, and that a detected one is wrong.
struct GainAndQber
{
    double gain;
    double qber;
};

/// Gain and QBER of pulses of \p mu photons before two threshold detectors, each with dark counts
/// of probability \p darkCountProbability: Y0 = 1 - (1 - p)^2.
GainAndQber SignalGainAndQber(double mu,
                              double transmittance,
                              double darkCountProbability,
                              double misalignment);

/// Key rate with infinitely many decoy intensities; the vacuum contribution counts.
double DecoyKeyRate(double mu,
                    double transmittance,
                    double darkCountProbability,
                    double misalignment,
                    double errorCorrectionEfficiency = 1.16,
                    double siftingRatio = 0.5);

/// Key rate with vacuum and one weak decoy intensity: Ma et al., PRA 72, 012326 (2005), Eqs. 34-37.
double VacuumWeakKeyRate(double mu,
                         double nu,
                         double transmittance,
                         double darkCountProbability,
                         double misalignment,
                         double errorCorrectionEfficiency = 1.16,
                         double siftingRatio = 0.5);

/// What vacuum and weak decoy pulses tell about the signal pulses.
struct DecoyEstimate
{
    double gain;              ///< of the signal
    double qber;              ///< of the signal
    double singlePhotonYield; ///< lower bound of Y1; 0: no bound
    double singlePhotonQber;  ///< upper bound of e1
    double secretGain;        ///< mu exp(-mu) Y1 [1 - h(e1)]: what privacy amplification leaves

    /// Bits per signal pulse.
    double GetRate(double errorCorrectionEfficiency, double siftingRatio) const;
};

/// The bounds behind VacuumWeakKeyRate, with \p interceptedFraction of the pulses intercepted.
DecoyEstimate EstimateVacuumWeak(double mu,
                                 double nu,
                                 double transmittance,
                                 double darkCountProbability,
                                 double misalignment,
                                 double interceptedFraction = 0);

/// QBER when the fraction xi of the pulses is intercepted and sent again: E + xi (1/4 - E/2).
double QberWithEavesdropper(double qber, double interceptedFraction);

} // namespace qntn

#endif // QNTN_QKD_KEY_RATE_H
