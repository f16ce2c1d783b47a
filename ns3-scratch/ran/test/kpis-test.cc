// SPDX-License-Identifier: GPL-2.0-only
#include "ran/input-error.h"
#include "ran/ran-kpis.h"
#include "ran/test/ran-fixture.h"

#include <sstream>

using namespace qntn;
using namespace ns3;

TEST_CASE("key figures agree with the accounts, by user, slice, cell and provider")
{
    RanFixture bench(2);
    bench.AddGnb(0, 0, "DDDSU");
    RanKpis kpis(bench.ran);
    bench.ran->SetDeliveredCallback(MakeCallback(&RanKpis::Delivered, &kpis));
    bench.ran->SetDroppedCallback(MakeCallback(&RanKpis::Dropped, &kpis));
    std::vector<uint32_t> flows;
    for (uint32_t i = 0; i < 2; ++i) // the second is offered more than its quota carries
    {
        const auto user = bench.AddUser(60, 10.0 * i);
        flows.push_back(bench.ran->AddFlow(user, i, MilliSeconds(20)));
        kpis.AddFlow(flows[i], user, i, MilliSeconds(20), DOWNLINK);
        kpis.AddGroup(flows[i], "provider", 7);
        kpis.SetName("slice", i, i == 0 ? "voice" : "video");
    }
    bench.ran->AssignStreams(1);
    bench.ran->Start();
    bench.ran->SetPrbQuota(0, 0, {90, 90, 90});
    bench.ran->SetPrbQuota(0, 1, {5, 5, 5});
    bench.Offer(flows[0], 5e6, 1400);
    bench.Offer(flows[1], 50e6, 1400);
    bench.Run(2);
    const auto rows = kpis.GetRows();
    REQUIRE(rows.size() == 6); // two users, two slices, a cell, a provider
    for (const auto& row : rows)
    {
        CHECK(row.direction == DOWNLINK);
        CHECK(row.throughputBps == doctest::Approx(4.0 * row.deliveredBytes));
        CHECK(row.delayP50S <= row.delayP99S);
        CHECK(row.delayP99S <= row.delayP999S);
        if (row.of == "ue" || row.of == "slice")
        {
            const auto account = bench.ran->GetAccount(flows[row.index]);
            CHECK(row.packets - row.droppedPackets == account.delivered);
            CHECK(row.packets == account.sent - account.inFlight);
            CHECK(row.satisfiedRatio == (row.index == 0 ? 1 : 0));
            CHECK((row.violations > row.packets / 2) == (row.index == 1));
        }
        else
        {
            CHECK(row.satisfiedRatio == 0.5);
            CHECK(row.index == (row.of == "cell" ? 0 : 7));
        }
    }
    for (const auto& row : rows)
    {
        const bool second = row.index == 1 && (row.of == "ue" || row.of == "slice");
        const bool first = row.index == 0 && (row.of == "ue" || row.of == "slice");
        CHECK(row.blerRatio > 0);
        CHECK(row.blerRatio < 0.25);
        if (second)
        {
            // 5 of 106 PRBs, always
            CHECK(row.prbUtilisationRatio == doctest::Approx(5.0 / 106).epsilon(0.01));
        }
        else if (first)
        {
            CHECK(row.prbUtilisationRatio < 0.5);
        }
    }
    std::ostringstream csv;
    kpis.WriteCsv(csv);
    const std::string text = csv.str();
    CHECK(std::ranges::count(text, '\n') == 7);
    CHECK(text.find("provider,7,provider_7,down,") != std::string::npos);
    CHECK(text.find("slice,1,video,down,") != std::string::npos);
}

TEST_CASE("a group of a flow that the key figures do not know is refused")
{
    RanFixture bench;
    RanKpis kpis(bench.ran);
    CHECK_THROWS_WITH_AS(
        kpis.AddGroup(3, "provider", 0),
        "group provider, flow: found 3, expected one that RanKpis::AddFlow was called with",
        InputError);
}
