// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/control-check.h"

#include "bridge/control-block.h"
#include "bridge/zmtp-socket.h"

#include <algorithm>
#include <limits>

namespace qntn
{

namespace
{

/// Where something lies: [first, first + bytes) of a block.
struct Piece
{
    std::string name;
    uint64_t first;
    uint64_t bytes;
    uint64_t alignment;
};

/// The product, or the largest number where it does not fit: no block is that large.
uint64_t
Times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<uint64_t>::max() : product;
}

std::string
Describe(const Piece& piece)
{
    return piece.name + " (" + std::to_string(piece.bytes) + " bytes at " +
           std::to_string(piece.first) + ")";
}

/// Whether all pieces lie within \p limit bytes, aligned, none over another.
Problem
CheckPieces(std::vector<Piece> pieces, const std::string& whole, uint64_t limit)
{
    for (const auto& piece : pieces)
    {
        if (piece.first > limit || piece.bytes > limit - piece.first)
        {
            return "Start lays " + Describe(piece) + " outside " + whole + " of " +
                   std::to_string(limit) + " bytes";
        }
        if (piece.first % piece.alignment != 0)
        {
            return "Start lays " + Describe(piece) +
                   " where it is not aligned: expected a multiple of " +
                   std::to_string(piece.alignment);
        }
    }
    std::erase_if(pieces, [](const auto& piece) { return piece.bytes == 0; });
    std::ranges::sort(pieces, {}, &Piece::first);
    for (size_t i = 1; i < pieces.size(); ++i)
    {
        const auto& before = pieces[i - 1];
        if (before.first + before.bytes > pieces[i].first)
        {
            return "Start lays " + Describe(pieces[i]) + " over " + Describe(before);
        }
    }
    return {};
}

std::string
NameOf(const wire::Control& message)
{
    switch (message.message_case())
    {
    case wire::Control::kConfigure:
        return "Configure";
    case wire::Control::kHello:
        return "Hello";
    case wire::Control::kStart:
        return "Start";
    case wire::Control::kFault:
        return "Fault: " + message.fault().message();
    case wire::Control::kAction:
        return "Action";
    case wire::Control::kState:
        return "State";
    default:
        return "an empty or unknown message";
    }
}

} // namespace

Problem
Decode(const void* bytes, size_t numBytes, wire::Control& message)
{
    if (numBytes > LARGEST_PART_BYTES || !message.ParseFromArray(bytes, static_cast<int>(numBytes)))
    {
        return "a control message of " + std::to_string(numBytes) +
               " bytes cannot be read; both sides must be of the same qntn version";
    }
    return {};
}

Problem
CheckConfigure(const wire::Control& message)
{
    if (!message.has_configure())
    {
        return "expected Configure, found " + NameOf(message);
    }
    const auto& configure = message.configure();
    if (configure.byte_order() != BYTE_ORDER_MARK)
    {
        return "expected the byte-order mark " + std::to_string(BYTE_ORDER_MARK) + ", found " +
               std::to_string(configure.byte_order()) +
               "; both sides must run on machines of one byte order";
    }
    if (configure.protocol() != PROTOCOL_VERSION)
    {
        return "this program speaks protocol " + std::to_string(PROTOCOL_VERSION) +
               ", Python speaks protocol " + std::to_string(configure.protocol()) +
               "; rebuild it with `qntn build`";
    }
    for (const auto& [name, value] : configure.parameters())
    {
        if (value.kind_case() == wire::Value::KIND_NOT_SET)
        {
            return "parameter '" + name + "' has neither a number nor a text";
        }
    }
    return {};
}

Problem
CheckStart(const wire::Control& message, const Extent& extent)
{
    if (!message.has_start())
    {
        return "expected Start, found " + NameOf(message);
    }
    const auto& start = message.start();
    if (start.roles_size() != static_cast<int>(extent.roles.size()))
    {
        return "Start lays out " + std::to_string(start.roles_size()) + " roles, expected " +
               std::to_string(extent.roles.size());
    }
    for (const auto& [what, time_ns] :
         {std::pair{"spin ", start.spin_ns()}, std::pair{"yield ", start.yield_ns()}})
    {
        if (time_ns > LONGEST_SPIN_NS)
        {
            return "Start asks to " + std::string(what) + std::to_string(time_ns) +
                   " ns, expected at most " + std::to_string(LONGEST_SPIN_NS);
        }
    }
    std::vector<Piece> state{{"the metrics", start.metrics(), Times(extent.numMetrics, 8), 8}};
    std::vector<Piece> action;
    for (size_t i = 0; i < extent.roles.size(); ++i)
    {
        const auto& role = extent.roles[i];
        const auto& at = start.roles(static_cast<int>(i));
        auto bytes = [&](uint64_t size, uint64_t each)
        { return Times(Times(role.numAgents, size), each); };
        const auto of = " of role " + role.name;
        state.push_back(
            {"the observations" + of, at.observations(), bytes(role.observationSize, 4), 4});
        state.push_back({"the masks" + of, at.masks(), bytes(role.maskSize, 1), 1});
        state.push_back({"who acts" + of, at.acts(), role.numAgents, 1});
        state.push_back({"who is present" + of, at.present(), role.numAgents, 1});
        state.push_back({"the terms" + of, at.terms(), bytes(role.numTerms, 8), 8});
        action.push_back({"the actions" + of, at.actions(), bytes(role.actionSize, 4), 4});
    }
    if (auto problem = CheckPieces(std::move(state), "a state block", start.state_bytes());
        !problem.empty())
    {
        return problem;
    }
    return CheckPieces(std::move(action), "the action block", start.action_bytes());
}

Problem
CheckMemory(const wire::Start& start, uint64_t fileBytes)
{
    if (start.memory_bytes() != fileBytes || fileBytes == 0)
    {
        return "Start describes a memory file of " + std::to_string(start.memory_bytes()) +
               " bytes, found one of " + std::to_string(fileBytes);
    }
    if (start.state_size() != STATE_BLOCKS)
    {
        return "Start lays " + std::to_string(start.state_size()) + " state blocks, expected " +
               std::to_string(STATE_BLOCKS);
    }
    std::vector<Piece> pieces{
        {"the control block", start.control(), sizeof(ControlBlock), alignof(ControlBlock)},
        {"the action block", start.action(), start.action_bytes(), BLOCK_ALIGNMENT}};
    for (int i = 0; i < start.state_size(); ++i)
    {
        pieces.push_back({"state block " + std::to_string(i),
                          start.state(i),
                          start.state_bytes(),
                          BLOCK_ALIGNMENT});
    }
    return CheckPieces(std::move(pieces), "the memory file", fileBytes);
}

Problem
CheckAction(const wire::Control& message, uint32_t sequence, uint64_t actionBytes)
{
    if (!message.has_action())
    {
        return "expected the actions of step " + std::to_string(sequence) + ", found " +
               NameOf(message);
    }
    const auto& action = message.action();
    if (action.sequence() != sequence)
    {
        return "expected the actions of step " + std::to_string(sequence) +
               ", found those of step " + std::to_string(action.sequence());
    }
    if (action.command() == wire::CLOSE)
    {
        return {};
    }
    if (action.command() != wire::STEP)
    {
        return "expected the command STEP or CLOSE, found number " +
               std::to_string(static_cast<int>(action.command()));
    }
    if (action.block().size() != actionBytes)
    {
        return "expected " + std::to_string(actionBytes) + " bytes of actions, found " +
               std::to_string(action.block().size());
    }
    return {};
}

} // namespace qntn
