// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/nearest-name.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>

namespace qntn
{

namespace
{

char
Fold(char c)
{
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Levenshtein distance, row by row.
std::size_t
CountEdits(const std::string& a, const std::string& b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i)
    {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j)
        {
            const std::size_t replaced = diagonal + (Fold(a[i]) == Fold(b[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

} // namespace

std::string
NearestName(const std::string& name, const std::vector<std::string>& names)
{
    std::string nearest;
    std::size_t fewest = std::numeric_limits<std::size_t>::max();
    for (const std::string& candidate : names)
    {
        // The beginning of a long name is nearer than any short name that looks alike.
        const bool begins = CountEdits(name, candidate.substr(0, name.size())) == 0;
        const std::size_t edits = begins ? 0 : CountEdits(name, candidate);
        if (edits < fewest)
        {
            fewest = edits;
            nearest = candidate;
        }
    }
    return nearest;
}

} // namespace qntn
