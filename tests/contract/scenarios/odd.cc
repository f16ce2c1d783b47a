// SPDX-License-Identifier: GPL-2.0-only
//
// A scenario with one odd thing of each kind that `qntn check` must find; for tests.
#include "bridge/bridge.h"

#include "ns3/abort.h"
#include "ns3/simulator.h"

#include <limits>
#include <string>
#include <unistd.h>

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto flaw = bridge.TextParameter("flaw",
                                           {"none", "nan", "masks", "process_id", "death"},
                                           "what is wrong");
    const auto width = bridge.Parameter<uint32_t>("width", 1, 40, "1", "fails above 30");
    NS_ABORT_MSG_IF(width > 30, "width is too much");
    auto& agent = bridge.AddRole("agent", 1, 1, "decides");
    auto late = agent.Observe("delay_ms", 1, 0, 5, "s", "contradicts its unit");
    auto queue = agent.Observe("queue", 1, 0, 1000, "bytes", "");
    agent.Observe("idle_ratio", 1, 0, 1, "ratio", "never written");
    auto used = agent.Choose("used", 1, 3, "is used");
    agent.Box("unused_db", 1, 0, 1, "db", "is not used");
    auto term = agent.Term("cost_eur", "eur", "never written");
    bridge.SetStep(ns3::MilliSeconds(10));
    bridge.Open();
    for (uint32_t step = 0; step < 15; ++step)
    {
        late(0) = static_cast<float>(step);
        if (flaw == "process_id")
        {
            queue(0) = static_cast<float>(getpid() % 1000);
        }
        if (flaw == "nan" && step == 4)
        {
            late(0) = std::numeric_limits<float>::quiet_NaN();
        }
        for (uint32_t choice = 0; choice < 3; ++choice)
        {
            used.Allow(0, 0, choice, !(flaw == "masks" && step == 3));
        }
        NS_ABORT_MSG_IF(flaw == "death" && step == 5, "the odd scenario dies");
        bridge.Step();
        if (flaw != "process_id")
        {
            queue(0) = static_cast<float>(used(0));
        }
        ns3::Simulator::Stop(bridge.GetStep());
        ns3::Simulator::Run();
        static_cast<void>(term);
    }
    bridge.Finish(qntn::End::TRUNCATED);
    return 0;
}
