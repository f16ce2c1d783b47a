// SPDX-License-Identifier: GPL-2.0-only
/// \file
/// What QkdNetwork tells about itself: state, prices, reports.
#include "orbit/nearest-name.h"
#include "qkd/qkd-network.h"

#include "ns3/abort.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <limits>

using namespace ns3;

namespace qntn
{

uint32_t
QkdNetwork::GetNumSites() const
{
    return m_sites.size();
}

uint32_t
QkdNetwork::GetNumLinks() const
{
    return m_links.size();
}

uint32_t
QkdNetwork::GetNumRelations() const
{
    return m_relations.size();
}

uint32_t
QkdNetwork::GetSite(const std::string& name) const
{
    std::vector<std::string> names;
    for (const Site& site : m_sites)
    {
        names.push_back(site.name);
    }
    const auto found = std::ranges::find(names, name);
    NS_ABORT_MSG_IF(found == names.end(),
                    "QKD network: no site '" << name << "'; did you mean '"
                                             << NearestName(name, names) << "'?");
    return found - names.begin();
}

const std::string&
QkdNetwork::GetSiteName(uint32_t site) const
{
    return m_sites.at(site).name;
}

SiteKind
QkdNetwork::GetSiteKind(uint32_t site) const
{
    return m_sites.at(site).kind;
}

std::vector<uint32_t>
QkdNetwork::GetRelaySites() const
{
    std::vector<uint32_t> relays;
    for (uint32_t site = 0; site < m_sites.size(); ++site)
    {
        if (m_sites[site].kind == SiteKind::RelayCandidate)
        {
            relays.push_back(site);
        }
    }
    return relays;
}

bool
QkdNetwork::IsSiteOpen(uint32_t site) const
{
    const Site& s = m_sites.at(site);
    return s.up && (s.kind == SiteKind::Endpoint || s.relay.IsOpen(Simulator::Now()));
}

const RelayDeployment&
QkdNetwork::GetRelay(uint32_t site) const
{
    NS_ABORT_MSG_IF(GetSiteKind(site) != SiteKind::RelayCandidate,
                    "QKD network: " << GetSiteName(site) << " is an endpoint, not a relay");
    return m_sites[site].relay;
}

double
QkdNetwork::GetSitePrice(uint32_t site, RelayState state) const
{
    if (state == RelayState::Off)
    {
        return 0;
    }
    const DevicePrices& prices =
        state == RelayState::Reserved ? m_costSet.reserved : m_costSet.onDemand;
    double price = prices.keyManager + prices.security;
    for (const QkdLink& link : m_links)
    {
        const QkdLinkConfig& config = link.GetConfig();
        if (config.siteA == site)
        {
            price += prices.transmitter + prices.multiplexer;
        }
        if (config.siteB == site)
        {
            price += prices.receiver + prices.multiplexer;
        }
    }
    return price / m_pricePeriod.GetSeconds();
}

double
QkdNetwork::GetFibrePrice(uint32_t link) const
{
    const QkdLinkConfig& config = m_links.at(link).GetConfig();
    bool leased = false; // fibre between endpoints is there anyway
    bool onDemand = false;
    for (const uint32_t site : {config.siteA, config.siteB})
    {
        if (!IsSiteOpen(site))
        {
            return 0;
        }
        leased = leased || m_sites[site].kind == SiteKind::RelayCandidate;
        onDemand = onDemand || m_sites[site].relay.IsOnDemand(Simulator::Now());
    }
    const DevicePrices& prices = onDemand ? m_costSet.onDemand : m_costSet.reserved;
    return leased ? prices.fibrePerKm * config.lengthKm / m_pricePeriod.GetSeconds() : 0;
}

const QkdLink&
QkdNetwork::GetLink(uint32_t link) const
{
    return m_links.at(link);
}

bool
QkdNetwork::IsLinkActive(uint32_t link) const
{
    const QkdLinkConfig& config = m_links.at(link).GetConfig();
    return m_links[link].IsUp() && IsSiteOpen(config.siteA) && IsSiteOpen(config.siteB);
}

uint32_t
QkdNetwork::GetNumPaths(uint32_t relation) const
{
    return GetRelation(relation).GetPaths().size();
}

const KeyPath&
QkdNetwork::GetPath(uint32_t relation, uint32_t pathIndex) const
{
    return GetRelation(relation).GetPaths().at(pathIndex);
}

uint32_t
QkdNetwork::GetCurrentPath(uint32_t relation) const
{
    return GetRelation(relation).GetPathIndex();
}

bool
QkdNetwork::IsPathOpen(uint32_t relation, uint32_t pathIndex) const
{
    return IsPathActive(GetPath(relation, pathIndex));
}

uint64_t
QkdNetwork::GetPathUsableBits(uint32_t relation, uint32_t pathIndex) const
{
    const KeyPath& path = GetPath(relation, pathIndex);
    if (!IsPathActive(path))
    {
        return 0;
    }
    uint64_t poorest = std::numeric_limits<uint64_t>::max();
    for (const uint32_t link : path.edges)
    {
        poorest = std::min(poorest, m_links[link].GetPool().GetUsableBits());
    }
    return poorest;
}

double
QkdNetwork::GetPathRateBps(uint32_t relation, uint32_t pathIndex) const
{
    const KeyPath& path = GetPath(relation, pathIndex);
    if (!IsPathActive(path))
    {
        return 0;
    }
    double slowest = std::numeric_limits<double>::max();
    for (const uint32_t link : path.edges)
    {
        slowest = std::min(slowest, m_links[link].GetExpectedRateBps());
    }
    return slowest;
}

const KeyPool&
QkdNetwork::GetRelationPool(uint32_t relation) const
{
    return GetRelation(relation).GetPool();
}

const std::string&
QkdNetwork::GetRelationName(uint32_t relation) const
{
    return GetRelationPool(relation).GetName();
}

const KeyQueue&
QkdNetwork::GetKeyQueue(uint32_t relation) const
{
    return GetRelation(relation).GetQueue();
}

const Relation::Counters&
QkdNetwork::GetRelationCounters(uint32_t relation) const
{
    return GetRelation(relation).GetCounters();
}

LinkReport
QkdNetwork::TakeLinkReport(uint32_t link)
{
    const KeyPool& pool = GetLink(link).GetPool();
    const KeyLedger& ledger = pool.GetLedger();
    Mark& mark = m_linkUses[link].mark;
    const double seconds = (Simulator::Now() - mark.at).GetSeconds();
    const uint64_t generated = ledger.generated - mark.ledger.generated;
    const LinkReport report{
        .generatedBits = generated,
        .droppedBits = ledger.dropped - mark.ledger.dropped,
        .relayBits = ledger.relay - mark.ledger.relay,
        .authenticationBits = ledger.authentication - mark.ledger.authentication,
        .expiredBits = ledger.expired - mark.ledger.expired,
        .storedBits = pool.GetStoredBits(),
        .fillRatio = pool.GetFillRatio(),
        .slopeBps = mark.GetSlopeBps(pool.GetStoredBits(), seconds),
        .rateBps = seconds > 0 ? static_cast<double>(generated) / seconds : 0,
        .expectedRateBps = m_links[link].GetExpectedRateBps(),
        .qber = m_links[link].GetQber(),
        .active = IsLinkActive(link),
        .state = pool.GetState(),
    };
    mark = {Simulator::Now(), ledger, pool.GetStoredBits()};
    return report;
}

RelationReport
QkdNetwork::TakeRelationReport(uint32_t index)
{
    Relation& relation = GetRelation(index);
    const KeyPool& pool = relation.GetPool();
    const KeyLedger& ledger = pool.GetLedger();
    const Relation::Counters& counters = relation.GetCounters();
    RelationUse& use = m_relations[index];
    const double seconds = (Simulator::Now() - use.mark.at).GetSeconds();
    const RelationReport report{
        .relayedBits = ledger.generated - use.mark.ledger.generated,
        .linkBits = counters.linkBits - use.countersMark.linkBits,
        .requests = relation.GetQueue().TakeReport(),
        .deliveredBits = ledger.delivered - use.mark.ledger.delivered,
        .expiredBits = ledger.expired - use.mark.ledger.expired,
        .storedBits = pool.GetStoredBits(),
        .fillRatio = pool.GetFillRatio(),
        .slopeBps = use.mark.GetSlopeBps(pool.GetStoredBits(), seconds),
        .state = pool.GetState(),
        .pathIndex = relation.GetPathIndex(),
        .pathOpen = IsPathActive(relation.GetCurrentPath()),
    };
    use.mark = {Simulator::Now(), ledger, pool.GetStoredBits()};
    use.countersMark = counters;
    return report;
}

RelayCost
QkdNetwork::TakeCostReport()
{
    const RelayCost total = GetCost();
    const RelayCost report{total.reserved - m_reportedCost.reserved,
                           total.onDemand - m_reportedCost.onDemand,
                           total.switching - m_reportedCost.switching,
                           total.fibre - m_reportedCost.fibre};
    m_reportedCost = total;
    return report;
}

RelayCost
QkdNetwork::GetCost()
{
    Advance();
    RelayCost total;
    for (const Site& site : m_sites)
    {
        const RelayCost& cost = site.relay.GetCost();
        total.reserved += cost.reserved;
        total.onDemand += cost.onDemand;
        total.switching += cost.switching;
    }
    total.fibre = m_fibreCost;
    return total;
}

bool
QkdNetwork::IsPathActive(const KeyPath& path) const
{
    return std::ranges::all_of(path.edges, [this](uint32_t link) { return IsLinkActive(link); });
}

Relation&
QkdNetwork::GetRelation(uint32_t relation) const
{
    NS_ABORT_MSG_IF(relation >= m_relations.size(),
                    "QKD network: relation " << relation << " does not exist, there are "
                                             << m_relations.size());
    return *m_relations[relation].relation;
}

double
QkdNetwork::Mark::GetSlopeBps(uint64_t storedNow, double seconds) const
{
    const double change = static_cast<double>(storedNow) - static_cast<double>(stored);
    return seconds > 0 ? change / seconds : 0;
}

} // namespace qntn
