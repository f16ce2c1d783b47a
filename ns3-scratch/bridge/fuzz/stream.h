// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_FUZZ_STREAM_H
#define QNTN_BRIDGE_FUZZ_STREAM_H

#include <cstddef>
#include <cstdint>

namespace qntn
{

/// Longest stream that HearStream takes: what a socket holds at once.
inline constexpr size_t LONGEST_STREAM_BYTES = 64 << 10;

/// Reads messages from a peer that sends these bytes and closes; reads every byte of every part.
/// \return bytes in the parts that came
size_t HearStream(const uint8_t* bytes, size_t numBytes);

} // namespace qntn

#endif // QNTN_BRIDGE_FUZZ_STREAM_H
