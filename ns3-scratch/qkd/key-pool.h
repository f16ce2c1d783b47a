// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_POOL_H
#define QNTN_QKD_KEY_POOL_H

#include "ns3/nstime.h"

#include <cstdint>
#include <deque>
#include <string>

namespace qntn
{

/// Levels of a key pool; minBits <= thresholdBits <= maxBits.
struct KeyPoolConfig
{
    uint64_t initialBits{0};        ///< stored at the start; counted as generated
    uint64_t minBits{0};            ///< M_min: kept back, only authentication may go below it
    uint64_t thresholdBits{262144}; ///< M_thr: below it the pool warns
    uint64_t maxBits{1048576};      ///< M_max: what comes on top is dropped
    ns3::Time timeToLive{0};        ///< key older than this expires; zero: never
};

/// What became of every key bit. generated = stored + sum of the other entries, always.
struct KeyLedger
{
    uint64_t generated{0};
    uint64_t delivered{0};      ///< handed to applications
    uint64_t expired{0};        ///< older than the time to live
    uint64_t dropped{0};        ///< did not fit below M_max
    uint64_t authentication{0}; ///< spent on the tags of post-processing
    uint64_t relay{0};          ///< spent as one-time pad of a relayed key

    /// Everything that has left the pool.
    uint64_t GetSpent() const
    {
        return delivered + expired + dropped + authentication + relay;
    }
};

/// Store of the secret bits that two sites share, oldest out first.
///
/// States as in Mehic et al., QKDNetSim: EMPTY at or below M_min, READY from M_thr on; between the
/// two the pool is WARNING when it comes from READY and CHARGING when it comes from EMPTY.
class KeyPool
{
  public:
    enum class State : uint8_t
    {
        Ready,
        Warning,
        Charging,
        Empty,
    };

    /// \param name appears in error texts
    KeyPool(std::string name, const KeyPoolConfig& config);

    /// Store \p bits made at \p now. \return how many fitted; the rest is dropped
    uint64_t Add(uint64_t bits, ns3::Time now);
    /// Hand out \p bits, all or nothing, and never below M_min. \return whether it happened
    bool Deliver(uint64_t bits);
    /// Spend \p bits as one-time pad of a relayed key, all or nothing, and never below M_min.
    bool Relay(uint64_t bits);
    /// Spend \p bits on authentication, all or nothing; M_min is there for this.
    bool Authenticate(uint64_t bits);
    /// Discard key that is older than the time to live.
    void Expire(ns3::Time now);

    uint64_t GetStoredBits() const;
    /// Place of the oldest stored bit in the sequence of all bits that were ever stored. Every bit
    /// that leaves the pool comes from here on, so that two uses never meet.
    uint64_t GetHeadOffset() const;
    /// What Deliver and Relay may take: stored bits above M_min.
    uint64_t GetUsableBits() const;
    /// Stored bits as a part of M_max.
    double GetFillRatio() const;
    State GetState() const;
    const KeyPoolConfig& GetConfig() const;
    const KeyLedger& GetLedger() const;
    const std::string& GetName() const;
    /// Assert that every bit is accounted for.
    void Check() const;

  private:
    /// Bits that were made together.
    struct Batch
    {
        ns3::Time made;
        uint64_t bits;
    };

    void Take(uint64_t bits);
    void UpdateState();

    std::string m_name;
    KeyPoolConfig m_config;
    KeyLedger m_ledger;
    uint64_t m_stored{0};
    std::deque<Batch> m_batches; ///< kept only if key ages
    State m_state{State::Empty};
};

} // namespace qntn

#endif // QNTN_QKD_KEY_POOL_H
