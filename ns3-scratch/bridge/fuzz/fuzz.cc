// SPDX-License-Identifier: GPL-2.0-only
//
// What libFuzzer calls: the first byte says whose turn it is, the rest is a message from Python.
#include "conversation.h"

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
    if (numBytes > 0)
    {
        qntn::Hear(static_cast<qntn::Turn>(bytes[0] & 3), bytes + 1, numBytes - 1);
    }
    return 0;
}
