// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_BENCH_NETWORK_H
#define QNTN_RAN_BENCH_NETWORK_H

#include "ran/bench/bench-ip.h"
#include "ran/ran-network.h"

#include "ns3/random-variable-stream.h"

#include <memory>
#include <vector>

namespace qntn
{

struct BenchConfig
{
    uint32_t numUes = 30;
    uint32_t numGnbs = 3;
    uint32_t numSatellites = 1;
    double offeredMbps = 276; ///< by all users together, both directions
    double uplinkRatio = 0.1; ///< of it
    bool ip = false;          ///< stack `ip` in place of `direct`
    uint64_t run = 1;
};

/// The network that `qntn bench ran` measures: gNBs of 100 MHz at 3.5 GHz (TDD) 500 m apart, each
/// tenth user out in the country under a satellite of 30 MHz at 2 GHz, all users walking.
///
/// A third of the users has extended reality (frames 60 times a second, 60 % of the load), a third
/// downloads (packets of 1400 bytes at random times, 38 %), a third has control traffic (a packet a
/// millisecond, at least 32 bytes, 2 %); each kind is a slice. A part of the load goes up: poses of
/// 100 bytes for extended reality, the others as down.
class BenchNetwork
{
  public:
    struct Counts
    {
        uint64_t slots{0}; ///< over all cells
        uint64_t packets{0};
        uint64_t deliveredBytes{0};
    };

    explicit BenchNetwork(const BenchConfig& config);
    ~BenchNetwork();
    BenchNetwork(const BenchNetwork&) = delete;
    BenchNetwork& operator=(const BenchNetwork&) = delete;

    ns3::Ptr<RanNetwork> GetRan() const;
    Counts Count() const;

  private:
    struct Source
    {
        uint32_t flow;
        uint32_t bytes; ///< of a burst
        ns3::Time period;
        bool random;                    ///< whether the gaps are exponential
        ns3::Ptr<ns3::Socket> socket{}; ///< stack `ip`
    };

    void AddCells();
    void AddUsers();
    void AddSources(uint32_t user, uint32_t slice, double rate_bps);
    /// How traffic of a slice is shaped.
    static Source MakeSource(uint32_t slice, Direction direction, double rate_bps);
    void Emit(uint32_t source);
    void Delivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);

    BenchConfig m_config;
    ns3::Ptr<RanNetwork> m_ran;
    std::unique_ptr<BenchIp> m_ip;
    ns3::Ptr<ns3::UniformRandomVariable> m_uniform;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    std::vector<Source> m_sources;
    Counts m_counts;
};

} // namespace qntn

#endif // QNTN_RAN_BENCH_NETWORK_H
