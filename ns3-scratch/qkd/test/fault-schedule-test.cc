// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/fault-schedule.h"
#include "small-network.h"

#include <doctest/doctest.h>

using namespace ns3;
using namespace qntn;

namespace
{

std::string
Refusal(const std::string& text, const QkdNetwork* network = nullptr)
{
    try
    {
        const auto faults = ReadFaultSchedule(text);
        if (network)
        {
            ScheduleFaults(*const_cast<QkdNetwork*>(network), faults);
        }
    }
    catch (const std::invalid_argument& error)
    {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("faults: a schedule is read")
{
    CHECK(ReadFaultSchedule("").empty());
    const auto faults = ReadFaultSchedule("attack A-X 1 2 0.5; crash Y 3 4.5;");
    REQUIRE(faults.size() == 2);
    CHECK(faults[0].kind == FaultKind::Attack);
    CHECK(faults[0].target == "A-X");
    CHECK(faults[0].fraction == 0.5);
    CHECK(faults[1].kind == FaultKind::Crash);
    CHECK(faults[1].endS == 4.5);
}

TEST_CASE("faults: bad entries are named")
{
    SimulatorScope simulator;
    const SmallNetwork s;
    CHECK(Refusal("atack A-X 1 2 0.5").find("did you mean 'attack'") != std::string::npos);
    CHECK(Refusal("attack A-X 1 2").find("4 words, expected 5") != std::string::npos);
    CHECK(Refusal("cut A-X 2 1").find("begin < end") != std::string::npos);
    CHECK(Refusal("cut A-X 2 x").find("found 'x', expected a number") != std::string::npos);
    CHECK(Refusal("attack A-X 1 2 1.5").find("0 to 1") != std::string::npos);
    CHECK(Refusal("cut A-Z 1 2", PeekPointer(s.network)).find("did you mean 'A-") !=
          std::string::npos);
    CHECK(Refusal("crash Q 1 2", PeekPointer(s.network)).find("no site 'Q'") != std::string::npos);
}

TEST_CASE("faults: each begins and ends when it should")
{
    SimulatorScope simulator;
    SmallNetwork s;
    ScheduleFaults(*s.network,
                   ReadFaultSchedule("attack X-A 1 2 0.5; cut X-Y 1 2; cloud Y-B 1 2; crash R 1 2;"
                                     "outage A-R 1 2"));
    s.network->Start();
    s.network->SetRelayState(s.r, RelayState::OnDemand);
    const auto rate = [&](uint32_t link) { return s.network->GetLink(link).GetExpectedRateBps(); };
    const double clean = rate(s.ax);
    simulator.RunUntil(MilliSeconds(1500));
    CHECK(rate(s.ax) == 0);
    CHECK(rate(s.yb) == 0);
    CHECK_FALSE(s.network->IsLinkActive(s.xy));
    CHECK_FALSE(s.network->IsSiteOpen(s.r));
    simulator.RunUntil(MilliSeconds(2500));
    CHECK(rate(s.ax) == clean);
    CHECK(rate(s.yb) == clean);
    CHECK(s.network->IsLinkActive(s.xy));
    CHECK(s.network->IsSiteOpen(s.r));
}
