// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_TEST_CSV_H
#define QNTN_QKD_TEST_CSV_H

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace qntn
{

/// A row of a CSV file, by column name.
using CsvRow = std::map<std::string, std::string>;

/// All rows of tests/reference/qkd/\p name.
inline std::vector<CsvRow>
ReadReference(const std::string& name)
{
    std::ifstream file(std::string(QNTN_REFERENCE_DIR) + "/qkd/" + name);
    const auto cells = [](const std::string& line)
    {
        std::vector<std::string> values;
        std::istringstream stream(line);
        for (std::string cell; std::getline(stream, cell, ',');)
        {
            values.push_back(cell);
        }
        return values;
    };
    std::vector<CsvRow> rows;
    std::string line;
    std::getline(file, line);
    const std::vector<std::string> header = cells(line);
    while (std::getline(file, line))
    {
        const std::vector<std::string> values = cells(line);
        CsvRow& row = rows.emplace_back();
        for (std::size_t i = 0; i < header.size() && i < values.size(); ++i)
        {
            row[header[i]] = values[i];
        }
    }
    return rows;
}

} // namespace qntn

#endif // QNTN_QKD_TEST_CSV_H
