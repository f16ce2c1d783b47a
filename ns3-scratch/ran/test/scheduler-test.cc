// SPDX-License-Identifier: GPL-2.0-only
#include "ran/flow-queue.h"
#include "ran/slice-scheduler.h"

#include "ns3/packet.h"

#include <doctest/doctest.h>
#include <random>
#include <set>

using namespace qntn;

namespace
{

Candidate
Wants(uint32_t flow, uint32_t slice, uint32_t prbs, bool retransmission = false)
{
    return {flow, slice, retransmission, 10, prbs, ns3::MilliSeconds(flow), 1e6, 1e6};
}

uint32_t
Granted(const std::vector<SliceGrant>& grants, uint32_t slice)
{
    uint32_t sum = 0;
    for (const auto& grant : grants)
    {
        sum += grant.candidate.sliceId == slice ? grant.numPrbs : 0;
    }
    return sum;
}

} // namespace

TEST_CASE("quotas bind without borrowing, and lend with it")
{
    const std::vector<PrbQuota> quotas{{0, 60, 106}, {20, 46, 50}};
    for (const bool borrowing : {false, true})
    {
        SliceScheduler scheduler;
        scheduler.Configure(SchedulingPolicy::EARLIEST_DEADLINE, borrowing);
        std::vector<Candidate> flood{Wants(0, 0, 106), Wants(1, 0, 106)};
        CHECK(Granted(scheduler.Schedule(flood, quotas, 106, 0), 0) == (borrowing ? 86 : 60));
        std::vector<Candidate> other{Wants(0, 1, 106)};
        CHECK(Granted(scheduler.Schedule(other, quotas, 106, 0), 1) == (borrowing ? 50 : 46));
        std::vector<Candidate> both{Wants(0, 0, 106), Wants(1, 1, 106)};
        const auto grants = scheduler.Schedule(both, quotas, 106, 0);
        CHECK(Granted(grants, 0) == 60);
        CHECK(Granted(grants, 1) == 46);
    }
}

TEST_CASE("whatever is asked for, no PRB is given twice and none beyond the carrier")
{
    std::mt19937 generator(1);
    auto random = [&] { return static_cast<uint32_t>(generator()); };
    for (int round = 0; round < 2000; ++round)
    {
        const uint32_t prbs = 20 + random() % 250;
        std::vector<PrbQuota> quotas;
        uint32_t left = prbs;
        for (int s = 0; s < 4; ++s)
        {
            const uint32_t minimum = random() % (left + 1);
            const uint32_t dedicated = random() % (minimum + 1);
            quotas.push_back({dedicated, minimum, minimum + random() % (prbs - minimum + 1)});
            left -= minimum;
        }
        ValidateQuotas(quotas, prbs, "cell");
        std::vector<Candidate> candidates;
        for (uint32_t f = 0; f < random() % 20; ++f)
        {
            candidates.push_back(Wants(f, random() % 4, 1 + random() % prbs, random() % 3 == 0));
        }
        SliceScheduler scheduler;
        scheduler.Configure(static_cast<SchedulingPolicy>(random() % 3), random() % 2 == 0);
        std::set<uint32_t> given;
        uint32_t total = 0;
        for (const auto& grant : scheduler.Schedule(candidates, quotas, prbs, random() % prbs))
        {
            CHECK(grant.numPrbs <= grant.candidate.prbsWanted);
            if (grant.candidate.retransmission)
            {
                CHECK(grant.numPrbs == grant.candidate.prbsWanted);
            }
            for (uint32_t i = 0; i < grant.numPrbs; ++i)
            {
                given.insert((grant.firstPrb + i) % prbs);
            }
            total += grant.numPrbs;
        }
        CHECK(given.size() == total);
        CHECK(total <= prbs);
    }
}

TEST_CASE("resource block groups have the standard's sizes and are given whole")
{
    CHECK(RbgPrbs(36) == 2);
    CHECK(RbgPrbs(37) == 4);
    CHECK(RbgPrbs(72) == 4);
    CHECK(RbgPrbs(106) == 8);
    CHECK(RbgPrbs(144) == 8);
    CHECK(RbgPrbs(273) == 16);
    CHECK_THROWS_WITH_AS(RbgPrbs(276),
                         "bandwidth_part_prbs: found 276, expected 1 .. 275",
                         std::invalid_argument);
    const std::vector<PrbQuota> quotas{{0, 60, 106}, {0, 46, 106}};
    for (const bool borrowing : {false, true})
    {
        SliceScheduler scheduler;
        scheduler.Configure(SchedulingPolicy::EARLIEST_DEADLINE, borrowing, RbgPrbs(106));
        std::vector<Candidate> candidates{Wants(0, 0, 106), Wants(1, 1, 3), Wants(2, 1, 106)};
        const auto grants = scheduler.Schedule(candidates, quotas, 106, 37);
        REQUIRE(grants.size() == 3);
        for (const auto& grant : grants)
        {
            CHECK(grant.numPrbs % 8 == 0);
            CHECK(grant.firstPrb % 8 == 0);
        }
        // 13 groups: 7 and 5 by quota, the one between them by borrowing
        CHECK(Granted(grants, 0) == (borrowing ? 64 : 56));
        CHECK(Granted(grants, 1) == 40);
        CHECK(grants[1].numPrbs == 8);
    }
}

