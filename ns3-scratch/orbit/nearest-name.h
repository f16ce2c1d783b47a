// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_NEAREST_NAME_H
#define QNTN_ORBIT_NEAREST_NAME_H

#include <string>
#include <vector>

namespace qntn
{

/// The entry of \p names that begins with \p name or is the fewest edits away; case does not
/// count.
/// \return "" if there are no names
std::string NearestName(const std::string& name, const std::vector<std::string>& names);

} // namespace qntn

#endif // QNTN_ORBIT_NEAREST_NAME_H
