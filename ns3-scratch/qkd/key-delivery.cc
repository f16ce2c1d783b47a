// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-delivery.h"

#include "ns3/abort.h"
#include "ns3/assert.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

using namespace ns3;

namespace qntn
{

namespace
{

/// A UUID of version 8 (RFC 9562, 5.8: contents of one's own): 48 bits of relation, then 62 of
/// place.
std::string
MakeId(uint32_t relation, uint64_t offsetBits)
{
    std::array<char, 37> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%08" PRIx32 "-0000-8%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                  relation,
                  (offsetBits >> 60) & 0xfff,
                  ((offsetBits >> 48) & 0xfff) | 0x8000,
                  offsetBits & 0xffffffffffff);
    return text.data();
}

} // namespace

KeyDelivery::KeyDelivery(Ptr<QkdNetwork> network) : m_network(network)
{
}

void
KeyDelivery::AddSae(const std::string& sae, uint32_t site)
{
    NS_ABORT_MSG_IF(site >= m_network->GetNumSites(),
                    "SAE " << sae << ": site " << site << " does not exist");
    NS_ABORT_MSG_IF(!m_saes.insert({sae, site}).second, "two SAEs are called " << sae);
}

KeyContainer
KeyDelivery::EncKeys(uint32_t site,
                     const std::string& master,
                     const std::string& slave,
                     uint32_t number,
                     uint64_t bits)
{
    const auto found = m_saes.find(master);
    if (found == m_saes.end() || found->second != site)
    {
        return {DeliveryStatus::Unauthorized, "no SAE of this KME", {}};
    }
    if (!m_network->IsSiteUp(site))
    {
        return {DeliveryStatus::Unavailable, "the KME is down", {}};
    }
    if (bits % 8 != 0)
    {
        return {DeliveryStatus::BadRequest, "size shall be a multiple of 8", {}};
    }
    uint32_t relation = 0;
    if (bits == 0 || bits > MAX_KEY_BITS || number == 0 || number > MAX_KEYS ||
        !FindRelation(master, slave, relation))
    {
        return {DeliveryStatus::BadRequest, "number, size or slave SAE is not possible", {}};
    }
    // All or nothing: one piece of the pool, then cut.
    DeliveredKey whole;
    if (!Take(relation, bits * number, whole))
    {
        return {DeliveryStatus::Unavailable, "not enough key", {}};
    }
    KeyContainer answer{DeliveryStatus::Ok, "", {}};
    for (uint32_t i = 0; i < number; ++i)
    {
        const uint64_t offset = whole.offsetBits + i * bits;
        const DeliveredKey key{MakeId(relation, offset), relation, offset, bits};
        m_held[key.id] = {key, master, slave};
        answer.keys.push_back(key);
    }
    return answer;
}

KeyContainer
KeyDelivery::DecKeys(uint32_t site,
                     const std::string& slave,
                     const std::string& master,
                     const std::vector<std::string>& ids)
{
    const auto sae = m_saes.find(slave);
    if (sae == m_saes.end() || sae->second != site)
    {
        return {DeliveryStatus::Unauthorized, "no SAE of this KME", {}};
    }
    if (!m_network->IsSiteUp(site))
    {
        return {DeliveryStatus::Unavailable, "the KME is down", {}};
    }
    KeyContainer answer{DeliveryStatus::Ok, "", {}};
    for (const std::string& id : ids)
    {
        const auto found = m_held.find(id);
        if (found == m_held.end() || std::ranges::count(ids, id) > 1)
        {
            return {DeliveryStatus::BadRequest,
                    "one or more keys specified are not found on KME",
                    {}};
        }
        if (found->second.slave != slave || found->second.master != master)
        {
            return {DeliveryStatus::Unauthorized, "not named when the key was made", {}};
        }
        answer.keys.push_back(found->second.key);
    }
    for (const std::string& id : ids)
    {
        m_held.erase(id);
    }
    return answer;
}

uint64_t
KeyDelivery::GetNumHeld() const
{
    return m_held.size();
}

