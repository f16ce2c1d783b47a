// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_DATA_FILE_H
#define QNTN_QKD_DATA_FILE_H

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace qntn
{

/// The entry \p name of a JSON file of named entries.
/// \param what appears in error texts: "network"
/// \throw std::invalid_argument if file or entry does not exist, with the nearest entry
nlohmann::ordered_json ReadDataEntry(const std::string& path,
                                     const std::string& name,
                                     const std::string& what);

/// The text \p field of \p entry.
/// \param where appears in error texts
std::string ReadText(const nlohmann::ordered_json& entry,
                     const char* field,
                     const std::string& where);

/// The number \p field of \p entry, between \p low and \p high.
double ReadNumber(const nlohmann::ordered_json& entry,
                  const char* field,
                  const std::string& where,
                  double low,
                  double high);

/// Refuse fields of \p entry that are not among \p known, and suggest the nearest.
void RequireKnownFields(const nlohmann::ordered_json& entry,
                        const std::vector<std::string>& known,
                        const std::string& where);

} // namespace qntn

#endif // QNTN_QKD_DATA_FILE_H
