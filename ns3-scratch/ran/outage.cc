// SPDX-License-Identifier: GPL-2.0-only
#include "ran/outage.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace qntn
{

std::vector<Outage>
ReadOutages(const std::string& text, std::span<const std::string> cells)
{
    std::string names;
    for (const auto& cell : cells)
    {
        names += (names.empty() ? "" : ", ") + cell;
    }
    std::vector<Outage> outages;
    std::istringstream entries(text);
    for (std::string entry; std::getline(entries, entry, ',');)
    {
        std::istringstream words(entry);
        std::string name;
        Outage outage{};
        std::string rest;
        if (!(words >> name) && outages.empty() && entries.eof())
        {
            break;
        }
        const bool read = (words >> outage.startS >> outage.endS) && !(words >> rest);
        if (!read || !(outage.startS >= 0 && outage.endS > outage.startS))
        {
            throw std::invalid_argument("outages: found \"" + entry +
                                        "\", expected a cell, its start and a later end in "
                                        "seconds, as in \"gnb_0 8 28\"");
        }
        const auto cell = std::ranges::find(cells, name);
        if (cell == cells.end())
        {
            throw std::invalid_argument("outages: found cell \"" + name + "\", expected one of " +
                                        names);
        }
        outage.cell = static_cast<uint32_t>(cell - cells.begin());
        for (const auto& other : outages)
        {
            if (other.cell == outage.cell && outage.startS < other.endS &&
                other.startS < outage.endS)
            {
                throw std::invalid_argument("outages: two of " + name + " overlap; make them one");
            }
        }
        outages.push_back(outage);
    }
    return outages;
}

} // namespace qntn
