// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/visibility.h"

#include "orbit/require.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <sstream>
#include <stdexcept>

namespace qntn
{

namespace
{

constexpr double TOLERANCE_S = 1e-4;

using Elevation = std::function<double(double)>;

/// Where elevation is greatest between two times that have one maximum between them (golden
/// section).
double
FindMaximum(const Elevation& elevation, double from, double to)
{
    constexpr double RATIO = 1 / std::numbers::phi;
    double left = to - RATIO * (to - from);
    double right = from + RATIO * (to - from);
    double leftValue = elevation(left);
    double rightValue = elevation(right);
    while (to - from > TOLERANCE_S)
    {
        if (leftValue >= rightValue)
        {
            to = right;
            right = left;
            rightValue = leftValue;
            left = to - RATIO * (to - from);
            leftValue = elevation(left);
        }
        else
        {
            from = left;
            left = right;
            leftValue = rightValue;
            right = from + RATIO * (to - from);
            rightValue = elevation(right);
        }
    }
    return (from + to) / 2;
}

/// When elevation crosses \p level, which it does once between the two times.
double
FindCrossing(const Elevation& elevation, double level, double below, double above)
{
    while (std::abs(above - below) > TOLERANCE_S)
    {
        const double middle = (below + above) / 2;
        (elevation(middle) >= level ? above : below) = middle;
    }
    return above;
}

} // namespace

std::vector<Pass>
FindPasses(const Trajectory& trajectory,
           const Ecef& ground,
           double minElevationDeg,
           double fromS,
           double toS,
           double stepS)
{
    RequireFinite("from_s", fromS);
    RequireFinite("to_s", toS);
    RequirePositive("step_s", stepS);
    toS = std::min(toS, trajectory.GetEndS());
    const Elevation elevation = [&](double t)
    { return ElevationDeg(ground, trajectory.PositionAt(t)); };
    // times at which to look: steps and, between them, culminations
    std::vector<std::pair<double, double>> looks;
    const auto numSteps = static_cast<size_t>(std::max(2.0, std::ceil((toS - fromS) / stepS)));
    for (size_t i = 0; i <= numSteps && toS > fromS; ++i)
    {
        const double t = fromS + (toS - fromS) * static_cast<double>(i) / numSteps;
        looks.emplace_back(t, elevation(t));
    }
    std::vector<std::pair<double, double>> tops;
    for (size_t i = 0; i < looks.size(); ++i)
    {
        const size_t before = i > 0 ? i - 1 : i; // at an end a culmination may be on its one side
        const size_t after = i + 1 < looks.size() ? i + 1 : i;
        if ((i == before || looks[i].second >= looks[before].second) &&
            (i == after || looks[i].second > looks[after].second))
        {
            const double top = FindMaximum(elevation, looks[before].first, looks[after].first);
            tops.emplace_back(top, elevation(top));
        }
    }
    looks.insert(looks.end(), tops.begin(), tops.end());
    std::ranges::sort(looks);

    std::vector<Pass> passes;
    bool up = false;
    for (size_t i = 0; i < looks.size(); ++i)
    {
        const auto& [t, value] = looks[i];
        if (value >= minElevationDeg)
        {
            if (!up)
            {
                const double rise =
                    i == 0 ? t : FindCrossing(elevation, minElevationDeg, looks[i - 1].first, t);
                passes.push_back({rise, t, t, value});
            }
            auto& pass = passes.back();
            if (value > pass.maxElevationDeg)
            {
                pass.maxElevationDeg = value;
                pass.culminationS = t;
            }
            pass.setS = t;
        }
        else if (up)
        {
            passes.back().setS = FindCrossing(elevation, minElevationDeg, t, passes.back().setS);
        }
        up = value >= minElevationDeg;
    }
    return passes;
}

CircularOrbit
OrbitForPass(double latitudeDeg,
             double longitudeDeg,
             double altitudeM,
             double minElevationDeg,
             double riseS,
             double durationS)
{
    constexpr double POLAR_DEG = 90;
    constexpr double TOLERANCE_DEG = 1e-9;
    Require(durationS > 0, "duration_s", durationS, "above 0");
    const Ecef ground = ToEcef(latitudeDeg, longitudeDeg, 0);
    const double period_s = OrbitalPeriodS(altitudeM);
    auto beside = [&](double eastDeg, double overheadS)
    {
        return CircularOrbit::Over(latitudeDeg,
                                   longitudeDeg + eastDeg,
                                   altitudeM,
                                   POLAR_DEG,
                                   overheadS);
    };
    auto find = [&](double eastDeg)
    {
        const auto passes =
            FindPasses(beside(eastDeg, 0), ground, minElevationDeg, -period_s / 4, period_s / 4);
        return passes.empty() ? Pass{} : passes.front();
    };
    auto length = [](const Pass& pass) { return pass.setS - pass.riseS; };
    // The farther beside the place it culminates, the shorter it stays.
    double longer = 0;
    double shorter = 90;
    const double longest_s = length(find(longer));
    if (durationS > longest_s)
    {
        std::ostringstream text;
        text << "a pass of " << durationS << " s above " << minElevationDeg << " degrees: at "
             << altitudeM / 1000 << " km even one through the zenith lasts " << longest_s
             << " s; expected a shorter pass or a lower least elevation";
        throw std::invalid_argument(text.str());
    }
    while (shorter - longer > TOLERANCE_DEG)
    {
        const double middle = (longer + shorter) / 2;
        (length(find(middle)) >= durationS ? longer : shorter) = middle;
    }
    // A satellite that is overhead t later does all of it t later.
    return beside(longer, riseS - find(longer).riseS);
}

} // namespace qntn
