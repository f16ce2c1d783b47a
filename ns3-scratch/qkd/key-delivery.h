// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_DELIVERY_H
#define QNTN_QKD_KEY_DELIVERY_H

#include "qkd/qkd-network.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qntn
{

/// What a KME answers to an application, after the status codes of HTTP that ETSI GS QKD 014
/// V1.1.1, 5.1 uses.
enum class DeliveryStatus : uint16_t
{
    Ok = 200,
    BadRequest = 400,
    Unauthorized = 401,
    Unavailable = 503,
};

/// A key that was handed out: its place in the sequence of a relation's key.
struct DeliveredKey
{
    std::string id; ///< as a UUID, made of relation and place
    uint32_t relation;
    uint64_t offsetBits;
    uint64_t bits;
};

/// Answer of a KME: a status, and keys if it is Ok.
struct KeyContainer
{
    DeliveryStatus status;
    std::string message; ///< the standard's text where there is one
    std::vector<DeliveredKey> keys;
};

/// Status codes of key streams, ETSI GS QKD 004.
enum class StreamStatus : uint8_t
{
    Successful = 0,
    PeerNotConnected = 1,
    InsufficientKey = 2,
    PeerAppNotConnected = 3,
    NoQkdConnection = 4,
    KsidInUse = 5,
    Timeout = 6,
    QosNotMet = 7,
    MetadataTooSmall = 8,
};

/// What is asked of a key stream.
struct StreamQos
{
    uint32_t chunkBytes{32};
    double minBps{0};
};

/// Hands key of a QkdNetwork to applications (SAEs), each key once to each of two: by ETSI GS QKD
/// 014 (master asks for keys, slave fetches them by id) and as ETSI GS QKD 004 key streams (both
/// ends open one stream and read it chunk by chunk). All KMEs together; a call names the site.
class KeyDelivery
{
  public:
    explicit KeyDelivery(ns3::Ptr<QkdNetwork> network);

    static constexpr uint32_t MAX_KEYS = 128;
    static constexpr uint64_t MAX_KEY_BITS = 65536;

    /// An application at a site.
    void AddSae(const std::string& sae, uint32_t site);

    // ETSI GS QKD 014.
    KeyContainer EncKeys(uint32_t site,
                         const std::string& master,
                         const std::string& slave,
                         uint32_t number,
                         uint64_t bits);
    KeyContainer DecKeys(uint32_t site,
                         const std::string& slave,
                         const std::string& master,
                         const std::vector<std::string>& ids);
    /// Keys that one application has and the other has not fetched.
    uint64_t GetNumHeld() const;

    // ETSI GS QKD 004.
    /// Open a stream, or join the one that the peer has opened.
    /// \param ksid 0: a new one is chosen
    StreamStatus OpenConnect(const std::string& source,
                             const std::string& destination,
                             const StreamQos& qos,
                             uint64_t& ksid);
    /// Read chunk \p index.
    StreamStatus GetKey(uint64_t ksid, const std::string& sae, uint64_t index, DeliveredKey& key);
    StreamStatus Close(uint64_t ksid, const std::string& sae);

  private:
    struct Held
    {
        DeliveredKey key;
        std::string master;
        std::string slave;
    };

    struct Stream
    {
        std::string source;
        std::string destination;
        uint32_t relation;
        StreamQos qos;
        bool joined{false};                      ///< by the destination
        std::map<uint64_t, DeliveredKey> chunks; ///< read by one end so far
        std::map<uint64_t, std::string> readBy;
        uint64_t nextIndex{0};
    };

    /// Whether two applications have a relation.
    bool FindRelation(const std::string& a, const std::string& b, uint32_t& relation) const;
    bool Take(uint32_t relation, uint64_t bits, DeliveredKey& key);

    ns3::Ptr<QkdNetwork> m_network;
    std::map<std::string, uint32_t> m_saes; ///< site of each
    std::map<std::string, Held> m_held;     ///< by key id
    std::map<uint64_t, Stream> m_streams;
    std::map<uint32_t, uint64_t> m_handedOutTo; ///< first free place, by relation
    uint64_t m_nextKsid{1};
};

} // namespace qntn

#endif // QNTN_QKD_KEY_DELIVERY_H
