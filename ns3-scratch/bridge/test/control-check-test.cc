// SPDX-License-Identifier: GPL-2.0-only
#include "../fuzz/conversation.h"
#include "bridge/control-block.h"

#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>

using namespace qntn;

namespace
{

/// A Start that fits ExampleExtent: four state blocks of 256 bytes after the control block.
wire::Control
GoodStart()
{
    wire::Control message;
    auto& start = *message.mutable_start();
    start.set_memory_bytes(256 + 4 * 256 + 64);
    start.add_state(256);
    start.add_state(512);
    start.add_state(768);
    start.add_state(1024);
    start.set_state_bytes(256);
    start.set_action(1280);
    start.set_action_bytes(64);
    start.set_metrics(160);
    auto& manager = *start.add_roles();
    manager.set_observations(0);
    manager.set_acts(16);
    manager.set_present(17);
    manager.set_terms(24);
    auto& worker = *start.add_roles();
    worker.set_observations(32);
    worker.set_masks(56);
    worker.set_acts(66);
    worker.set_present(68);
    worker.set_terms(72);
    worker.set_actions(4);
    return message;
}

Problem
Change(const std::function<void(wire::Start&)>& change)
{
    auto message = GoodStart();
    change(*message.mutable_start());
    auto problem = CheckStart(message, ExampleExtent());
    return problem.empty() ? CheckMemory(message.start(), 1344) : problem;
}

} // namespace

TEST_CASE("a Start that fits is accepted")
{
    CHECK(Change([](auto&) {}) == "");
    const auto bytes = GoodStart().SerializeAsString();
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    CHECK(Hear(Turn::START_SHM, data, bytes.size()) == "");
    CHECK(Hear(Turn::START_ZMQ, data, bytes.size()) == "");
    CHECK(Hear(Turn::CONFIGURE, data, bytes.size()) == "expected Configure, found Start");
}

TEST_CASE("a Start that does not fit is refused with what was found and expected")
{
    constexpr uint64_t HUGE_OFFSET = std::numeric_limits<uint64_t>::max();
    const std::vector<std::pair<std::function<void(wire::Start&)>, std::string>> cases{
        {[](auto& s) { s.set_memory_bytes(1343); },
         "Start describes a memory file of 1343 bytes, found one of 1344"},
        {[](auto& s) { s.clear_state(); }, "Start lays 0 state blocks, expected 4"},
        {[](auto& s) { s.add_state(0); }, "Start lays 5 state blocks, expected 4"},
        {[](auto& s) { s.set_state(1, 256); },
         "Start lays state block 1 (256 bytes at 256) over state block 0 (256 bytes at 256)"},
        {[](auto& s) { s.set_state(0, 0); },
         "Start lays state block 0 (256 bytes at 0) over the control block (256 bytes at 0)"},
        {[](auto& s) { s.set_action(1288); },
         "Start lays the action block (64 bytes at 1288) outside the memory file of 1344 bytes"},
        {[](auto& s) { s.set_control(32); },
         "Start lays the control block (256 bytes at 32) where it is not aligned: expected a "
         "multiple of 64"},
        {[](auto& s) { s.set_control(HUGE_OFFSET); },
         "Start lays the control block (256 bytes at 18446744073709551615) outside the memory file "
         "of 1344 bytes"},
        {[](auto& s) { s.mutable_roles()->RemoveLast(); }, "Start lays out 1 roles, expected 2"},
        {[](auto& s) { s.set_spin_ns(HUGE_OFFSET); },
         "Start asks to spin 18446744073709551615 ns, expected at most 1000000000"},
        {[](auto& s) { s.set_yield_ns(HUGE_OFFSET); },
         "Start asks to yield 18446744073709551615 ns, expected at most 1000000000"},
        {[](auto& s) { s.set_metrics(236); },
         "Start lays the metrics (24 bytes at 236) outside a state block of 256 bytes"},
        {[](auto& s) { s.mutable_roles(1)->set_observations(33); },
         "Start lays the observations of role worker (24 bytes at 33) where it is not aligned: "
         "expected a multiple of 4"},
        {[](auto& s) { s.mutable_roles(1)->set_acts(68); },
         "Start lays who is present of role worker (2 bytes at 68) over who acts of role worker (2 "
         "bytes at 68)"},
        {[](auto& s) { s.mutable_roles(1)->set_actions(0); },
         "Start lays the actions of role worker (16 bytes at 0) over the actions of role manager "
         "(4 "
         "bytes at 0)"},
    };
    for (const auto& [change, problem] : cases)
    {
        CHECK(Change(change) == problem);
    }
}

TEST_CASE("sizes whose product overflows do not fit")
{
    auto extent = ExampleExtent();
    extent.roles[0].numAgents = std::numeric_limits<uint32_t>::max();
    extent.roles[0].observationSize = uint64_t{1} << 33;
    CHECK(CheckStart(GoodStart(), extent).find("outside a state block") != std::string::npos);
}

TEST_CASE("a Configure of another version or byte order is refused")
{
    wire::Control message;
    auto& configure = *message.mutable_configure();
    configure.set_protocol(PROTOCOL_VERSION);
    configure.set_byte_order(BYTE_ORDER_MARK);
    CHECK(CheckConfigure(message) == "");
    configure.set_byte_order(0x04030201);
    CHECK(CheckConfigure(message).find("found 67305985") != std::string::npos);
    configure.set_byte_order(BYTE_ORDER_MARK);
    configure.set_protocol(PROTOCOL_VERSION + 1);
    CHECK(CheckConfigure(message).find("qntn build") != std::string::npos);
    CHECK(CheckConfigure({}) == "expected Configure, found an empty or unknown message");
}

TEST_CASE("actions of the wrong step, length or command are refused")
{
    wire::Control message;
    auto& action = *message.mutable_action();
    action.set_sequence(7);
    action.set_block(std::string(12, 'x'));
    CHECK(CheckAction(message, 7, 12) == "");
    CHECK(CheckAction(message, 8, 12) == "expected the actions of step 8, found those of step 7");
    CHECK(CheckAction(message, 7, 16) == "expected 16 bytes of actions, found 12");
    action.set_command(static_cast<wire::Command>(9));
    CHECK(CheckAction(message, 7, 16) == "expected the command STEP or CLOSE, found number 9");
    action.set_command(wire::CLOSE);
    CHECK(CheckAction(message, 7, 16) == "");
}
