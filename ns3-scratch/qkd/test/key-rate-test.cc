// SPDX-License-Identifier: GPL-2.0-only
#include "csv.h"
#include "qkd/key-rate.h"

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

using namespace qntn;

namespace
{

nlohmann::json
Anchors()
{
    std::ifstream file(std::string(QNTN_REFERENCE_DIR) + "/qkd/anchors.json");
    return nlohmann::json::parse(file);
}

/// Where a falling function crosses zero.
double
Root(double low, double high, const std::function<double(double)>& f)
{
    while (high - low > 1e-12 * high)
    {
        const double middle = (low + high) / 2;
        (f(middle) > 0 ? low : high) = middle;
    }
    return low;
}

double
GysTransmittance(double km)
{
    return FibreTransmittance(km, 0.21, 0.045);
}

constexpr double GYS_DARK = 8.5e-7; // Y0 = 1.7e-6
constexpr double GYS_MISALIGNMENT = 0.033;

} // namespace

TEST_CASE("binary entropy")
{
    CHECK(BinaryEntropy(0) == 0);
    CHECK(BinaryEntropy(1) == 0);
    CHECK(BinaryEntropy(0.5) == doctest::Approx(1).epsilon(1e-15));
    CHECK(BinaryEntropy(0.11) == doctest::Approx(0.499915958164).epsilon(1e-11));
    CHECK_THROWS_AS(BinaryEntropy(-0.1), std::invalid_argument);
}

TEST_CASE("gain, QBER and rate agree with an independent package to 1e-9")
{
    const auto rows = ReadReference("bb84-rates.csv");
    REQUIRE(rows.size() > 40);
    for (const CsvRow& row : rows)
    {
        const auto number = [&](const char* column) { return std::stod(row.at(column)); };
        CAPTURE(row.at("param_set"));
        CAPTURE(number("distance_km"));
        const double eta =
            FibreTransmittance(number("distance_km"), number("alpha_db_km"), number("eta_bob"));
        const double mu = number("mu_signal");
        const auto [gain, qber] = SignalGainAndQber(mu, eta, number("p_dark"), number("e_mis"));
        CHECK(gain == doctest::Approx(number("gain_signal")).epsilon(1e-9).scale(0));
        CHECK(qber == doctest::Approx(number("qber_signal")).epsilon(1e-9).scale(0));
        const double rate = DecoyKeyRate(mu, eta, number("p_dark"), number("e_mis"), 1, 1);
        const double expected = number("rate_bits_per_pulse");
        if (row.at("model").starts_with("fully_asymptotic"))
        {
            CHECK(rate == doctest::Approx(expected).epsilon(1e-9).scale(0));
        }
        else
        {
            CHECK(rate > expected); // two decoy intensities know less than infinitely many
        }
    }
}

TEST_CASE("Ma et al. 2005: reach, rates and best intensity")
{
    const auto anchors = Anchors()["ma2005"];
    const auto vacuumWeak = [](double km)
    {
        return VacuumWeakKeyRate(0.48,
                                 0.05,
                                 GysTransmittance(km),
                                 GYS_DARK,
                                 GYS_MISALIGNMENT,
                                 1.22);
    };
    CHECK(Root(100, 200, vacuumWeak) ==
          doctest::Approx(anchors["max_distance_vac_weak_km_published"].get<double>())
              .epsilon(0.002));
    CHECK(Root(100, 200, vacuumWeak) ==
          doctest::Approx(anchors["max_distance_vac_weak_ours_mu48_nu05"].get<double>())
              .epsilon(1e-5));
    const auto decoy = [](double km)
    { return DecoyKeyRate(0.48, GysTransmittance(km), GYS_DARK, GYS_MISALIGNMENT, 1.22); };
    CHECK(Root(100, 200, decoy) > Root(100, 200, vacuumWeak));
    // The weaker the decoy, the closer to infinitely many intensities.
    const auto weakest = [](double km)
    {
        return VacuumWeakKeyRate(0.48,
                                 1e-4,
                                 GysTransmittance(km),
                                 GYS_DARK,
                                 GYS_MISALIGNMENT,
                                 1.22);
    };
    CHECK(Root(100, 200, weakest) ==
          doctest::Approx(anchors["max_distance_inf_decoy_km_published"].get<double>())
              .epsilon(0.002));
    CHECK(weakest(0) == doctest::Approx(anchors["R_0km_mu48_q5_f122"].get<double>()).epsilon(1e-3));
    CHECK(weakest(100) == doctest::Approx(anchors["R_100km"].get<double>()).epsilon(1e-3));

    const double eta = GysTransmittance(40);
    const double y1 = 1.7e-6 + eta;
    const double e1 = (1.7e-6 / 2 + GYS_MISALIGNMENT * eta) / y1;
    const DecoyEstimate estimate = EstimateVacuumWeak(0.48, 0.12, eta, GYS_DARK, GYS_MISALIGNMENT);
    CHECK(100 * (estimate.singlePhotonYield / y1 - 1) ==
          doctest::Approx(anchors["Y1_rel_dev_40km_ours_nu12_pct"].get<double>()).epsilon(1e-3));
    CHECK(100 * (estimate.singlePhotonQber / e1 - 1) ==
          doctest::Approx(anchors["e1_rel_dev_40km_ours_nu12_pct"].get<double>()).epsilon(1e-3));
}

