// SPDX-License-Identifier: GPL-2.0-only
//
// Nothing is simulated: each agent sees what it decided last. What a step of this costs is what the
// bridge costs, so `qntn bench bridge` runs it; and an agent that cannot learn this learns nothing.
#include "bridge/bridge.h"

#include "ns3/nstime.h"

#include <algorithm>

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto numAgents = bridge.Parameter<uint32_t>("num_agents", 1, 1000, "1", "agents");
    const auto numFloats =
        bridge.Parameter<uint32_t>("num_floats", 1, 1e6, "1", "numbers that each agent sees");
    const auto numSteps =
        bridge.Parameter<uint32_t>("num_steps", 1, 4e9, "steps", "length of an episode");

    auto& agents = bridge.AddRole("agent", numAgents, 1, "decides on a number", false);
    auto seen = agents.Observe("heard", numFloats, -1, 1, "1", "what was decided last, everywhere");
    auto level = agents.Box("level", 1, -1, 1, "1", "any number");
    auto said = agents.Term("said", "1", "what was decided last");
    bridge.SetStep(ns3::MilliSeconds(1));
    bridge.Open();

    for (uint32_t agent = 0; agent < numAgents; ++agent)
    {
        std::ranges::fill(seen.Row(agent), 0.0F);
    }
    for (uint32_t step = 0; step < numSteps; ++step)
    {
        bridge.Step();
        for (uint32_t agent = 0; agent < numAgents; ++agent)
        {
            const float heard = level(agent);
            std::ranges::fill(seen.Row(agent), heard);
            said(agent) = heard;
        }
    }
    bridge.Finish(qntn::End::TRUNCATED);
    return 0;
}
