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
PingPong(int64_t spinNs, uint32_t rounds)
{
    ControlBlock block{};
    uint64_t simulatorSum = 0;
    std::thread simulator(
        [&]
        {
            for (uint32_t i = 0; i < rounds; ++i)
            {
                CHECK(WaitForChange(block.actionSequence,
                                    i,
                                    block.simulatorSleeps,
                                    spinNs,
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
        CHECK(
            WaitForChange(block.stateSequence, i, block.pythonSleeps, spinNs, [] { return true; }));
        pythonSum += static_cast<uint64_t>(block.timeNs);
    }
    simulator.join();
    return simulatorSum + pythonSum;
}

} // namespace

TEST_CASE("turns are never lost or doubled, spinning or sleeping")
{
    constexpr uint64_t ROUNDS = 5000;
    CHECK(PingPong(0, ROUNDS) == ROUNDS * (ROUNDS - 1));
    CHECK(PingPong(20'000, ROUNDS) == ROUNDS * (ROUNDS - 1));
}

TEST_CASE("a wait ends when there is nobody to wait for")
{
    ControlBlock block{};
    int asked = 0;
    CHECK_FALSE(WaitForChange(block.actionSequence,
                              0,
                              block.simulatorSleeps,
                              1000,
                              [&] { return ++asked < 3; }));
    CHECK(asked == 3);
    CHECK(block.simulatorSleeps == 0);
}
