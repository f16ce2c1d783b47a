// SPDX-License-Identifier: GPL-2.0-only
//
// What an IP stack over the radio cannot be is refused, and leaves nothing behind.
#include "ran/input-error.h"
#include "ran/ran-ip-stack.h"
#include "ran/test/ran-fixture.h"

#include "ns3/internet-stack-helper.h"
#include "ns3/udp-client-server-helper.h"
#include "ns3/udp-server.h"

using namespace qntn;
using namespace ns3;

namespace
{

const RanIpStack::Bearer BEARER{.sliceId = 0, .delayBudget = Seconds(1)};

struct StackFixture
{
    StackFixture() : radio(2), stack(radio.ran)
    {
        radio.AddGnb(0, 0);
        user = radio.AddUser(50, 0);
        InternetStackHelper().Install(NodeContainer(upf, node));
    }

    /// What AddUe says to these bearers of a user.
    std::string Refusal(uint32_t index, const std::vector<RanIpStack::Bearer>& bearers)
    {
        const uint32_t devices = node->GetNDevices();
        try
        {
            stack.AddUe(node, index, bearers);
        }
        catch (const InputError& error)
        {
            CHECK(node->GetNDevices() == devices); // nothing of it was kept
            return error.what();
        }
        return "nothing";
    }

    RanFixture radio;
    RanIpStack stack;
    uint32_t user;
    Ptr<Node> upf = CreateObject<Node>();
    Ptr<Node> node = CreateObject<Node>();
};

} // namespace

TEST_CASE("an IP stack without a network, a node or an Internet stack is refused")
{
    StackFixture fixture;
    auto& stack = fixture.stack;
    CHECK_THROWS_WITH_AS(RanIpStack(nullptr),
                         "IP stack, radio network: found none, expected one",
                         InputError);
    CHECK_THROWS_WITH_AS(stack.Install(nullptr),
                         "UPF, node: found none, expected a node",
                         InputError);
    const auto bare = CreateObject<Node>();
    const std::string missing = "node " + std::to_string(bare->GetId()) +
                                ", Internet stack: found none, expected one; install "
                                "InternetStackHelper before";
    CHECK_THROWS_WITH_AS(stack.Install(bare), ("UPF, " + missing).c_str(), InputError);
    stack.Install(fixture.upf);
    CHECK_THROWS_WITH_AS(stack.AddUe(nullptr, 0, {BEARER}),
                         "user 0, node: found none, expected a node",
                         InputError);
    CHECK_THROWS_WITH_AS(stack.AddUe(bare, 0, {BEARER}),
                         ("user 0, " + missing).c_str(),
                         InputError);
    CHECK(bare->GetNDevices() == 0);
}

TEST_CASE("networks and masks that cannot be are refused")
{
    StackFixture fixture;
    const auto refused = [&](const std::string& network, const std::string& mask)
    {
        try
        {
            fixture.stack.Install(fixture.upf, network, mask);
        }
        catch (const InputError& error)
        {
            return std::string(error.what());
        }
        return std::string("nothing");
    };
    const std::string dotted = ", expected one like 255.0.0.0 or /8";
    CHECK(refused("7.0.0.0", "255.0.0") == "network mask: found 255.0.0" + dotted);
    CHECK(refused("7.0.0.0", "255.0.255.0") == "network mask: found 255.0.255.0" + dotted);
    CHECK(refused("7.0.0.0", "/33") == "network mask: found /33" + dotted);
    CHECK(refused("7.0.0.0", "/8x") == "network mask: found /8x" + dotted);
    CHECK(refused("7.0.0.0", "/") == "network mask: found /" + dotted);
    CHECK(refused("7.0.0", "/8") == "network: found 7.0.0, expected an address like 7.0.0.0, with "
                                    "zeros where the mask /8 has them");
    CHECK(refused("7.0.0.5", "255.0.0.0") ==
          "network: found 7.0.0.5, expected an address like 7.0.0.0, with zeros where the mask "
          "255.0.0.0 has them");
    CHECK(refused("7.0.0.0", "/31") ==
          "network mask: found /31, expected a shorter one, with room for users");
    CHECK(fixture.upf->GetNDevices() == 1); // its loopback
    CHECK(refused("7.0.0.0", "/8") == "nothing");
    CHECK(refused("7.0.0.0", "/8") == "UPF: found a second call of Install, expected one");
}

