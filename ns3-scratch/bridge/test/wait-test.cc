// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/control-block.h"
#include "bridge/wait.h"

#include <doctest/doctest.h>
#include <thread>

using namespace qntn;

namespace
{

/// Two threads take turns \p rounds times; returns the sum of what each read of the other.
uint64_t
PingPong(Patience patience, uint32_t rounds)
{
    ControlBlock block{};
    uint64_t simulatorSum = 0;
    std::thread simulator(
        [&, simulatorPatience = patience]() mutable
        {
            for (uint32_t i = 0; i < rounds; ++i)
            {
                CHECK(WaitForChange(block.actionSequence,
                                    i,
                                    block.simulatorSleeps,
                                    simulatorPatience,
                                    [] { return true; }));
                simulatorSum += block.command;
                block.timeNs = i;
                Publish(block.stateSequence, i + 1, block.pythonSleeps);
            }
        });
    uint64_t pythonSum = 0;
    for (uint32_t i = 0; i < rounds; ++i)
    {
        block.command = i;
        Publish(block.actionSequence, i + 1, block.simulatorSleeps);
        CHECK(WaitForChange(block.stateSequence,
                            i,
                            block.pythonSleeps,
                            patience,
                            [] { return true; }));
        pythonSum += static_cast<uint64_t>(block.timeNs);
    }
    simulator.join();
    return simulatorSum + pythonSum;
}

} // namespace

TEST_CASE("turns are never lost or doubled, spinning, yielding or sleeping")
{
    constexpr uint64_t ROUNDS = 5000;
    CHECK(PingPong({}, ROUNDS) == ROUNDS * (ROUNDS - 1));
    CHECK(PingPong({20'000, 0}, ROUNDS) == ROUNDS * (ROUNDS - 1));
    CHECK(PingPong({0, 20'000}, ROUNDS) == ROUNDS * (ROUNDS - 1));
}

TEST_CASE("who waits long in vain stops spinning, and tries again now and then")
{
    ControlBlock block{};
    Patience patience{1000, 1000};
    for (uint32_t i = 1; i <= Patience::LONG_WAITS; ++i)
    {
        CHECK(patience.IsWorthIt());
        WaitForChange(block.actionSequence,
                      0,
                      block.simulatorSleeps,
                      patience,
                      [] { return false; });
        CHECK(patience.longWaits == i);
    }
    CHECK_FALSE(patience.IsWorthIt());
    patience.longWaits = Patience::RETRY_PERIOD;
    CHECK(patience.IsWorthIt());
}

TEST_CASE("a wait ends when there is nobody to wait for")
{
    ControlBlock block{};
    Patience patience{1000, 1000};
    int asked = 0;
    CHECK_FALSE(WaitForChange(block.actionSequence,
                              0,
                              block.simulatorSleeps,
                              patience,
                              [&] { return ++asked < 3; }));
    CHECK(asked == 3);
    CHECK(block.simulatorSleeps == 0);
}
