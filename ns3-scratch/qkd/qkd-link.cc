// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/qkd-link.h"

#include "ns3/abort.h"
#include "ns3/assert.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace ns3;

namespace qntn
{

namespace
{

/// From here on a Poisson number is drawn as a normal one: skewness below 0.1.
constexpr double NORMAL_FROM_MEAN = 100;

void
RequireRatio(const std::string& link, const char* field, double value)
{
    NS_ABORT_MSG_IF(!(value >= 0 && value <= 1),
                    "link " << link << ": " << field << " is " << value << ", expected 0 to 1");
}

} // namespace

QkdLink::QkdLink(std::string name, const QkdLinkConfig& config)
    : m_config(config),
      m_pool(name, config.pool),
      m_lossDb(config.lossDb.value_or(config.lengthKm * config.attenuationDbPerKm)),
      m_uniform(CreateObject<UniformRandomVariable>()),
      m_normal(CreateObject<NormalRandomVariable>())
{
    RequireRatio(name, "signalRatio", config.signalRatio);
    RequireRatio(name, "receiverEfficiency", config.receiverEfficiency);
    RequireRatio(name, "darkCountProbability", config.darkCountProbability);
    RequireRatio(name, "misalignment", config.misalignment);
    RequireRatio(name, "siftingRatio", config.siftingRatio);
    NS_ABORT_MSG_IF(!(config.lengthKm >= 0 && m_lossDb >= 0),
                    "link " << name << ": length " << config.lengthKm << " km, loss " << m_lossDb
                            << " dB, expected neither below 0");
    NS_ABORT_MSG_IF(!(config.pulseRateHz >= 0),
                    "link " << name << ": pulseRateHz is " << config.pulseRateHz
                            << ", expected 0 or more");
    NS_ABORT_MSG_IF(!(config.nu > 0 && config.nu < config.mu),
                    "link " << name << ": intensities mu = " << config.mu << ", nu = " << config.nu
                            << ", expected 0 < nu < mu");
    NS_ABORT_MSG_IF(!(config.errorCorrectionEfficiency >= 1),
                    "link " << name << ": errorCorrectionEfficiency is "
                            << config.errorCorrectionEfficiency << ", expected 1 or more");
    NS_ABORT_MSG_IF(config.distilBits == 0, "link " << name << ": distilBits is 0");
    RequireRatio(name, "maxQber", config.maxQber);
    NS_ABORT_MSG_IF(config.finite.blockBits == 0, "link " << name << ": finite.blockBits is 0");
    m_transmittance = FibreTransmittance(1, m_lossDb, config.receiverEfficiency);
    if (config.keyLength == KeyLength::Finite)
    {
        try
        {
            EvaluateFiniteKey(GetFiniteKeyConfig());
        }
        catch (const std::invalid_argument& error)
        {
            NS_ABORT_MSG("link " << name << ": " << error.what());
        }
    }
    Estimate();
    m_qber = m_estimate.qber;
}

void
QkdLink::Run(Time duration, Time now)
{
    m_pool.Expire(now);
    if (m_transmittance == 0 || m_cloudy)
    {
        return;
    }
    if (m_config.keyLength == KeyLength::Finite)
    {
        RunFinite(m_config.pulseRateHz * duration.GetSeconds(), now);
        return;
    }
    const double pulses = m_config.pulseRateHz * m_config.signalRatio * duration.GetSeconds();
    m_blockPulses += pulses;
    const uint64_t sifted = DrawPoisson(pulses * m_config.siftingRatio * m_estimate.gain);
    const uint64_t errors =
        std::min(sifted, DrawPoisson(static_cast<double>(sifted) * m_estimate.qber));
    m_totalSifted += sifted;
    m_sifted += sifted;
    m_errors += errors;
    if (m_sifted >= m_config.distilBits)
    {
        Distil(now);
    }
}

void
QkdLink::SetUp(bool up)
{
    m_up = up;
}

bool
QkdLink::IsUp() const
{
    return m_up;
}

void
QkdLink::SetInterceptedFraction(double fraction)
{
    RequireRatio(m_pool.GetName(), "intercepted fraction", fraction);
    m_interceptedFraction = fraction;
    Estimate();
}

void
QkdLink::SetChannelTransmittance(double transmittance)
{
    RequireRatio(m_pool.GetName(), "channel transmittance", transmittance);
    m_transmittance = transmittance * m_config.receiverEfficiency;
    m_lossDb = transmittance > 0 ? -10 * std::log10(transmittance) : 0;
    Estimate();
}

void
QkdLink::SetCloudy(bool cloudy)
{
    m_cloudy = cloudy;
}

bool
QkdLink::IsCloudy() const
{
    return m_cloudy;
}

void
QkdLink::SetBlockCallback(BlockCallback callback)
{
    m_blockCallback = callback;
}

void
QkdLink::Store(uint64_t bits, Time now)
{
    m_pool.Add(bits, now);
}

void
QkdLink::Abort()
{
    ++m_numAborted;
}

double
QkdLink::GetBlockRateBps() const
{
    if (m_config.keyLength == KeyLength::Asymptotic || m_transmittance == 0 || m_cloudy)
    {
        return GetExpectedRateBps();
    }
    FiniteKeyObservation expected{};
    const FiniteBlockConfig& finite = m_config.finite;
    const double x = finite.basisProbability * finite.basisProbability;
    const double z = (1 - finite.basisProbability) * (1 - finite.basisProbability);
    double detections = 0;
    double errors = 0;
    for (int k = 0; k < 3; ++k)
    {
        detections += finite.intensityProbabilities[k] * m_pulse.detected[k];
        errors += finite.intensityProbabilities[k] * m_pulse.wrong[k];
    }
    const double pulses = static_cast<double>(finite.blockBits) / (x * detections);
    for (int k = 0; k < 3; ++k)
    {
        const double sent = pulses * finite.intensityProbabilities[k];
        expected.xDetections[k] = sent * x * m_pulse.detected[k];
        expected.zDetections[k] = sent * z * m_pulse.detected[k];
        expected.zErrors[k] = sent * z * m_pulse.wrong[k];
    }
    expected.qber = std::min(1.0, errors / detections);
    if (expected.qber > m_config.maxQber)
    {
        return 0;
    }
    const auto bits = static_cast<double>(BoundFiniteKey(GetFiniteKeyConfig(), expected).keyBits);
    return bits * m_config.pulseRateHz / pulses;
}

double
QkdLink::GetExpectedRateBps() const
{
    if (m_transmittance == 0 || m_cloudy || m_estimate.qber > m_config.maxQber)
    {
        return 0;
    }
    const double rate =
        m_estimate.GetRate(m_config.errorCorrectionEfficiency, m_config.siftingRatio);
    const double pulseRateHz = m_config.pulseRateHz * m_config.signalRatio;
    const double blocksPerSecond = pulseRateHz * m_config.siftingRatio * m_estimate.gain /
                                   static_cast<double>(m_config.distilBits);
    const double bitsPerBlock = rate * pulseRateHz / std::max(blocksPerSecond, 1e-300);
    return bitsPerBlock > static_cast<double>(m_config.authenticationBits) ? rate * pulseRateHz : 0;
}

double
QkdLink::GetQber() const
{
    return m_qber;
}

double
QkdLink::GetLossDb() const
{
    return m_lossDb;
}

uint64_t
QkdLink::GetSiftedBits() const
{
    return m_totalSifted;
}

uint64_t
QkdLink::GetNumBlocks() const
{
    return m_numBlocks;
}

uint64_t
QkdLink::GetNumAbortedBlocks() const
{
    return m_numAborted;
}

const QkdLinkConfig&
QkdLink::GetConfig() const
{
    return m_config;
}

const KeyPool&
QkdLink::GetPool() const
{
    return m_pool;
}

KeyPool&
QkdLink::GetPool()
{
    return m_pool;
}

void
QkdLink::Check() const
{
    m_pool.Check();
    NS_ASSERT_MSG(m_pool.GetLedger().generated <= m_config.pool.initialBits + m_totalSifted,
                  "link " << m_pool.GetName() << ": " << m_pool.GetLedger().generated
                          << " bits of key from " << m_totalSifted << " sifted bits");
}

int64_t
QkdLink::AssignStreams(int64_t stream)
{
    m_uniform->SetStream(stream);
    m_normal->SetStream(stream + 1);
    return 2;
}

void
QkdLink::Estimate()
{
    m_estimate = EstimateVacuumWeak(m_config.mu,
                                    m_config.nu,
                                    m_transmittance,
                                    m_config.darkCountProbability,
                                    m_config.misalignment,
                                    m_interceptedFraction);
    if (m_config.keyLength == KeyLength::Finite)
    {
        m_pulse = DetectPulses(GetFiniteKeyConfig());
        for (int k = 0; k < 3; ++k)
        {
            const double qber = m_pulse.detected[k] > 0
                                    ? std::min(1.0, m_pulse.wrong[k] / m_pulse.detected[k])
                                    : 0.5;
            m_pulse.wrong[k] =
                m_pulse.detected[k] * QberWithEavesdropper(qber, m_interceptedFraction);
        }
    }
}

FiniteKeyConfig
QkdLink::GetFiniteKeyConfig() const
{
    const FiniteBlockConfig& finite = m_config.finite;
    return {.blockSize = static_cast<double>(finite.blockBits),
            .intensities = finite.intensities,
            .intensityProbabilities = finite.intensityProbabilities,
            .basisProbability = finite.basisProbability,
            .transmittance = m_transmittance,
            .darkCountProbability = m_config.darkCountProbability,
            .afterpulseProbability = finite.afterpulseProbability,
            .misalignment = m_config.misalignment,
            .errorCorrectionEfficiency = m_config.errorCorrectionEfficiency,
            .epsilonSecrecy = finite.epsilonSecrecy,
            .epsilonCorrectness = finite.epsilonCorrectness,
            .capSinglePhotonErrors = finite.capSinglePhotonErrors};
}

void
QkdLink::RunFinite(double pulses, Time now)
{
    const FiniteBlockConfig& finite = m_config.finite;
    const double p = finite.basisProbability;
    m_blockPulses += pulses;
    const auto count = [this](double mean) { return static_cast<double>(DrawPoisson(mean)); };
    for (int k = 0; k < 3; ++k)
    {
        const double detected = pulses * finite.intensityProbabilities[k] * m_pulse.detected[k];
        const double qber = m_pulse.detected[k] > 0 ? m_pulse.wrong[k] / m_pulse.detected[k] : 0.5;
        const double x = count(detected * p * p);
        const double z = count(detected * (1 - p) * (1 - p));
        m_counts.xDetections[k] += x;
        m_counts.zDetections[k] += z;
        m_xErrors += std::min(x, count(x * qber));
        m_counts.zErrors[k] += std::min(z, count(z * qber));
        m_unsifted += DrawPoisson(detected * 2 * p * (1 - p));
        m_totalSifted += static_cast<uint64_t>(x);
    }
    const auto& [x1, x2, x3] = m_counts.xDetections;
    if (x1 + x2 + x3 >= static_cast<double>(finite.blockBits))
    {
        DistilFinite(now);
    }
}

void
QkdLink::DistilFinite(Time now)
{
    const auto& [x1, x2, x3] = m_counts.xDetections;
    const auto& [z1, z2, z3] = m_counts.zDetections;
    const double sifted = x1 + x2 + x3;
    m_qber = m_xErrors / sifted;
    m_counts.qber = m_qber;
    const FiniteKeyCounts counts = BoundFiniteKey(GetFiniteKeyConfig(), m_counts);
    const uint64_t tags = m_blockCallback.IsNull() ? m_config.authenticationBits : 0;
    const auto length = static_cast<uint64_t>(counts.keyBits);
    Finish({.id = m_numBlocks,
            .detections = static_cast<uint64_t>(sifted + z1 + z2 + z3) + m_unsifted,
            .pulses = static_cast<uint64_t>(m_blockPulses),
            .siftedBits = static_cast<uint64_t>(sifted),
            .leakBits = static_cast<uint64_t>(counts.errorCorrectionBits),
            .secretBits = m_qber > m_config.maxQber || length <= tags ? 0 : length},
           now);
    m_counts = {};
    m_xErrors = 0;
    m_blockPulses = 0;
    m_unsifted = 0;
}

void
QkdLink::Finish(const SiftedBlock& block, Time now)
{
    ++m_numBlocks;
    if (!m_blockCallback.IsNull())
    {
        m_blockCallback(block);
        return;
    }
    if (block.secretBits == 0)
    {
        Abort(); // what was said about the block is authenticated all the same
    }
    else
    {
        Store(block.secretBits, now);
    }
    m_pool.Authenticate(std::min(m_config.authenticationBits, m_pool.GetStoredBits()));
}

uint64_t
QkdLink::DrawPoisson(double mean)
{
    if (mean >= NORMAL_FROM_MEAN)
    {
        const double value = mean + std::sqrt(mean) * m_normal->GetValue();
        return static_cast<uint64_t>(std::max(0.0, std::round(value)));
    }
    // Arrivals of a Poisson process: exponential gaps until the mean is used up.
    uint64_t count = 0;
    for (double left = mean + std::log1p(-m_uniform->GetValue()); left > 0;
         left += std::log1p(-m_uniform->GetValue()))
    {
        ++count;
    }
    return count;
}

void
QkdLink::Distil(Time now)
{
    const auto sifted = static_cast<double>(m_sifted);
    m_qber = static_cast<double>(m_errors) / sifted;
    const double leak = m_config.errorCorrectionEfficiency * BinaryEntropy(m_qber);
    SiftedBlock block{.id = m_numBlocks,
                      .detections = static_cast<uint64_t>(sifted / m_config.siftingRatio),
                      .pulses = static_cast<uint64_t>(m_blockPulses),
                      .siftedBits = m_sifted,
                      .leakBits = static_cast<uint64_t>(sifted * leak)};
    m_sifted = 0;
    m_errors = 0;
    m_blockPulses = 0;
    const double secretRatio = m_estimate.secretGain / m_estimate.gain - leak;
    const double secret = sifted * secretRatio + m_fraction;
    if (secretRatio > 0 && secret > static_cast<double>(m_config.authenticationBits) &&
        m_qber <= m_config.maxQber)
    {
        block.secretBits = static_cast<uint64_t>(secret);
        m_fraction = secret - static_cast<double>(block.secretBits);
    }
    Finish(block, now);
}

} // namespace qntn
