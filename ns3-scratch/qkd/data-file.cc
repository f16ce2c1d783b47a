// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/data-file.h"

#include "orbit/nearest-name.h"
#include "qkd/require.h"

#include <algorithm>
#include <fstream>

namespace qntn
{

nlohmann::ordered_json
ReadDataEntry(const std::string& path, const std::string& name, const std::string& what)
{
    std::ifstream file(path);
    if (!file)
    {
        throw std::invalid_argument(path + ": cannot be read");
    }
    const auto entries = nlohmann::ordered_json::parse(file, nullptr, false);
    if (!entries.is_object())
    {
        throw std::invalid_argument(path + ": not a JSON object of named entries");
    }
    if (!entries.contains(name))
    {
        std::vector<std::string> names;
        for (const auto& [key, value] : entries.items())
        {
            names.push_back(key);
        }
        throw std::invalid_argument(path + ": no " + what + " '" + name + "'; did you mean '" +
                                    NearestName(name, names) + "'?");
    }
    return entries[name];
}

std::string
ReadText(const nlohmann::ordered_json& entry, const char* field, const std::string& where)
{
    const auto found = entry.find(field);
    if (found == entry.end() || !found->is_string())
    {
        throw std::invalid_argument(where + ": expected a text '" + field + "'");
    }
    return found->get<std::string>();
}

double
ReadNumber(const nlohmann::ordered_json& entry,
           const char* field,
           const std::string& where,
           double low,
           double high)
{
    const auto found = entry.find(field);
    if (found == entry.end() || !found->is_number())
    {
        throw std::invalid_argument(where + ": expected a number '" + field + "'");
    }
    const auto value = found->get<double>();
    RequireRange(where.c_str(), field, value, low, high);
    return value;
}

void
RequireKnownFields(const nlohmann::ordered_json& entry,
                   const std::vector<std::string>& known,
                   const std::string& where)
{
    if (!entry.is_object())
    {
        throw std::invalid_argument(where + ": expected a JSON object");
    }
    for (const auto& [field, value] : entry.items())
    {
        if (std::ranges::find(known, field) == known.end())
        {
            throw std::invalid_argument(where + ": unknown field '" + field + "'; did you mean '" +
                                        NearestName(field, known) + "'?");
        }
    }
}

} // namespace qntn
