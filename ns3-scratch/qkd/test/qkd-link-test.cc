// SPDX-License-Identifier: GPL-2.0-only
#include "abort-text.h"
#include "qkd/qkd-link.h"

#include <doctest/doctest.h>
#include <vector>

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
          256 * link.GetNumBlocks()); // those without key are authenticated as well
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

TEST_CASE("link: finite blocks yield what their counts allow, never more than long statistics")
{
    QkdLinkConfig config = Wide(10);
    config.keyLength = KeyLength::Finite;
    config.authenticationBits = 0;
    double shorter = 0;
    for (const uint64_t blockBits : {100'000, 1'000'000, 10'000'000})
    {
        CAPTURE(blockBits);
        config.finite.blockBits = blockBits;
        QkdLink link("A-B", config);
        link.AssignStreams(11);
        const double expected = link.GetBlockRateBps();
        const FiniteBlockConfig& finite = config.finite;
        const double eta = FibreTransmittance(1, 10, config.receiverEfficiency);
        double detected = 0;
        for (int k = 0; k < 3; ++k)
        {
            detected += finite.intensityProbabilities[k] *
                        SignalGainAndQber(finite.intensities[k], eta, 6e-7, 0.005).gain;
        }
        const double pulses = static_cast<double>(blockBits) / (0.81 * detected);
        const auto length = FiniteKeyLength(static_cast<double>(blockBits),
                                            finite.intensities,
                                            finite.intensityProbabilities,
                                            finite.basisProbability,
                                            eta,
                                            config.darkCountProbability,
                                            0,
                                            config.misalignment,
                                            config.errorCorrectionEfficiency,
                                            finite.epsilonSecrecy,
                                            finite.epsilonCorrectness);
        const double byHand = static_cast<double>(length) * config.pulseRateHz / pulses;
        CHECK(expected == doctest::Approx(byHand).epsilon(1e-3));
        CHECK(Measure(link, 200) == doctest::Approx(expected).epsilon(0.1));
        CHECK(expected >= shorter);
        shorter = expected;
    }
    // Infinitely many decoys, all of the pulses, no basis lost: nothing can be above that.
    const double asymptotic =
        DecoyKeyRate(0.5, FibreTransmittance(1, 10, 0.1), 6e-7, 0.005, 1.16, 1) * 1e9;
    CHECK(shorter > 0);
    CHECK(shorter < asymptotic);
}

TEST_CASE("link: too short a block makes no finite key, nor does an overheard one")
{
    QkdLinkConfig config = Wide(10);
    config.keyLength = KeyLength::Finite;
    config.finite.blockBits = 1000;
    QkdLink brief("A-B", config);
    CHECK(brief.GetBlockRateBps() == 0);
    CHECK(Measure(brief, 5) == 0);
    CHECK(brief.GetNumAbortedBlocks() == brief.GetNumBlocks());
    config.finite.blockBits = 1'000'000;
    QkdLink link("A-B", config);
    link.SetInterceptedFraction(0.5);
    CHECK(link.GetBlockRateBps() == 0);
    CHECK(Measure(link, 20) == 0);
    CHECK(link.GetQber() == doctest::Approx(QberWithEavesdropper(0.005, 0.5)).epsilon(0.03));
}

TEST_CASE("link: no light, no counts; the loss can change")
{
    QkdLink link("A-B", Wide(5));
    link.SetChannelTransmittance(0);
    CHECK(link.GetExpectedRateBps() == 0);
    CHECK(Measure(link, 2) == 0);
    CHECK(link.GetSiftedBits() == 0);
    link.SetChannelTransmittance(0.1);
    CHECK(link.GetLossDb() == doctest::Approx(10));
    CHECK(Measure(link, 10) == doctest::Approx(link.GetExpectedRateBps()).epsilon(0.05));
}

TEST_CASE("link: a block that is handed out is not stored until both ends agree")
{
    struct Taker
    {
        std::vector<SiftedBlock> blocks;

        void Take(const SiftedBlock& block)
        {
            blocks.push_back(block);
        }
    } taker;

    QkdLink link("A-B", Wide(10));
    link.SetBlockCallback(MakeCallback(&Taker::Take, &taker));
    CHECK(Measure(link, 3) == 0);
    REQUIRE(taker.blocks.size() == link.GetNumBlocks());
    const SiftedBlock& block = taker.blocks.back();
    CHECK(block.id == taker.blocks.size() - 1);
    CHECK(block.secretBits > 0);
    CHECK(block.secretBits + block.leakBits < block.siftedBits);
    CHECK(block.siftedBits < block.detections);
    CHECK(block.detections < block.pulses);
    link.Store(block.secretBits, Seconds(3));
    CHECK(link.GetPool().GetStoredBits() == block.secretBits);
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
    QkdLinkConfig finite{.keyLength = KeyLength::Finite};
    finite.finite.intensities = {0.1, 0.5, 0.0};
    CHECK(text(finite).find("intensities are 0.1, 0.5, 0") != std::string::npos);
    finite.finite.intensities = {0.5, 0.1, 0.0};
    finite.finite.basisProbability = 1.5;
    CHECK(text(finite).find("basis_probability is 1.5") != std::string::npos);
}
