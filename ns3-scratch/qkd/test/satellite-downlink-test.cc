// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/satellite-downlink.h"
#include "qkd/satellite-link.h"
#include "small-network.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <optional>
#include <random>

using namespace ns3;
using namespace qntn;

namespace
{

/// A satellite that passes over Madrid at 300 s, with a second station 500 km to the north-east.
struct Sky
{
    explicit Sky(SatelliteOptics optics, Time dwell = Time(0))
        : network(CreateObject<QkdNetwork>()), downlink(CreateObject<SatelliteDownlink>())
    {
        downlink->SetAttribute("Dwell", TimeValue(dwell));
        const uint32_t satellite = network->AddSite("SAT", SiteKind::Endpoint);
        std::vector<OpticalStation> stations;
        for (const auto& [name, latitude, longitude] :
             {std::tuple{"MADRID", 40.4, -3.7}, std::tuple{"BARCELONA", 41.4, 2.2}})
        {
            const uint32_t site = network->AddSite(name, SiteKind::Endpoint);
            const uint32_t link = network->AddLink({.siteA = satellite,
                                                    .siteB = site,
                                                    .lossDb = 0,
                                                    .pulseRateHz = 1e8,
                                                    .receiverEfficiency = 0.5,
                                                    .pool = {.initialBits = 0,
                                                             .minBits = 0,
                                                             .thresholdBits = 0,
                                                             .maxBits = uint64_t{1} << 40}});
            stations.push_back({latitude, longitude, link});
        }
        network->AssignStreams(1);
        downlink->Configure(network,
                            CircularOrbit::Over(40.4, -3.7, 500e3, 97, 300),
                            optics,
                            stations);
        downlink->SetSite(satellite);
        network->Start();
        downlink->Start();
    }

    ~Sky()
    {
        downlink->Dispose();
        network->Dispose();
    }

    uint64_t Key(uint32_t link) const
    {
        return network->GetLink(link).GetPool().GetLedger().generated;
    }

    Ptr<QkdNetwork> network;
    Ptr<SatelliteDownlink> downlink;
};

} // namespace

TEST_CASE("sun: worked by hand")
{
    // At the equinox (day 81) the sun stands over the equator: noon 90 degrees, midnight -90.
    CHECK(SunElevationDeg(0, 0, 81, 12) == doctest::Approx(90).epsilon(0.01));
    CHECK(SunElevationDeg(0, 0, 81, 0) == doctest::Approx(-90).epsilon(0.01));
    CHECK(std::abs(SunElevationDeg(0, 90, 81, 12)) < 1);
    // At the summer solstice (day 172) it stands over the tropic.
    CHECK(SunElevationDeg(40.4, 0, 172, 12) == doctest::Approx(90 - 40.4 + 23.45).epsilon(0.002));
}

TEST_CASE("satellite: a pass by night makes key, one station at a time")
{
    SimulatorScope simulator;
    const Sky sky({.dayOfYear = 80, .utcHour = 0});
    bool served[2] = {false, false};
    double highest = 0;
    for (int second = 1; second <= 700; ++second)
    {
        simulator.RunUntil(Seconds(second));
        sky.downlink->Check();
        const auto station = sky.downlink->GetServed();
        for (uint32_t i = 0; i < 2; ++i)
        {
            served[i] = served[i] || station == i;
            if (station != i)
            {
                CHECK(sky.network->GetLink(i).GetExpectedRateBps() == 0);
            }
        }
        if (station)
        {
            CHECK(sky.downlink->GetElevationDeg(*station) >= 10);
        }
        highest = std::max(highest, sky.downlink->GetElevationDeg(0));
    }
    CHECK(highest > 88);
    CHECK(sky.Key(0) + sky.Key(1) > 0);
    CHECK((served[0] || served[1]));
    CHECK_FALSE(sky.downlink->GetServed()); // it has set
}

TEST_CASE("satellite: by day there is no key")
{
    SimulatorScope simulator;
    const Sky sky({.dayOfYear = 80, .utcHour = 12});
    simulator.RunUntil(Seconds(600));
    CHECK(sky.Key(0) + sky.Key(1) == 0);
    CHECK(sky.network->GetLink(0).GetSiftedBits() == 0);
}

