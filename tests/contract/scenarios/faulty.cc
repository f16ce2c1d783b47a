// SPDX-License-Identifier: GPL-2.0-only
//
// Goes wrong in the way that a parameter names, at a step that another one names; for tests.
#include "bridge/bridge.h"

#include "ns3/abort.h"
#include "ns3/simulator.h"

#include <csignal>
#include <iostream>
#include <string>
#include <unistd.h>

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto fault = bridge.TextParameter("fault",
                                            {"none",
                                             "abort",
                                             "exit",
                                             "exit3",
                                             "kill",
                                             "hang",
                                             "stop",
                                             "babble",
                                             "terminate",
                                             "double_finish"},
                                            "what goes wrong");
    const auto faultStep =
        bridge.Parameter<uint32_t>("fault_step", 0, 1000, "steps", "when it goes wrong");
    auto& agent = bridge.AddRole("agent", 2, 1, "does nothing that matters");
    auto count = agent.Observe("step_count", 1, 0, 1000, "steps", "steps so far");
    auto choice = agent.Choose("choice", 1, 3, "anything");
    auto level = agent.Box("level", 2, -1, 1, "1", "anything");
    auto sum = agent.Term("level_sum", "1", "sum of the levels");
    bridge.SetStep(ns3::MilliSeconds(1));
    bridge.Open();

    for (uint32_t step = 0; step < 20; ++step)
    {
        if (step == faultStep)
        {
            if (fault == "abort")
            {
                NS_ABORT_MSG("cell 2: quota 60 PRBs exceeds the carrier's 51");
            }
            else if (fault == "exit" || fault == "exit3")
            {
                std::_Exit(fault == "exit" ? 0 : 3);
            }
            else if (fault == "kill")
            {
                raise(SIGKILL);
            }
            else if (fault == "stop")
            {
                raise(SIGSTOP);
            }
            else if (fault == "hang")
            {
                for (volatile bool forever = true; forever;)
                {
                }
            }
            else if (fault == "babble")
            {
                std::cerr << std::string(1 << 20, 'x') << "\nthe end" << std::endl;
                std::_Exit(4);
            }
            else if (fault == "terminate")
            {
                bridge.Finish(qntn::End::TERMINATED);
                return 0;
            }
        }
        for (uint32_t a = 0; a < 2; ++a)
        {
            count(a) = static_cast<float>(step);
            choice.Allow(a, 0, 2, step % 2 == 0);
        }
        bridge.Step();
        for (uint32_t a = 0; a < 2; ++a)
        {
            sum(a) = level(a, 0) + level(a, 1) + choice(a);
        }
        ns3::Simulator::Stop(bridge.GetStep());
        ns3::Simulator::Run();
    }
    bridge.Finish(qntn::End::TRUNCATED);
    if (fault == "double_finish")
    {
        bridge.Finish(qntn::End::TRUNCATED);
    }
    return 0;
}