TEST_CASE("rates that the deployment bound uses")
{
    // milp.md: bit/s at a clock of 1e9.
    const auto rate = [](double km)
    { return 1e9 * VacuumWeakKeyRate(0.5, 0.1, FibreTransmittance(km, 0.2, 0.1), 6e-7, 0.005); };
    CHECK(rate(40) == doctest::Approx(2001548).epsilon(1e-6));
    CHECK(rate(80) == doctest::Approx(314269).epsilon(2e-6));
    CHECK(rate(100) == doctest::Approx(123228).epsilon(5e-6));
}

TEST_CASE("thresholds")
{
    const auto anchors = Anchors()["thresholds"];
    for (const auto& [key, f] : {std::pair{"shor_preskill_1_minus_2h", 1.0},
                                 {"one_way_1-(1+f)h_f1.1", 1.1},
                                 {"one_way_1-(1+f)h_f1.16", 1.16},
                                 {"one_way_1-(1+f)h_f1.2", 1.2},
                                 {"one_way_1-(1+f)h_f1.22", 1.22}})
    {
        CAPTURE(key);
        const double threshold =
            Root(0.01, 0.2, [f = f](double e) { return 1 - (1 + f) * BinaryEntropy(e); });
        CHECK(threshold == doctest::Approx(anchors[key].get<double>()).epsilon(1e-8));
    }
    CHECK(QberWithEavesdropper(0, 1) == anchors["intercept_resend_qber_full"].get<double>());
    const double shorPreskill = anchors["shor_preskill_1_minus_2h"];
    CHECK(QberWithEavesdropper(0, anchors["intercept_resend_fraction_reaching_11pct"]) ==
          doctest::Approx(shorPreskill).epsilon(1e-5));
    CHECK(QberWithEavesdropper(0.5, 0.7) == 0.5);
}

TEST_CASE("an eavesdropper costs key, in the end all of it")
{
    double last = 1;
    for (const double xi : {0.0, 0.05, 0.1, 0.2, 0.3})
    {
        const double rate = EstimateVacuumWeak(0.5, 0.1, 0.01, 6e-7, 0.005, xi).GetRate(1.16, 0.5);
        CHECK(rate < last);
        last = rate;
    }
    CHECK(last < 0);
}

TEST_CASE("limits of the detector model")
{
    const auto [gain, qber] = SignalGainAndQber(0, 0.1, 1e-6, 0.02);
    CHECK(gain == doctest::Approx(2e-6 - 1e-12).epsilon(1e-12));
    CHECK(qber == doctest::Approx(0.5).epsilon(1e-12));
    CHECK(SignalGainAndQber(0, 0.1, 0, 0.02).gain == 0);
    CHECK(VacuumWeakKeyRate(0.5, 0.1, 0, 1e-6, 0.01) < 0);
    CHECK(FibreTransmittance(50, 0.2, 1) == doctest::Approx(0.1).epsilon(1e-14));
}

TEST_CASE("arguments out of range name field, value and range")
{
    CHECK_THROWS_WITH_AS(SignalGainAndQber(0.5, 1.5, 0, 0),
                         "SignalGainAndQber: transmittance is 1.5, expected 0 to 1",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(VacuumWeakKeyRate(0.5, 0.6, 0.1, 0, 0),
                         "VacuumWeakKeyRate: nu is 0.6, expected above 0 and below mu = 0.5",
                         std::invalid_argument);
    CHECK_THROWS_AS(DecoyKeyRate(0.5, 0.1, -1e-6, 0), std::invalid_argument);
    CHECK_THROWS_AS(DecoyKeyRate(0.5, 0.1, 1e-6, std::nan("")), std::invalid_argument);
    CHECK_THROWS_AS(DecoyKeyRate(0.5, 0.1, 1e-6, 0.01, 0.9), std::invalid_argument);
    CHECK_THROWS_AS(FibreTransmittance(-1, 0.2, 1), std::invalid_argument);
    CHECK_THROWS_AS(QberWithEavesdropper(0.1, 1.1), std::invalid_argument);
}
