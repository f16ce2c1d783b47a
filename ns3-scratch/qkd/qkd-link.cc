// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/qkd-link.h"

#include "ns3/abort.h"

#include <algorithm>
#include <cmath>

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
    Estimate();
    m_qber = m_estimate.qber;
}

void
QkdLink::Run(Time duration, Time now)
{
    m_pool.Expire(now);
    const double pulses = m_config.pulseRateHz * m_config.signalRatio * duration.GetSeconds();
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

double
QkdLink::GetExpectedRateBps() const
{
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
                                    FibreTransmittance(1, m_lossDb, m_config.receiverEfficiency),
                                    m_config.darkCountProbability,
                                    m_config.misalignment,
                                    m_interceptedFraction);
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
    m_sifted = 0;
    m_errors = 0;
    ++m_numBlocks;
    const double secretRatio = m_estimate.secretGain / m_estimate.gain -
                               m_config.errorCorrectionEfficiency * BinaryEntropy(m_qber);
    const double secret = sifted * secretRatio + m_fraction;
    if (secretRatio <= 0 || secret <= static_cast<double>(m_config.authenticationBits))
    {
        ++m_numAborted;
        return;
    }
    const auto bits = static_cast<uint64_t>(secret);
    m_fraction = secret - static_cast<double>(bits);
    m_pool.Add(bits, now);
    m_pool.Authenticate(std::min(m_config.authenticationBits, m_pool.GetStoredBits()));
}

} // namespace qntn
