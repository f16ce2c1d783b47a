// SPDX-License-Identifier: GPL-2.0-only
//
// What cannot be is refused before it is used, with the field, the value and the range.
#include "orbit/fixed-trajectory.h"
#include "ran/input-error.h"
#include "ran/test/ran-fixture.h"

#include <cmath>

using namespace qntn;
using namespace ns3;

namespace
{

const CarrierConfig CARRIER{3.5e9, 40e6, 1, "DDDSU"};

GnbConfig
MakeGnb(const CarrierConfig& carrier)
{
    return {"gnb_0", {0, 0, 25}, carrier, 46, 8};
}

NtnCellConfig
MakePlatform()
{
    return {.name = "haps_0",
            .trajectory = std::make_shared<FixedTrajectory>(40, 0, 20e3),
            .frame = GroundFrame(40, 0),
            .beamCentre = {0, 0, 0},
            .carrier = {2e9, 30e6, 0, "D", 1},
            .eirpDensityDbwPerMhz = 34,
            .minElevationDeg = 10,
            .coreDelay = Seconds(0),
            .environment = "Rural"};
}

/// What the network says to a gNB on such a carrier.
std::string
Refusal(const CarrierConfig& carrier)
{
    RanFixture fixture;
    try
    {
        fixture.ran->AddGnb(MakeGnb(carrier));
    }
    catch (const InputError& error)
    {
        CHECK(error.what() ==
              error.field + ": found " + error.found + ", expected " + error.expected);
        return error.what();
    }
    return "nothing";
}

} // namespace

TEST_CASE("a carrier that TS 38.101 does not define is refused with its cell's name")
{
    CHECK(Refusal(CARRIER) == "nothing");
    auto carrier = CARRIER;
    carrier.bandwidthHz = 41e6;
    CHECK(Refusal(carrier) == "cell gnb_0, bandwidth_hz: found 4.1e+07, expected a bandwidth that "
                              "TS 38.101 defines for numerology 1 in FR1");
    carrier = CARRIER;
    carrier.bandwidthHz = 100e6; // no 15 kHz above 50 MHz
    carrier.numerology = 0;
    CHECK(Refusal(carrier) == "cell gnb_0, bandwidth_hz: found 1e+08, expected a bandwidth that "
                              "TS 38.101 defines for numerology 0 in FR1");
    carrier = CARRIER;
    carrier.numerology = 3; // FR2 alone has it
    CHECK(Refusal(carrier) == "cell gnb_0, bandwidth_hz: found 4e+07, expected a bandwidth that "
                              "TS 38.101 defines for numerology 3 in FR1");
    carrier.numerology = 4;
    CHECK(Refusal(carrier) == "cell gnb_0, numerology: found 4, expected 0 .. 3");
    carrier = CARRIER;
    carrier.frequencyHz = 3.5;
    CHECK(Refusal(carrier) == "cell gnb_0, frequency_hz: found 3.5, expected 0.5e9 .. 100e9");
    carrier.frequencyHz = NAN;
    CHECK(Refusal(carrier) == "cell gnb_0, frequency_hz: found nan, expected 0.5e9 .. 100e9");
    carrier = CARRIER;
    carrier.mcsTable = 4;
    CHECK(Refusal(carrier) == "cell gnb_0, mcs_table: found 4, expected 1 .. 3");
    carrier = CARRIER;
    carrier.numLayers = 0;
    CHECK(Refusal(carrier) == "cell gnb_0, num_layers: found 0, expected 1 .. 4");
}

TEST_CASE("a pattern of slots with an unknown letter, of none, or without downlink is refused")
{
    auto carrier = CARRIER;
    carrier.slotPattern = "DDXSU";
    CHECK(Refusal(carrier) ==
          "cell gnb_0, slot_pattern: found 'X', expected the letters D, S and U");
    carrier.slotPattern = "";
    CHECK(Refusal(carrier) ==
          "cell gnb_0, slot_pattern: found nothing, expected letters D, S and U");
    carrier.slotPattern = "UU";
    CHECK(Refusal(carrier) == "cell gnb_0, slot_pattern: found 'UU', expected at least one slot "
                              "with downlink symbols");
}

