// SPDX-License-Identifier: GPL-2.0-only
//
// Shows as observations what the simulator's side sees of each exchange; for tests of its order.
#include "bridge/bridge.h"

#include "ns3/simulator.h"

#include <string>

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto extra = bridge.Parameter<uint32_t>("extra", 0, 9, "steps", "more on odd seeds");
    const auto numSteps =
        bridge.Parameter<uint32_t>("num_steps", 0, 1000, "steps", "states before the last one") +
        (bridge.GetSeed() % 2) * extra;
    const auto endsBy =
        bridge.TextParameter("ends_by", {"terminated", "truncated"}, "what the end is");
    const auto leaves = bridge.Parameter<uint32_t>("leaves",
                                                   0,
                                                   1000,
                                                   "steps",
                                                   "state in which fast_1 is gone; 0: never");
    const auto returns = bridge.Parameter<uint32_t>("returns",
                                                    0,
                                                    1000,
                                                    "steps",
                                                    "state in which fast_1 is back; 0: never");
    auto& fast = bridge.AddRole("fast", 2, 1, "acts at each step");
    auto& slow = bridge.AddRole("slow", 1, 3, "acts at every third step");
    auto& slower = bridge.AddRole("slower", 1, 2, "acts at every second step");
    auto state = fast.Observe("state", 1, 0, 1000, "1", "number of this state");
    auto fastHeard = fast.Observe("heard", 1, -1, 1000, "1", "its action of the step before");
    auto slowHeard = slow.Observe("heard", 1, -1, 1000, "1", "its last action");
    auto slowActed = slow.Observe("acted", 1, 0, 1, "1", "whether that is new");
    auto slowerHeard = slower.Observe("heard", 1, -1, 1000, "1", "its last action");
    auto slowerActed = slower.Observe("acted", 1, 0, 1, "1", "whether that is new");
    auto fastSays = fast.Box("says", 1, 0, 1000, "1", "anything");
    auto slowSays = slow.Box("says", 1, 0, 1000, "1", "anything");
    auto slowerSays = slower.Box("says", 1, 0, 1000, "1", "anything");
    auto term = fast.Term("heard", "1", "its action of the step before");
    bridge.SetStep(ns3::MilliSeconds(10));
    bridge.Open();

    for (uint32_t step = 0;; ++step)
    {
        if (step > 0 && (step == leaves || step == returns))
        {
            fast.SetPresent(1, step == returns);
        }
        for (uint32_t agent = 0; agent < 2; ++agent)
        {
            state(agent) = static_cast<float>(bridge.GetNumSteps());
            fastHeard(agent) = step == 0 ? -1 : fastSays(agent);
            term(agent) = step == 0 ? 0 : fastSays(agent);
        }
        slowHeard(0) = step == 0 ? -1 : slowSays(0);
        slowActed(0) = slow.Acted();
        slowerHeard(0) = step == 0 ? -1 : slowerSays(0);
        slowerActed(0) = slower.Acted();
        if (step == numSteps)
        {
            break;
        }
        bridge.Step();
        ns3::Simulator::Stop(bridge.GetStep());
        ns3::Simulator::Run();
    }
    bridge.Finish(endsBy == "terminated" ? qntn::End::TERMINATED : qntn::End::TRUNCATED);
    return 0;
}
