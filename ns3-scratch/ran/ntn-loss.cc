// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ntn-loss.h"

#include "orbit/geometry.h"
#include "orbit/require.h"
#include "ran/elevation-table.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <stdexcept>

namespace qntn
{

namespace
{

/// One row of the tables of TR 38.811 V15.4, 6.6.1 and 6.6.2, for one elevation.
struct Row
{
    double losProbability;
    double sLosShadowingDb;
    double sNlosShadowingDb;
    double sClutterDb;
    double kaLosShadowingDb;
    double kaNlosShadowingDb;
    double kaClutterDb;
};

// TR 38.811 V15.4, Tables 6.6.1-1 and 6.6.2-1 to 6.6.2-3; elevations 10, 20, .. 90 degrees
constexpr Row DENSE_URBAN[] = {
    {0.282, 3.5, 15.5, 34.3, 2.9, 17.1, 44.3},
    {0.331, 3.4, 13.9, 30.9, 2.4, 17.1, 39.9},
    {0.398, 2.9, 12.4, 29.0, 2.7, 15.6, 37.5},
    {0.468, 3.0, 11.7, 27.7, 2.4, 14.6, 35.8},
    {0.537, 3.1, 10.6, 26.8, 2.4, 14.2, 34.6},
    {0.612, 2.7, 10.5, 26.2, 2.7, 12.6, 33.8},
    {0.738, 2.5, 10.1, 25.8, 2.6, 12.1, 33.3},
    {0.82, 2.3, 9.2, 25.5, 2.8, 12.3, 33.0},
    {0.981, 1.2, 9.2, 25.5, 0.6, 12.3, 32.9},
};

// Urban
constexpr Row URBAN[] = {
    {0.246, 4.0, 6.0, 34.3, 4.0, 6.0, 44.3},
    {0.386, 4.0, 6.0, 30.9, 4.0, 6.0, 39.9},
    {0.493, 4.0, 6.0, 29.0, 4.0, 6.0, 37.5},
    {0.613, 4.0, 6.0, 27.7, 4.0, 6.0, 35.8},
    {0.726, 4.0, 6.0, 26.8, 4.0, 6.0, 34.6},
    {0.805, 4.0, 6.0, 26.2, 4.0, 6.0, 33.8},
    {0.919, 4.0, 6.0, 25.8, 4.0, 6.0, 33.3},
    {0.968, 4.0, 6.0, 25.5, 4.0, 6.0, 33.0},
    {0.992, 4.0, 6.0, 25.5, 4.0, 6.0, 32.9},
};

// SuburbanRural
constexpr Row SUBURBAN[] = {
    {0.782, 1.79, 8.93, 19.52, 1.9, 10.7, 29.5},
    {0.869, 1.14, 9.08, 18.17, 1.6, 10.0, 24.6},
    {0.919, 1.14, 8.78, 18.42, 1.9, 11.2, 21.9},
    {0.929, 0.92, 10.25, 18.28, 2.3, 11.6, 20.0},
    {0.935, 1.42, 10.56, 18.63, 2.7, 11.8, 18.7},
    {0.94, 1.56, 10.74, 17.68, 3.1, 10.8, 17.8},
    {0.949, 0.85, 10.17, 16.5, 3.0, 10.8, 17.2},
    {0.952, 0.72, 11.52, 16.3, 3.6, 10.8, 16.9},
    {0.998, 0.72, 11.52, 16.3, 0.4, 10.8, 16.8},
};

// TR 38.811 V15.4, Figure 6.6.4-1 (ITU-R P.676): zenith attenuation, GHz and dB. Between 20 and 28
// GHz (water) and above 40 GHz (oxygen) by the line-by-line sum of P.676-12, Annex 1, for 1013.25
// hPa, 15 degrees Celsius and 7.5 g/m3, computed with ITU-Rpy 0.4.0.
constexpr std::pair<double, double> ZENITH_GAS_DB[] = {
    {1, 0.03},  {2, 0.035},  {4, 0.039},  {6, 0.042},      {10, 0.053}, {12, 0.0674}, {14, 0.0935},
    {20, 0.25}, {21, 0.37},  {22, 0.505}, {22.235, 0.522}, {23, 0.498}, {24, 0.404},  {25, 0.327},
    {26, 0.28}, {28, 0.32},  {30, 0.25},  {40, 0.4},       {45, 0.667}, {50, 1.56},   {52, 3.19},
    {55, 27.9}, {57, 113},   {60, 155},   {63, 144},       {65, 22.4},  {67, 5.23},   {70, 1.89},
    {75, 1.05}, {80, 0.844}, {90, 0.795}, {100, 0.912}};

// TR 38.811 V15.4, Table 6.6.6.2.1-1: 99 % of the time at 20 GHz in Toulouse; 10, 20, .. 90 degrees
constexpr double TROPOSPHERIC_DB[] = {1.08, 0.48, 0.30, 0.22, 0.17, 0.13, 0.12, 0.12, 0.12};

std::span<const Row>
Table(NtnEnvironment environment)
{
    switch (environment)
    {
    case NtnEnvironment::DENSE_URBAN:
        return DENSE_URBAN;
    case NtnEnvironment::URBAN:
        return URBAN;
    default:
        return SUBURBAN;
    }
}

double
FromTable(NtnEnvironment environment, double elevationDeg, double Row::* column)
{
    const auto table = Table(environment);
    return AtElevation(elevationDeg, [&](size_t i) { return table[i].*column; });
}

double
ZenithGasDb(double frequencyGhz)
{
    const auto above =
        std::ranges::find_if(ZENITH_GAS_DB,
                             [&](const auto& point) { return point.first >= frequencyGhz; });
    if (above == std::begin(ZENITH_GAS_DB))
    {
        return above->second;
    }
    if (above == std::end(ZENITH_GAS_DB))
    {
        return std::rbegin(ZENITH_GAS_DB)->second;
    }
    const auto below = above - 1;
    const double part = (frequencyGhz - below->first) / (above->first - below->first);
    return below->second * (1 - part) + above->second * part;
}

} // namespace

NtnEnvironment
ToNtnEnvironment(const std::string& name)
{
    return Choose<NtnEnvironment>("environment",
                                  name,
                                  {{"DenseUrban", NtnEnvironment::DENSE_URBAN},
                                   {"Urban", NtnEnvironment::URBAN},
                                   {"Suburban", NtnEnvironment::SUBURBAN},
                                   {"Rural", NtnEnvironment::RURAL}});
}

double
FreeSpaceLossDb(double distanceM, double frequencyHz)
{
    RequirePositive("distance_m", distanceM);
    RequirePositive("frequency_hz", frequencyHz);
    return 20 * std::log10(4 * std::numbers::pi * distanceM * frequencyHz / SPEED_OF_LIGHT_MPS);
}

NtnLossDb
NtnLoss(NtnEnvironment environment,
        bool lineOfSight,
        double elevationDeg,
        double altitudeM,
        double frequencyHz)
{
    Require(frequencyHz >= 0.5e9 && frequencyHz <= 100e9,
            "frequency_hz",
            frequencyHz,
            "0.5e9 .. 100e9");
    const double frequencyGhz = frequencyHz / 1e9;
    const bool ka = frequencyHz >= KA_BAND_HZ;
    NtnLossDb loss{};
    loss.fspl = FreeSpaceLossDb(SlantRangeM(altitudeM, elevationDeg), frequencyHz);
    loss.clutter =
        lineOfSight
            ? 0
            : FromTable(environment, elevationDeg, ka ? &Row::kaClutterDb : &Row::sClutterDb);
    // the path through the gas is flat-earth; 5 degrees keeps it finite at the horizon
    const double sine = std::sin(std::max(elevationDeg, 5.0) * std::numbers::pi / 180);
    loss.gas = ZenithGasDb(frequencyGhz) / sine;
    // 6.6.6.1.4: 1.1 dB from peak to peak at 4 GHz scaled by f^-1.5, over sqrt(2); 6.6.6.2 above 6
    // GHz
    loss.scintillation = ka ? AtElevation(elevationDeg, [](size_t i) { return TROPOSPHERIC_DB[i]; })
                            : 6.22 / std::pow(frequencyGhz, 1.5);
    return loss;
}

double
NtnLosProbability(NtnEnvironment environment, double elevationDeg)
{
    return FromTable(environment, elevationDeg, &Row::losProbability);
}

double
NtnShadowingStdDb(NtnEnvironment environment,
                  bool lineOfSight,
                  double elevationDeg,
                  double frequencyHz)
{
    const bool ka = frequencyHz >= KA_BAND_HZ;
    return FromTable(environment,
                     elevationDeg,
                     lineOfSight ? (ka ? &Row::kaLosShadowingDb : &Row::sLosShadowingDb)
                                 : (ka ? &Row::kaNlosShadowingDb : &Row::sNlosShadowingDb));
}

double
NtnShadowingCorrelationM(NtnEnvironment environment, bool lineOfSight)
{
    return lineOfSight ? 37 : environment == NtnEnvironment::RURAL ? 120 : 50;
}

double
CnrDb(double eirpDbm,
      double gOverTDbPerK,
      double slantRangeM,
      double frequencyHz,
      double bandwidthHz,
      double atmosphericDb,
      double shadowMarginDb,
      double scintillationDb,
      double polarizationDb,
      double additionalDb)
{
    constexpr double BOLTZMANN_DBW_PER_K_HZ = -228.6;
    RequirePositive("bandwidth_hz", bandwidthHz);
    RequirePositive("slant_range_m", slantRangeM);
    RequireFinite("eirp_dbm", eirpDbm);
    RequireFinite("g_over_t_db_per_k", gOverTDbPerK);
    RequireFinite("atmospheric_db", atmosphericDb);
    RequireFinite("shadow_margin_db", shadowMarginDb);
    RequireFinite("scintillation_db", scintillationDb);
    RequireFinite("polarization_db", polarizationDb);
    RequireFinite("additional_db", additionalDb);
    return eirpDbm - 30 + gOverTDbPerK - FreeSpaceLossDb(slantRangeM, frequencyHz) - atmosphericDb -
           shadowMarginDb - scintillationDb - polarizationDb - additionalDb -
           BOLTZMANN_DBW_PER_K_HZ - 10 * std::log10(bandwidthHz);
}

} // namespace qntn
