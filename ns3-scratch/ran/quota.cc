// SPDX-License-Identifier: GPL-2.0-only
#include "ran/quota.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

namespace qntn
{

std::vector<uint32_t>
LargestRemainder(std::span<const double> shares, uint32_t total)
{
    for (const double share : shares)
    {
        if (!(share >= 0) || !std::isfinite(share))
        {
            throw std::invalid_argument("shares: found " + std::to_string(share) +
                                        ", expected finite numbers >= 0");
        }
    }
    std::vector<uint32_t> units(shares.size(), 0);
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (sum <= 0)
    {
        return units;
    }
    std::vector<double> remainders(shares.size());
    uint32_t given = 0;
    for (size_t i = 0; i < shares.size(); ++i)
    {
        const double exact = shares[i] / sum * total;
        units[i] = std::min(static_cast<uint32_t>(exact), total - given);
        remainders[i] = exact - units[i];
        given += units[i];
    }
    std::vector<size_t> order(shares.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](size_t i) { return remainders[i]; });
    for (size_t next = 0; given < total; next = (next + 1) % order.size(), ++given)
    {
        ++units[order[next]];
    }
    return units;
}

} // namespace qntn
