// SPDX-License-Identifier: GPL-2.0-only
#include "ran/pathloss.h"

#include "orbit/require.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace qntn
{

namespace
{

constexpr double ENVIRONMENT_HEIGHT_M = 1;
constexpr double BUILDING_HEIGHT_M = 5;
constexpr double STREET_WIDTH_M = 20;
constexpr double LIGHT_MPS = 3e8;          ///< as the table has it, notes 1 and 5
constexpr double GREATEST_RURAL_HZ = 30e9; ///< note 4; 100 GHz for the others

struct Link
{
    double d2d;
    double d3d;
    double hBs;
    double hUt;
    double fGhz;

    /// Effective breakpoint distance of the urban models.
    double UrbanBreakpoint() const
    {
        return 4 * (hBs - ENVIRONMENT_HEIGHT_M) * (hUt - ENVIRONMENT_HEIGHT_M) * fGhz * 1e9 /
               LIGHT_MPS;
    }

    double HeightDifferenceSquared() const
    {
        return (hBs - hUt) * (hBs - hUt);
    }
};

double
UmaDb(bool los, const Link& link)
{
    const double breakpoint = link.UrbanBreakpoint();
    const double near = 28 + 22 * std::log10(link.d3d) + 20 * std::log10(link.fGhz);
    const double far = 28 + 40 * std::log10(link.d3d) + 20 * std::log10(link.fGhz) -
                       9 * std::log10(breakpoint * breakpoint + link.HeightDifferenceSquared());
    const double losDb = link.d2d <= breakpoint ? near : far;
    const double nlosDb =
        13.54 + 39.08 * std::log10(link.d3d) + 20 * std::log10(link.fGhz) - 0.6 * (link.hUt - 1.5);
    return los ? losDb : std::max(losDb, nlosDb);
}

double
UmiDb(bool los, const Link& link)
{
    const double breakpoint = link.UrbanBreakpoint();
    const double near = 32.4 + 21 * std::log10(link.d3d) + 20 * std::log10(link.fGhz);
    const double far = 32.4 + 40 * std::log10(link.d3d) + 20 * std::log10(link.fGhz) -
                       9.5 * std::log10(breakpoint * breakpoint + link.HeightDifferenceSquared());
    const double losDb = link.d2d <= breakpoint ? near : far;
    const double nlosDb =
        35.3 * std::log10(link.d3d) + 22.4 + 21.3 * std::log10(link.fGhz) - 0.3 * (link.hUt - 1.5);
    return los ? losDb : std::max(losDb, nlosDb);
}

double
RmaDb(bool los, const Link& link)
{
    const double h = BUILDING_HEIGHT_M;
    const double breakpoint = RuralBreakpointM(link.hBs, link.hUt, link.fGhz * 1e9);
    auto near = [&](double d)
    {
        return 20 * std::log10(40 * std::numbers::pi * d * link.fGhz / 3) +
               std::min(0.03 * std::pow(h, 1.72), 10.0) * std::log10(d) -
               std::min(0.044 * std::pow(h, 1.72), 14.77) + 0.002 * std::log10(h) * d;
    };
    const double losDb = link.d2d <= breakpoint
                             ? near(link.d3d)
                             : near(breakpoint) + 40 * std::log10(link.d3d / breakpoint);
    const double nlosDb = 161.04 - 7.1 * std::log10(STREET_WIDTH_M) + 7.5 * std::log10(h) -
                          (24.37 - 3.7 * (h / link.hBs) * (h / link.hBs)) * std::log10(link.hBs) +
                          (43.42 - 3.1 * std::log10(link.hBs)) * (std::log10(link.d3d) - 3) +
                          20 * std::log10(link.fGhz) -
                          (3.2 * std::pow(std::log10(11.75 * link.hUt), 2) - 4.97);
    return los ? losDb : std::max(losDb, nlosDb);
}

} // namespace

PathlossModel
ToPathlossModel(const std::string& name)
{
    return Choose<PathlossModel>(
        "model",
        name,
        {{"UMa", PathlossModel::UMA}, {"UMi", PathlossModel::UMI}, {"RMa", PathlossModel::RMA}});
}

double
GreatestFrequencyHz(PathlossModel model)
{
    return model == PathlossModel::RMA ? GREATEST_RURAL_HZ : 100e9;
}

void
RequireApplicable(
    PathlossModel model, bool lineOfSight, double distance2dM, double baseHeightM, double ueHeightM)
{
    const bool rural = model == PathlossModel::RMA;
    const bool far = rural && lineOfSight;
    Require(distance2dM >= 10 && distance2dM <= (far ? 10e3 : 5e3),
            "distance_2d_m",
            distance2dM,
            far ? "10 .. 10000" : "10 .. 5000");
    Require(!rural || (baseHeightM >= 10 && baseHeightM <= 150),
            "base_height_m",
            baseHeightM,
            "10 .. 150");
    Require(ueHeightM >= (rural ? 1 : 1.5) && ueHeightM <= (rural ? 10 : 22.5),
            "ue_height_m",
            ueHeightM,
            rural ? "1 .. 10" : "1.5 .. 22.5");
}

double
PathlossDb(PathlossModel model,
           bool lineOfSight,
           double distance2dM,
           double baseHeightM,
           double ueHeightM,
           double frequencyHz)
{
    const bool rural = model == PathlossModel::RMA;
    RequirePositive("distance_2d_m", distance2dM);
    Require(frequencyHz >= 0.5e9 && frequencyHz <= GreatestFrequencyHz(model),
            "frequency_hz",
            frequencyHz,
            rural ? "0.5e9 .. 30e9" : "0.5e9 .. 100e9");
    Require(baseHeightM > ENVIRONMENT_HEIGHT_M && std::isfinite(baseHeightM),
            "base_height_m",
            baseHeightM,
            "a finite number above 1");
    Require((rural ? ueHeightM >= 1 : ueHeightM > ENVIRONMENT_HEIGHT_M) && std::isfinite(ueHeightM),
            "ue_height_m",
            ueHeightM,
            rural ? "a finite number of at least 1" : "a finite number above 1");
    const Link link{distance2dM,
                    std::hypot(distance2dM, baseHeightM - ueHeightM),
                    baseHeightM,
                    ueHeightM,
                    frequencyHz / 1e9};
    switch (model)
    {
    case PathlossModel::UMA:
        return UmaDb(lineOfSight, link);
    case PathlossModel::UMI:
        return UmiDb(lineOfSight, link);
    default:
        return RmaDb(lineOfSight, link);
    }
}

double
LosProbability(PathlossModel model, double distance2dM, double ueHeightM)
{
    Require(distance2dM >= 0, "distance_2d_m", distance2dM, "0 or more");
    if (model == PathlossModel::RMA)
    {
        return distance2dM <= 10 ? 1 : std::exp(-(distance2dM - 10) / 1000);
    }
    if (distance2dM <= 18)
    {
        return 1;
    }
    const double near = 18 / distance2dM;
    if (model == PathlossModel::UMI)
    {
        return near + std::exp(-distance2dM / 36) * (1 - near);
    }
    const double c = ueHeightM <= 13 ? 0 : std::pow((std::min(ueHeightM, 23.0) - 13) / 10, 1.5);
    return (near + std::exp(-distance2dM / 63) * (1 - near)) *
           (1 + c * 1.25 * std::pow(distance2dM / 100, 3) * std::exp(-distance2dM / 150));
}

double
RuralBreakpointM(double baseHeightM, double ueHeightM, double frequencyHz)
{
    return 2 * std::numbers::pi * baseHeightM * ueHeightM * frequencyHz / LIGHT_MPS;
}

double
ShadowingStdDb(PathlossModel model, bool lineOfSight, bool beyondBreakpoint)
{
    switch (model)
    {
    case PathlossModel::UMA:
        return lineOfSight ? 4 : 6;
    case PathlossModel::UMI:
        return lineOfSight ? 4 : 7.82;
    default:
        return lineOfSight ? (beyondBreakpoint ? 6 : 4) : 8;
    }
}

double
ShadowingCorrelationM(PathlossModel model, bool lineOfSight)
{
    switch (model)
    {
    case PathlossModel::UMA:
        return lineOfSight ? 37 : 50;
    case PathlossModel::UMI:
        return lineOfSight ? 10 : 13;
    default:
        return lineOfSight ? 37 : 120;
    }
}

} // namespace qntn