StreamStatus
KeyDelivery::OpenConnect(const std::string& source,
                         const std::string& destination,
                         const StreamQos& qos,
                         uint64_t& ksid)
{
    uint32_t relation = 0;
    if (!FindRelation(source, destination, relation))
    {
        return StreamStatus::NoQkdConnection;
    }
    const auto found = m_streams.find(ksid);
    if (ksid != 0 && found != m_streams.end())
    {
        Stream& stream = found->second;
        // The peer names itself first.
        if (stream.joined || stream.source != destination || stream.destination != source)
        {
            return StreamStatus::KsidInUse;
        }
        stream.joined = true;
        return StreamStatus::Successful;
    }
    const uint32_t path = m_network->GetCurrentPath(relation);
    if (qos.minBps > m_network->GetPathRateBps(relation, path))
    {
        return StreamStatus::QosNotMet;
    }
    if (ksid == 0)
    {
        while (m_streams.contains(m_nextKsid))
        {
            ++m_nextKsid;
        }
        ksid = m_nextKsid++;
    }
    Stream& stream = m_streams[ksid];
    stream.source = source;
    stream.destination = destination;
    stream.relation = relation;
    stream.qos = qos;
    return StreamStatus::PeerAppNotConnected; // opened; Successful for the peer that joins
}

StreamStatus
KeyDelivery::GetKey(uint64_t ksid, const std::string& sae, uint64_t index, DeliveredKey& key)
{
    const auto found = m_streams.find(ksid);
    if (found == m_streams.end() ||
        (found->second.source != sae && found->second.destination != sae))
    {
        return StreamStatus::PeerNotConnected;
    }
    Stream& stream = found->second;
    if (!stream.joined)
    {
        return StreamStatus::PeerAppNotConnected;
    }
    if (!m_network->IsSiteUp(m_saes.at(sae)))
    {
        return StreamStatus::NoQkdConnection;
    }
    if (const auto chunk = stream.chunks.find(index); chunk != stream.chunks.end())
    {
        if (stream.readBy[index] == sae)
        {
            return StreamStatus::InsufficientKey; // has it already
        }
        key = chunk->second;
        stream.chunks.erase(chunk);
        stream.readBy.erase(index);
        return StreamStatus::Successful;
    }
    if (index != stream.nextIndex || !Take(stream.relation, 8 * stream.qos.chunkBytes, key))
    {
        return StreamStatus::InsufficientKey;
    }
    ++stream.nextIndex;
    stream.chunks[index] = key;
    stream.readBy[index] = sae;
    return StreamStatus::Successful;
}

StreamStatus
KeyDelivery::Close(uint64_t ksid, const std::string& sae)
{
    const auto found = m_streams.find(ksid);
    if (found == m_streams.end() ||
        (found->second.source != sae && found->second.destination != sae))
    {
        return StreamStatus::PeerNotConnected;
    }
    m_streams.erase(found);
    return StreamStatus::Successful;
}

bool
KeyDelivery::FindRelation(const std::string& a, const std::string& b, uint32_t& relation) const
{
    const auto atA = m_saes.find(a);
    const auto atB = m_saes.find(b);
    if (atA == m_saes.end() || atB == m_saes.end())
    {
        return false;
    }
    for (relation = 0; relation < m_network->GetNumRelations(); ++relation)
    {
        const KeyPath& path = m_network->GetPath(relation, 0);
        if (std::minmax(path.sites.front(), path.sites.back()) ==
            std::minmax(atA->second, atB->second))
        {
            return true;
        }
    }
    return false;
}

bool
KeyDelivery::Take(uint32_t relation, uint64_t bits, DeliveredKey& key)
{
    const uint64_t offset = m_network->GetRelationPool(relation).GetHeadOffset();
    if (!m_network->TryTakeKey(relation, bits))
    {
        return false;
    }
    uint64_t& handedOutTo = m_handedOutTo[relation];
    NS_ASSERT_MSG(offset >= handedOutTo,
                  "key delivery: place " << offset << " of relation " << relation
                                         << " is handed out twice");
    handedOutTo = offset + bits;
    key = {MakeId(relation, offset), relation, offset, bits};
    return true;
}

} // namespace qntn
