// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-rate.h"

#include "qkd/require.h"

#include <algorithm>
#include <cmath>

namespace qntn
{

namespace
{

/// The arguments that all rate functions share.
void
RequireLink(const char* where,
            double mu,
            double transmittance,
            double darkCountProbability,
            double misalignment)
{
    RequireRange(where, "mu", mu, 0, UNBOUNDED);
    RequireRange(where, "transmittance", transmittance, 0, 1);
    RequireRange(where, "dark_count_probability", darkCountProbability, 0, 1);
    RequireRange(where, "misalignment", misalignment, 0, 1);
}

void
RequirePostProcessing(const char* where, double errorCorrectionEfficiency, double siftingRatio)
{
    RequireRange(where, "error_correction_efficiency", errorCorrectionEfficiency, 1, UNBOUNDED);
    RequireRange(where, "sifting_ratio", siftingRatio, 0, 1);
}

/// Probability that at least one of two detectors clicks by itself.
double
BackgroundYield(double darkCountProbability)
{
    return darkCountProbability * (2 - darkCountProbability);
}

} // namespace

double
BinaryEntropy(double probability)
{
    RequireRange("BinaryEntropy", "probability", probability, 0, 1);
    if (probability == 0 || probability == 1)
    {
        return 0;
    }
    return -(probability * std::log(probability) + (1 - probability) * std::log1p(-probability)) /
           std::log(2.0);
}

double
FibreTransmittance(double lengthKm, double attenuationDbPerKm, double receiverEfficiency)
{
    RequireRange("FibreTransmittance", "length_km", lengthKm, 0, UNBOUNDED);
    RequireRange("FibreTransmittance", "attenuation_db_per_km", attenuationDbPerKm, 0, UNBOUNDED);
    RequireRange("FibreTransmittance", "receiver_efficiency", receiverEfficiency, 0, 1);
    return receiverEfficiency * std::pow(10.0, -attenuationDbPerKm * lengthKm / 10);
}

GainAndQber
SignalGainAndQber(double mu, double transmittance, double darkCountProbability, double misalignment)
{
    RequireLink("SignalGainAndQber", mu, transmittance, darkCountProbability, misalignment);
    const double quiet = 1 - darkCountProbability; // a detector without dark count
    const double light = transmittance * mu;
    const double gain = BackgroundYield(darkCountProbability) - quiet * quiet * std::expm1(-light);
    if (gain == 0)
    {
        return {0, 0.5};
    }
    // Only the wrong detector clicks, or both click and chance decides. Sums of expm1 instead of
    // differences of exp keep the digits of weak light.
    const double wrong =
        quiet * (std::expm1(-light * (1 - misalignment)) - std::expm1(-light * misalignment));
    return {gain, std::clamp((wrong + gain) / (2 * gain), 0.0, 1.0)};
}

double
DecoyKeyRate(double mu,
             double transmittance,
             double darkCountProbability,
             double misalignment,
             double errorCorrectionEfficiency,
             double siftingRatio)
{
    RequirePostProcessing("DecoyKeyRate", errorCorrectionEfficiency, siftingRatio);
    const auto [gain, qber] =
        SignalGainAndQber(mu, transmittance, darkCountProbability, misalignment);
    const double y0 = BackgroundYield(darkCountProbability);
    const double quiet = 1 - darkCountProbability;
    const double y1 = y0 + quiet * quiet * transmittance;
    const double e1 =
        y1 > 0 ? (y1 - quiet * transmittance * (1 - 2 * misalignment)) / (2 * y1) : 0.5;
    const double secret =
        std::exp(-mu) * (y0 + mu * y1 * (1 - BinaryEntropy(std::clamp(e1, 0.0, 1.0))));
    return siftingRatio * (secret - errorCorrectionEfficiency * gain * BinaryEntropy(qber));
}

double
DecoyEstimate::GetRate(double errorCorrectionEfficiency, double siftingRatio) const
{
    return siftingRatio * (secretGain - errorCorrectionEfficiency * gain * BinaryEntropy(qber));
}

DecoyEstimate
EstimateVacuumWeak(double mu,
                   double nu,
                   double transmittance,
                   double darkCountProbability,
                   double misalignment,
                   double interceptedFraction)
{
    const char* where = "VacuumWeakKeyRate";
    RequireLink(where, mu, transmittance, darkCountProbability, misalignment);
    if (!(nu > 0 && nu < mu))
    {
        std::ostringstream text;
        text << where << ": nu is " << nu << ", expected above 0 and below mu = " << mu;
        throw std::invalid_argument(text.str());
    }
    const double y0 = BackgroundYield(darkCountProbability);
    // Ma et al. 2005, Eqs. 10 and 11.
    const auto statistics = [&](double x) -> GainAndQber
    {
        const double light = -std::expm1(-transmittance * x);
        const double gain = y0 + light;
        const double qber = gain > 0 ? (y0 / 2 + misalignment * light) / gain : 0.5;
        return {gain, QberWithEavesdropper(qber, interceptedFraction)};
    };
    const auto [gainMu, qberMu] = statistics(mu);
    const auto [gainNu, qberNu] = statistics(nu);
    DecoyEstimate estimate{gainMu, qberMu, 0, 0.5, 0};
    // Eqs. 34 and 37.
    estimate.singlePhotonYield =
        mu / (mu * nu - nu * nu) *
        (gainNu * std::exp(nu) - gainMu * std::exp(mu) * nu * nu / (mu * mu) -
         (mu * mu - nu * nu) / (mu * mu) * y0);
    if (estimate.singlePhotonYield <= 0)
    {
        estimate.singlePhotonYield = 0;
        return estimate;
    }
    estimate.singlePhotonQber =
        (qberNu * gainNu * std::exp(nu) - y0 / 2) / (estimate.singlePhotonYield * nu);
    const double e1 = std::clamp(estimate.singlePhotonQber, 0.0, 1.0);
    estimate.secretGain = mu * std::exp(-mu) * estimate.singlePhotonYield * (1 - BinaryEntropy(e1));
    return estimate;
}

double
VacuumWeakKeyRate(double mu,
                  double nu,
                  double transmittance,
                  double darkCountProbability,
                  double misalignment,
                  double errorCorrectionEfficiency,
                  double siftingRatio)
{
    RequirePostProcessing("VacuumWeakKeyRate", errorCorrectionEfficiency, siftingRatio);
    return EstimateVacuumWeak(mu, nu, transmittance, darkCountProbability, misalignment)
        .GetRate(errorCorrectionEfficiency, siftingRatio);
}

double
QberWithEavesdropper(double qber, double interceptedFraction)
{
    RequireRange("QberWithEavesdropper", "qber", qber, 0, 1);
    RequireRange("QberWithEavesdropper", "intercepted_fraction", interceptedFraction, 0, 1);
    return qber + interceptedFraction * (0.25 - qber / 2);
}

} // namespace qntn
