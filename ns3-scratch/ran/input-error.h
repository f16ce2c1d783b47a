// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_INPUT_ERROR_H
#define QNTN_RAN_INPUT_ERROR_H

#include <sstream>
#include <stdexcept>
#include <string>

namespace qntn
{

/// A configuration that cannot be: which field, what was found and what was expected.
class InputError : public std::invalid_argument
{
  public:
    InputError(const std::string& field, const std::string& found, const std::string& expected)
        : std::invalid_argument(field + ": found " + found + ", expected " + expected),
          field(field),
          found(found),
          expected(expected)
    {
    }

    const std::string field;
    const std::string found;
    const std::string expected;
};

/// \throws InputError unless \p holds
template <typename Value>
void
RequireInput(bool holds, const std::string& field, const Value& found, const std::string& expected)
{
    if (!holds)
    {
        std::ostringstream text;
        text << found;
        throw InputError(field, text.str(), expected);
    }
}

/// \throws InputError unless the index is one of \p size
inline void
RequireIndex(const std::string& field, size_t index, size_t size)
{
    RequireInput(index < size,
                 field,
                 index,
                 size > 0 ? "0 .. " + std::to_string(size - 1) : "one that has been added");
}

} // namespace qntn

#endif // QNTN_RAN_INPUT_ERROR_H
