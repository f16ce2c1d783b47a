// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_SAE_H
#define QNTN_QKD_SAE_H

#include "qkd/key-source.h"

#include "ns3/callback.h"
#include "ns3/object.h"
#include "ns3/packet.h"

#include <deque>

namespace qntn
{

/// How a flow is encrypted.
enum class Cipher : uint8_t
{
    AesGcm,     ///< AES-256-GCM: 256 key bits a rekeying
    OneTimePad, ///< 8 key bits for each byte of payload and tag
};

/// Secure application entity (ETSI GS QKD 014) of one flow: encrypts its packets with key of one
/// relation. Without key, packets wait up to MaxWait and are then dropped: blocked by security.
///
/// An encrypted packet is a copy with its overhead added at the end: 28 bytes for AES-GCM (12 of
/// IV, 16 of tag; NIST SP 800-38D), 16 bytes of tag for the one-time pad. Packet tags stay.
class Sae : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    static constexpr uint32_t AES_KEY_BITS = 256;
    static constexpr uint32_t AES_GCM_OVERHEAD_BYTES = 28;
    static constexpr uint32_t TAG_BYTES = 16;

    /// packets = encrypted + blocked + waiting.
    struct Counters
    {
        uint64_t packets{0};
        uint64_t encryptedPackets{0};
        uint64_t encryptedBytes{0}; ///< payload
        uint64_t blockedPackets{0};
        uint64_t blockedBytes{0}; ///< payload
        uint64_t rekeys{0};
        uint64_t keyBits{0};         ///< taken from the source
        uint64_t padPayloadBytes{0}; ///< encrypted by one-time pad
        uint64_t padPackets{0};
        ns3::Time totalWait{0}; ///< of encrypted packets, for key
    };

    using PacketCallback = ns3::Callback<void, ns3::Ptr<const ns3::Packet>, ns3::Time /*created*/>;

    /// Before the first Send.
    void Configure(ns3::Ptr<QkdNetwork> network, uint32_t relation);
    /// Where key comes from, in place of the relation's pool; after Configure.
    void SetKeySource(ns3::Ptr<KeySource> source);
    /// Receives each encrypted packet.
    void SetOutputCallback(PacketCallback output);
    /// Receives each packet, as it came, that was dropped for want of key.
    void SetBlockedCallback(PacketCallback blocked);
    /// Takes effect with the next packet.
    void SetCipher(Cipher cipher);
    Cipher GetCipher() const;

    void Send(ns3::Ptr<const ns3::Packet> packet, ns3::Time created);

    uint32_t GetRelation() const;
    uint64_t GetWaitingPackets() const;
    uint64_t GetWaitingBytes() const;
    const Counters& GetCounters() const;
    /// Assert that packets and key bits are accounted for.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    struct Waiting
    {
        ns3::Ptr<const ns3::Packet> packet;
        ns3::Time created;
        ns3::Time arrived;
    };

    /// Whether the next packet under AES needs a new key.
    bool NeedsKey() const;
    /// Key bits to be had before a packet can be encrypted.
    uint64_t GetKeyBits(uint32_t payloadBytes) const;
    /// Get what a packet needs, if it is there at once.
    bool AcquireKey(uint32_t payloadBytes);
    void Encrypt(const Waiting& waiting);
    void Block(const Waiting& waiting);
    Waiting PopWaiting();
    /// Encrypt who waits, as far as key goes; then ask for more.
    void Drain();
    void KeyAnswer(bool granted);

    uint64_t m_rekeyBytes;
    ns3::Time m_rekeyInterval;
    ns3::Time m_maxWait;
    uint64_t m_maxWaitingBytes;
    ns3::Ptr<KeySource> m_source;
    uint32_t m_relation{0};
    Cipher m_cipher{Cipher::AesGcm};
    PacketCallback m_output;
    PacketCallback m_blocked;
    std::deque<Waiting> m_waiting;
    uint64_t m_waitingBytes{0};
    bool m_requested{false}; ///< a request for the head of m_waiting is under way
    uint64_t m_requestedBits{0};
    uint64_t m_spareBits{0}; ///< taken from the network, not yet used
    bool m_hasKey{false};    ///< AES
    ns3::Time m_keySince{0};
    uint64_t m_keyBytes{0}; ///< encrypted under the AES key
    Counters m_counters;
};

} // namespace qntn

#endif // QNTN_QKD_SAE_H
