// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/measured-link.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace qntn
{

namespace
{

/// Secret bits a pulse, in the limit of long statistics.
double
RatePerPulse(const QkdLinkConfig& config)
{
    QkdLinkConfig trial = config;
    trial.pulseRateHz = 1e9;
    return QkdLink("trial", trial).GetExpectedRateBps() / trial.pulseRateHz;
}

/// The misalignment with which signal pulses show \p qber.
double
FitMisalignment(const QkdLinkConfig& config, double qber)
{
    const double lossDb = config.lossDb.value_or(config.lengthKm * config.attenuationDbPerKm);
    const double eta = FibreTransmittance(1, lossDb, config.receiverEfficiency);
    const double y0 = config.darkCountProbability * (2 - config.darkCountProbability);
    const double light = -std::expm1(-eta * config.mu);
    return std::max(0.0, (qber * (y0 + light) - y0 / 2) / light);
}

} // namespace

QkdLinkConfig
MakeMeasuredLink(const QkdTopology& topology,
                 const QkdTopology::Link& link,
                 const QkdLinkConfig& base)
{
    QkdLinkConfig config = base;
    config.siteA = topology.GetSite(link.siteA);
    config.siteB = topology.GetSite(link.siteB);
    config.lengthKm = link.lengthKm;
    config.lossDb = link.lossDb;
    if (!link.measuredRateBps)
    {
        return config;
    }
    QkdLinkConfig fitted = config;
    if (link.measuredQber)
    {
        fitted.misalignment = FitMisalignment(config, *link.measuredQber);
    }
    double perPulse = RatePerPulse(fitted);
    if (perPulse <= 0)
    {
        fitted.misalignment = config.misalignment;
        perPulse = RatePerPulse(fitted);
    }
    if (perPulse <= 0)
    {
        throw std::invalid_argument("network " + topology.name + ", link " + link.siteA + "-" +
                                    link.siteB + ": the model makes no key where " +
                                    std::to_string(*link.measuredRateBps) +
                                    " bit/s were measured; lower its loss");
    }
    fitted.pulseRateHz = *link.measuredRateBps / perPulse;
    return fitted;
}

} // namespace qntn
