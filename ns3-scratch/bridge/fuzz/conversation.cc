// SPDX-License-Identifier: GPL-2.0-only
#include "conversation.h"

#include "bridge/control-block.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace qntn
{

namespace
{

/// Larger memory is not worth a try: the checks are the same.
constexpr uint64_t LARGEST_MEMORY_BYTES = 1 << 16;
constexpr uint32_t SEQUENCE = 3;
constexpr uint64_t ACTION_BYTES = 20;

struct Free
{
    void operator()(uint8_t* bytes) const
    {
        std::free(bytes);
    }
};

using Memory = std::unique_ptr<uint8_t[], Free>;

Memory
Allocate(uint64_t bytes)
{
    void* memory = nullptr;
    if (posix_memalign(&memory, BLOCK_ALIGNMENT, bytes) != 0)
    {
        throw std::bad_alloc();
    }
    std::memset(memory, 0, bytes);
    return Memory(static_cast<uint8_t*>(memory));
}

template <typename T>
void
Fill(uint8_t* block, uint64_t offset, uint64_t count)
{
    T* values = reinterpret_cast<T*>(block + offset);
    for (uint64_t i = 0; i < count; ++i)
    {
        values[i] += T{1};
    }
}

/// Writes each array of a state block and the actions once.
void
UseArrays(const wire::Start& start, const Extent& extent, uint8_t* state, uint8_t* action)
{
    Fill<double>(state, start.metrics(), extent.numMetrics);
    for (size_t i = 0; i < extent.roles.size(); ++i)
    {
        const auto& role = extent.roles[i];
        const auto& at = start.roles(static_cast<int>(i));
        Fill<float>(state, at.observations(), role.numAgents * role.observationSize);
        Fill<uint8_t>(state, at.masks(), role.numAgents * role.maskSize);
        Fill<uint8_t>(state, at.acts(), role.numAgents);
        Fill<uint8_t>(state, at.present(), role.numAgents);
        Fill<double>(state, at.terms(), role.numAgents * role.numTerms);
        Fill<float>(action, at.actions(), role.numAgents * role.actionSize);
    }
}

/// An array that lies over another would be counted up twice.
void
RequireAllOnes(const wire::Start& start, const Extent& extent, const uint8_t* state)
{
    for (size_t i = 0; i < extent.roles.size(); ++i)
    {
        const auto& at = start.roles(static_cast<int>(i));
        for (uint64_t agent = 0; agent < extent.roles[i].numAgents; ++agent)
        {
            if (state[at.acts() + agent] != 1 || state[at.present() + agent] != 1)
            {
                std::abort();
            }
        }
    }
}

Problem
HearStart(const wire::Control& message, bool inMemory)
{
    const Extent extent = ExampleExtent();
    if (auto problem = CheckStart(message, extent); !problem.empty())
    {
        return problem;
    }
    const auto& start = message.start();
    if (!inMemory)
    {
        if (start.state_bytes() > LARGEST_MEMORY_BYTES ||
            start.action_bytes() > LARGEST_MEMORY_BYTES)
        {
            return {};
        }
        const Memory state = Allocate(start.state_bytes());
        const Memory action = Allocate(start.action_bytes());
        UseArrays(start, extent, state.get(), action.get());
        RequireAllOnes(start, extent, state.get());
        return {};
    }
    if (auto problem = CheckMemory(start, start.memory_bytes());
        !problem.empty() || start.memory_bytes() > LARGEST_MEMORY_BYTES)
    {
        return problem;
    }
    const Memory memory = Allocate(start.memory_bytes());
    auto* control = new (memory.get() + start.control()) ControlBlock{};
    for (const auto block : start.state())
    {
        const Memory action = Allocate(start.action_bytes()); // once for each state block
        UseArrays(start, extent, memory.get() + block, action.get());
        RequireAllOnes(start, extent, memory.get() + block);
    }
    std::memset(memory.get() + start.action(), 1, start.action_bytes());
    if (control->actionSequence.load() != 0 || control->stateSequence.load() != 0)
    {
        std::abort(); // a block lies over the control block
    }
    return {};
}

} // namespace

Extent
ExampleExtent()
{
    return {.roles = {{"manager", 1, 4, 0, 1, 1}, {"worker", 2, 3, 5, 2, 2}}, .numMetrics = 3};
}

Problem
Hear(Turn turn, const uint8_t* bytes, size_t numBytes)
{
    wire::Control message;
    if (auto problem = Decode(bytes, numBytes, message); !problem.empty())
    {
        return problem;
    }
    switch (turn)
    {
    case Turn::CONFIGURE:
        return CheckConfigure(message);
    case Turn::START_SHM:
    case Turn::START_ZMQ:
        return HearStart(message, turn == Turn::START_SHM);
    case Turn::ACTION:
        break;
    }
    auto problem = CheckAction(message, SEQUENCE, ACTION_BYTES);
    if (problem.empty() && message.action().command() == wire::STEP)
    {
        const Memory action = Allocate(ACTION_BYTES);
        std::memcpy(action.get(), message.action().block().data(), ACTION_BYTES);
    }
    return problem;
}

} // namespace qntn
