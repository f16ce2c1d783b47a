// SPDX-License-Identifier: GPL-2.0-only
//
// Measures the radio access alone: CPU time against simulated time, and where it goes. Prints one
// JSON object. Run by `qntn bench ran`.
#include "ran/bench/bench-network.h"

#include "ns3/command-line.h"
#include "ns3/simulator.h"

#include <chrono>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

using namespace qntn;
using namespace ns3;

namespace
{

double
CpuSeconds()
{
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Most memory that this process has had resident, MB.
double
PeakResidentMb()
{
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
    {
        if (word == "VmHWM:")
        {
            double kib = 0;
            status >> kib;
            return kib * 1024e-6;
        }
    }
    return 0;
}

} // namespace

int
main(int argc, char** argv)
{
    BenchConfig config;
    double duration_s = 3;
    bool profile = false;
    CommandLine command(__FILE__);
    command.AddValue("ues", "users", config.numUes);
    command.AddValue("gnbs", "gNBs on a hexagonal grid", config.numGnbs);
    command.AddValue("satellites", "beams of a satellite at 600 km", config.numSatellites);
    command.AddValue("mbps", "offered in all, Mbit/s", config.offeredMbps);
    command.AddValue("uplink", "part of the load that goes up", config.uplinkRatio);
    command.AddValue("ip", "IP, UDP and a UPF in place of direct delivery", config.ip);
    command.AddValue("duration", "simulated time, s", duration_s);
    command.AddValue("profile", "measure the parts of slots", profile);
    command.AddValue("run", "number of the run of random numbers", config.run);
    command.Parse(argc, argv);

    BenchNetwork network(config);
    if (profile)
    {
        network.GetRan()->EnableProfile();
    }
    constexpr double WARM_UP_S = 0.2; // queues fill, caches warm
    Simulator::Stop(Seconds(WARM_UP_S));
    Simulator::Run();
    const double before_s = CpuSeconds();
    const auto began = std::chrono::steady_clock::now();
    const auto partsBefore = network.GetRan()->GetProfile().GetSeconds();
    const auto countsBefore = network.Count();
    const uint64_t eventsBefore = Simulator::GetEventCount();
    Simulator::Stop(Seconds(duration_s));
    Simulator::Run();
    const double cpu_s = CpuSeconds() - before_s;
    const double wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    network.GetRan()->Check();
    const auto counts = network.Count();
    const double mb = PeakResidentMb();

    std::cout << "{\"stack\": \"" << (config.ip ? "ip" : "direct")
              << "\", \"ues\": " << config.numUes << ", \"gnbs\": " << config.numGnbs
              << ", \"satellites\": " << config.numSatellites
              << ", \"offered_mbps\": " << config.offeredMbps << ", \"delivered_mbps\": "
              << 8e-6 * static_cast<double>(counts.deliveredBytes - countsBefore.deliveredBytes) /
                     duration_s
              << ", \"simulated_s\": " << duration_s << ", \"cpu_s\": " << cpu_s
              << ", \"real_time_factor\": " << duration_s / cpu_s << ", \"slots_per_s\": "
              << static_cast<double>(counts.slots - countsBefore.slots) / cpu_s
              << ", \"packets_per_s\": "
              << static_cast<double>(counts.packets - countsBefore.packets) / cpu_s
              << ", \"events_per_s\": "
              << static_cast<double>(Simulator::GetEventCount() - eventsBefore) / cpu_s
              << ", \"resident_mb\": " << mb;
    if (profile)
    {
        constexpr const char* NAMES[] =
            {"mobility", "fading", "reports", "discard", "scheduling", "blocks", "other"};
        const auto& parts = network.GetRan()->GetProfile().GetSeconds();
        double slots_s = 0;
        for (size_t i = 0; i < parts.size(); ++i)
        {
            slots_s += parts[i] - partsBefore[i];
            std::cout << ", \"" << NAMES[i] << "_ratio\": " << (parts[i] - partsBefore[i]) / wall_s;
        }
        std::cout << ", \"traffic_ratio\": " << (wall_s - slots_s) / wall_s;
    }
    std::cout << "}" << std::endl;
    return 0;
}
