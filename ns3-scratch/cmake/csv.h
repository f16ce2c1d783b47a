// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_CMAKE_CSV_H
#define QNTN_CMAKE_CSV_H

#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace qntn
{

/// A row of a reference table by column name; empty cells are empty texts.
using CsvRow = std::map<std::string, std::string>;

/// Splits a line at commas outside double quotes.
inline std::vector<std::string>
SplitCsv(const std::string& line)
{
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line)
    {
        if (c == '"')
        {
            quoted = !quoted;
        }
        else if (c == ',' && !quoted)
        {
            cells.emplace_back();
        }
        else if (c != '\r')
        {
            cells.back() += c;
        }
    }
    return cells;
}

/// Reads a reference table of tests/reference, for the C++ tests.
inline std::vector<CsvRow>
ReadCsv(const std::string& path)
{
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
    {
        throw std::runtime_error("cannot read " + path);
    }
    const auto names = SplitCsv(line);
    std::vector<CsvRow> rows;
    while (std::getline(file, line))
    {
        const auto cells = SplitCsv(line);
        CsvRow row;
        for (size_t i = 0; i < names.size(); ++i)
        {
            row[names[i]] = i < cells.size() ? cells[i] : "";
        }
        rows.push_back(row);
    }
    return rows;
}

} // namespace qntn

#endif // QNTN_CMAKE_CSV_H
