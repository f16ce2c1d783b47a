// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/bridge.h"
#include "bridge/fake-agent.h"

#include "ns3/simulator.h"

#include <doctest/doctest.h>
#include <sstream>

using namespace qntn;

namespace
{

struct Run
{
    std::string csv;
    uint64_t numStates;
    wire::Status status;
    double metric;
    bool maskedPartTaken{false};
    bool maskedChoiceTaken{false};
};

/// A scenario as a function: parts and choices that are masked now and then.
Run
RunScenario(FakePolicy policy, uint64_t seed, const std::string& recording = "")
{
    auto owned = std::make_unique<FakeAgent>(
        policy,
        seed,
        FakeAgent::Parameters{{"num_steps", 8.0}, {"mode", std::string("fast")}});
    FakeAgent& agent = *owned;
    auto stream = std::make_unique<std::ostringstream>();
    const auto& text = *stream;
    agent.SetCsv(std::move(stream));
    if (!recording.empty())
    {
        std::istringstream rows(recording);
        agent.SetReplay(rows);
    }
    Bridge bridge(std::move(owned));
    const auto numSteps = bridge.Parameter<uint32_t>("num_steps", 1, 100, "steps", "length");
    CHECK(bridge.TextParameter("mode", {"slow", "fast"}, "mode") == "fast");
    auto& role = bridge.AddRole("worker", 2, 1, "decides");
    auto& manager = bridge.AddRole("manager", 1, 3, "decides seldom");
    auto seen = role.Observe("count", 2, 0, 100, "1", "steps");
    auto share = role.Simplex("share_ratio", 3, "share");
    auto path = role.Choose("path", 2, 3, "path", {.defaultChoice = 1});
    auto power = manager.Box("power_dbm", 1, -10, 30, "dbm", "power");
    auto cost = role.Term("cost_eur", "eur", "cost");
    auto metric = bridge.Metric("power_dbm", "dbm", "power");
    bridge.SetStep(ns3::MilliSeconds(10));
    bridge.Open();
    Run result{};
    for (uint32_t step = 0; step < numSteps; ++step)
    {
        seen(1, 1) = static_cast<float>(step);
        share.Allow(0, 2, step % 2 == 0);
        path.Allow(1, 0, 1, step % 2 == 0);
        bridge.Step();
        CHECK(share(0, 0) + share(0, 1) + share(0, 2) == doctest::Approx(1));
        result.maskedPartTaken |= step % 2 != 0 && share(0, 2) != 0;
        result.maskedChoiceTaken |= step % 2 != 0 && path(1, 0) == 1;
        CHECK(manager.Acted() == (step % 3 == 0));
        cost(1) = share(1, 0);
        metric() = power(0);
    }
    bridge.Finish(End::TERMINATED);
    ns3::Simulator::Destroy();
    result.csv = text.str();
    result.numStates = agent.GetNumStates();
    result.status = agent.GetStatus();
    result.metric = agent.GetMetric("power_dbm");
    CHECK_THROWS_AS(agent.GetMetric("none"), std::out_of_range);
    return result;
}

} // namespace

TEST_CASE("a fake agent drives an episode to its end and keeps to the masks")
{
    for (const auto policy : {FakePolicy::EQUAL, FakePolicy::RANDOM})
    {
        const auto result = RunScenario(policy, 3);
        CHECK(result.numStates == 9);
        CHECK(result.status == wire::TERMINATED);
        CHECK_FALSE(result.maskedPartTaken);
        CHECK_FALSE(result.maskedChoiceTaken);
    }
    CHECK(RunScenario(FakePolicy::EQUAL, 3).metric == 10); // the middle of -10 .. 30
}

TEST_CASE("its decisions are a function of the seed, and a recording repeats them")
{
    const auto first = RunScenario(FakePolicy::RANDOM, 5);
    CHECK(first.csv == RunScenario(FakePolicy::RANDOM, 5).csv);
    CHECK(first.csv != RunScenario(FakePolicy::RANDOM, 6).csv);
    CHECK(RunScenario(FakePolicy::REPLAY, 9, first.csv).csv == first.csv);
    CHECK(first.csv.find("\n0,0,action,worker,1,path,1,") != std::string::npos);
    CHECK(first.csv.find("\n7,0,observation,worker,1,count,1,7\n") != std::string::npos);
}
