// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_CARRIER_H
#define QNTN_RAN_CARRIER_H

#include <cstdint>
#include <string>

namespace qntn
{

inline constexpr uint32_t SYMBOLS_PER_SLOT = 14;
inline constexpr double SUBCARRIERS_PER_PRB = 12;

/// What a cell transmits on.
struct CarrierConfig
{
    double frequencyHz;
    double bandwidthHz;
    uint8_t numerology;      ///< subcarrier spacing 15 kHz * 2^numerology
    std::string slotPattern; ///< one letter a slot, repeated: "DDDSU" (TDD), "D" (FDD downlink)
    uint8_t mcsTable = 2;
    uint8_t numLayers = 1;
};

/// Transmission bandwidth in PRBs. TS 38.101-1 V17, Table 5.3.2-1 (FR1, numerology 0 to 2) and
/// TS 38.101-2 V17, Table 5.3.2-1 (FR2, numerology 2 and 3, bandwidths of 50 MHz and more).
/// \throws std::invalid_argument for a pair that the standard does not define
uint32_t NumPrbs(double bandwidthHz, int64_t numerology, bool frequencyRange2 = false);

/// The same of a carrier, which is of FR2 from 17.3 GHz on: there a satellite's begins (TS 38.101-5
/// V18, 5.1), and nothing on the ground lies between 7.125 and 24.25 GHz (TS 38.104 V17, 5.1).
uint32_t CarrierPrbs(const CarrierConfig& carrier);

double SubcarrierSpacingHz(uint8_t numerology);
double PrbBandwidthHz(uint8_t numerology);
/// 1 ms / 2^numerology.
int64_t SlotNs(uint8_t numerology);

/// Downlink symbols of a slot: 14 in `D`, 0 in `U`, and 10 in `S`, a special slot of 10 downlink, 2
/// guard and 2 uplink symbols (TS 38.213 V17, Table 11.1.1-1, format 32).
/// \throws std::invalid_argument for another letter
uint32_t DownlinkSymbols(char slot);

/// Uplink symbols of a slot: 14 in `U`, 2 in `S`, 0 in `D`.
/// \throws std::invalid_argument for another letter
uint32_t UplinkSymbols(char slot);

/// Whether the pattern has nothing but downlink: FDD, with an uplink carrier of the same bandwidth.
bool IsFdd(const std::string& slotPattern);

/// Checks all of a configuration.
/// \throws std::invalid_argument naming the field, the value and what was expected
void Validate(const CarrierConfig& carrier);

} // namespace qntn

#endif // QNTN_RAN_CARRIER_H