TEST_CASE("cells of one frequency on different grids are refused")
{
    RanFixture fixture;
    fixture.AddGnb(0, 0, "DDDSU");
    auto carrier = CARRIER;
    carrier.bandwidthHz = 20e6;
    CHECK_THROWS_WITH_AS(fixture.ran->AddGnb(MakeGnb(carrier)),
                         "cell gnb_0, bandwidth_hz: found 2e+07, expected that of cell gnb on the "
                         "same frequency",
                         InputError);
    carrier = CARRIER;
    carrier.numerology = 0;
    CHECK_THROWS_WITH_AS(fixture.ran->AddGnb(MakeGnb(carrier)),
                         "cell gnb_0, numerology: found 0, expected that of cell gnb on the same "
                         "frequency",
                         InputError);
}

TEST_CASE("a gNB of RMa above 30 GHz is refused before a path loss is asked for")
{
    RanFixture fixture;
    const auto add = [&](const std::string& scenario)
    { fixture.ran->AddGnb({"gnb_0", {0, 0, 35}, {39e9, 100e6, 3, "D"}, 46, 8, scenario}); };
    CHECK_NOTHROW(add("UMa"));
    CHECK_THROWS_WITH_AS(
        add("RMa"),
        "cell gnb_0, frequency_hz: found 3.9e+10, expected at most 30e9 in scenario RMa",
        InputError);
}

TEST_CASE("a target of block errors that cannot be, or of no slice, is refused")
{
    RanFixture fixture;
    CHECK_THROWS_WITH_AS(fixture.ran->SetTargetBler(2, 0.1),
                         "target_bler, slice: found 2, expected 0 .. 1",
                         InputError);
    for (const double target : {0.0, 0.9, -0.1, std::nan("")})
    {
        CHECK_THROWS_AS(fixture.ran->SetTargetBler(1, target), InputError);
    }
}

TEST_CASE("base stations and platforms that cannot be are refused")
{
    RanFixture fixture;
    auto gnb = MakeGnb(CARRIER);
    gnb.position.z = 0.5;
    CHECK_THROWS_WITH_AS(fixture.ran->AddGnb(gnb),
                         "cell gnb_0, position.z: found 0.5, expected a height above 1 m",
                         InputError);
    gnb = MakeGnb(CARRIER);
    gnb.txPowerDbm = INFINITY;
    CHECK_THROWS_WITH_AS(fixture.ran->AddGnb(gnb),
                         "cell gnb_0, tx_power_dbm: found inf, expected a finite number",
                         InputError);
    gnb = MakeGnb(CARRIER);
    gnb.scenario = "Uma";
    CHECK_THROWS_WITH_AS(fixture.ran->AddGnb(gnb),
                         "cell gnb_0, scenario: found \"Uma\", expected UMa, UMi or RMa",
                         InputError);
    auto platform = MakePlatform();
    platform.minElevationDeg = 91;
    CHECK_THROWS_WITH_AS(fixture.ran->AddNtnCell(platform),
                         "cell haps_0, min_elevation_deg: found 91, expected 0 .. 90",
                         InputError);
    platform = MakePlatform();
    platform.beamOffset.aheadDeg = -70;
    CHECK_THROWS_WITH_AS(fixture.ran->AddNtnCell(platform),
                         "cell haps_0, beam_offset.ahead_deg: found -70, expected -60 .. 60",
                         InputError);
    CHECK(fixture.ran->AddNtnCell(MakePlatform()) == 0); // nothing refused was kept
}

