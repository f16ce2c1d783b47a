// SPDX-License-Identifier: GPL-2.0-only
#include "ran/normal-source.h"

#include <array>
#include <cmath>
#include <numbers>

namespace qntn
{

namespace
{

constexpr uint32_t NUM_BITS = 12;
constexpr uint32_t NUM_PARTS = 1U << NUM_BITS;

/// The middle of each part, scaled to variance 1.
std::array<double, NUM_PARTS>
MakeQuantiles()
{
    std::array<double, NUM_PARTS> quantiles;
    double x = 0;
    double squares = 0;
    for (uint32_t i = NUM_PARTS / 2; i < NUM_PARTS; ++i)
    {
        const double above = 1 - (i + 0.5) / NUM_PARTS;
        double change = 1;
        while (std::abs(change) > 1e-12) // Newton, from the quantile before
        {
            const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
            change = (0.5 * std::erfc(x / std::numbers::sqrt2) - above) / density;
            x += change;
        }
        quantiles[i] = x;
        quantiles[NUM_PARTS - 1 - i] = -x;
        squares += 2 * x * x;
    }
    for (double& quantile : quantiles)
    {
        quantile /= std::sqrt(squares / NUM_PARTS);
    }
    return quantiles;
}

const double*
GetQuantiles()
{
    static const auto quantiles = MakeQuantiles();
    return quantiles.data();
}

} // namespace

NormalSource::NormalSource(uint64_t seed) : m_quantiles(GetQuantiles()), m_state(seed)
{
}

double
NormalSource::Draw()
{
    if (m_left == 0)
    {
        m_state += 0x9e3779b97f4a7c15ULL;
        uint64_t word = (m_state ^ (m_state >> 30)) * 0xbf58476d1ce4e5b9ULL;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
        m_word = word ^ (word >> 31);
        m_left = 4;
    }
    --m_left;
    const uint64_t part = m_word >> (64 - NUM_BITS);
    m_word <<= 16;
    return m_quantiles[part];
}

} // namespace qntn
