// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KME_MESSAGE_H
#define QNTN_QKD_KME_MESSAGE_H

#include "ns3/header.h"

#include <cstdint>

namespace qntn
{

/// What key managers tell each other.
enum class KmeMessageType : uint8_t
{
    Acknowledge, ///< a datagram has come

    // Post-processing of a block, in this order; transmitter A, receiver B of the photons.
    Detections, ///< B to A: which pulses were seen, in which basis
    Bases,      ///< A to B: which bases agree, intensities, and the syndrome
    Verify,     ///< B to A: hash of the corrected key
    Seed,       ///< A to B: seed of privacy amplification
    Confirm,    ///< B to A: hash of the final key
    Ready,      ///< A to B: the hashes agree
    Discard,    ///< either way: they do not, or the block has too many errors

    // Relay of a key.
    RelayPad,   ///< the key under the one-time pad of this hop
    RelayStart, ///< XOR variant: announces a key
    RelayXor,   ///< XOR variant: the sum of a relay's two link keys, on its way to the end
    RelayDone,  ///< back to the source: the end has the key
    RelayFail,  ///< back to the source: a relay has too little key
};

/// A message between neighbouring key managers; \p payloadBytes of content follow it.
struct KmeMessage
{
    KmeMessageType type{KmeMessageType::Acknowledge};
    uint32_t link{0};   ///< of a block
    uint64_t object{0}; ///< number of the block, or of the relay transfer
    uint32_t hop{0};    ///< of a relay: sites passed
    uint32_t origin{0}; ///< RelayXor: whose sum it is
    uint64_t bits{0};   ///< of key
    uint64_t hash{0};
    uint64_t payloadBytes{0}; ///< not sent as such: the length of what follows
};

/// A KmeMessage, or a part of a long one, on the wire.
class KmeHeader : public ns3::Header
{
  public:
    static ns3::TypeId GetTypeId();
    ns3::TypeId GetInstanceTypeId() const override;
    uint32_t GetSerializedSize() const override;
    void Serialize(ns3::Buffer::Iterator start) const override;
    uint32_t Deserialize(ns3::Buffer::Iterator start) override;
    void Print(std::ostream& os) const override;

    KmeMessage message;
    uint64_t number{0}; ///< of the message, at its sender
    uint32_t part{0};
    uint32_t numParts{1};
};

} // namespace qntn

#endif // QNTN_QKD_KME_MESSAGE_H