TEST_CASE("flows of unknown users and slices, and impossible ones, are refused")
{
    RanFixture fixture;
    fixture.AddGnb(0, 0);
    const auto add = [&](uint32_t user, uint32_t slice, Time budget, const FlowConfig& config = {})
    { fixture.ran->AddFlow(user, slice, budget, config); };
    CHECK_THROWS_WITH_AS(add(0, 0, Seconds(1)),
                         "flow, user: found 0, expected one that has been added",
                         InputError);
    const auto user = fixture.AddUser(50, 0);
    CHECK_THROWS_WITH_AS(add(7, 0, Seconds(1)), "flow, user: found 7, expected 0 .. 0", InputError);
    CHECK_THROWS_WITH_AS(add(user, 2, Seconds(1)),
                         "flow, slice: found 2, expected 0 .. 1",
                         InputError);
    CHECK_THROWS_WITH_AS(add(user, 0, Seconds(0)),
                         "flow, delay_budget: found +0ms, expected above 0",
                         InputError);
    FlowConfig grant{.configuredGrantBytes = 100, .configuredGrantPeriod = MilliSeconds(1)};
    CHECK_THROWS_WITH_AS(add(user, 0, Seconds(1), grant),
                         "flow, direction of a configured grant: found the downlink, expected the "
                         "uplink",
                         InputError);
    grant = {.direction = UPLINK, .configuredGrantBytes = 100};
    CHECK_THROWS_WITH_AS(add(user, 0, Seconds(1), grant),
                         "flow, configured_grant_period: found +0ms, expected above 0",
                         InputError);
    CHECK_THROWS_WITH_AS(fixture.ran->SetMiniSlots(1, 3),
                         "slice 1, mini_slot_symbols: found 3, expected 2, 4 or 7",
                         InputError);
}

