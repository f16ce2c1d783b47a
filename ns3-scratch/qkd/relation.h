// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_RELATION_H
#define QNTN_QKD_RELATION_H

#include "qkd/key-paths.h"
#include "qkd/key-pool.h"
#include "qkd/key-queue.h"

#include <vector>

namespace qntn
{

/// Two endpoints that share key end to end: their pool, the paths that can refill it and the
/// applications that wait for it.
class Relation
{
  public:
    /// Refills so far.
    struct Counters
    {
        uint64_t linkBits{0};     ///< spent on links for this relation
        uint64_t inFlightBits{0}; ///< being relayed now
        uint64_t relays{0};       ///< that have arrived
        uint64_t failedRelays{0};
        uint64_t failedLinkBits{0}; ///< spent on relays that failed
    };

    Relation(std::string name, std::vector<KeyPath> paths, const KeyPoolConfig& pool);
    Relation(const Relation&) = delete;
    Relation& operator=(const Relation&) = delete;

    const std::vector<KeyPath>& GetPaths() const;
    /// After the paths that are there.
    void AddPath(KeyPath path);
    void SetPath(uint32_t pathIndex);
    uint32_t GetPathIndex() const;
    const KeyPath& GetCurrentPath() const;

    void SetRefillThreshold(double ratio);
    /// Bits that are missing to the refill threshold, or to what the waiting requests need.
    uint64_t GetNeed() const;
    /// \p bits have been relayed over the current path.
    void Refill(uint64_t bits, ns3::Time now);
    /// \p bits set out.
    void BeginRelay(uint64_t bits);
    /// A link has spent \p bits for this relation.
    void PayLink(uint64_t bits);
    /// \p bits that set out have arrived, or have not. \p linkBits have been spent on them.
    void EndRelay(uint64_t bits, uint64_t linkBits, bool delivered, ns3::Time now);

    /// Like KeyQueue::Request; a request that the pool could never meet ends the program.
    void Request(uint64_t bits, ns3::Time deadline, KeyQueue::KeyCallback done);
    /// Who asks for the pool's key.
    KeyQueue& GetQueue();
    const KeyQueue& GetQueue() const;

    const Counters& GetCounters() const;
    const KeyPool& GetPool() const;
    KeyPool& GetPool();

  private:
    std::vector<KeyPath> m_paths;
    KeyPool m_pool;
    uint32_t m_pathIndex{0};
    double m_refillThreshold{1};
    KeyQueue m_queue;
    Counters m_counters;
};

} // namespace qntn

#endif // QNTN_QKD_RELATION_H
