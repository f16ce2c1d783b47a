// SPDX-License-Identifier: GPL-2.0-only
//
// Uplink blocks shorter than a slot.
#include "ran/test/ran-fixture.h"

#include "ns3/boolean.h"
#include "ns3/double.h"

#include <algorithm>
#include <cmath>

using namespace qntn;
using namespace ns3;

namespace
{

/// A grant for a small packet more often than there are mini-slots.
const FlowConfig CONFIGURED{
    .direction = UPLINK, .configuredGrantBytes = 40, .configuredGrantPeriod = MicroSeconds(70)};

double
Median(std::vector<double> values)
{
    REQUIRE(!values.empty());
    std::ranges::sort(values);
    return values[values.size() / 2];
}

bool
IsWhole(const FlowAccount& account)
{
    return account.sent == account.delivered + account.dropped[0] + account.dropped[1] +
                               account.dropped[2] + account.dropped[3] + account.inFlight;
}

/// What small packets of slice 0 meet beside a flood of slice 1, whose blocks are whole slots.
struct Outcome
{
    double median_ms;
    uint64_t smallPrbSlots; ///< used
    uint64_t largeBytes;    ///< delivered
};

Outcome
SendBesideFlood(const std::string& pattern,
                const FlowConfig& config,
                uint32_t symbols,
                double gapS = 1.0173e-3) // so that packets come at all times within a slot
{
    RanFixture bench(2);
    bench.AddGnb(0, 0, pattern);
    const auto small = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(20), config);
    const auto large = bench.ran->AddFlow(bench.AddUser(20, 0), 1, MilliSeconds(500), UP);
    if (symbols > 0)
    {
        bench.ran->SetMiniSlots(0, symbols);
    }
    bench.SetFlowOfDelays(small);
    bench.ran->SetAttribute("UplinkAlpha", DoubleValue(1));
    bench.ran->SetAttribute("UplinkP0Dbm", DoubleValue(-70));
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 40, 40});
    bench.ran->SetPrbQuota(0, 1, {0, 66, 106});
    bench.Offer(small, 32 * 8 / gapS, 32);
    bench.Offer(large, 300e6, 1400);
    bench.Run(3);
    const auto account = bench.ran->GetAccount(small);
    CHECK(IsWhole(account));
    CHECK(static_cast<double>(account.delivered) > 0.98 * 3 / gapS);
    const auto report = bench.ran->TakeReport(0, 0, UPLINK);
    CHECK(report.prbSlotsUsed < report.prbSlotsQuota);
    const auto others = bench.ran->TakeReport(0, 1, UPLINK);
    CHECK(others.prbSlotsUsed > 0.98 * others.prbSlotsQuota); // saturated
    CHECK(others.prbSlotsUsed <= others.prbSlotsQuota);       // and kept out of the rest
    return {1e3 * Median(bench.delays_s), report.prbSlotsUsed, bench.deliveredBytes[large]};
}

} // namespace

TEST_CASE("uplink mini-slots shorten what a packet with a configured grant waits for and takes")
{
    const auto whole = SendBesideFlood("D", CONFIGURED, 0);
    const auto seven = SendBesideFlood("D", CONFIGURED, 7);
    const auto four = SendBesideFlood("D", CONFIGURED, 4);
    const auto two = SendBesideFlood("D", CONFIGURED, 2);
    // numerology 1: half a slot to its beginning and one slot on the air
    CHECK(whole.median_ms == doctest::Approx(0.75).epsilon(0.05));
    // one and a half mini-slots of 7, 4 (the third ends two symbols early) and 2 symbols
    CHECK(seven.median_ms == doctest::Approx(0.375).epsilon(0.05));
    CHECK(four.median_ms == doctest::Approx(0.228).epsilon(0.1));
    CHECK(two.median_ms == doctest::Approx(0.107).epsilon(0.05));
    // DM-RS of each mini-slot leave fewer elements of a PRB for data
    CHECK(two.smallPrbSlots > whole.smallPrbSlots);
    // who has no mini-slots does not notice those beside it
    for (const auto& outcome : {seven, four, two})
    {
        CHECK(static_cast<double>(outcome.largeBytes) ==
              doctest::Approx(static_cast<double>(whole.largeBytes)).epsilon(0.01));
    }
}