TEST_CASE("what comes in the wrong order, or without what it needs, is refused")
{
    RanFixture fixture;
    auto& ran = *fixture.ran;
    CHECK_THROWS_WITH_AS(ran.SetPrbQuota(0, 0, {}),
                         "quota: found a call before Start, expected one after it",
                         InputError);
    CHECK_THROWS_WITH_AS(ran.Start(),
                         "start, cells: found none, expected at least one",
                         InputError);
    fixture.AddGnb(0, 0);
    CHECK_THROWS_WITH_AS(ran.Start(),
                         "start, users: found none, expected at least one",
                         InputError);
    CHECK_THROWS_WITH_AS(ran.AddUe(nullptr),
                         "user, mobility: found none, expected a mobility model",
                         InputError);
    CHECK(ran.GetNumUes() == 0);
    const auto user = fixture.AddUser(50, 0);
    const auto flow = ran.AddFlow(user, 0, Seconds(1));
    CHECK_THROWS_WITH_AS(ran.SetMiniSlots(2, 7),
                         "mini-slots, slice: found 2, expected 0 .. 1",
                         InputError);
    ran.AssignStreams(1);
    ran.Start();
    const std::string late = "found a call after Start, expected one before it";
    const auto refused = [&](const std::string& field, const auto& call)
    { CHECK_THROWS_WITH_AS(call(), (field + ": " + late).c_str(), InputError); };
    refused("cell gnb_0", [&] { ran.AddGnb(MakeGnb(CARRIER)); });
    refused("cell haps_0", [&] { ran.AddNtnCell(MakePlatform()); });
    refused("user", [&] { fixture.AddUser(60, 0); });
    refused("flow", [&] { ran.AddFlow(user, 0, Seconds(1)); });
    refused("mini-slots", [&] { ran.SetMiniSlots(0, 2); });
    refused("start", [&] { ran.Start(); });
    fixture.Offer(flow, 1e6, 500);
    fixture.Run(0.1); // and the network goes on as it was
    CHECK(ran.GetNumCells() == 1);
    CHECK(fixture.deliveredBytes[flow] > 10'000);
}

TEST_CASE("quotas above the carrier are refused")
{
    RanFixture fixture;
    fixture.AddGnb(0, 0);
    fixture.ran->AddFlow(fixture.AddUser(50, 0), 0, Seconds(1));
    fixture.ran->AssignStreams(1);
    fixture.ran->Start();
    const auto set = [&](uint32_t cell, uint32_t slice, const PrbQuota& quota)
    { fixture.ran->SetPrbQuota(cell, slice, quota); };
    // at once, where it is one slice's
    CHECK_THROWS_WITH_AS(set(0, 1, {0, 0, 107}),
                         "cell gnb, slice 1, quota in PRBs: found {0, 0, 107}, expected dedicated "
                         "<= minimum <= maximum <= 106",
                         InputError);
    CHECK_THROWS_WITH_AS(set(0, 0, {10, 5, 20}),
                         "cell gnb, slice 0, quota in PRBs: found {10, 5, 20}, expected dedicated "
                         "<= minimum <= maximum <= 106",
                         InputError);
    CHECK_THROWS_WITH_AS(set(1, 0, {}), "quota, cell: found 1, expected 0 .. 0", InputError);
    CHECK_THROWS_WITH_AS(set(0, 2, {}), "quota, slice: found 2, expected 0 .. 1", InputError);
    fixture.Run(0.01); // what was refused has changed nothing
    // when the next slot begins, where it is that of all
    const std::vector<PrbQuota> together{{60, 60, 60}, {60, 60, 60}};
    CHECK_THROWS_WITH_AS(ValidateQuotas(together, 106, "gnb"),
                         "cell gnb, sum of the slices' minima in PRBs: found 120, expected at most "
                         "the carrier's 106",
                         InputError);
}

TEST_CASE(
    "outages and conditional hand-overs of cells that there are not, or at no time, are refused")
{
    RanFixture fixture;
    fixture.AddGnb(0, 0);
    fixture.AddGnb(400, 0);
    auto& ran = *fixture.ran;
    CHECK_THROWS_WITH_AS(ran.SetOutage(2, true),
                         "outage, cell: found 2, expected 0 .. 1",
                         InputError);
    CHECK_THROWS_WITH_AS(ran.ScheduleOutage(2, Seconds(1), Seconds(2)),
                         "outage, cell: found 2, expected 0 .. 1",
                         InputError);
    CHECK_THROWS_WITH_AS(ran.ScheduleOutage(1, Seconds(-1), Seconds(2)),
                         "outage of cell gnb, start: found -1s, expected a time to come",
                         InputError);
    CHECK_THROWS_WITH_AS(ran.ScheduleOutage(1, Seconds(2), Seconds(2)),
                         "outage of cell gnb, end: found +2s, expected a time after the start",
                         InputError);
    auto& control = ran.GetHandoverControl();
    ConditionalHandover handover{.source = 0, .target = 1, .byTime = true, .duration = Seconds(1)};
    CHECK_NOTHROW(control.AddConditional(handover));
    handover.target = 7;
    CHECK_THROWS_WITH_AS(control.AddConditional(handover),
                         "conditional hand-over, target: found 7, expected 0 .. 1",
                         InputError);
    handover.target = 0;
    CHECK_THROWS_WITH_AS(
        control.AddConditional(handover),
        "conditional hand-over, target: found 0, expected another cell than the source",
        InputError);
    handover = {.source = 0, .target = 1};
    CHECK_THROWS_WITH_AS(
        control.AddConditional(handover),
        "conditional hand-over, condition: found none, expected a distance, a time or both",
        InputError);
    handover.byTime = true;
    CHECK_THROWS_WITH_AS(control.AddConditional(handover),
                         "conditional hand-over, duration: found +0s, expected above 0",
                         InputError);
    handover = {.source = 0, .target = 1, .byDistance = true, .threshold2M = -5};
    CHECK_THROWS_WITH_AS(control.AddConditional(handover),
                         "conditional hand-over, threshold2_m: found -5, expected 0 or more",
                         InputError);
}
