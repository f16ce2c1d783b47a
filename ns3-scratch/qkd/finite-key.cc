// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/finite-key.h"

#include "qkd/key-rate.h"
#include "qkd/require.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace qntn
{

namespace
{

/// Number of error terms that share epsilon_sec; Lim et al., after Eq. 1.
constexpr double NUM_TERMS = 21;

void
RequireConfig(const FiniteKeyConfig& c)
{
    const char* where = "FiniteKeyLength";
    const double tiny = std::numeric_limits<double>::min();
    RequireRange(where, "block_size", c.blockSize, 0, UNBOUNDED);
    for (const double probability : c.intensityProbabilities)
    {
        RequireRange(where, "intensity_probabilities", probability, tiny, 1);
    }
    const double sum =
        std::accumulate(c.intensityProbabilities.begin(), c.intensityProbabilities.end(), 0.0);
    RequireRange(where, "the sum of intensity_probabilities", sum, 1 - 1e-9, 1 + 1e-9);
    RequireRange(where, "basis_probability", c.basisProbability, tiny, 1 - 1e-9);
    RequireRange(where, "transmittance", c.transmittance, 0, 1);
    RequireRange(where, "dark_count_probability", c.darkCountProbability, 0, 0.5);
    RequireRange(where, "afterpulse_probability", c.afterpulseProbability, 0, 1);
    RequireRange(where, "misalignment", c.misalignment, 0, 1);
    RequireRange(where, "error_correction_efficiency", c.errorCorrectionEfficiency, 1, UNBOUNDED);
    RequireRange(where, "epsilon_secrecy", c.epsilonSecrecy, tiny, 1);
    RequireRange(where, "epsilon_correctness", c.epsilonCorrectness, tiny, 1);
    const auto& [mu1, mu2, mu3] = c.intensities;
    if (!(mu1 > mu2 + mu3 && mu2 > mu3 && mu3 >= 0))
    {
        std::ostringstream text;
        text << where << ": intensities are " << mu1 << ", " << mu2 << ", " << mu3
             << ", expected mu1 > mu2 + mu3 and mu2 > mu3 >= 0";
        throw std::invalid_argument(text.str());
    }
}

double
Sum(const Intensities& values)
{
    return values[0] + values[1] + values[2];
}

/// Bounds on what stems from pulses of no and of one photon.
class PhotonNumberBounds
{
  public:
    explicit PhotonNumberBounds(const FiniteKeyConfig& config) : m_config(config)
    {
        for (int k = 0; k < 3; ++k)
        {
            const double weight =
                config.intensityProbabilities[k] * std::exp(-config.intensities[k]);
            m_tau0 += weight;
            m_tau1 += weight * config.intensities[k];
        }
    }

    /// Eq. 2: detections of vacuum pulses, at least.
    double Vacuum(const Intensities& counts) const
    {
        const auto& [mu1, mu2, mu3] = m_config.intensities;
        return std::max(0.0,
                        m_tau0 * (mu2 * Bound(counts, 2, -1) - mu3 * Bound(counts, 1, 1)) /
                            (mu2 - mu3));
    }

    /// Eq. 3: detections of single photons, at least.
    double SinglePhoton(const Intensities& counts) const
    {
        const auto& [mu1, mu2, mu3] = m_config.intensities;
        const double multi =
            (mu2 * mu2 - mu3 * mu3) / (mu1 * mu1) * (Bound(counts, 0, 1) - Vacuum(counts) / m_tau0);
        return std::max(0.0,
                        m_tau1 * mu1 * (Bound(counts, 1, -1) - Bound(counts, 2, 1) - multi) /
                            (mu1 * (mu2 - mu3) - mu2 * mu2 + mu3 * mu3));
    }

    /// Eq. 4: errors of single photons, at most.
    double SinglePhotonErrors(const Intensities& errors) const
    {
        const auto& [mu1, mu2, mu3] = m_config.intensities;
        return std::max(0.0, m_tau1 * (Bound(errors, 1, 1) - Bound(errors, 2, -1)) / (mu2 - mu3));
    }

  private:
    /// n_k^{+-}: count of intensity k, moved by Hoeffding's deviation of the whole.
    double Bound(const Intensities& counts, int k, int sign) const
    {
        const double deviation =
            std::sqrt(Sum(counts) / 2 * std::log(NUM_TERMS / m_config.epsilonSecrecy));
        return std::exp(m_config.intensities[k]) / m_config.intensityProbabilities[k] *
               (counts[k] + sign * deviation);
    }

    const FiniteKeyConfig& m_config;
    double m_tau0{0};
    double m_tau1{0};
};

/// gamma(a, b, c, d) after Eq. 5: phase errors in X beyond the ratio seen in Z.
double
SamplingDeviation(double epsilon, double ratio, double seen, double unseen)
{
    const double variance = (seen + unseen) / (seen * unseen) * (1 - ratio) * ratio;
    const double confidence = std::log2((seen + unseen) / (seen * unseen * (1 - ratio) * ratio) *
                                        NUM_TERMS * NUM_TERMS / (epsilon * epsilon));
    return std::sqrt(std::max(0.0, variance / std::log(2.0) * confidence));
}

} // namespace

DetectionProbabilities
DetectPulses(const FiniteKeyConfig& config)
{
    DetectionProbabilities pulse{};
    for (int k = 0; k < 3; ++k)
    {
        const double light = -std::expm1(-config.transmittance * config.intensities[k]);
        const double clicked = light + 2 * config.darkCountProbability * (1 - light);
        pulse.detected[k] = clicked * (1 + config.afterpulseProbability);
        pulse.wrong[k] = config.darkCountProbability + config.misalignment * light +
                         config.afterpulseProbability * clicked / 2;
    }
    return pulse;
}

FiniteKeyCounts
BoundFiniteKey(const FiniteKeyConfig& config, const FiniteKeyObservation& observation)
{
    RequireConfig(config);
    FiniteKeyCounts counts{};
    counts.phaseError = 0.5;
    counts.xDetections = observation.xDetections;
    counts.zDetections = observation.zDetections;
    counts.zErrors = observation.zErrors;
    counts.qber = observation.qber;
    const double blockSize = Sum(observation.xDetections);
    if (blockSize == 0)
    {
        return counts;
    }
    const PhotonNumberBounds bounds(config);
    counts.xVacuum = bounds.Vacuum(counts.xDetections);
    counts.xSinglePhoton = bounds.SinglePhoton(counts.xDetections);
    counts.zSinglePhoton = bounds.SinglePhoton(counts.zDetections);
    counts.zSinglePhotonErrors = bounds.SinglePhotonErrors(counts.zErrors);
    if (config.capSinglePhotonErrors)
    {
        counts.zSinglePhotonErrors = std::min(counts.zSinglePhotonErrors, Sum(counts.zErrors));
    }
    counts.errorCorrectionBits =
        blockSize * config.errorCorrectionEfficiency * BinaryEntropy(counts.qber);
    if (counts.xSinglePhoton > 0 && counts.zSinglePhoton > 0)
    {
        const double ratio = counts.zSinglePhotonErrors / counts.zSinglePhoton;
        if (ratio == 0) // the deviation goes to 0 with it
        {
            counts.phaseError = 0;
        }
        else if (ratio < 0.5)
        {
            counts.phaseError = std::min(0.5,
                                         ratio + SamplingDeviation(config.epsilonSecrecy,
                                                                   ratio,
                                                                   counts.zSinglePhoton,
                                                                   counts.xSinglePhoton));
        }
    }
    // Eq. 1.
    const double bits =
        counts.xVacuum + counts.xSinglePhoton * (1 - BinaryEntropy(counts.phaseError)) -
        counts.errorCorrectionBits - 6 * std::log2(NUM_TERMS / config.epsilonSecrecy) -
        std::log2(2 / config.epsilonCorrectness);
    counts.keyBits = bits > 0 ? static_cast<int64_t>(std::floor(bits)) : 0;
    return counts;
}

FiniteKeyCounts
EvaluateFiniteKey(const FiniteKeyConfig& config)
{
    RequireConfig(config);
    const DetectionProbabilities pulse = DetectPulses(config);
    double detections = 0;
    double errors = 0;
    for (int k = 0; k < 3; ++k)
    {
        detections += config.intensityProbabilities[k] * pulse.detected[k];
        errors += config.intensityProbabilities[k] * pulse.wrong[k];
    }
    if (detections == 0 || config.blockSize == 0)
    {
        FiniteKeyCounts nothing{};
        nothing.phaseError = 0.5;
        return nothing;
    }
    const double xSifted = config.basisProbability * config.basisProbability;
    const double zSifted = (1 - config.basisProbability) * (1 - config.basisProbability);
    const double pulses = config.blockSize / (xSifted * detections);
    FiniteKeyObservation expected{};
    for (int k = 0; k < 3; ++k)
    {
        const double sent = pulses * config.intensityProbabilities[k];
        expected.xDetections[k] = sent * xSifted * pulse.detected[k];
        expected.zDetections[k] = sent * zSifted * pulse.detected[k];
        expected.zErrors[k] = sent * zSifted * pulse.wrong[k];
    }
    expected.qber = std::min(1.0, errors / detections);
    FiniteKeyCounts counts = BoundFiniteKey(config, expected);
    counts.pulses = pulses;
    return counts;
}

int64_t
FiniteKeyLength(double blockSize,
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
                bool capSinglePhotonErrors)
{
    return EvaluateFiniteKey({.blockSize = blockSize,
                              .intensities = intensities,
                              .intensityProbabilities = intensityProbabilities,
                              .basisProbability = basisProbability,
                              .transmittance = transmittance,
                              .darkCountProbability = darkCountProbability,
                              .afterpulseProbability = afterpulseProbability,
                              .misalignment = misalignment,
                              .errorCorrectionEfficiency = errorCorrectionEfficiency,
                              .epsilonSecrecy = epsilonSecrecy,
                              .epsilonCorrectness = epsilonCorrectness,
                              .capSinglePhotonErrors = capSinglePhotonErrors})
        .keyBits;
}

} // namespace qntn
