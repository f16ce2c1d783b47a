// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_FETCHER_H
#define QNTN_QKD_KEY_FETCHER_H

#include "qkd/key-client.h"
#include "qkd/key-source.h"

#include "ns3/event-id.h"

#include <string>

namespace qntn
{

/// How applications ask key managers for key.
enum class DeliveryProtocol : uint8_t
{
    Etsi014, ///< keys of 256 bits: one end has them made, the other fetches them by id
    Etsi004, ///< a key stream that both ends read chunk by chunk
};

/// Key that the applications at both ends of a relation have fetched from their key managers by
/// messages, and have not used yet: a stock of some packets' worth, filled up as it is used.
///
/// A unit of key counts once both ends have it: the master asks its key manager, sends the id (the
/// stream's number and the index) to the slave, which asks its own. Without key the master asks
/// again after RetryInterval.
class KeyFetcher : public KeySource
{
  public:
    static ns3::TypeId GetTypeId();
    KeyFetcher();

    static constexpr uint32_t KEY_BITS = 256;
    static constexpr uint32_t UNIT_KEYS = 16; ///< of one request by 014; a chunk of 004 is as long
    static constexpr uint64_t UNIT_BITS = UNIT_KEYS * KEY_BITS;

    /// One end of the relation.
    struct End
    {
        std::string sae;
        ns3::Ptr<KeyClient> client;
    };

    /// fetched = given + stock + on the way + lost.
    struct Counters
    {
        uint64_t fetchedBits{0}; ///< by the master
        uint64_t givenBits{0};   ///< to applications
        uint64_t stockBits{0};
        uint64_t onTheWayBits{0}; ///< the slave does not have them yet
        uint64_t lostBits{0};     ///< the slave did not get them
        uint64_t refusals{0};     ///< answers of key managers that had no key or no place for us
    };

    void Configure(DeliveryProtocol protocol, const End& master, const End& slave);
    /// Once the simulation runs.
    void Start();
    /// Ends a key stream.
    void Close();

    bool TryTakeKey(uint64_t bits) override;
    void RequestKey(uint64_t bits, ns3::Time deadline, KeyQueue::KeyCallback done) override;
    /// Of applications that wait for the stock.
    KeyQueue& GetQueue();

    const Counters& GetCounters() const;
    /// Asserts that each bit is accounted for.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    /// Asks for the next unit if the stock is not full.
    void Fetch();
    void Retry();
    void Open();
    void MasterHas(const std::vector<std::string>& ids, uint64_t index);
    void SlaveAsked(bool hasIt);
    bool TakeFromStock(uint64_t bits);

    uint64_t m_stockTargetBits;
    ns3::Time m_retryInterval;
    ns3::Time m_peerDelay;
    DeliveryProtocol m_protocol{DeliveryProtocol::Etsi014};
    End m_master;
    End m_slave;
    bool m_asking{false};
    ns3::EventId m_retry;
    uint64_t m_stream{0}; ///< 0: not open
    uint64_t m_nextIndex{0};
    KeyQueue m_queue;
    Counters m_counters;
};

} // namespace qntn

#endif // QNTN_QKD_KEY_FETCHER_H
