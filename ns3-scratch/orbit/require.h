// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_REQUIRE_H
#define QNTN_ORBIT_REQUIRE_H

#include <stdexcept>
#include <string>

namespace qntn
{

/// Throws std::invalid_argument that says what was found and what was expected, unless \p holds.
inline void
Require(bool holds, const char* name, double found, const char* expected)
{
    if (!holds)
    {
        throw std::invalid_argument(std::string(name) + ": found " + std::to_string(found) +
                                    ", expected " + expected);
    }
}

} // namespace qntn

#endif // QNTN_ORBIT_REQUIRE_H
