// SPDX-License-Identifier: GPL-2.0-only
#include "ran/small-scale.h"

#include "ran/decibel.h"
#include "ran/elevation-table.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace qntn
{

namespace
{

/// Of one elevation and band.
struct Figures
{
    double kMeanDb;
    double kStdDb;
    double losSpreadMeanLgS;
    double losSpreadStdLgS;
    double nlosSpreadMeanLgS;
    double nlosSpreadStdLgS;
};

struct Row
{
    Figures s;
    Figures ka;
};

// TR 38.811 V15.4, Tables 6.7.2-1a to 6.7.2-8b: S and Ka band; elevations 10, 20, .. 90 degrees
constexpr Row DENSE_URBAN[] = {
    {{4.4, 3.3, -7.12, 0.8, -6.84, 0.82}, {6.1, 2.6, -7.43, 0.9, -6.86, 0.81}},
    {{9, 6.6, -7.28, 0.67, -6.81, 0.61}, {13.7, 6.8, -7.62, 0.78, -6.84, 0.61}},
    {{9.3, 6.1, -7.45, 0.68, -6.94, 0.49}, {12.9, 6, -7.76, 0.8, -7, 0.56}},
    {{7.9, 4, -7.73, 0.66, -7.14, 0.49}, {10.3, 3.3, -8.02, 0.72, -7.21, 0.56}},
    {{7.4, 3, -7.91, 0.62, -7.34, 0.51}, {9.2, 2.2, -8.13, 0.61, -7.42, 0.57}},
    {{7, 2.6, -8.14, 0.51, -7.53, 0.47}, {8.4, 1.9, -8.3, 0.47, -7.86, 0.55}},
    {{6.9, 2.2, -8.23, 0.45, -7.67, 0.44}, {8, 1.5, -8.34, 0.39, -7.76, 0.47}},
    {{6.5, 2.1, -8.28, 0.31, -7.82, 0.42}, {7.4, 1.6, -8.39, 0.26, -8.07, 0.42}},
    {{6.8, 1.9, -8.36, 0.08, -7.84, 0.55}, {7.6, 1.3, -8.45, 0.01, -7.95, 0.59}},
};

constexpr Row URBAN[] = {
    {{31.83, 13.84, -7.97, 1, -7.21, 1.19}, {40.18, 16.99, -8.52, 0.92, -7.24, 1.26}},
    {{18.78, 13.78, -8.12, 0.83, -7.63, 0.98}, {23.62, 18.96, -8.59, 0.79, -7.7, 0.99}},
    {{10.49, 10.42, -8.21, 0.68, -7.75, 0.84}, {12.48, 14.23, -8.51, 0.65, -7.82, 0.86}},
    {{7.46, 8.01, -8.31, 0.48, -7.97, 0.73}, {8.56, 11.06, -8.49, 0.48, -8.04, 0.75}},
    {{6.52, 8.27, -8.37, 0.38, -7.99, 0.73}, {7.42, 11.21, -8.48, 0.46, -8.08, 0.77}},
    {{5.47, 7.26, -8.39, 0.24, -8.01, 0.72}, {5.97, 9.47, -8.44, 0.34, -8.1, 0.76}},
    {{4.54, 5.53, -8.38, 0.18, -8.09, 0.71}, {4.88, 7.24, -8.4, 0.27, -8.16, 0.73}},
    {{4.03, 4.49, -8.35, 0.13, -7.97, 0.78}, {4.22, 5.79, -8.37, 0.19, -8.03, 0.79}},
    {{3.68, 3.14, -8.34, 0.09, -8.17, 0.67}, {3.81, 4.25, -8.35, 0.14, -8.33, 0.7}},
};

constexpr Row SUBURBAN[] = {
    {{11.4, 6.26, -8.16, 0.99, -7.91, 1.42}, {8.9, 4.4, -8.07, 0.46, -7.43, 0.5}},
    {{19.45, 10.32, -8.56, 0.96, -8.39, 1.46}, {14, 4.6, -8.61, 0.45, -7.63, 0.61}},
    {{20.8, 16.34, -8.72, 0.79, -8.69, 1.46}, {11.3, 3.7, -8.72, 0.28, -7.86, 0.56}},
    {{21.2, 15.63, -8.71, 0.81, -8.59, 1.21}, {9, 3.5, -8.63, 0.17, -7.96, 0.58}},
    {{21.6, 14.22, -8.72, 1.12, -8.64, 1.18}, {7.5, 3, -8.54, 0.14, -7.98, 0.59}},
    {{19.75, 14.19, -8.66, 1.23, -8.74, 1.13}, {6.6, 2.6, -8.48, 0.15, -8.45, 0.47}},
    {{12, 5.7, -8.38, 0.55, -8.98, 1.37}, {5.9, 1.7, -8.42, 0.09, -8.21, 0.36}},
    {{12.85, 9.91, -8.34, 0.63, -9.28, 1.5}, {5.5, 0.7, -8.39, 0.05, -8.69, 0.29}},
    {{12.85, 9.91, -8.34, 0.63, -9.28, 1.5}, {5.4, 0.3, -8.37, 0.02, -8.69, 0.29}},
};

constexpr Row RURAL[] = {
    {{24.72, 5.07, -9.55, 0.66, -9.01, 1.59}, {25.43, 7.04, -9.68, 0.46, -9.13, 1.91}},
    {{12.31, 5.75, -8.68, 0.44, -8.37, 0.95}, {12.72, 7.47, -8.86, 0.29, -8.39, 0.94}},
    {{8.05, 5.46, -8.46, 0.28, -8.05, 0.92}, {8.4, 7.18, -8.59, 0.18, -8.1, 0.92}},
    {{6.21, 5.23, -8.36, 0.19, -7.92, 0.92}, {6.52, 6.88, -8.46, 0.19, -7.96, 0.94}},
    {{5.04, 3.95, -8.29, 0.14, -7.92, 0.87}, {5.24, 5.28, -8.36, 0.14, -7.99, 0.89}},
    {{4.42, 3.75, -8.26, 0.1, -7.96, 0.87}, {4.57, 4.92, -8.3, 0.15, -8.05, 0.87}},
    {{3.92, 2.56, -8.22, 0.1, -7.91, 0.82}, {4.02, 3.4, -8.26, 0.13, -8.01, 0.82}},
    {{3.65, 1.77, -8.2, 0.05, -7.79, 0.86}, {3.7, 2.22, -8.22, 0.03, -8.05, 1.65}},
    {{3.59, 1.77, -8.19, 0.06, -7.74, 0.81}, {3.62, 2.28, -8.21, 0.07, -7.91, 0.76}},
};

std::span<const Row, 9>
Table(NtnEnvironment environment)
{
    switch (environment)
    {
    case NtnEnvironment::DENSE_URBAN:
        return DENSE_URBAN;
    case NtnEnvironment::URBAN:
        return URBAN;
    case NtnEnvironment::SUBURBAN:
        return SUBURBAN;
    default:
        return RURAL;
    }
}

} // namespace

double
SmallScale::KFactor(double deviations) const
{
    return lineOfSight ? FromDb(kMeanDb + kStdDb * deviations) : 0;
}

double
SmallScale::ScatterSpreadS(double deviations, double kFactor) const
{
    // waves of exponential power over delay behind a direct path of K times their power: their
    // variance of delay is (2K + 1) / (K + 1)^2 of that without the direct path
    return std::pow(10, spreadMeanLgS + spreadStdLgS * deviations) * (kFactor + 1) /
           std::sqrt(2 * kFactor + 1);
}

SmallScale
GnbSmallScale(PathlossModel model, bool lineOfSight, double frequencyHz)
{
    if (model == PathlossModel::RMA)
    {
        return {7, 4, lineOfSight ? -7.49 : -7.43, lineOfSight ? 0.55 : 0.48, lineOfSight};
    }
    if (model == PathlossModel::UMI)
    {
        // note 7 of the table: below 2 GHz as at 2 GHz
        const double lg = std::log10(1 + std::max(frequencyHz / 1e9, 2.0));
        return lineOfSight ? SmallScale{9, 5, -0.24 * lg - 7.14, 0.38, true}
                           : SmallScale{9, 5, -0.24 * lg - 6.83, 0.16 * lg + 0.28, false};
    }
    // note 6 of the table: below 6 GHz as at 6 GHz
    const double lg = std::log10(std::max(frequencyHz / 1e9, 6.0));
    return lineOfSight ? SmallScale{9, 3.5, -6.955 - 0.0963 * lg, 0.66, true}
                       : SmallScale{9, 3.5, -6.28 - 0.204 * lg, 0.39, false};
}

SmallScale
NtnSmallScale(NtnEnvironment environment, bool lineOfSight, double elevationDeg, double frequencyHz)
{
    const auto table = Table(environment);
    const auto band = frequencyHz >= KA_BAND_HZ ? &Row::ka : &Row::s;
    const auto between = [&](double Figures::* figure)
    { return AtElevation(elevationDeg, [&](size_t i) { return table[i].*band.*figure; }); };
    return {between(&Figures::kMeanDb),
            between(&Figures::kStdDb),
            between(lineOfSight ? &Figures::losSpreadMeanLgS : &Figures::nlosSpreadMeanLgS),
            between(lineOfSight ? &Figures::losSpreadStdLgS : &Figures::nlosSpreadStdLgS),
            lineOfSight};
}

} // namespace qntn
