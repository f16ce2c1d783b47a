// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/delay-histogram.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace qntn
{

namespace
{
constexpr double MIN_S = 1e-5;
constexpr double BINS_PER_DECADE = 100;
constexpr uint32_t NUM_BINS = 700; // seven decades
} // namespace

DelayHistogram::DelayHistogram() : m_bins(NUM_BINS, 0)
{
}

void
DelayHistogram::Add(double delayS)
{
    const double bin = std::log10(std::max(delayS, MIN_S) / MIN_S) * BINS_PER_DECADE;
    ++m_bins[std::min<uint32_t>(static_cast<uint32_t>(bin), NUM_BINS - 1)];
    ++m_count;
}

void
DelayHistogram::Clear()
{
    if (m_count > 0)
    {
        std::ranges::fill(m_bins, 0);
        m_count = 0;
    }
}

uint64_t
DelayHistogram::GetCount() const
{
    return m_count;
}

double
DelayHistogram::GetQuantileS(double ratio) const
{
    if (!(ratio >= 0 && ratio <= 1))
    {
        throw std::invalid_argument("DelayHistogram::GetQuantileS: ratio " + std::to_string(ratio) +
                                    ", expected 0..1");
    }
    if (m_count == 0)
    {
        return 0;
    }
    const auto rank =
        std::max<uint64_t>(1,
                           static_cast<uint64_t>(std::ceil(ratio * static_cast<double>(m_count))));
    uint64_t below = 0;
    uint32_t bin = 0;
    while ((below += m_bins[bin]) < rank)
    {
        ++bin;
    }
    return MIN_S * std::pow(10.0, (bin + 0.5) / BINS_PER_DECADE); // the middle of the bin
}

} // namespace qntn
