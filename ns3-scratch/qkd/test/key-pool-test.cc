// SPDX-License-Identifier: GPL-2.0-only
#include "abort-text.h"
#include "qkd/key-pool.h"

#include <doctest/doctest.h>
#include <random>

using namespace ns3;
using namespace qntn;

TEST_CASE("key pool: every bit is accounted for under random operation")
{
    for (uint32_t seed = 1; seed <= 20; ++seed)
    {
        CAPTURE(seed);
        std::mt19937 random(seed);
        const bool ages = seed % 2 == 0;
        KeyPool pool("p",
                     {.initialBits = seed * 100,
                      .minBits = 500,
                      .thresholdBits = 5000,
                      .maxBits = 20000,
                      .timeToLive = ages ? MilliSeconds(500) : Time(0)});
        for (int i = 0; i < 5000; ++i)
        {
            const Time now = MilliSeconds(100 * i);
            const uint64_t bits = random() % 3000;
            const uint64_t before = pool.GetStoredBits();
            switch (random() % 5)
            {
            case 0:
            case 1:
                CHECK(pool.Add(bits, now) == std::min(bits, 20000 - before));
                break;
            case 2:
                CHECK(pool.Deliver(bits) == (bits == 0 || before >= bits + 500));
                break;
            case 3:
                CHECK(pool.Relay(bits) == (bits == 0 || before >= bits + 500));
                break;
            case 4:
                CHECK(pool.Authenticate(bits % 300) == (before >= bits % 300));
                break;
            }
            pool.Expire(now);
            pool.Check();
            const KeyLedger& ledger = pool.GetLedger();
            REQUIRE(ledger.generated == pool.GetStoredBits() + ledger.GetSpent());
            REQUIRE(pool.GetStoredBits() <= 20000);
        }
        CHECK((pool.GetLedger().expired > 0) == ages);
        CHECK((ages || pool.GetLedger().dropped > 0));
    }
}

TEST_CASE("key pool: the oldest key leaves first, and expires")
{
    KeyPool pool("p", {.thresholdBits = 0, .maxBits = 1000, .timeToLive = Seconds(10)});
    pool.Add(100, Seconds(0));
    pool.Add(200, Seconds(5));
    REQUIRE(pool.Deliver(40));
    pool.Expire(Seconds(9));
    CHECK(pool.GetLedger().expired == 0);
    pool.Expire(Seconds(10));
    CHECK(pool.GetLedger().expired == 60);
    CHECK(pool.GetStoredBits() == 200);
    pool.Expire(Seconds(15));
    CHECK(pool.GetStoredBits() == 0);
}

TEST_CASE("key pool: M_min is kept for authentication")
{
    KeyPool pool("p", {.initialBits = 1000, .minBits = 400, .thresholdBits = 500, .maxBits = 2000});
    CHECK(pool.GetUsableBits() == 600);
    CHECK_FALSE(pool.Deliver(601));
    CHECK_FALSE(pool.Relay(601));
    CHECK(pool.Deliver(600));
    CHECK(pool.Authenticate(400));
    CHECK_FALSE(pool.Authenticate(1));
}

TEST_CASE("key pool: states follow the level and where it comes from")
{
    KeyPool pool("p", {.minBits = 100, .thresholdBits = 500, .maxBits = 1000});
    CHECK(pool.GetState() == KeyPool::State::Empty);
    pool.Add(200, Time(0));
    CHECK(pool.GetState() == KeyPool::State::Charging);
    pool.Add(300, Time(0));
    CHECK(pool.GetState() == KeyPool::State::Ready);
    REQUIRE(pool.Deliver(1));
    CHECK(pool.GetState() == KeyPool::State::Warning);
    REQUIRE(pool.Deliver(399));
    CHECK(pool.GetState() == KeyPool::State::Empty);
    CHECK(pool.GetFillRatio() == 0.1);
}

TEST_CASE("key pool: bad levels are refused")
{
    const std::string text =
        AbortText([] { KeyPool("A-B", {.minBits = 200, .thresholdBits = 100, .maxBits = 1000}); });
    CHECK(text.find("key pool A-B: M_min, M_thr, M_max are 200, 100, 1000 bits") !=
          std::string::npos);
    CHECK_FALSE(AbortText([] { KeyPool("p", {.initialBits = 2000000}); }).empty());
}

TEST_CASE("pool: no place in the sequence of key is used twice")
{
    KeyPool pool("A-B", {.minBits = 0, .thresholdBits = 0, .maxBits = 1000});
    uint64_t end = 0;
    for (int i = 1; i < 200; ++i)
    {
        pool.Add(37 * (i % 11), Seconds(i)); // now and then more than fits
        const uint64_t bits = 13 * (i % 17);
        const uint64_t begin = pool.GetHeadOffset();
        const bool taken = i % 3 == 0   ? pool.Deliver(bits)
                           : i % 3 == 1 ? pool.Relay(bits)
                                        : pool.Authenticate(bits);
        CHECK(begin == end);
        end += taken ? bits : 0;
        CHECK(pool.GetHeadOffset() == end);
    }
    CHECK(pool.GetLedger().dropped > 0);
}
