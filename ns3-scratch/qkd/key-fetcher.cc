// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-fetcher.h"

#include "ns3/abort.h"
#include "ns3/assert.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KeySource);
NS_OBJECT_ENSURE_REGISTERED(KeyFetcher);

TypeId
KeyFetcher::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KeyFetcher")
                            .SetParent<KeySource>()
                            .SetGroupName("Qntn")
                            .AddConstructor<KeyFetcher>()
                            .AddAttribute("StockBits",
                                          "Key that is fetched ahead.",
                                          UintegerValue(4 * UNIT_BITS),
                                          MakeUintegerAccessor(&KeyFetcher::m_stockTargetBits),
                                          MakeUintegerChecker<uint64_t>(UNIT_BITS))
                            .AddAttribute("RetryInterval",
                                          "Until a key manager that had no key is asked again.",
                                          TimeValue(MilliSeconds(20)),
                                          MakeTimeAccessor(&KeyFetcher::m_retryInterval),
                                          MakeTimeChecker(MicroSeconds(1)))
                            .AddAttribute("PeerDelay",
                                          "From the master to the slave.",
                                          TimeValue(MilliSeconds(1)),
                                          MakeTimeAccessor(&KeyFetcher::m_peerDelay),
                                          MakeTimeChecker(Time(0)));
    return tid;
}

KeyFetcher::KeyFetcher() : m_queue([this](uint64_t bits) { return TakeFromStock(bits); })
{
}

void
KeyFetcher::Configure(DeliveryProtocol protocol, const End& master, const End& slave)
{
    m_protocol = protocol;
    m_master = master;
    m_slave = slave;
}

void
KeyFetcher::Start()
{
    NS_ABORT_MSG_IF(!m_master.client, "KeyFetcher: call Configure before Start");
    m_protocol == DeliveryProtocol::Etsi004 ? Open() : Fetch();
}

void
KeyFetcher::Open()
{
    const StreamQos qos{.chunkBytes = UNIT_BITS / 8, .minBps = 0};
    m_master.client->OpenConnect(
        m_slave.sae,
        qos,
        0,
        [this, qos](StreamStatus status, uint64_t ksid)
        {
            if (status != StreamStatus::PeerAppNotConnected)
            {
                Retry();
                return;
            }
            Simulator::Schedule(m_peerDelay,
                                [this, qos, ksid]
                                {
                                    m_slave.client->OpenConnect(
                                        m_master.sae,
                                        qos,
                                        ksid,
                                        [this](StreamStatus joined, uint64_t number)
                                        {
                                            NS_ABORT_MSG_IF(joined != StreamStatus::Successful,
                                                            "key stream " << number
                                                                          << " cannot be joined");
                                            m_stream = number;
                                            Fetch();
                                        });
                                });
        });
}

void
KeyFetcher::Close()
{
    if (m_stream != 0)
    {
        m_master.client->Close(m_stream, [](StreamStatus) {});
        m_stream = 0;
    }
}

void
KeyFetcher::Fetch()
{
    const uint64_t wanted = std::max(m_stockTargetBits, m_queue.GetHeadBits());
    if (m_asking || m_retry.IsPending() || m_counters.stockBits + m_counters.onTheWayBits >= wanted)
    {
        return;
    }
    if (m_protocol == DeliveryProtocol::Etsi014)
    {
        m_asking = true;
        m_master.client->RequestKeys(
            m_slave.sae,
            UNIT_KEYS,
            KEY_BITS,
            [this](DeliveryStatus status, const std::vector<std::string>& ids)
            { status == DeliveryStatus::Ok ? MasterHas(ids, 0) : Retry(); });
    }
    else if (m_stream != 0)
    {
        m_asking = true;
        m_master.client->GetKey(
            m_stream,
            m_nextIndex,
            [this](StreamStatus status)
            { status == StreamStatus::Successful ? MasterHas({}, m_nextIndex++) : Retry(); });
    }
}

void
KeyFetcher::Retry()
{
    m_asking = false;
    ++m_counters.refusals;
    const bool open = m_protocol == DeliveryProtocol::Etsi014 || m_stream != 0;
    m_retry =
        Simulator::Schedule(m_retryInterval, open ? &KeyFetcher::Fetch : &KeyFetcher::Open, this);
}

void
KeyFetcher::MasterHas(const std::vector<std::string>& ids, uint64_t index)
{
    m_asking = false;
    m_counters.fetchedBits += UNIT_BITS;
    m_counters.onTheWayBits += UNIT_BITS;
    Simulator::Schedule(
        m_peerDelay,
        [this, ids, index]
        {
            if (!m_slave.client)
            {
                return; // disposed of
            }
            if (m_protocol == DeliveryProtocol::Etsi014)
            {
                m_slave.client->FetchKeys(m_master.sae,
                                          ids,
                                          [this](DeliveryStatus status, const auto&)
                                          { SlaveAsked(status == DeliveryStatus::Ok); });
            }
            else
            {
                m_slave.client->GetKey(m_stream,
                                       index,
                                       [this](StreamStatus status)
                                       { SlaveAsked(status == StreamStatus::Successful); });
            }
        });
    Fetch();
}

void
KeyFetcher::SlaveAsked(bool hasIt)
{
    m_counters.onTheWayBits -= UNIT_BITS;
    (hasIt ? m_counters.stockBits : m_counters.lostBits) += UNIT_BITS;
    m_queue.Serve();
    Fetch();
    Check();
}

bool
KeyFetcher::TakeFromStock(uint64_t bits)
{
    if (m_counters.stockBits < bits)
    {
        return false;
    }
    m_counters.stockBits -= bits;
    m_counters.givenBits += bits;
    Fetch();
    return true;
}

bool
KeyFetcher::TryTakeKey(uint64_t bits)
{
    return m_queue.TryTake(bits);
}

void
KeyFetcher::RequestKey(uint64_t bits, Time deadline, KeyQueue::KeyCallback done)
{
    m_queue.Request(bits, deadline, done);
    Fetch(); // it may be more than the stock holds
}

KeyQueue&
KeyFetcher::GetQueue()
{
    return m_queue;
}

const KeyFetcher::Counters&
KeyFetcher::GetCounters() const
{
    return m_counters;
}

void
KeyFetcher::Check() const
{
    const Counters& c = m_counters;
    NS_ASSERT_MSG(c.fetchedBits == c.givenBits + c.stockBits + c.onTheWayBits + c.lostBits,
                  m_master.sae << ": fetched " << c.fetchedBits << " bits, gave " << c.givenBits
                               << ", has " << c.stockBits << ", " << c.onTheWayBits
                               << " are on the way and " << c.lostBits << " lost");
}

void
KeyFetcher::DoDispose()
{
    m_retry.Cancel();
    m_queue.Cancel();
    m_master.client = nullptr;
    m_slave.client = nullptr;
    KeySource::DoDispose();
}

} // namespace qntn
