// SPDX-License-Identifier: GPL-2.0-only
//
// Fading against closed forms: in time, over sub-bands, from link to link.
#include "ran/fading.h"
#include "ran/radio-channel.h"
#include "ran/small-scale.h"

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <doctest/doctest.h>
#include <numbers>
#include <numeric>
#include <vector>

using namespace qntn;
using namespace ns3;

namespace
{

constexpr double INDEPENDENT = 100; ///< spread of sub-bands without correlation

/// Correlation of two sub-bands' powers when their scattered waves' gains have this correlation.
double
RicianCorrelation(double kFactor, std::complex<double> rho)
{
    return (2 * kFactor * rho.real() + std::norm(rho)) / (2 * kFactor + 1);
}

/// A channel of one gNB or platform, and users around it.
class LinkFixture
{
  public:
    ~LinkFixture()
    {
        Simulator::Destroy();
    }

    /// \return its index
    uint32_t AddUser(const Vector& position, const Vector& velocity)
    {
        auto mobility = CreateObject<ConstantVelocityMobilityModel>();
        mobility->SetPosition(position);
        mobility->SetVelocity(velocity);
        channel.AddUe(mobility);
        serving.push_back(0);
        return static_cast<uint32_t>(serving.size() - 1);
    }

    void Start()
    {
        channel.AssignStreams(1);
        channel.Start();
        for (uint32_t u = 0; u < serving.size(); ++u)
        {
            channel.ResetFading(u, 0);
        }
    }

    /// [step][user * NUM_SUBBANDS]: received powers relative to the mean.
    std::vector<std::vector<double>> Record(uint32_t steps, double seconds)
    {
        std::vector<std::vector<double>> powers(steps);
        for (auto& step : powers)
        {
            channel.UpdateFading(serving, seconds);
            for (uint32_t u = 0; u < serving.size(); ++u)
            {
                const double mean_db = channel.GetSnrDb(0, u);
                for (const double sinr_db : channel.MeasureSubbandsDb(0, u))
                {
                    step.push_back(std::pow(10, (sinr_db - mean_db) / 10));
                }
            }
        }
        return powers;
    }

    RadioChannel channel;
    std::vector<uint32_t> serving;
};

/// Mean and standard deviation.
std::pair<double, double>
Moments(const std::vector<double>& values)
{
    double sum = 0;
    double squares = 0;
    for (const double value : values)
    {
        sum += value;
        squares += value * value;
    }
    const double mean = sum / static_cast<double>(values.size());
    return {mean, std::sqrt(squares / static_cast<double>(values.size()) - mean * mean)};
}

} // namespace

TEST_CASE("fading has unit power, Rayleigh's distribution and Clarke's correlation")
{
    NormalSource random(7);
    constexpr double TURNS = 0.02; // of the largest Doppler shift in a step
    constexpr uint32_t LINKS = 400;
    constexpr uint32_t STEPS = 300;
    std::vector<double> powers;
    std::vector<double> covariance(125, 0); // up to J0's fifth zero, 2.38 turns away
    double squares = 0;
    for (uint32_t link = 0; link < LINKS; ++link)
    {
        Fading fading;
        fading.Reset(random);
        std::vector<Subbands> series;
        for (uint32_t step = 0; step < STEPS; ++step)
        {
            fading.Step(TURNS, 0);
            series.push_back(fading.GetGains());
        }
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            for (uint32_t t = 0; t + covariance.size() < STEPS; ++t)
            {
                powers.push_back(series[t][s]);
                squares += (series[t][s] - 1) * (series[t][s] - 1);
                for (size_t lag = 0; lag < covariance.size(); ++lag)
                {
                    covariance[lag] += (series[t][s] - 1) * (series[t + lag][s] - 1);
                }
            }
        }
    }
    const double mean = std::accumulate(powers.begin(), powers.end(), 0.0) / powers.size();
    CHECK(mean == doctest::Approx(1).epsilon(0.02));
    // power is exponential: P(power < x) = 1 - exp(-x), from deep fades to peaks
    for (const double x : {0.01, 0.1, 0.5, 1.0, 2.0, 3.0})
    {
        const double below =
            static_cast<double>(
                std::ranges::count_if(powers, [x](double power) { return power < x; })) /
            static_cast<double>(powers.size());
        CHECK(below == doctest::Approx(1 - std::exp(-x)).epsilon(0.06));
    }
    // the autocovariance of the power is the square of the amplitude's J0(2 pi f_d t)
    for (size_t lag = 0; lag < covariance.size(); ++lag)
    {
        const double j0 = std::cyl_bessel_j(0.0, 2 * std::numbers::pi * TURNS * lag);
        CHECK(std::abs(covariance[lag] / squares - j0 * j0) < 0.03);
    }
    // a strong direct path leaves a variance of (1 + 2K) / (1 + K)^2
    constexpr double K = 8;
    double variance = 0;
    for (uint32_t link = 0; link < 4000; ++link)
    {
        Fading fading;
        fading.Reset(random);
        fading.SetShape(K, INDEPENDENT);
        const double power = fading.GetGains()[link % NUM_SUBBANDS];
        variance += (power - 1) * (power - 1) / 4000;
    }
    CHECK(variance == doctest::Approx((1 + 2 * K) / (1 + K) / (1 + K)).epsilon(0.1));
}

