// SPDX-License-Identifier: GPL-2.0-only
#include "ran/carrier.h"

#include "ran/input-error.h"
#include "ran/nr-tables.h"

#include <cmath>

namespace qntn
{

namespace
{

/// MHz, and PRBs at numerology 0, 1, 2; 0 where there is none.
struct Fr1Row
{
    double mhz;
    uint32_t prbs[3];
};

// TS 38.101-1 V17, Table 5.3.2-1
constexpr Fr1Row FR1[] = {
    {5, {25, 11, 0}},
    {10, {52, 24, 11}},
    {15, {79, 38, 18}},
    {20, {106, 51, 24}},
    {25, {133, 65, 31}},
    {30, {160, 78, 38}},
    {35, {188, 92, 44}},
    {40, {216, 106, 51}},
    {45, {242, 119, 58}},
    {50, {270, 133, 65}},
    {60, {0, 162, 79}},
    {70, {0, 189, 93}},
    {80, {0, 217, 107}},
    {90, {0, 245, 121}},
    {100, {0, 273, 135}},
};

/// MHz, and PRBs at numerology 2, 3.
struct Fr2Row
{
    double mhz;
    uint32_t prbs[2];
};

// TS 38.101-2 V17, Table 5.3.2-1
constexpr Fr2Row FR2[] = {{50, {66, 32}}, {100, {132, 66}}, {200, {264, 132}}, {400, {0, 264}}};

} // namespace

uint32_t
NumPrbs(double bandwidthHz, int64_t numerology, bool frequencyRange2)
{
    const double mhz = bandwidthHz / 1e6;
    uint32_t prbs = 0;
    if (!frequencyRange2 && numerology >= 0 && numerology <= 2)
    {
        for (const auto& row : FR1)
        {
            prbs = row.mhz == mhz ? row.prbs[numerology] : prbs;
        }
    }
    else if (frequencyRange2 && (numerology == 2 || numerology == 3))
    {
        for (const auto& row : FR2)
        {
            prbs = row.mhz == mhz ? row.prbs[numerology - 2] : prbs;
        }
    }
    RequireInput(prbs > 0,
                 "bandwidth_hz",
                 bandwidthHz,
                 "a bandwidth that TS 38.101 defines for numerology " + std::to_string(numerology) +
                     (frequencyRange2 ? " in FR2" : " in FR1"));
    return prbs;
}

uint32_t
CarrierPrbs(const CarrierConfig& carrier)
{
    constexpr double FREQUENCY_RANGE_2_HZ = 17.3e9;
    return NumPrbs(carrier.bandwidthHz,
                   carrier.numerology,
                   carrier.frequencyHz >= FREQUENCY_RANGE_2_HZ);
}

double
SubcarrierSpacingHz(uint8_t numerology)
{
    return 15e3 * std::exp2(numerology);
}

double
PrbBandwidthHz(uint8_t numerology)
{
    return SUBCARRIERS_PER_PRB * SubcarrierSpacingHz(numerology);
}

int64_t
SlotNs(uint8_t numerology)
{
    return 1'000'000 >> numerology;
}

uint32_t
DownlinkSymbols(char slot)
{
    switch (slot)
    {
    case 'D':
        return SYMBOLS_PER_SLOT;
    case 'S':
        return 10;
    case 'U':
        return 0;
    default:
        throw InputError("slot_pattern", {'\'', slot, '\''}, "the letters D, S and U");
    }
}

uint32_t
UplinkSymbols(char slot)
{
    constexpr uint32_t GUARD_SYMBOLS = 2;
    const uint32_t downlink = DownlinkSymbols(slot);
    return slot == 'S' ? SYMBOLS_PER_SLOT - downlink - GUARD_SYMBOLS : SYMBOLS_PER_SLOT - downlink;
}

bool
IsFdd(const std::string& slotPattern)
{
    return slotPattern.find_first_not_of('D') == std::string::npos;
}

void
Validate(const CarrierConfig& carrier)
{
    RequireInput(carrier.frequencyHz >= 0.5e9 && carrier.frequencyHz <= 100e9,
                 "frequency_hz",
                 carrier.frequencyHz,
                 "0.5e9 .. 100e9");
    RequireInput(carrier.numerology <= 3, "numerology", uint32_t{carrier.numerology}, "0 .. 3");
    CarrierPrbs(carrier); // or it throws
    RequireInput(carrier.mcsTable >= 1 && carrier.mcsTable <= 3,
                 "mcs_table",
                 uint32_t{carrier.mcsTable},
                 "1 .. 3");
    RequireInput(carrier.numLayers >= 1 && carrier.numLayers <= 4,
                 "num_layers",
                 uint32_t{carrier.numLayers},
                 "1 .. 4");
    RequireInput(!carrier.slotPattern.empty(), "slot_pattern", "nothing", "letters D, S and U");
    uint32_t downlink = 0;
    for (const char slot : carrier.slotPattern)
    {
        downlink += DownlinkSymbols(slot);
    }
    RequireInput(downlink > 0,
                 "slot_pattern",
                 "'" + carrier.slotPattern + "'",
                 "at least one slot with downlink symbols");
}

} // namespace qntn