TEST_CASE("uplink mini-slots of a TDD pattern wait for its uplink slot and share it")
{
    const auto whole = SendBesideFlood("DDDSU", CONFIGURED, 0);
    const auto two = SendBesideFlood("DDDSU", CONFIGURED, 2);
    // nine of ten blocks arrive at once; 2.5 ms a period for them to come in, and a slot on the air
    CHECK(whole.median_ms == doctest::Approx(0.5 / 0.9 * 2.5 + 0.5).epsilon(0.05));
    // six of seven that come in the slot itself, a fifth of all, go with it
    const double before = 0.5 / 0.9 - 0.2 * 6 / 7;
    CHECK(two.median_ms == doctest::Approx(before * 2.5 + 1.0 / 14).epsilon(0.05));
    CHECK(static_cast<double>(two.largeBytes) ==
          doctest::Approx(static_cast<double>(whole.largeBytes)).epsilon(0.01));
}

TEST_CASE("requests and dynamic grants come with mini-slots too")
{
    constexpr double GAP_S = 10.173e-3; // each packet needs a request of its own
    const auto whole = SendBesideFlood("D", UP, 0, GAP_S);
    const auto two = SendBesideFlood("D", UP, 2, GAP_S);
    // wait for the request, its slot, two to grant and one for light, the block's slot
    CHECK(whole.median_ms == doctest::Approx(0.25 + 0.5 + 1 + 0.5 + 0.5).epsilon(0.02));
    // the same two slots to grant, and the rest with mini-slots of 1/14 ms
    CHECK(two.median_ms == doctest::Approx(0.5 / 14 + 1.0 / 14 + 1 + 2.0 / 14).epsilon(0.02));
}

TEST_CASE("a packet that comes during an uplink slot goes with the slot's next mini-slot")
{
    for (const uint32_t symbols : {2U, 4U, 7U})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        bench.ran->SetMiniSlots(0, symbols, UPLINK);
        const auto flow = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(20), CONFIGURED);
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.Run(0.1021); // the 41st period of 2.5 ms began at 0.1 s, its uplink slot at 0.102 s
        bench.ran->Enqueue(flow, Create<Packet>(32), Simulator::Now());
        bench.Run(0.01);
        REQUIRE(bench.delays_s.size() == 1);
        // 0.1 ms after the slot's beginning, with symbols of 1/28 ms
        const double length_s = symbols * 0.5e-3 / 14;
        const double begins_s = std::ceil(0.1e-3 / length_s) * length_s;
        CHECK(bench.delays_s[0] == doctest::Approx(begins_s + length_s - 0.1e-3).epsilon(0.01));
    }
}

TEST_CASE("configured grants that fell between uplink slots share the mini-slots of the next one")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0, "DDDSU");
    bench.ran->SetMiniSlots(0, 2, UPLINK);
    bench.ran->SetAttribute("UplinkAlpha", DoubleValue(1)); // loud enough that no block fails
    bench.ran->SetAttribute("UplinkP0Dbm", DoubleValue(-60));
    auto config = CONFIGURED;
    config.configuredGrantPeriod = MicroSeconds(500); // five in a period of the pattern
    const auto flow = bench.ran->AddFlow(bench.AddUser(12, 0), 0, MilliSeconds(20), config);
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 4, 4}); // room for one packet in a mini-slot
    bench.Run(0.1001);                       // the uplink slot begins at 0.102 s
    for (int i = 0; i < 5; ++i)
    {
        bench.ran->Enqueue(flow, Create<Packet>(32), Simulator::Now());
    }
    bench.Run(0.01);
    REQUIRE(bench.delays_s.size() == 5);
    for (int i = 0; i < 5; ++i)
    {
        const double ends_s = 1.9e-3 + (i + 1) * 1e-3 / 14;
        CHECK(bench.delays_s[i] == doctest::Approx(ends_s).epsilon(0.001));
    }
}

TEST_CASE("a mini-slot's retransmission is granted from the mini-slot's end on")
{
    RanFixture bench(1);
    bench.AddGnb(0, 0);
    bench.ran->SetMiniSlots(0, 2);
    bench.ran->SetAttribute("TargetBler", DoubleValue(0.3));
    const auto flow = bench.ran->AddFlow(bench.AddUser(60, 0), 0, MilliSeconds(50), CONFIGURED);
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.Offer(flow, 32 * 8 / 10.173e-3, 32);
    bench.Run(20);
    const auto between = [&](double from_ms, double to_ms)
    {
        return std::ranges::count_if(
            bench.delays_s,
            [&](double delay_s) { return delay_s >= 1e-3 * from_ms && delay_s < 1e-3 * to_ms; });
    };
    const double mini_ms = 1.0 / 14;
    CHECK(between(0, 2 * mini_ms + 0.01) > 1000); // wait at most one, take one
    // the first one's end, two slots for the grant, wait, take one
    CHECK(between(2 * mini_ms + 0.01, 1 + 2 * mini_ms) == 0);
    CHECK(between(1 + 2 * mini_ms, 1 + 4 * mini_ms + 0.01) > 100);
}