TEST_CASE("satellite: under a cloud there is no key")
{
    const auto key = [](bool cloudy)
    {
        SimulatorScope simulator;
        const Sky sky({.minElevationDeg = 60, .utcHour = 0}); // high over Madrid only
        sky.network->SetCloudy(0, cloudy);
        simulator.RunUntil(Seconds(600));
        CHECK(sky.Key(1) == 0);
        return sky.Key(0);
    };
    CHECK(key(false) > 0);
    CHECK(key(true) == 0);
}

TEST_CASE("satellite: a cloud over one station sends the satellite to the other")
{
    SimulatorScope simulator;
    const Sky sky({.utcHour = 0});
    simulator.At(Seconds(290), [&] { sky.network->SetCloudy(0, true); });
    simulator.RunUntil(Seconds(300));
    CHECK(sky.downlink->GetServed() == 1);
}

TEST_CASE("satellite: whatever the clouds do, it serves one station at most")
{
    for (unsigned seed = 1; seed <= 5; ++seed)
    {
        CAPTURE(seed);
        SimulatorScope simulator;
        std::mt19937 random(seed);
        const Sky sky({.minElevationDeg = 5.0 + random() % 30, .utcHour = 0});
        uint64_t changes = 0;
        std::optional<uint32_t> before;
        for (int second = 150; second <= 450; second += 3)
        {
            sky.network->SetCloudy(random() % 2, random() % 3 == 0);
            simulator.RunUntil(Seconds(second));
            sky.downlink->Check();
            const auto served = sky.downlink->GetServed();
            for (uint32_t i = 0; i < 2; ++i)
            {
                CHECK((served == i || sky.network->GetLink(i).GetExpectedRateBps() == 0));
            }
            changes += served != before;
            before = served;
        }
        CHECK(changes > 2);
    }
}

TEST_CASE("satellite: with a dwell both stations get key in one pass, about as much")
{
    SimulatorScope simulator;
    const Sky sky({.minElevationDeg = 30, .utcHour = 0}, Seconds(5));
    uint32_t turns = 0;
    std::optional<uint32_t> before;
    for (int second = 1; second <= 600; ++second)
    {
        simulator.RunUntil(Seconds(second));
        const auto served = sky.downlink->GetServed();
        turns += before && served && served != before;
        before = served;
    }
    CHECK(turns > 10);
    REQUIRE(sky.Key(0) > 0);
    REQUIRE(sky.Key(1) > 0);
    CHECK(static_cast<double>(sky.Key(0)) / static_cast<double>(sky.Key(1)) ==
          doctest::Approx(1).epsilon(0.2));
}

TEST_CASE("satellite: its site is up while a station sees it, and only then")
{
    SimulatorScope simulator;
    const Sky sky({.minElevationDeg = 20, .utcHour = 12}); // by day it makes no key, but relays
    uint32_t seen = 0;
    for (int second = 1; second <= 600; ++second)
    {
        simulator.RunUntil(Seconds(second) + MilliSeconds(500)); // between its own steps
        const bool isUp = sky.network->IsSiteUp(0);
        const bool isHigh =
            sky.downlink->GetElevationDeg(0) >= 20.3 || sky.downlink->GetElevationDeg(1) >= 20.3;
        const bool isLow =
            sky.downlink->GetElevationDeg(0) < 19.7 && sky.downlink->GetElevationDeg(1) < 19.7;
        CHECK((isUp || !isHigh));
        CHECK((!isUp || !isLow));
        seen += isUp;
    }
    CHECK(seen > 100);
    CHECK(seen < 500);
}

TEST_CASE("satellite: bad input is named")
{
    SimulatorScope simulator;
    CHECK_THROWS_WITH_AS(Sky({.divergenceRad = 2}),
                         doctest::Contains("divergence_rad is 2"),
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(Sky({.minElevationDeg = -5}),
                         doctest::Contains("min_elevation_deg is -5"),
                         std::invalid_argument);
}
