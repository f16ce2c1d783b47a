// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_CONTROL_CHECK_H
#define QNTN_BRIDGE_CONTROL_CHECK_H

#include "qntn.pb.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace qntn
{

/// Longest control message on either socket, but for the blocks that travel on ZMQ.
inline constexpr uint64_t LARGEST_CONTROL_BYTES = 1 << 20;
/// Longest spinning that Start may ask for.
inline constexpr uint64_t LONGEST_SPIN_NS = 1'000'000'000;
/// Blocks begin at multiples of this.
inline constexpr uint64_t BLOCK_ALIGNMENT = 64;

/// How much room the arrays of one role take in a block.
struct RoleExtent
{
    std::string name;
    uint64_t numAgents;
    uint64_t observationSize; ///< float32 an agent
    uint64_t maskSize;        ///< uint8 an agent
    uint64_t numTerms;        ///< float64 an agent
    uint64_t actionSize;      ///< float32 an agent
};

/// What Start must make room for.
struct Extent
{
    std::vector<RoleExtent> roles;
    uint64_t numMetrics; ///< float64
};

/// What the checks below answer: empty if all is well, else what was found and what was expected.
using Problem = std::string;

/// Reads a control message.
Problem Decode(const void* bytes, size_t numBytes, wire::Control& message);

/// Whether a message is a Configure of this version and byte order.
Problem CheckConfigure(const wire::Control& message);

/// Whether a message is a Start that lays every array inside its block, aligned, and none over
/// another.
Problem CheckStart(const wire::Control& message, const Extent& extent);

/// Whether the blocks of a checked Start lie in a memory file of \p fileBytes, aligned and apart.
Problem CheckMemory(const wire::Start& start, uint64_t fileBytes);

/// Whether a message holds the actions of step \p sequence in \p actionBytes, or closes.
Problem CheckAction(const wire::Control& message, uint32_t sequence, uint64_t actionBytes);

} // namespace qntn

#endif // QNTN_BRIDGE_CONTROL_CHECK_H
