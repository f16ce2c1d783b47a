// SPDX-License-Identifier: GPL-2.0-only
#include "ran/correlated-field.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace qntn
{

namespace
{

/// splitmix64: a well-mixing hash of 64 bits.
uint64_t
Mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

double
ToUnit(uint64_t bits)
{
    return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
}

} // namespace

CorrelatedField::CorrelatedField(uint64_t key, double correlationM)
    : m_key(Mix(key)), m_correlationM(correlationM)
{
    if (!(correlationM > 0))
    {
        throw std::invalid_argument("correlation_m: expected a distance above 0");
    }
}

double
CorrelatedField::AtCorner(int64_t x, int64_t y, int64_t z) const
{
    const uint64_t hash =
        Mix(Mix(Mix(m_key ^ static_cast<uint64_t>(x)) ^ static_cast<uint64_t>(y)) ^
            static_cast<uint64_t>(z));
    // Box and Muller
    return std::sqrt(-2 * std::log(ToUnit(hash))) *
           std::cos(2 * std::numbers::pi * ToUnit(Mix(hash)));
}

double
CorrelatedField::At(double xM, double yM, double z) const
{
    const double place[3] = {xM / m_correlationM, yM / m_correlationM, z};
    double floor[3];
    double part[3];
    for (int i = 0; i < 3; ++i)
    {
        floor[i] = std::floor(place[i]);
        part[i] = place[i] - floor[i];
    }
    double sum = 0;
    double squares = 0;
    for (int corner = 0; corner < 8; ++corner)
    {
        double weight = 1;
        int64_t at[3];
        for (int i = 0; i < 3; ++i)
        {
            const bool upper = (corner >> i) & 1;
            weight *= upper ? part[i] : 1 - part[i];
            at[i] = static_cast<int64_t>(floor[i]) + upper;
        }
        if (weight > 0)
        {
            sum += weight * AtCorner(at[0], at[1], at[2]);
            squares += weight * weight;
        }
    }
    return sum / std::sqrt(squares);
}

double
NormalCdf(double value)
{
    return 0.5 * std::erfc(-value / std::numbers::sqrt2);
}

} // namespace qntn
