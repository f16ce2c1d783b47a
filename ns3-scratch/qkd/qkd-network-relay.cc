// SPDX-License-Identifier: GPL-2.0-only
/// \file
/// How QkdNetwork chooses paths and relays key over them, and what its transport calls.
#include "qkd/qkd-network.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <limits>
#include <tuple>

using namespace ns3;

namespace qntn
{

namespace
{

/// How often what one relation leaves over is offered to the others.
constexpr uint32_t RELAY_PASSES = 4;
/// Kept out of relays where messages carry tags.
constexpr uint64_t TAG_MARGIN_BITS = 4096;

} // namespace

bool
QkdNetwork::PayTag(uint32_t link, uint64_t bits)
{
    return m_links.at(link).GetPool().Authenticate(bits);
}

void
QkdNetwork::StoreBlock(uint32_t link, uint64_t bits)
{
    m_links.at(link).Store(bits, Simulator::Now());
}

void
QkdNetwork::AbortBlock(uint32_t link)
{
    m_links.at(link).Abort();
}

bool
QkdNetwork::PayRelay(uint64_t transfer, uint32_t hop)
{
    Transfer& t = m_transfers.at(transfer);
    const uint32_t link = t.path.edges[hop];
    if (!IsLinkActive(link) || !m_links[link].GetPool().Relay(t.bits))
    {
        return false;
    }
    t.paid[hop] = true;
    m_linkUses[link].promisedBits -= t.bits;
    GetRelation(t.relation).PayLink(t.bits);
    return true;
}

void
QkdNetwork::EndRelay(uint64_t transfer, bool delivered)
{
    const Transfer t = std::move(m_transfers.extract(transfer).mapped());
    uint64_t spent = 0;
    for (std::size_t hop = 0; hop < t.paid.size(); ++hop)
    {
        if (t.paid[hop])
        {
            spent += t.bits;
        }
        else
        {
            m_linkUses[t.path.edges[hop]].promisedBits -= t.bits;
        }
    }
    NS_ASSERT_MSG(!delivered || spent == t.bits * t.paid.size(),
                  "QKD network: a relayed key has arrived that was not paid for at every hop");
    Relation& relation = GetRelation(t.relation);
    relation.EndRelay(t.bits, spent, delivered, Simulator::Now());
    relation.GetQueue().Serve();
}

void
QkdNetwork::ChoosePaths()
{
    if (m_routing == KeyRouting::Manual)
    {
        return;
    }
    for (const RelationUse& use : m_relations)
    {
        if (const auto path = ChoosePath(*use.relation))
        {
            use.relation->SetPath(*path);
        }
    }
    m_routed = true;
}

std::optional<uint32_t>
QkdNetwork::ChoosePath(const Relation& relation) const
{
    const bool shortest = m_routing == KeyRouting::ShortestPath;
    const uint64_t need = std::max<uint64_t>(relation.GetNeed(), 1);
    if (shortest && m_routed && GetSpareBits(relation.GetCurrentPath()) >= need)
    {
        return relation.GetPathIndex();
    }
    std::optional<uint32_t> best;
    std::tuple<bool, int64_t, uint64_t, double> bestScore;
    for (uint32_t i = 0; i < relation.GetPaths().size(); ++i)
    {
        const KeyPath& path = relation.GetPaths()[i];
        const uint64_t spare = GetSpareBits(path);
        double rate = std::numeric_limits<double>::max();
        for (const uint32_t link : path.edges)
        {
            rate = std::min(rate, m_links[link].GetExpectedRateBps());
        }
        const bool suffices = shortest && spare >= need;
        const auto hops = static_cast<int64_t>(path.edges.size());
        const std::tuple score{suffices, suffices ? -hops : 0, spare, rate};
        if (spare > 0 && (!best || score > bestScore))
        {
            best = i;
            bestScore = score;
        }
    }
    return best;
}

uint64_t
QkdNetwork::GetSpareBits(const KeyPath& path) const
{
    uint64_t poorest = std::numeric_limits<uint64_t>::max();
    for (const uint32_t link : path.edges)
    {
        const bool overheard = m_links[link].GetQber() > m_links[link].GetConfig().maxQber;
        poorest =
            IsLinkActive(link) && !overheard ? std::min(poorest, GetSpareBits(link)) : uint64_t{0};
    }
    return poorest;
}

void
QkdNetwork::RelayKeys()
{
    for (uint32_t pass = 0; pass < RELAY_PASSES; ++pass)
    {
        for (LinkUse& use : m_linkUses)
        {
            use.users = 0;
        }
        std::vector<uint32_t> needy;
        for (uint32_t i = 0; i < m_relations.size(); ++i)
        {
            const Relation& relation = *m_relations[i].relation;
            const KeyPath& path = relation.GetCurrentPath();
            if (relation.GetNeed() > 0 && IsPathActive(path))
            {
                needy.push_back(i);
                for (const uint32_t link : path.edges)
                {
                    ++m_linkUses[link].users;
                }
            }
        }
        bool progress = false;
        for (const uint32_t relation : needy)
        {
            progress = RelayShare(relation) || progress;
        }
        if (!progress)
        {
            return;
        }
    }
}

bool
QkdNetwork::RelayShare(uint32_t index)
{
    Relation& relation = GetRelation(index);
    const KeyPath& path = relation.GetCurrentPath();
    const uint64_t need = relation.GetNeed();
    uint64_t bits = need;
    for (const uint32_t link : path.edges)
    {
        bits = std::min(bits, GetSpareBits(link) / m_linkUses[link].users);
        --m_linkUses[link].users;
    }
    if (bits == 0)
    {
        return false;
    }
    if (m_transport)
    {
        const KeyPool& pool = relation.GetPool();
        const bool urgent = relation.GetQueue().GetNumWaiting() > 0 ||
                            pool.GetStoredBits() < pool.GetConfig().thresholdBits;
        if (bits < m_minRelayBits && !(urgent && bits == need))
        {
            return false;
        }
        SendRelay(index, bits);
        return true;
    }
    for (const uint32_t link : path.edges)
    {
        const bool spent = m_links[link].GetPool().Relay(bits);
        NS_ASSERT_MSG(spent, "QKD network: a share exceeds what a link has");
    }
    relation.Refill(bits, Simulator::Now());
    return true;
}

void
QkdNetwork::SendRelay(uint32_t index, uint64_t bits)
{
    Relation& relation = GetRelation(index);
    const KeyPath& path = relation.GetCurrentPath();
    const uint64_t id = m_nextTransfer++;
    m_transfers[id] = {index, path, bits, std::vector<bool>(path.edges.size(), false)};
    relation.BeginRelay(bits);
    for (const uint32_t link : path.edges)
    {
        m_linkUses[link].promisedBits += bits;
    }
    m_transport->Relay(id, path, bits);
}

uint64_t
QkdNetwork::GetSpareBits(uint32_t link) const
{
    const uint64_t usable = m_links[link].GetPool().GetUsableBits();
    // Tags that are due before the last hop is paid must not eat what was promised.
    const uint64_t promised = m_linkUses[link].promisedBits + (m_transport ? TAG_MARGIN_BITS : 0);
    return usable > promised ? usable - promised : 0;
}

void
QkdNetwork::Distil(uint32_t link, const SiftedBlock& block)
{
    m_transport->Distil(link, block);
}

} // namespace qntn