TEST_CASE("who knows the sub-bands is placed where they are best")
{
    SliceScheduler scheduler;
    scheduler.Configure(SchedulingPolicy::EARLIEST_DEADLINE, false);
    std::array<float, NUM_SUBBANDS> low{};
    std::array<float, NUM_SUBBANDS> high{};
    std::fill(low.begin(), low.begin() + 8, 3.0F);
    std::fill(high.begin() + 8, high.end(), 3.0F);
    std::vector<Candidate> candidates{Wants(0, 0, 53), Wants(1, 0, 53)};
    candidates[0].subbandsDb = &high;
    candidates[1].subbandsDb = &low;
    const std::vector<PrbQuota> quotas{{0, 106, 106}};
    const auto grants = scheduler.Schedule(candidates, quotas, 106, 0);
    REQUIRE(grants.size() == 2);
    CHECK(grants[0].candidate.flow == 1);
    CHECK(grants[0].firstPrb == 0);
    CHECK(grants[1].candidate.flow == 0);
    CHECK(grants[1].firstPrb == 53);
    CHECK(MeanOverPrbs(low, 0, 53, 106) == doctest::Approx(3));
    CHECK(MeanOverPrbs(low, 53, 106, 106) == doctest::Approx(1.5));
}

TEST_CASE("retransmissions go first, then the policy")
{
    SliceScheduler scheduler;
    scheduler.Configure(SchedulingPolicy::EARLIEST_DEADLINE, false);
    std::vector<Candidate> candidates{Wants(3, 0, 5), Wants(1, 0, 5), Wants(9, 0, 5, true)};
    const std::vector<PrbQuota> quotas{{0, 12, 12}};
    const auto grants = scheduler.Schedule(candidates, quotas, 12, 0);
    REQUIRE(grants.size() == 3);
    CHECK(grants[0].candidate.flow == 9);
    CHECK(grants[1].candidate.flow == 1);
    CHECK(grants[2].candidate.flow == 3);
    CHECK(grants[2].numPrbs == 2);
}

TEST_CASE("round robin serves everybody in turn")
{
    SliceScheduler scheduler;
    scheduler.Configure(SchedulingPolicy::ROUND_ROBIN, false);
    const std::vector<PrbQuota> quotas{{0, 10, 10}};
    std::vector<uint32_t> served(3, 0);
    for (int slot = 0; slot < 30; ++slot)
    {
        std::vector<Candidate> candidates{Wants(0, 0, 10), Wants(1, 0, 10), Wants(2, 0, 10)};
        ++served[scheduler.Schedule(candidates, quotas, 10, 0).at(0).candidate.flow];
    }
    CHECK(served == std::vector<uint32_t>{10, 10, 10});
}

TEST_CASE("packets are cut, joined, lost and returned without losing count")
{
    std::mt19937 generator(2);
    auto random = [&] { return static_cast<uint32_t>(generator()); };
    FlowQueues queues;
    queues.Add(0, 0, ns3::MilliSeconds(10));
    queues.Add(1, 0, ns3::MilliSeconds(10));
    std::vector<std::vector<Segment>> air;
    FinishedPacket discarded;
    for (int i = 0; i < 20000; ++i)
    {
        const uint32_t flow = random() % 2;
        switch (random() % 6)
        {
        case 0:
        case 1:
            queues.Push(flow, ns3::Create<ns3::Packet>(20 + random() % 1500), ns3::MilliSeconds(i));
            break;
        case 2:
            if (auto segments = queues.Take(flow, 10 + random() % 3000); !segments.empty())
            {
                air.push_back(std::move(segments));
            }
            break;
        case 3:
            queues.DiscardOlderThan(flow, ns3::MilliSeconds(i - 200), discarded);
            break;
        default:
            if (!air.empty())
            {
                const size_t which = random() % air.size();
                const auto segments = air[which];
                const uint32_t fate = random() % 10;
                if (fate < 8)
                {
                    const auto& flows = queues.GetFlows();
                    const auto before = flows[0].account.inFlight + flows[1].account.inFlight;
                    const auto whole = queues.Arrive(segments);
                    // a block holds packets of one flow; find it by what is left in flight
                    for (size_t n = 0; n < whole.size(); ++n)
                    {
                        queues.CountDelivered(flows[0].account.inFlight > 0 ? 0 : 1);
                    }
                    CHECK(flows[0].account.inFlight + flows[1].account.inFlight ==
                          before - whole.size());
                }
                else if (fate == 8)
                {
                    queues.Lose(segments, DropCause::RADIO);
                }
                else
                {
                    queues.Return(segments);
                }
                air.erase(air.begin() + static_cast<ptrdiff_t>(which));
            }
        }
        queues.Check();
    }
    CHECK(queues.GetFlows()[0].account.delivered > 1000);
}
