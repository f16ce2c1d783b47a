// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/delay-histogram.h"
#include "metaverse/service-monitor.h"

#include <doctest/doctest.h>
#include <stdexcept>

using namespace qntn;

TEST_CASE("percentiles of a histogram are those of the sample, within a bin")
{
    DelayHistogram histogram;
    for (int i = 1; i <= 1000; ++i)
    {
        histogram.Add(i * 1e-3);
    }
    CHECK(histogram.GetCount() == 1000);
    CHECK(histogram.GetQuantileS(0.5) == doctest::Approx(0.500).epsilon(0.024));
    CHECK(histogram.GetQuantileS(0.99) == doctest::Approx(0.990).epsilon(0.024));
    CHECK(histogram.GetQuantileS(0) == doctest::Approx(0.001).epsilon(0.024));
    CHECK(histogram.GetQuantileS(1) == doctest::Approx(1.0).epsilon(0.024));
}

TEST_CASE("an empty histogram says zero, and delays off its scale go to its ends")
{
    DelayHistogram histogram;
    CHECK(histogram.GetQuantileS(0.99) == 0);
    histogram.Add(0);
    CHECK(histogram.GetQuantileS(0.5) == doctest::Approx(1e-5).epsilon(0.03));
    histogram.Clear();
    histogram.Add(1e6);
    CHECK(histogram.GetQuantileS(0.5) == doctest::Approx(100).epsilon(0.03));
    CHECK_THROWS_AS(histogram.GetQuantileS(1.5), std::invalid_argument);
}

TEST_CASE("the monitor sums by provider, cell and slice, interval by interval")
{
    ServiceMonitor monitor(2, 2, 3);
    monitor.Offered({0, 1, 2, 5}, 100);
    monitor.Satisfied({0, 1, 2, 5}, 100, ns3::MilliSeconds(4), 0.5, true);
    monitor.Lost({1, 1, 2, 6}, LossCause::KEY);
    CHECK(monitor.Get({}, {}, {}).endedBursts == 0); // the interval has not ended
    monitor.Roll();
    CHECK(monitor.Get({}, {}, {}).endedBursts == 2);
    CHECK(monitor.Get(0, {}, {}).GetSatisfiedRatio() == 1);
    CHECK(monitor.Get(0, {}, {}).GetQualityRatio() == 0.5);
    CHECK(monitor.Get({}, 1, 2).GetSatisfiedRatio() == 0.5);
    CHECK(monitor.Get({}, 1, 2).GetLostRatio(LossCause::KEY) == 0.5);
    CHECK(monitor.Get({}, 1, 2).GetPadRatio() == 0.5);
    CHECK(monitor.Get({}, 0, {}).GetSatisfiedRatio() == 1); // nothing asked, nothing missed
    CHECK(monitor.GetSatisfiedUsersRatio(2) == 0.5);
    CHECK(monitor.GetDelayQuantile(2, 0.5).GetSeconds() == doctest::Approx(4e-3).epsilon(0.024));
    monitor.Roll();
    CHECK(monitor.Get({}, {}, {}).endedBursts == 0);
    CHECK(monitor.GetDelayQuantile(2, 0.5).IsZero());
}