TEST_CASE("a direct path with a Doppler shift of its own beats with the scattered waves")
{
    NormalSource random(11);
    constexpr double TURNS = 0.05; // of the largest Doppler shift in a step
    constexpr double K = 3;
    constexpr uint32_t LAGS = 40;
    for (const double approach : {0.0, 0.4, -1.0}) // the direct path's shift over the largest
    {
        std::vector<double> covariance(LAGS, 0);
        for (uint32_t link = 0; link < 1000; ++link)
        {
            Fading fading;
            fading.Reset(random);
            fading.SetShape(K, INDEPENDENT);
            std::vector<Subbands> series;
            for (uint32_t step = 0; step < 3 * LAGS; ++step)
            {
                fading.Step(TURNS, TURNS * approach);
                series.push_back(fading.GetGains());
            }
            for (uint32_t t = 0; t + LAGS <= series.size(); ++t)
            {
                for (uint32_t lag = 0; lag < LAGS; ++lag)
                {
                    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
                    {
                        covariance[lag] += (series[t][s] - 1) * (series[t + lag][s] - 1);
                    }
                }
            }
        }
        // scattered waves of autocorrelation J0 beside a direct one of exp(2 pi i f t)
        for (uint32_t lag = 0; lag < LAGS; ++lag)
        {
            const double angle = 2 * std::numbers::pi * TURNS * lag;
            const double j0 = std::cyl_bessel_j(0.0, angle);
            const double expected =
                (2 * K * j0 * std::cos(approach * angle) + j0 * j0) / (2 * K + 1);
            CHECK(std::abs(covariance[lag] / covariance[0] - expected) < 0.03);
        }
    }
}

TEST_CASE("sub-bands are correlated as an exponential power delay profile says")
{
    NormalSource random(13);
    for (const double kFactor : {0.0, 5.0})
    {
        for (const double spread : {0.02, 0.2, 0.7, 2.0, 20.0})
        {
            constexpr uint32_t LINKS = 20'000;
            std::vector<double> covariance(NUM_SUBBANDS, 0); // with the first sub-band
            std::vector<double> variance(NUM_SUBBANDS, 0);
            double mean = 0;
            for (uint32_t link = 0; link < LINKS; ++link)
            {
                Fading fading;
                fading.Reset(random);
                fading.SetShape(kFactor, spread);
                const auto gains = fading.GetGains();
                mean += gains[link % NUM_SUBBANDS] / LINKS;
                for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
                {
                    covariance[s] += (gains[0] - 1) * (gains[s] - 1);
                    variance[s] += (gains[s] - 1) * (gains[s] - 1);
                }
            }
            CHECK(mean == doctest::Approx(1).epsilon(0.03));
            for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
            {
                const auto rho = 1.0 / std::complex(1.0, s * spread);
                const double expected = RicianCorrelation(kFactor, rho);
                const double found = covariance[s] / std::sqrt(covariance[0] * variance[s]);
                INFO("K " << kFactor << ", spread " << spread << ", sub-band " << s);
                CHECK(std::abs(found - expected) < 0.05);
            }
        }
    }
}

