// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_FUZZ_CONVERSATION_H
#define QNTN_BRIDGE_FUZZ_CONVERSATION_H

#include "bridge/control-check.h"

#include <cstddef>
#include <cstdint>

namespace qntn
{

/// What Python might say next.
enum class Turn : uint8_t
{
    CONFIGURE,
    START_SHM, ///< with a memory file as large as the message says
    START_ZMQ,
    ACTION,
};

/// A contract with two roles, of which one has two agents, and a metric.
Extent ExampleExtent();

/// Reads one message as the simulator does at \p turn and, where it is accepted, writes and reads
/// every array that it lays out, in memory of exactly the size that it states.
///
/// \return what is wrong with it; empty if it was accepted
Problem Hear(Turn turn, const uint8_t* bytes, size_t numBytes);

} // namespace qntn

#endif // QNTN_BRIDGE_FUZZ_CONVERSATION_H
