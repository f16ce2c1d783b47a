// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_REQUIRE_H
#define QNTN_QKD_REQUIRE_H

#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

namespace qntn
{

/// Upper end of a range that has none but infinity.
inline constexpr double UNBOUNDED = std::numeric_limits<double>::max();

/// Throw std::invalid_argument unless \p low <= \p value <= \p high; "not a number" never passes.
inline void
RequireRange(const char* where, const char* field, double value, double low, double high)
{
    if (!(value >= low && value <= high))
    {
        std::ostringstream text;
        text << where << ": " << field << " is " << value << ", expected " << low << " to " << high;
        throw std::invalid_argument(text.str());
    }
}

} // namespace qntn

#endif // QNTN_QKD_REQUIRE_H
