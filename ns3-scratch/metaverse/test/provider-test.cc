// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/provider.h"
#include "metaverse/xr-source.h"

#include "ns3/double.h"

#include <array>
#include <doctest/doctest.h>
#include <numeric>

using namespace ns3;
using namespace qntn;

namespace
{

std::vector<Provider>
MakeProviders()
{
    std::vector<Provider> providers;
    providers.emplace_back("a", 2, 2, CreateObject<EdgeServer>());
    providers.emplace_back("b", 2, 2, CreateObject<EdgeServer>());
    return providers;
}

} // namespace

TEST_CASE("a slice's spectrum is divided between the providers by their budgets")
{
    auto providers = MakeProviders();
    providers[0].SetSpectrumBudget(std::array{0.3F, 0.0F, 0.7F, 0.0F});
    providers[1].SetSpectrumBudget(std::array{0.1F, 0.0F, 0.1F, 0.8F});
    const std::array slices{0.6F, 0.4F};
    const auto first = DivideBetweenProviders(slices, providers, 0);
    CHECK(first[0] == doctest::Approx(0.435));
    CHECK(first[2] == doctest::Approx(0.165));
    CHECK(first[1] == doctest::Approx(0.2)); // nobody has a budget: equal parts
    CHECK(first[3] == doctest::Approx(0.2));
    const auto second = DivideBetweenProviders(slices, providers, 1);
    CHECK(second[1] == doctest::Approx(0.02)); // the guaranteed part
    CHECK(second[3] == doctest::Approx(0.38));
    CHECK(std::accumulate(second.begin(), second.end(), 0.0) == doctest::Approx(1));
}

TEST_CASE("a key budget limits the pool below an equal part only")
{
    auto providers = MakeProviders();
    CHECK(providers[0].GetKeyLimit(0) == 1);
    providers[0].SetKeyBudget(std::array{0.2F, 0.8F});
    CHECK(providers[0].GetKeyLimit(0) == doctest::Approx(0.4));
    CHECK(providers[0].GetKeyLimit(1) == 1);
}

TEST_CASE("admission reaches the sources of the slice")
{
    auto providers = MakeProviders();
    auto source = CreateObject<XrSource>();
    providers[0].SetAdmission(0, 0.25);
    providers[0].AddSource(0, source);
    CHECK(source->GetQuality() == doctest::Approx(0.5));
    providers[0].SetAdmission(0, 1);
    CHECK(source->GetQuality() == 1);
    CHECK(providers[0].GetAdmission(0) == 1);
}