TEST_CASE("a flood of uplink mini-slots keeps to its quota, sent again where it fails")
{
    RanFixture bench(3);
    bench.AddGnb(0, 0, "DDDSU");
    bench.ran->SetAttribute("Borrowing", BooleanValue(true));
    bench.ran->SetMiniSlots(0, 4);
    bench.ran->SetMiniSlots(1, 7);
    std::vector<uint32_t> flows;
    for (const double x : {250.0, 150.0, 70.0})
    {
        const auto slice = static_cast<uint32_t>(flows.size());
        flows.push_back(bench.ran->AddFlow(bench.AddUser(x, 0, 3), slice, MilliSeconds(50), UP));
    }
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {0, 20, 106});
    bench.ran->SetPrbQuota(0, 1, {0, 20, 106});
    bench.ran->SetPrbQuota(0, 2, {0, 66, 106});
    for (const uint32_t flow : flows)
    {
        bench.Offer(flow, 100e6, 1400);
    }
    uint64_t used = 0;
    uint64_t offered = 0;
    for (int i = 0; i < 200; ++i)
    {
        bench.Run(0.01); // four periods of the pattern, each with one uplink slot
        const auto& use = bench.ran->GetCellUse(0, UPLINK);
        const uint64_t slots = bench.ran->GetOfferedPrbSymbols(0, UPLINK);
        CHECK(use.prbSymbols - used <= slots - offered);
        used = use.prbSymbols;
        offered = slots;
    }
    CHECK(offered == 106 * 14 * 800);
    const auto four = bench.ran->TakeReport(0, 0, UPLINK);
    CHECK(four.prbSlotsQuota == 20 * 800);
    CHECK(four.prbSlotsUsed <= 20 * 800 * 12 / 14 + 1); // three of 4 symbols in 14
    CHECK(four.prbSlotsUsed > 0.9 * 20 * 800 * 12 / 14);
    CHECK(four.failedBlocks > 100);
    const auto seven = bench.ran->TakeReport(0, 1, UPLINK);
    CHECK(seven.prbSlotsUsed <= 20 * 800);
    CHECK(seven.prbSlotsUsed > 0.9 * 20 * 800);
    CHECK(bench.ran->TakeReport(0, 2, UPLINK).prbSlotsUsed <= 66 * 800);
    for (const uint32_t flow : flows)
    {
        CHECK(bench.deliveredBytes[flow] > 100'000);
        CHECK(IsWhole(bench.ran->GetAccount(flow)));
    }
}

TEST_CASE("packets of uplink mini-slots are all accounted for across hand-overs and a failed cell")
{
    const auto trace = [](uint64_t run)
    {
        RanFixture bench(2, run);
        for (const double x : {0.0, 300.0})
        {
            bench.AddGnb(x, 0, "DDDSU");
        }
        bench.ran->SetMiniSlots(0, 2);
        std::vector<uint32_t> flows;
        for (uint32_t u = 0; u < 8; ++u)
        {
            auto config = u % 2 == 0 ? CONFIGURED : UP;
            config.rlc = u % 4 < 2 ? RlcMode::UNACKNOWLEDGED : RlcMode::ACKNOWLEDGED;
            const auto user = bench.AddUser(60.0 * u, 10, u % 2 == 0 ? 60 : -60);
            flows.push_back(bench.ran->AddFlow(user, 0, MilliSeconds(30), config));
            flows.push_back(bench.ran->AddFlow(user, 1, MilliSeconds(100), UP));
        }
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->ScheduleOutage(1, MicroSeconds(1'002'100), MicroSeconds(2'000'000));
        for (const uint32_t flow : flows)
        {
            bench.Offer(flow, flow % 2 == 0 ? 300e3 : 2e6, flow % 2 == 0 ? 32 : 900);
        }
        for (int i = 0; i < 40; ++i)
        {
            bench.Run(0.1); // which asserts the account of each flow
        }
        for (const uint32_t flow : flows)
        {
            CHECK(IsWhole(bench.ran->GetAccount(flow)));
            CHECK(bench.ran->GetAccount(flow).delivered > 100);
        }
        CHECK(bench.ran->GetNumHandovers() > 3);
        return bench.delays_s;
    };
    const auto first = trace(1);
    CHECK(first == trace(1));
    CHECK(first != trace(2));
}
