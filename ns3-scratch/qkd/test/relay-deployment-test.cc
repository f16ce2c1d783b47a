// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/relay-deployment.h"

#include <doctest/doctest.h>

using namespace ns3;
using namespace qntn;

namespace
{

RelayDeployment
MakeRelay()
{
    RelayDeployment relay;
    relay.SetTerms({.reservedPerSecond = 2,
                    .onDemandPerSecond = 7,
                    .switchingPrice = 100,
                    .setupTime = Seconds(10),
                    .commitment = Seconds(60)});
    return relay;
}

} // namespace

TEST_CASE("relay: a reservation takes its set-up time and is paid from the order")
{
    RelayDeployment relay = MakeRelay();
    CHECK_FALSE(relay.IsOpen(Seconds(0)));
    relay.SetState(RelayState::Reserved, Seconds(5));
    CHECK_FALSE(relay.IsOpen(Seconds(14)));
    CHECK(relay.GetRemainingSetup(Seconds(8)) == Seconds(7));
    CHECK(relay.IsOpen(Seconds(15)));
    relay.Accrue(Seconds(105));
    CHECK(relay.GetCost().reserved == 200);
    CHECK(relay.GetCost().switching == 100);
    CHECK(relay.GetCost().onDemand == 0);
}

TEST_CASE("relay: the commitment is paid although the site is closed")
{
    RelayDeployment relay = MakeRelay();
    relay.SetState(RelayState::Reserved, Seconds(0));
    relay.SetState(RelayState::Off, Seconds(20));
    CHECK_FALSE(relay.IsOpen(Seconds(20)));
    CHECK(relay.GetRemainingCommitment(Seconds(20)) == Seconds(40));
    relay.Accrue(Seconds(50));
    CHECK(relay.GetCost().reserved == 100);
    relay.Accrue(Seconds(200));
    CHECK(relay.GetCost().reserved == 120);
    CHECK(relay.GetCost().switching == 200);
}

TEST_CASE("relay: back within the commitment, nothing is set up or paid twice")
{
    RelayDeployment relay = MakeRelay();
    relay.SetState(RelayState::Reserved, Seconds(0));
    relay.SetState(RelayState::Off, Seconds(20));
    relay.SetState(RelayState::Reserved, Seconds(30));
    CHECK(relay.IsOpen(Seconds(30)));
    relay.Accrue(Seconds(100));
    CHECK(relay.GetCost().reserved == 200);
    relay.SetState(RelayState::Off, Seconds(100)); // the commitment ended at 60
    relay.SetState(RelayState::Reserved, Seconds(150));
    CHECK_FALSE(relay.IsOpen(Seconds(159)));
    relay.Accrue(Seconds(160));
    CHECK(relay.GetCost().reserved == 220);
}

TEST_CASE("relay: on demand opens at once, costs more and binds nobody")
{
    RelayDeployment relay = MakeRelay();
    relay.SetState(RelayState::OnDemand, Seconds(0));
    CHECK(relay.IsOpen(Seconds(0)));
    CHECK(relay.IsOnDemand(Seconds(0)));
    relay.SetState(RelayState::Off, Seconds(10));
    relay.Accrue(Seconds(100));
    CHECK(relay.GetCost().onDemand == 70);
    CHECK(relay.GetCost().reserved == 0);
}

TEST_CASE("relay: from on demand to reserved without a gap")
{
    RelayDeployment relay = MakeRelay();
    relay.SetState(RelayState::OnDemand, Seconds(0));
    relay.SetState(RelayState::Reserved, Seconds(10));
    CHECK(relay.IsOpen(Seconds(10)));
    CHECK(relay.IsOnDemand(Seconds(19)));
    CHECK_FALSE(relay.IsOnDemand(Seconds(20)));
    relay.Accrue(Seconds(50));
    CHECK(relay.GetCost().onDemand == 140);
    CHECK(relay.GetCost().reserved == 80);
    // and back: the reservation is paid to its end beside what is used on demand
    relay.SetState(RelayState::OnDemand, Seconds(50));
    relay.Accrue(Seconds(100));
    CHECK(relay.GetCost().reserved == 120);
    CHECK(relay.GetCost().onDemand == 490);
}

TEST_CASE("relay: the bill does not depend on how often it is drawn up")
{
    RelayDeployment often = MakeRelay();
    RelayDeployment once = MakeRelay();
    for (int second = 0; second <= 200; ++second)
    {
        const auto state = static_cast<RelayState>(second / 17 % 3);
        often.Accrue(Seconds(second));
        often.SetState(state, Seconds(second));
        if (second % 17 == 0)
        {
            once.SetState(state, Seconds(second));
        }
    }
    once.Accrue(Seconds(200));
    CHECK(often.GetCost().GetTotal() == once.GetCost().GetTotal());
    CHECK(often.GetCost().GetTotal() > 0);
}
