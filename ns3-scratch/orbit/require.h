// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_REQUIRE_H
#define QNTN_ORBIT_REQUIRE_H

#include "orbit/nearest-name.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace qntn
{

/// Throws std::invalid_argument that says what was found and what was expected, unless \p holds.
template <typename Value>
void
Require(bool holds, const char* name, Value found, const std::string& expected)
{
    if (!holds)
    {
        std::ostringstream text;
        text.precision(std::numeric_limits<double>::digits10);
        text << name << ": found " << +found << ", expected "
             << expected; // + prints bytes as numbers
        throw std::invalid_argument(text.str());
    }
}

/// The same for what may be any finite number.
inline void
RequireFinite(const char* name, double found)
{
    Require(std::isfinite(found), name, found, "a finite number");
}

/// The same for what must be above zero, and finite.
inline void
RequirePositive(const char* name, double found)
{
    Require(found > 0 && std::isfinite(found), name, found, "a finite number above 0");
}

/// What a name of \p known stands for.
/// \throws std::invalid_argument that lists the names and suggests the nearest, for another one
template <typename Value, std::size_t N>
Value
Choose(const char* field, const std::string& name, const std::pair<const char*, Value> (&known)[N])
{
    std::vector<std::string> names;
    std::string list;
    for (std::size_t i = 0; i < N; ++i)
    {
        if (name == known[i].first)
        {
            return known[i].second;
        }
        names.emplace_back(known[i].first);
        list += (i == 0 ? "" : i + 1 < N ? ", " : " or ") + names.back();
    }
    throw std::invalid_argument(std::string(field) + ": found '" + name + "', expected " + list +
                                "; did you mean '" + NearestName(name, names) + "'?");
}

} // namespace qntn

#endif // QNTN_ORBIT_REQUIRE_H
