// SPDX-License-Identifier: GPL-2.0-only
//
// Goes wrong in the way that a parameter names, at a step that another one names; for tests.
#include "bridge/bridge.h"

#include "ns3/abort.h"
#include "ns3/simulator.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace
{

/// Aborts when the program is left.
struct AbortsAtTheEnd
{
    ~AbortsAtTheEnd()
    {
        if (armed)
        {
            NS_ABORT_MSG("a destructor found its queue not empty");
        }
    }

    bool armed;
};

/// Recurses until the stack is used up.
uint64_t
Recurse(uint64_t depth)
{
    volatile char room[4096];
    room[0] = static_cast<char>(depth);
    return depth == std::numeric_limits<uint64_t>::max() ? 0 : Recurse(depth + 1) + room[0];
}

/// Allocates until nothing is left of 256 MB.
void
UseUpMemory()
{
    const rlimit limit{256 << 20, 256 << 20};
    setrlimit(RLIMIT_AS, &limit);
    for (std::vector<std::vector<char>> kept;;)
    {
        kept.emplace_back(1 << 20, 'x');
    }
}

} // namespace

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto fault = bridge.TextParameter("fault",
                                            {"none",          "abort",       "exit",
                                             "exit3",         "kill",        "hang",
                                             "stop",          "babble",      "terminate",
                                             "double_finish", "destructor",  "late_destructor",
                                             "flood",         "raw_flood",   "memory",
                                             "stack",         "wild",        "throw",
                                             "assert",        "leave",       "second_observation",
                                             "second_action", "second_term", "second_metric"},
                                            "what goes wrong");
    const auto faultStep =
        bridge.Parameter<uint32_t>("fault_step", 0, 1000, "steps", "when it goes wrong");
    auto& agent = bridge.AddRole("agent", 2, 1, "does nothing that matters");
    auto count = agent.Observe("step_count", 1, 0, 1000, "steps", "steps so far");
    auto choice = agent.Choose("choice", 1, 3, "anything");
    auto level = agent.Box("level", 2, -1, 1, "1", "anything");
    auto sum = agent.Term("level_sum", "1", "sum of the levels");
    for (int i = 0; i < 2; ++i)
    {
        if (fault == "second_observation")
        {
            agent.Observe("twin", 1, 0, 1, "1", "declared twice");
        }
        else if (fault == "second_action")
        {
            agent.Box("twin", 1, 0, 1, "1", "declared twice");
        }
        else if (fault == "second_term")
        {
            agent.Term("twin", "1", "declared twice");
        }
        else if (fault == "second_metric")
        {
            bridge.Metric("twin", "1", "declared twice");
        }
    }
    bridge.SetStep(ns3::MilliSeconds(1));
    const AbortsAtTheEnd late{fault == "late_destructor"};
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
            else if (fault == "flood" || fault == "raw_flood")
            {
                const std::string line = std::string(99, 'x') + '\n';
                for (int i = 0; i < (fault == "flood" ? 2'000'000 : 200'000); ++i)
                {
                    if (fault == "flood")
                    {
                        std::cerr << line;
                    }
                    else
                    {
                        std::fputs(line.c_str(), stderr);
                    }
                }
                NS_ABORT_MSG("the cause, after 200 MB");
            }
            else if (fault == "memory")
            {
                UseUpMemory();
            }
            else if (fault == "stack")
            {
                return static_cast<int>(Recurse(0));
            }
            else if (fault == "wild")
            {
                volatile uintptr_t nowhere = 64;
                *reinterpret_cast<volatile int*>(nowhere) = 1;
            }
            else if (fault == "throw")
            {
                throw std::runtime_error("slice 2 has no carrier");
            }
            else if (fault == "assert")
            {
                NS_ASSERT_MSG(step != faultStep, "step " << step << " must not come");
            }
            else if (fault == "leave")
            {
                return 0;
            }
            else if (fault == "destructor")
            {
                const AbortsAtTheEnd inEpisode{true};
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