TEST_CASE("correlated sub-bands keep Clarke's Doppler spectrum")
{
    NormalSource random(17);
    constexpr double TURNS = 0.05;
    constexpr uint32_t LAGS = 30;
    std::vector<double> covariance(LAGS, 0);
    for (uint32_t link = 0; link < 20'000; ++link)
    {
        Fading fading;
        fading.Reset(random);
        fading.SetShape(0, 0.5);
        const double first = fading.GetGains()[5] - 1;
        for (uint32_t lag = 0; lag < LAGS; ++lag)
        {
            covariance[lag] += first * (fading.GetGains()[5] - 1);
            fading.Step(TURNS, 0);
        }
    }
    for (uint32_t lag = 0; lag < LAGS; ++lag)
    {
        const double j0 = std::cyl_bessel_j(0.0, 2 * std::numbers::pi * TURNS * lag);
        CHECK(std::abs(covariance[lag] / covariance[0] - j0 * j0) < 0.05);
    }
}

TEST_CASE("K factors of links in line of sight spread as TR 38.901 says, by the run's seed")
{
    const auto draw = []
    {
        LinkFixture bench;
        bench.channel.AddGnb({"gnb_0", {0, 0, 25}, {3.5e9, 100e6, 1, "DDDSU"}, 46, 8});
        for (uint32_t u = 0; u < 400; ++u)
        {
            const double angle = 2 * std::numbers::pi * u / 400;
            bench.AddUser({15 * std::cos(angle), 15 * std::sin(angle), 1.5}, {1, 0, 0});
        }
        bench.Start();
        constexpr uint32_t STEPS = 300;
        const auto powers = bench.Record(STEPS, 1); // a second apart
        std::vector<double> factors_db;
        for (size_t u = 0; u < bench.serving.size(); ++u)
        {
            std::vector<double> seen;
            for (const auto& step : powers)
            {
                const double* at = &step[u * NUM_SUBBANDS];
                seen.insert(seen.end(), at, at + NUM_SUBBANDS);
            }
            // the variance (1 + 2K) / (1 + K)^2 of a power of mean 1, solved for K
            const auto [mean, deviation] = Moments(seen);
            const double root = std::sqrt(std::max(1 - std::pow(deviation / mean, 2), 1e-3));
            factors_db.push_back(10 * std::log10(root / (1 - root)));
        }
        return factors_db;
    };
    const auto factors_db = draw();
    const auto [mean_db, deviation_db] = Moments(factors_db);
    CHECK(mean_db == doctest::Approx(9).epsilon(0.06)); // Table 7.5-6, UMa
    CHECK(deviation_db == doctest::Approx(3.5).epsilon(0.1));
    CHECK(draw() == factors_db);
}

TEST_CASE("who walks towards the cell has the direct path's full Doppler shift, who stands none")
{
    // over the time in which the scattered waves go on by a whole turn
    constexpr double FREQUENCY_HZ = 3.5e9;
    constexpr double STEP_S = 0.05 * 299'792'458 / FREQUENCY_HZ / 2;
    constexpr uint32_t USERS = 400;
    for (const double part : {1.0, 0.5, 0.0}) // of the way that leads towards the cell
    {
        LinkFixture bench;
        bench.channel.AddGnb({"gnb_0", {0, 0, 1.6}, {FREQUENCY_HZ, 100e6, 1, "DDDSU"}, 46, 8});
        for (uint32_t u = 0; u < USERS; ++u)
        {
            const double angle = 2 * std::numbers::pi * u / USERS;
            const double to = angle + std::numbers::pi - std::acos(part);
            bench.AddUser({15 * std::cos(angle), 15 * std::sin(angle), 1.5},
                          {2 * std::cos(to), 2 * std::sin(to), 0});
        }
        bench.Start();
        const auto powers = bench.Record(600, STEP_S);
        // K differs from user to user: half a turn away J0 is -0.30, so that the sign of the
        // covariance is the direct path's turn
        const auto covariance = [&](uint32_t lag)
        {
            double sum = 0;
            for (size_t t = 0; t + lag < powers.size(); ++t)
            {
                for (size_t i = 0; i < powers[t].size(); ++i)
                {
                    sum += (powers[t][i] - 1) * (powers[t + lag][i] - 1);
                }
            }
            return sum / static_cast<double>(powers.size() - lag);
        };
        const double j0 = std::cyl_bessel_j(0.0, std::numbers::pi);
        const double found = covariance(10) / covariance(0);
        // 2K J0 cos + J0^2 over 2K + 1, with powers' variances as weights: between K of 6 and 0
        const double turn = std::cos(std::numbers::pi * part);
        INFO("part " << part);
        const double strong = (12 * j0 * turn + j0 * j0) / 13;
        const double weak = (2 * j0 * turn + j0 * j0) / 3;
        CHECK(found > std::min(strong, weak) - 0.03);
        CHECK(found < std::max(strong, weak) + 0.03);
    }
}
