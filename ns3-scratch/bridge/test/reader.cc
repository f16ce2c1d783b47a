// SPDX-License-Identifier: GPL-2.0-only
//
// Reads messages from stdin, each as one byte for its turn, four for its length (little-endian) and
// the message, and answers each with a line: what is wrong with it, or "accepted".
#include "../fuzz/conversation.h"

#include <cstdio>
#include <google/protobuf/stubs/logging.h>
#include <iostream>
#include <vector>

int
main()
{
    google::protobuf::SetLogHandler(nullptr);
    uint8_t turn = 0;
    uint32_t length = 0;
    while (std::fread(&turn, 1, 1, stdin) == 1 &&
           std::fread(&length, sizeof(length), 1, stdin) == 1)
    {
        std::vector<uint8_t> bytes(length);
        if (std::fread(bytes.data(), 1, length, stdin) != length)
        {
            return 1;
        }
        auto problem = qntn::Hear(static_cast<qntn::Turn>(turn & 3), bytes.data(), bytes.size());
        for (auto& letter : problem)
        {
            letter = letter == '\n' ? ' ' : letter;
        }
        std::cout << (problem.empty() ? "accepted" : problem) << std::endl;
    }
    return 0;
}
