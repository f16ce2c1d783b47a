// SPDX-License-Identifier: GPL-2.0-only
// A simulation with ns3-ai's struct or vector messages: sums what it is sent.
#include "arguments.h"
#include "shared.h"

struct Out
{
    uint8_t step;
    double sum;
    int32_t seed;
};

struct In
{
    float a;
    int16_t b;
};

template <typename Read, typename Write>
void
Run(const Arguments& arguments, Counters& counters, Read read, Write write)
{
    const int steps = arguments.Number("steps", 10);
    double sum = 0;
    for (int step = 0; step < steps; ++step)
    {
        if (step == arguments.Number("wrongAt", 3))
        {
            GoWrong(arguments.Get("wrong", ""));
        }
        Take(counters.cppFree);
        write(Out{static_cast<uint8_t>(step), sum, arguments.Number("simSeed", 0)}, step);
        Give(counters.cppFull);
        Take(counters.pythonFull);
        sum += read();
        Give(counters.pythonFree);
    }
    if (arguments.Number("finish", 1) != 0)
    {
        Take(counters.cppFree);
        counters.finished = true;
        Give(counters.cppFull);
    }
}

int
main(int argc, char** argv)
{
    const Arguments arguments(argc, argv);
    ipc::managed_shared_memory segment(ipc::open_only, arguments.Get("segName", "My Seg").c_str());
    auto& counters = *segment.find<Counters>("My Lockable").first;
    const char* outName = "My Cpp to Python Msg";
    const char* inName = "My Python to Cpp Msg";
    if (arguments.Number("vector", 0) == 0)
    {
        auto* out = segment.find<Out>(outName).first;
        auto* in = segment.find<In>(inName).first;
        Run(
            arguments,
            counters,
            [&] { return in->a + in->b; },
            [&](const Out& message, int) { *out = message; });
        return 0;
    }
    auto* out = segment.find<SharedVector<Out>>(outName).first;
    auto* in = segment.find<SharedVector<In>>(inName).first;
    Run(
        arguments,
        counters,
        [&]
        {
            double sum = 0;
            for (const auto& item : *in)
            {
                sum += item.a + item.b;
            }
            return sum;
        },
        [&](const Out& message, int step)
        {
            out->resize(step + 1);
            for (auto& item : *out)
            {
                item = message;
            }
            if (arguments.Get("wrong", "") == "long" && step == arguments.Number("wrongAt", 3))
            {
                reinterpret_cast<size_t*>(out)[2] = size_t{1} << 60; // its size
            }
        });
}
