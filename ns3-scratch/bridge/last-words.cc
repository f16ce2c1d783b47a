// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/last-words.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <streambuf>
#include <string_view>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

namespace qntn
{

namespace
{

/// Of the log, what was written first stays.
constexpr off_t HEAD_BYTES = 64 << 10;
/// Room at the end for what does not come through std::cerr.
constexpr off_t RESERVE_BYTES = 64 << 10;
/// A fault this near to the stack pointer is an overflow of the stack.
constexpr uintptr_t STACK_REACH_BYTES = 1 << 20;

off_t g_logBytes = 0; // 0: stderr is not such a log

/// Makes room in the log for \p bytes.
void
MakeRoom(off_t bytes)
{
    constexpr std::string_view CUT = "\n... more was written than the log keeps ...\n";
    const off_t at = lseek(STDERR_FILENO, 0, SEEK_CUR);
    if (g_logBytes != 0 && at + bytes > g_logBytes - RESERVE_BYTES)
    {
        lseek(STDERR_FILENO, HEAD_BYTES, SEEK_SET);
        [[maybe_unused]] const auto written = write(STDERR_FILENO, CUT.data(), CUT.size());
    }
}

class LogBuffer : public std::streambuf
{
  protected:
    std::streamsize xsputn(const char* text, std::streamsize bytes) override
    {
        constexpr std::streamsize PIECE_BYTES = 64 << 10;
        for (std::streamsize done = 0; done < bytes;)
        {
            const auto piece = std::min(bytes - done, PIECE_BYTES);
            MakeRoom(piece);
            const auto written = write(STDERR_FILENO, text + done, piece);
            if (written <= 0)
            {
                return bytes; // nobody can be told
            }
            done += written;
        }
        return bytes;
    }

    int_type overflow(int_type letter) override
    {
        const char text = traits_type::to_char_type(letter);
        xsputn(&text, 1);
        return traits_type::not_eof(letter);
    }
};

void
OnSegmentationFault(int, siginfo_t* info, void* context)
{
    const auto fault = reinterpret_cast<uintptr_t>(info->si_addr);
    const auto* registers = static_cast<ucontext_t*>(context);
    const auto stack = static_cast<uintptr_t>(registers->uc_mcontext.gregs[REG_RSP]);
    const uintptr_t distance = fault > stack ? fault - stack : stack - fault;
    const std::string_view text = distance < STACK_REACH_BYTES
                                      ? "the stack overflowed\n"
                                      : "memory was read or written that is not there\n";
    MakeRoom(static_cast<off_t>(text.size()));
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
} // the fault comes again and now ends the process

} // namespace

void
KeepLastWords()
{
    struct stat file{};
    const int seals = fcntl(STDERR_FILENO, F_GET_SEALS);
    if (seals != -1 && (seals & F_SEAL_GROW) != 0 && fstat(STDERR_FILENO, &file) == 0 &&
        file.st_size >= HEAD_BYTES + 4 * RESERVE_BYTES)
    {
        g_logBytes = file.st_size;
        static auto* buffer = new LogBuffer; // std::cerr is used until the very end
        std::cerr.rdbuf(buffer);
        std::clog.rdbuf(buffer);
    }

    struct sigaction present{};
    sigaction(SIGSEGV, nullptr, &present);
    if (present.sa_handler == SIG_DFL) // else a sanitizer or debugger looks after it
    {
        constexpr size_t STACK_BYTES = 64 << 10;
        static char stack[STACK_BYTES];
        stack_t alternative{};
        alternative.ss_sp = stack;
        alternative.ss_size = STACK_BYTES;
        sigaltstack(&alternative, nullptr);
        struct sigaction action{};
        action.sa_sigaction = OnSegmentationFault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
        sigaction(SIGSEGV, &action, nullptr);
    }
}

} // namespace qntn
