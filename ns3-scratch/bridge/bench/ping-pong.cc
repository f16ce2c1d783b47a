// SPDX-License-Identifier: GPL-2.0-only
//
// What this machine allows: two processes take turns on a word in shared memory, by the bridge's
// own waits and nothing else.
//
//   ping-pong ROUNDS SPIN_NS YIELD_NS CORE_A CORE_B      prints: median_ns p99_ns rounds_per_s
#include "bridge/control-block.h"
#include "bridge/wait.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <vector>

using namespace qntn;

namespace
{

void
RunOn(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
    {
        std::perror("sched_setaffinity");
        std::exit(EXIT_FAILURE);
    }
}

void
Answer(ControlBlock& block, uint32_t rounds, Patience patience)
{
    const pid_t parent = getppid();
    for (uint32_t i = 0; i < rounds; ++i)
    {
        const bool asked = WaitForChange(block.actionSequence,
                                         i,
                                         block.simulatorSleeps,
                                         patience,
                                         [&] { return getppid() == parent; });
        if (!asked)
        {
            return;
        }
        Publish(block.stateSequence, i + 1, block.pythonSleeps);
    }
}

} // namespace

int
main(int argc, char* argv[])
{
    if (argc != 6)
    {
        std::fputs("usage: ping-pong ROUNDS SPIN_NS YIELD_NS CORE_A CORE_B\n", stderr);
        return EXIT_FAILURE;
    }
    const auto rounds = static_cast<uint32_t>(std::atoi(argv[1]));
    const Patience patience{std::atoll(argv[2]), std::atoll(argv[3])};
    void* memory = mmap(nullptr,
                        sizeof(ControlBlock),
                        PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS,
                        -1,
                        0);
    if (rounds == 0 || memory == MAP_FAILED)
    {
        return EXIT_FAILURE;
    }
    auto& block = *new (memory) ControlBlock{};
    const pid_t child = fork();
    if (child == 0)
    {
        RunOn(std::atoi(argv[5]));
        Answer(block, rounds, patience);
        return EXIT_SUCCESS;
    }
    RunOn(std::atoi(argv[4]));
    std::vector<int64_t> times_ns(rounds);
    Patience own = patience;
    const int64_t began = NowNs();
    for (uint32_t i = 0; i < rounds; ++i)
    {
        const int64_t start = NowNs();
        Publish(block.actionSequence, i + 1, block.simulatorSleeps);
        WaitForChange(block.stateSequence, i, block.pythonSleeps, own, [] { return true; });
        times_ns[i] = NowNs() - start;
    }
    const int64_t took = NowNs() - began;
    waitpid(child, nullptr, 0);
    std::ranges::sort(times_ns);
    std::printf("%lld %lld %.1f\n",
                static_cast<long long>(times_ns[rounds / 2]),
                static_cast<long long>(times_ns[rounds - 1 - rounds / 100]),
                rounds / (static_cast<double>(took) * 1e-9));
    return EXIT_SUCCESS;
}
