// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/embb-source.h"
#include "metaverse/full-buffer-source.h"
#include "metaverse/haptic-source.h"
#include "metaverse/urllc-source.h"
#include "metaverse/xr-source.h"

#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <numeric>
#include <vector>

using namespace ns3;
using namespace qntn;

namespace
{

/// What a source makes in a stretch of time.
struct Trace
{
    std::vector<double> times_s;
    std::vector<double> bytes;

    Trace(TrafficSource& source, double duration_s)
    {
        source.AssignStreams(100);
        source.SetOutputCallback(TrafficSource::BurstCallback(
            [this](uint32_t size)
            {
                times_s.push_back(Simulator::Now().GetSeconds());
                bytes.push_back(size);
            }));
        source.Start();
        Simulator::Stop(Seconds(duration_s));
        Simulator::Run();
        source.Dispose();
        Simulator::Destroy();
    }

    double GetRateBps(double duration_s) const
    {
        return 8 * std::accumulate(bytes.begin(), bytes.end(), 0.0) / duration_s;
    }
};

double
Mean(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double
Deviation(const std::vector<double>& values)
{
    const double mean = Mean(values);
    double sum = 0;
    for (const double value : values)
    {
        sum += (value - mean) * (value - mean);
    }
    return std::sqrt(sum / static_cast<double>(values.size()));
}

} // namespace

TEST_CASE("XR video has the rate, the sizes and the jitter of TR 38.838")
{
    auto source = CreateObjectWithAttributes<XrSource>("Rate", DoubleValue(30e6));
    const Trace trace(*source, 300);
    CHECK(trace.times_s.size() == doctest::Approx(18000).epsilon(1e-3));
    CHECK(trace.GetRateBps(300) == doctest::Approx(30e6).epsilon(2e-3));
    CHECK(Mean(trace.bytes) == doctest::Approx(62500).epsilon(2e-3));
    CHECK(Deviation(trace.bytes) == doctest::Approx(6562.5).epsilon(0.02));
    CHECK(std::ranges::min(trace.bytes) >= 31250);
    CHECK(std::ranges::max(trace.bytes) <= 93750);

    // Jitter: what is left of the arrivals when the frame clock is taken away.
    std::vector<double> jitter_ms;
    for (size_t i = 0; i < trace.times_s.size(); ++i)
    {
        jitter_ms.push_back((trace.times_s[i] - static_cast<double>(i) / 60) * 1e3);
    }
    const double middle = Mean(jitter_ms);
    CHECK(Deviation(jitter_ms) == doctest::Approx(1.7593).epsilon(0.02));
    CHECK(std::ranges::max(jitter_ms) - middle < 4.1);
    CHECK(middle - std::ranges::min(jitter_ms) < 4.1);
    CHECK(std::ranges::is_sorted(trace.times_s));
}

TEST_CASE("thinned XR video keeps its frames and loses rate")
{
    auto source = CreateObjectWithAttributes<XrSource>("Rate", DoubleValue(30e6));
    source->SetAdmission(0.64);
    const Trace trace(*source, 50);
    CHECK(trace.times_s.size() == doctest::Approx(3000).epsilon(2e-3));
    CHECK(trace.GetRateBps(50) == doctest::Approx(0.64 * 30e6).epsilon(0.01));
    CHECK(source->GetQuality() == doctest::Approx(0.8));
    CHECK(source->GetNominalRateBps() == 30e6);
}

TEST_CASE("xURLLC sends 32 bytes each millisecond")
{
    auto source = CreateObject<UrllcSource>();
    const Trace trace(*source, 2);
    CHECK(trace.times_s.size() == 2000);
    CHECK(trace.GetRateBps(2) == doctest::Approx(source->GetNominalRateBps()));
    CHECK(trace.times_s.back() - trace.times_s.front() == doctest::Approx(1.999));
    CHECK(std::ranges::all_of(trace.bytes, [](double bytes) { return bytes == 32; }));
}

TEST_CASE("eMBB files come as a Poisson process that load and admission scale")
{
    auto source = CreateObjectWithAttributes<EmbbSource>("Rate",
                                                         DoubleValue(8e6),
                                                         "FileBytes",
                                                         UintegerValue(50000));
    source->SetLoad(2);
    source->SetAdmission(0.5);
    const Trace trace(*source, 500); // 20 files a second
    CHECK(trace.GetRateBps(500) == doctest::Approx(8e6).epsilon(0.03));
    CHECK(source->GetNominalRateBps() == 16e6);
    std::vector<double> gaps_s;
    for (size_t i = 1; i < trace.times_s.size(); ++i)
    {
        gaps_s.push_back(trace.times_s[i] - trace.times_s[i - 1]);
    }
    CHECK(Deviation(gaps_s) / Mean(gaps_s) == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("haptic samples have truncated Pareto sizes at exponential distances")
{
    auto source = CreateObject<HapticSource>();
    const double nominal_bps = source->GetNominalRateBps();
    const Trace trace(*source, 2000);
    CHECK(trace.times_s.size() == doctest::Approx(30'000).epsilon(0.02));
    CHECK(trace.GetRateBps(2000) == doctest::Approx(nominal_bps).epsilon(0.02));
    CHECK(std::ranges::min(trace.bytes) == 63);
    CHECK(std::ranges::max(trace.bytes) <= 217);
    // P(size > x) = ((least / x)^7 - cut) / (1 - cut), cut = (least / most)^7
    const double cut = std::pow(504.0 / 1736, 7);
    for (const double bits : {560.0, 640.0, 800.0})
    {
        const auto larger =
            std::ranges::count_if(trace.bytes, [bits](double bytes) { return 8 * bytes > bits; });
        const double expected = (std::pow(504 / bits, 7) - cut) / (1 - cut);
        CHECK(static_cast<double>(larger) / static_cast<double>(trace.bytes.size()) ==
              doctest::Approx(expected).epsilon(0.08));
    }
    std::vector<double> gaps_s;
    std::ranges::transform(trace.times_s.begin() + 1,
                           trace.times_s.end(),
                           trace.times_s.begin(),
                           trace.times_s.end() - 1,
                           std::back_inserter(gaps_s),
                           std::minus<>());
    CHECK(Deviation(gaps_s) == doctest::Approx(Mean(gaps_s)).epsilon(0.03)); // exponential
}

TEST_CASE("pose samples are 100 bytes each 4 ms")
{
    auto source = CreateObjectWithAttributes<UrllcSource>("PacketBytes",
                                                          UintegerValue(100),
                                                          "Period",
                                                          TimeValue(MilliSeconds(4)));
    CHECK(source->GetNominalRateBps() == doctest::Approx(200e3));
    CHECK(Trace(*source, 10).GetRateBps(10) == doctest::Approx(200e3).epsilon(1e-3));
}

TEST_CASE("a full buffer is filled up whatever was taken, and only then")
{
    auto source = CreateObjectWithAttributes<FullBufferSource>("DepthBytes", UintegerValue(10'000));
    uint64_t backlog = 0;
    uint64_t made = 0;
    source->SetBacklogCallback(FullBufferSource::BacklogCallback([&backlog] { return backlog; }));
    source->SetOutputCallback(TrafficSource::BurstCallback(
        [&](uint32_t bytes)
        {
            CHECK(bytes > 0);
            backlog += bytes;
            made += bytes;
            CHECK(backlog == 10'000);
        }));
    source->Start();
    for (int i = 0; i < 100; ++i)
    {
        Simulator::Schedule(MicroSeconds(10'500 + 100 * i), [&backlog] { backlog -= 50; });
    }
    Simulator::Stop(MilliSeconds(50));
    Simulator::Run();
    CHECK(made == 15'000);
    CHECK(backlog == 10'000);
    source->Dispose();
    Simulator::Destroy();
}