TEST_CASE("users whom no address is left for are refused")
{
    StackFixture fixture;
    const auto second = fixture.radio.AddUser(60, 0);
    fixture.stack.Install(fixture.upf, "7.0.0.0", "255.255.255.252"); // .1 and .2, and a broadcast
    CHECK(fixture.Refusal(fixture.user, {BEARER}) == "nothing");
    const auto node = CreateObject<Node>();
    InternetStackHelper().Install(node);
    CHECK_THROWS_WITH_AS(fixture.stack.AddUe(node, second, {BEARER}),
                         "user 1, network mask: found 255.255.255.252, expected a shorter one, as "
                         "no address is left for the user",
                         InputError);
}

TEST_CASE("users that there are not, are known already, or come at the wrong time are refused")
{
    StackFixture fixture;
    CHECK(fixture.Refusal(0, {BEARER}) ==
          "user 0: found a call before Install, expected one after it");
    fixture.stack.Install(fixture.upf);
    CHECK(fixture.Refusal(7, {BEARER}) == "flow, user: found 7, expected 0 .. 0");
    const std::string unknown =
        "user: found 0, expected one that RanIpStack::AddUe was called with";
    CHECK_THROWS_WITH_AS(fixture.stack.GetBearers(0), unknown.c_str(), InputError);
    CHECK_THROWS_WITH_AS(fixture.stack.GetDevice(0), unknown.c_str(), InputError);
    CHECK(fixture.Refusal(0, {BEARER}) == "nothing");
    CHECK(fixture.stack.GetBearers(0).size() == 1);
    CHECK(fixture.Refusal(0, {BEARER}) == "user 0: found a second call of AddUe, expected one");
    fixture.radio.AddUser(60, 0);
    fixture.radio.ran->AssignStreams(1);
    fixture.radio.ran->Start();
    CHECK(fixture.Refusal(1, {BEARER}) == "flow: found a call after Start, expected one before it");
}

TEST_CASE("bearers that cannot be are refused, and with them the user")
{
    StackFixture fixture;
    fixture.stack.Install(fixture.upf);
    auto bad = BEARER;
    CHECK(fixture.Refusal(0, {}) == "user 0, bearers: found none, expected at least one");
    bad.dscp = 64;
    CHECK(fixture.Refusal(0, {BEARER, bad}) ==
          "user 0, bearer 1, dscp: found 64, expected 0 .. 63");
    bad.dscp = 0;
    CHECK(fixture.Refusal(0, {BEARER, bad}) ==
          "user 0, bearer 1, dscp: found 0, expected another than that of bearer 0");
    bad.dscp = 46;
    bad.sliceId = 2;
    CHECK(fixture.Refusal(0, {BEARER, bad}) == "flow, slice: found 2, expected 0 .. 1");
    bad.sliceId = 1;
    bad.delayBudget = Seconds(0);
    CHECK(fixture.Refusal(0, {BEARER, bad}) == "flow, delay_budget: found +0ms, expected above 0");
    bad.delayBudget = MilliSeconds(50);
    CHECK(fixture.Refusal(0, {BEARER, bad}) == "nothing");
    // no flow of a refused bearer was kept: those of the two bearers are the first four
    CHECK(fixture.stack.GetBearers(0)[0].downlinkFlow == 0);
    CHECK(fixture.stack.GetBearers(0)[1].uplinkFlow == 3);
}

TEST_CASE("packets of a DSCP that no bearer has take the first one")
{
    StackFixture fixture;
    fixture.stack.Install(fixture.upf);
    auto urgent = BEARER;
    urgent.sliceId = 1;
    urgent.dscp = 46;
    const auto address = fixture.stack.AddUe(fixture.node, 0, {BEARER, urgent});
    fixture.radio.ran->AssignStreams(1);
    fixture.radio.ran->Start();
    const auto server = UdpServerHelper(4000).Install(fixture.node).Get(0)->GetObject<UdpServer>();
    UdpClientHelper client(address, 4000);
    client.SetAttribute("Interval", TimeValue(MilliSeconds(10)));
    client.SetAttribute("MaxPackets", UintegerValue(20));
    client.SetAttribute("Tos", UintegerValue(12 << 2));
    client.Install(fixture.upf);
    fixture.radio.Run(1);
    CHECK(server->GetReceived() == 20);
    const auto& bearers = fixture.stack.GetBearers(0);
    CHECK(fixture.radio.ran->GetAccount(bearers[0].downlinkFlow).delivered == 20);
    CHECK(fixture.radio.ran->GetAccount(bearers[1].downlinkFlow).sent == 0);
}
