// SPDX-License-Identifier: GPL-2.0-only
#include "abort-text.h"
#include "qkd/qkd-link.h"

#include <doctest/doctest.h>

using namespace ns3;
using namespace qntn;

namespace
{

/// A link whose pool never fills.
QkdLinkConfig
Wide(double lossDb)
{
    return {
        .lossDb = lossDb,
        .pool = {.initialBits = 0, .minBits = 0, .thresholdBits = 0, .maxBits = uint64_t{1} << 60}};
}

/// Secret bits a second over \p seconds.
double
Measure(QkdLink& link, int seconds)
{
    const uint64_t before = link.GetPool().GetLedger().generated;
    for (int i = 1; i <= 10 * seconds; ++i)
    {
        link.Run(MilliSeconds(100), MilliSeconds(100 * i));
        link.GetPool().Check();
    }
    return static_cast<double>(link.GetPool().GetLedger().generated - before) / seconds;
}

} // namespace

TEST_CASE("link: the rate is what the physics allow")
{
    for (const double lossDb : {0.0, 1.4, 8.72, 14.3, 20.0, 28.0})
    {
        CAPTURE(lossDb);
        QkdLink link("A-B", Wide(lossDb));
        link.AssignStreams(1);
        const QkdLinkConfig& config = link.GetConfig();
        const double physics =
            VacuumWeakKeyRate(config.mu,
                              config.nu,
                              FibreTransmittance(1, lossDb, config.receiverEfficiency),
                              config.darkCountProbability,
                              config.misalignment) *
            config.pulseRateHz * config.signalRatio;
        CHECK(link.GetExpectedRateBps() == doctest::Approx(physics).epsilon(1e-12));
        CHECK(Measure(link, 100) == doctest::Approx(physics).epsilon(0.02));
    }
}

TEST_CASE("link: few photons are distilled late, not too richly")
{
    QkdLinkConfig config = Wide(20);
    config.pulseRateHz = 1e6; // 225 sifted bits a second
    QkdLink link("A-B", config);
    link.AssignStreams(7);
    link.Run(MilliSeconds(100), Seconds(0));
    CHECK(link.GetPool().GetStoredBits() == 0);
    CHECK(Measure(link, 20000) == doctest::Approx(link.GetExpectedRateBps()).epsilon(0.03));
    CHECK(link.GetNumBlocks() > 100);
    CHECK(link.GetPool().GetLedger().authentication ==
          256 * (link.GetNumBlocks() - link.GetNumAbortedBlocks()));
}

TEST_CASE("link: too long, too dark or overheard, it makes no key")
{
    QkdLink longLink("A-B", Wide(45));
    CHECK(longLink.GetExpectedRateBps() == 0);
    CHECK(Measure(longLink, 20) == 0);

    QkdLink link("A-B", Wide(5));
    const double clean = link.GetExpectedRateBps();
    link.SetInterceptedFraction(0.1);
    CHECK(link.GetExpectedRateBps() < clean);
    link.SetInterceptedFraction(0.5);
    CHECK(link.GetExpectedRateBps() == 0);
    CHECK(Measure(link, 5) == 0);
    CHECK(link.GetNumAbortedBlocks() == link.GetNumBlocks());
    CHECK(link.GetQber() > 0.11);
    link.SetInterceptedFraction(0);
    CHECK(Measure(link, 5) > 0);
}

TEST_CASE("link: the same stream gives the same key, another one does not")
{
    const auto run = [](int64_t stream)
    {
        QkdLink link("A-B", Wide(10));
        link.AssignStreams(stream);
        return Measure(link, 3);
    };
    CHECK(run(3) == run(3));
    CHECK(run(3) != run(5));
}

TEST_CASE("link: without a measured loss, length times attenuation")
{
    const QkdLink link("A-B", {.lengthKm = 50, .attenuationDbPerKm = 0.25});
    CHECK(link.GetLossDb() == 12.5);
}

TEST_CASE("link: bad input names link, field, value and range")
{
    const auto text = [](const QkdLinkConfig& config)
    { return AbortText([&] { QkdLink("A-B", config); }); };
    CHECK(text({.misalignment = 1.5}).find("link A-B: misalignment is 1.5, expected 0 to 1") !=
          std::string::npos);
    CHECK(text({.mu = 0.1, .nu = 0.5}).find("mu = 0.1, nu = 0.5") != std::string::npos);
    CHECK(text({.lengthKm = -1}).find("length -1 km") != std::string::npos);
    CHECK_FALSE(text({.errorCorrectionEfficiency = 0.5}).empty());
}
