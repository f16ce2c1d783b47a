// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/sae.h"

#include "ns3/abort.h"
#include "ns3/assert.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <utility>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(Sae);

TypeId
Sae::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::Sae")
            .SetParent<Object>()
            .SetGroupName("Qntn")
            .AddConstructor<Sae>()
            .AddAttribute("RekeyBytes",
                          "Payload bytes encrypted under one AES key.",
                          UintegerValue(1000000),
                          MakeUintegerAccessor(&Sae::m_rekeyBytes),
                          MakeUintegerChecker<uint64_t>(1))
            .AddAttribute("RekeyInterval",
                          "Age at which an AES key is replaced, if there is traffic.",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&Sae::m_rekeyInterval),
                          MakeTimeChecker(NanoSeconds(1)))
            .AddAttribute("MaxWait",
                          "How long a packet waits for key before it is dropped.",
                          TimeValue(MilliSeconds(500)),
                          MakeTimeAccessor(&Sae::m_maxWait),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("MaxWaitingBytes",
                          "Payload that may wait for key; what comes on top is dropped at once.",
                          UintegerValue(4000000),
                          MakeUintegerAccessor(&Sae::m_maxWaitingBytes),
                          MakeUintegerChecker<uint64_t>());
    return tid;
}

void
Sae::Configure(Ptr<QkdNetwork> network, uint32_t relation)
{
    NS_ABORT_MSG_IF(relation >= network->GetNumRelations(),
                    "SAE: relation " << relation << " does not exist, expected below "
                                     << network->GetNumRelations());
    auto pool = CreateObject<PoolSource>();
    pool->Configure(network, relation);
    m_source = pool;
    m_relation = relation;
}

void
Sae::SetKeySource(Ptr<KeySource> source)
{
    m_source = source;
}

void
Sae::SetOutputCallback(PacketCallback output)
{
    m_output = output;
}

void
Sae::SetBlockedCallback(PacketCallback blocked)
{
    m_blocked = blocked;
}

void
Sae::SetCipher(Cipher cipher)
{
    m_cipher = cipher;
}

Cipher
Sae::GetCipher() const
{
    return m_cipher;
}

void
Sae::Send(Ptr<const Packet> packet, Time created)
{
    NS_ABORT_MSG_IF(!m_source, "SAE: call Configure before Send");
    ++m_counters.packets;
    const Waiting arrival{packet, created, Simulator::Now()};
    if (m_waiting.empty() && AcquireKey(packet->GetSize()))
    {
        Encrypt(arrival);
        return;
    }
    if (m_waitingBytes + packet->GetSize() > m_maxWaitingBytes)
    {
        Block(arrival);
        return;
    }
    m_waiting.push_back(arrival);
    m_waitingBytes += packet->GetSize();
    Drain();
}

uint32_t
Sae::GetRelation() const
{
    return m_relation;
}

uint64_t
Sae::GetWaitingPackets() const
{
    return m_waiting.size();
}

uint64_t
Sae::GetWaitingBytes() const
{
    return m_waitingBytes;
}

const Sae::Counters&
Sae::GetCounters() const
{
    return m_counters;
}

void
Sae::Check() const
{
    NS_ASSERT_MSG(m_counters.packets ==
                      m_counters.encryptedPackets + m_counters.blockedPackets + m_waiting.size(),
                  "SAE: " << m_counters.packets << " packets came, " << m_counters.encryptedPackets
                          << " were encrypted, " << m_counters.blockedPackets << " blocked, "
                          << m_waiting.size() << " wait");
    NS_ASSERT_MSG(m_counters.keyBits ==
                      m_counters.rekeys * AES_KEY_BITS +
                          8 * (m_counters.padPayloadBytes + m_counters.padPackets * TAG_BYTES) +
                          m_spareBits,
                  "SAE: " << m_counters.keyBits << " key bits do not match what was encrypted");
}

void
Sae::DoDispose()
{
    m_waiting.clear();
    m_source = nullptr;
    m_output.Nullify();
    m_blocked.Nullify();
    Object::DoDispose();
}

bool
Sae::NeedsKey() const
{
    return !m_hasKey || m_keyBytes >= m_rekeyBytes ||
           Simulator::Now() - m_keySince >= m_rekeyInterval;
}

uint64_t
Sae::GetKeyBits(uint32_t payloadBytes) const
{
    if (m_cipher == Cipher::OneTimePad)
    {
        const uint64_t bits = 8 * (uint64_t{payloadBytes} + TAG_BYTES);
        return bits > m_spareBits ? bits - m_spareBits : 0;
    }
    if (!NeedsKey())
    {
        return 0;
    }
    return AES_KEY_BITS > m_spareBits ? AES_KEY_BITS - m_spareBits : 0;
}

bool
Sae::AcquireKey(uint32_t payloadBytes)
{
    const uint64_t bits = GetKeyBits(payloadBytes);
    if (bits > 0)
    {
        if (!m_source->TryTakeKey(bits))
        {
            return false;
        }
        m_counters.keyBits += bits;
        m_spareBits += bits;
    }
    return true;
}

void
Sae::Encrypt(const Waiting& waiting)
{
    const uint32_t size = waiting.packet->GetSize();
    uint32_t overhead = TAG_BYTES;
    if (m_cipher == Cipher::OneTimePad)
    {
        m_spareBits -= 8 * (uint64_t{size} + TAG_BYTES);
        m_counters.padPayloadBytes += size;
        ++m_counters.padPackets;
    }
    else
    {
        if (NeedsKey())
        {
            m_spareBits -= AES_KEY_BITS;
            ++m_counters.rekeys;
            m_hasKey = true;
            m_keySince = Simulator::Now();
            m_keyBytes = 0;
        }
        m_keyBytes += size;
        overhead = AES_GCM_OVERHEAD_BYTES;
    }
    ++m_counters.encryptedPackets;
    m_counters.encryptedBytes += size;
    m_counters.totalWait += Simulator::Now() - waiting.arrived;
    Check();
    if (!m_output.IsNull())
    {
        const Ptr<Packet> encrypted = waiting.packet->Copy();
        encrypted->AddPaddingAtEnd(overhead);
        m_output(encrypted, waiting.created);
    }
}

void
Sae::Block(const Waiting& waiting)
{
    ++m_counters.blockedPackets;
    m_counters.blockedBytes += waiting.packet->GetSize();
    Check();
    if (!m_blocked.IsNull())
    {
        m_blocked(waiting.packet, waiting.created);
    }
}

Sae::Waiting
Sae::PopWaiting()
{
    Waiting head = std::move(m_waiting.front());
    m_waiting.pop_front();
    m_waitingBytes -= head.packet->GetSize();
    return head;
}

void
Sae::Drain()
{
    while (!m_waiting.empty() && !m_requested)
    {
        const Waiting& head = m_waiting.front();
        if (AcquireKey(head.packet->GetSize()))
        {
            Encrypt(PopWaiting());
            continue;
        }
        m_requested = true;
        m_requestedBits = GetKeyBits(head.packet->GetSize());
        m_source->RequestKey(m_requestedBits,
                             head.arrived + m_maxWait,
                             MakeCallback(&Sae::KeyAnswer, Ptr<Sae>(this)));
    }
}

void
Sae::KeyAnswer(bool granted)
{
    m_requested = false;
    if (!m_source)
    {
        return;
    }
    if (granted)
    {
        m_counters.keyBits += m_requestedBits;
        m_spareBits += m_requestedBits;
    }
    else
    {
        Block(PopWaiting());
    }
    Drain();
}

} // namespace qntn
