// SPDX-License-Identifier: GPL-2.0-only
//
// What libFuzzer calls: the first byte says whose turn it is, the rest is a message from Python, or
// all that came on a stream.
#include "conversation.h"
#include "stream.h"

#include <google/protobuf/stubs/logging.h>

extern "C" int
LLVMFuzzerInitialize(int*, char***)
{
    google::protobuf::SetLogHandler(nullptr); // messages that cannot be read are what it is about
    return 0;
}

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t numBytes)
{
    constexpr uint8_t STREAM = 4; // after the turns
    if (numBytes > 0 && (bytes[0] & 7) == STREAM)
    {
        qntn::HearStream(bytes + 1, numBytes - 1);
    }
    else if (numBytes > 0)
    {
        qntn::Hear(static_cast<qntn::Turn>(bytes[0] & 3), bytes + 1, numBytes - 1);
    }
    return 0;
}
