// SPDX-License-Identifier: GPL-2.0-only
#include "ran/nr-tables.h"

#include <array>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>

namespace qntn
{

namespace
{

/// Modulation order and code rate times 1024, as the standard prints them.
struct Entry
{
    uint8_t modulationOrder;
    double rateX1024;
};

// TS 38.214 V17, Table 5.1.3.1-1 (up to 64QAM)
constexpr Entry MCS_TABLE_1[] = {
    {2, 120}, {2, 157}, {2, 193}, {2, 251}, {2, 308}, {2, 379}, {2, 449}, {2, 526},
    {2, 602}, {2, 679}, {4, 340}, {4, 378}, {4, 434}, {4, 490}, {4, 553}, {4, 616},
    {4, 658}, {6, 438}, {6, 466}, {6, 517}, {6, 567}, {6, 616}, {6, 666}, {6, 719},
    {6, 772}, {6, 822}, {6, 873}, {6, 910}, {6, 948},
};

// TS 38.214 V17, Table 5.1.3.1-2 (up to 256QAM)
constexpr Entry MCS_TABLE_2[] = {
    {2, 120}, {2, 193}, {2, 308}, {2, 449}, {2, 602}, {4, 378},   {4, 434},
    {4, 490}, {4, 553}, {4, 616}, {4, 658}, {6, 466}, {6, 517},   {6, 567},
    {6, 616}, {6, 666}, {6, 719}, {6, 772}, {6, 822}, {6, 873},   {8, 682.5},
    {8, 711}, {8, 754}, {8, 797}, {8, 841}, {8, 885}, {8, 916.5}, {8, 948},
};

// TS 38.214 V17, Table 5.1.3.1-3 (low spectral efficiency)
constexpr Entry MCS_TABLE_3[] = {
    {2, 30},  {2, 40},  {2, 50},  {2, 64},  {2, 78},  {2, 99},  {2, 120}, {2, 157},
    {2, 193}, {2, 251}, {2, 308}, {2, 379}, {2, 449}, {2, 526}, {2, 602}, {4, 340},
    {4, 378}, {4, 434}, {4, 490}, {4, 553}, {4, 616}, {6, 438}, {6, 466}, {6, 517},
    {6, 567}, {6, 616}, {6, 666}, {6, 719}, {6, 772},
};

// TS 38.214 V17, Table 5.2.2.1-2, CQI 1..15
constexpr Entry CQI_TABLE_1[] = {
    {2, 78},
    {2, 120},
    {2, 193},
    {2, 308},
    {2, 449},
    {2, 602},
    {4, 378},
    {4, 490},
    {4, 616},
    {6, 466},
    {6, 567},
    {6, 666},
    {6, 772},
    {6, 873},
    {6, 948},
};

// TS 38.214 V17, Table 5.2.2.1-3, CQI 1..15
constexpr Entry CQI_TABLE_2[] = {
    {2, 78},
    {2, 193},
    {2, 449},
    {4, 378},
    {4, 490},
    {4, 616},
    {6, 466},
    {6, 567},
    {6, 666},
    {6, 772},
    {6, 873},
    {8, 711},
    {8, 797},
    {8, 885},
    {8, 948},
};

// TS 38.214 V17, Table 5.2.2.1-4, CQI 1..15
constexpr Entry CQI_TABLE_3[] = {
    {2, 30},
    {2, 50},
    {2, 78},
    {2, 120},
    {2, 193},
    {2, 308},
    {2, 449},
    {2, 602},
    {4, 378},
    {4, 490},
    {4, 616},
    {6, 466},
    {6, 567},
    {6, 666},
    {6, 772},
};

std::span<const Entry>
McsTable(int64_t mcsTable)
{
    switch (mcsTable)
    {
    case 1:
        return MCS_TABLE_1;
    case 2:
        return MCS_TABLE_2;
    case 3:
        return MCS_TABLE_3;
    default:
        throw std::invalid_argument("mcs_table: found " + std::to_string(mcsTable) +
                                    ", expected 1, 2 or 3");
    }
}

std::span<const Entry>
CqiTable(uint8_t mcsTable)
{
    McsTable(mcsTable); // the check
    return mcsTable == 1 ? CQI_TABLE_1 : mcsTable == 2 ? CQI_TABLE_2 : CQI_TABLE_3;
}

} // namespace

Mcs
McsParameters(int64_t mcs, int64_t mcsTable)
{
    const auto table = McsTable(mcsTable);
    if (mcs < 0 || mcs >= std::ssize(table))
    {
        throw std::invalid_argument("mcs: found " + std::to_string(mcs) + ", expected 0 .. " +
                                    std::to_string(table.size() - 1) + " of table " +
                                    std::to_string(mcsTable));
    }
    const Entry& entry = table[static_cast<size_t>(mcs)];
    return {entry.modulationOrder, entry.rateX1024 / 1024};
}

uint32_t
NumMcs(uint8_t mcsTable)
{
    return static_cast<uint32_t>(McsTable(mcsTable).size());
}

Mcs
CqiParameters(uint32_t cqi, uint8_t mcsTable)
{
    const auto table = CqiTable(mcsTable);
    if (cqi < 1 || cqi > table.size())
    {
        throw std::invalid_argument("cqi: found " + std::to_string(cqi) + ", expected 1 .. 15");
    }
    return {table[cqi - 1].modulationOrder, table[cqi - 1].rateX1024 / 1024};
}

double
CqiBlockErrorRate(uint8_t mcsTable)
{
    McsTable(mcsTable); // the check
    return mcsTable == 3 ? 1e-5 : 0.1;
}

} // namespace qntn
