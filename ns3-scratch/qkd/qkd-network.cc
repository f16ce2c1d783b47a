// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/qkd-network.h"

#include "ns3/abort.h"
#include "ns3/assert.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(QkdNetwork);

namespace
{

/// Abort unless \p index names one of \p size things called \p what.
void
RequireIndex(const char* what, uint32_t index, std::size_t size)
{
    NS_ABORT_MSG_IF(index >= size,
                    "QKD network: " << what << " " << index << " does not exist, there are "
                                    << size);
}

} // namespace

TypeId
QkdNetwork::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::QkdNetwork")
            .SetParent<Object>()
            .SetGroupName("Qntn")
            .AddConstructor<QkdNetwork>()
            .AddAttribute("BlockPeriod",
                          "How often links deliver, keys are relayed and requests served.",
                          TimeValue(MilliSeconds(100)),
                          MakeTimeAccessor(&QkdNetwork::m_blockPeriod),
                          MakeTimeChecker(MicroSeconds(1)))
            .AddAttribute("MaxPaths",
                          "Candidate paths of a relation.",
                          UintegerValue(3),
                          MakeUintegerAccessor(&QkdNetwork::m_maxPaths),
                          MakeUintegerChecker<uint32_t>(1, 64))
            .AddAttribute("SetupTime",
                          "From ordering a reserved relay to its opening.",
                          TimeValue(Seconds(10)),
                          MakeTimeAccessor(&QkdNetwork::m_setupTime),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("Commitment",
                          "A reserved relay is paid for at least this long.",
                          TimeValue(Seconds(60)),
                          MakeTimeAccessor(&QkdNetwork::m_commitment),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("PricePeriod",
                          "What a price of the cost set pays for.",
                          TimeValue(Hours(1)),
                          MakeTimeAccessor(&QkdNetwork::m_pricePeriod),
                          MakeTimeChecker(MilliSeconds(1)))
            .AddAttribute("SwitchingPrice",
                          "Price of each change of a relay's state.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&QkdNetwork::m_switchingPrice),
                          MakeDoubleChecker<double>(0))
            .AddAttribute("Routing",
                          "Who chooses the path of a relation.",
                          EnumValue(KeyRouting::Manual),
                          MakeEnumAccessor<KeyRouting>(&QkdNetwork::m_routing),
                          MakeEnumChecker(KeyRouting::Manual,
                                          "Manual",
                                          KeyRouting::ShortestPath,
                                          "ShortestPath",
                                          KeyRouting::LargestResidual,
                                          "LargestResidual"))
            .AddAttribute("MinRelayBits",
                          "With a transport: less is not worth a message, unless it is all that is "
                          "needed and the pool is below M_thr or somebody waits.",
                          UintegerValue(1024),
                          MakeUintegerAccessor(&QkdNetwork::m_minRelayBits),
                          MakeUintegerChecker<uint64_t>(1));
    return tid;
}

uint32_t
QkdNetwork::AddSite(const std::string& name, SiteKind kind)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: site " << name << " added after Start");
    for (const Site& site : m_sites)
    {
        NS_ABORT_MSG_IF(site.name == name, "QKD network: two sites are called " << name);
    }
    m_sites.push_back({name, kind, {}});
    return m_sites.size() - 1;
}

uint32_t
QkdNetwork::AddLink(const QkdLinkConfig& config)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: link added after Start");
    RequireIndex("site", config.siteA, m_sites.size());
    RequireIndex("site", config.siteB, m_sites.size());
    const std::string name = m_sites[config.siteA].name + "-" + m_sites[config.siteB].name;
    NS_ABORT_MSG_IF(config.siteA == config.siteB, "link " << name << " ends where it begins");
    m_links.emplace_back(name, config);
    const KeyPool& pool = m_links.back().GetPool();
    m_linkUses.push_back({.mark = {Simulator::Now(), pool.GetLedger(), pool.GetStoredBits()}});
    return m_links.size() - 1;
}

uint32_t
QkdNetwork::AddRelation(uint32_t siteA, uint32_t siteB, const KeyPoolConfig& config)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: relation added after Start");
    RequireIndex("site", siteA, m_sites.size());
    RequireIndex("site", siteB, m_sites.size());
    const std::string name = m_sites[siteA].name + "-" + m_sites[siteB].name;
    NS_ABORT_MSG_IF(siteA == siteB, "relation " << name << " ends where it begins");
    for (const uint32_t site : {siteA, siteB})
    {
        NS_ABORT_MSG_IF(m_sites[site].kind != SiteKind::Endpoint,
                        "relation " << name << ": " << m_sites[site].name
                                    << " is a relay candidate, expected an endpoint");
    }
    std::vector<KeyEdge> edges;
    for (const QkdLink& link : m_links)
    {
        edges.push_back({link.GetConfig().siteA, link.GetConfig().siteB, link.GetLossDb()});
    }
    auto paths = FindKeyPaths(m_sites.size(), edges, siteA, siteB, m_maxPaths);
    NS_ABORT_MSG_IF(paths.empty(),
                    "relation " << name << ": no path of links between its ends; add links first");
    auto relation = std::make_unique<Relation>(name, std::move(paths), config);
    const KeyPool& pool = relation->GetPool();
    const Mark mark{Simulator::Now(), pool.GetLedger(), pool.GetStoredBits()};
    m_relations.push_back({std::move(relation), {}, mark});
    return m_relations.size() - 1;
}

uint32_t
QkdNetwork::AddPath(uint32_t relation, const std::vector<uint32_t>& links)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: path added after Start");
    Relation& owner = GetRelation(relation);
    const std::vector<uint32_t>& known = owner.GetPaths().front().sites;
    KeyPath path{.edges = links, .sites = {known.front()}};
    for (const uint32_t link : links)
    {
        RequireIndex("link", link, m_links.size());
        const QkdLinkConfig& config = m_links[link].GetConfig();
        const uint32_t from = path.sites.back();
        NS_ABORT_MSG_IF(config.siteA != from && config.siteB != from,
                        "relation " << GetRelationName(relation) << ": link "
                                    << m_links[link].GetPool().GetName() << " does not begin at "
                                    << m_sites[from].name << ", where the path has come to");
        path.sites.push_back(config.siteA == from ? config.siteB : config.siteA);
    }
    NS_ABORT_MSG_IF(path.sites.back() != known.back(),
                    "relation " << GetRelationName(relation) << ": a path ends at "
                                << m_sites[path.sites.back()].name << ", expected "
                                << m_sites[known.back()].name);
    owner.AddPath(std::move(path));
    return owner.GetPaths().size() - 1;
}

void
QkdNetwork::SetCostSet(const CostSet& costSet)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: cost set changed after Start");
    m_costSet = costSet;
}

const CostSet&
QkdNetwork::GetCostSet() const
{
    return m_costSet;
}

void
QkdNetwork::SetTransport(Ptr<KeyTransport> transport)
{
    NS_ABORT_MSG_IF(m_started, "QKD network: transport set after Start");
    m_transport = transport;
}

void
QkdNetwork::Start()
{
    NS_ABORT_MSG_IF(m_started, "QKD network: started twice");
    if (m_transport)
    {
        m_transport->Connect(*this);
        for (uint32_t i = 0; i < m_links.size(); ++i)
        {
            m_links[i].SetBlockCallback(Callback<void, const SiftedBlock&>(
                [this, i](const SiftedBlock& block) { Distil(i, block); }));
        }
    }
    m_started = true;
    m_advancedAt = Simulator::Now();
    for (const uint32_t site : GetRelaySites())
    {
        m_sites[site].relay.SetTerms(GetTerms(site));
    }
    Advance();
    m_blockEvent = Simulator::Schedule(m_blockPeriod, &QkdNetwork::RunBlock, this);
}

void
QkdNetwork::SetRelayState(uint32_t site, RelayState state)
{
    NS_ABORT_MSG_IF(!m_started, "QKD network: call Start before SetRelayState");
    RequireIndex("site", site, m_sites.size());
    NS_ABORT_MSG_IF(m_sites[site].kind != SiteKind::RelayCandidate,
                    "QKD network: " << m_sites[site].name << " is an endpoint, always open");
    Advance();
    RelayDeployment& relay = m_sites[site].relay;
    relay.SetState(state, Simulator::Now());
    const Time setup = relay.GetRemainingSetup(Simulator::Now());
    if (setup.IsStrictlyPositive())
    {
        Simulator::Schedule(setup, &QkdNetwork::Advance, Ptr<QkdNetwork>(this));
    }
    Advance();
}

void
QkdNetwork::SetPath(uint32_t relation, uint32_t pathIndex)
{
    GetRelation(relation).SetPath(pathIndex);
}

void
QkdNetwork::SetRefillThreshold(uint32_t relation, double ratio)
{
    GetRelation(relation).SetRefillThreshold(ratio);
}

void
QkdNetwork::RequestKey(uint32_t relation, uint64_t bits, Time deadline, KeyQueue::KeyCallback done)
{
    GetRelation(relation).Request(bits, deadline, done);
}

bool
QkdNetwork::TryTakeKey(uint32_t relation, uint64_t bits)
{
    return GetRelation(relation).GetQueue().TryTake(bits);
}

void
QkdNetwork::SetLinkUp(uint32_t link, bool up)
{
    RequireIndex("link", link, m_links.size());
    Advance();
    m_links[link].SetUp(up);
    Advance();
}

void
QkdNetwork::SetInterceptedFraction(uint32_t link, double fraction)
{
    RequireIndex("link", link, m_links.size());
    m_links[link].SetInterceptedFraction(fraction);
}

void
QkdNetwork::SetChannelTransmittance(uint32_t link, double transmittance)
{
    RequireIndex("link", link, m_links.size());
    m_links[link].SetChannelTransmittance(transmittance);
}

void
QkdNetwork::SetCloudy(uint32_t link, bool cloudy)
{
    RequireIndex("link", link, m_links.size());
    m_links[link].SetCloudy(cloudy);
}

void
QkdNetwork::SetSiteUp(uint32_t site, bool up)
{
    RequireIndex("site", site, m_sites.size());
    Advance();
    m_sites[site].up = up;
    if (m_transport && m_started)
    {
        m_transport->SetSiteUp(site, up);
    }
    Advance();
}

bool
QkdNetwork::IsSiteUp(uint32_t site) const
{
    return m_sites.at(site).up;
}

void
QkdNetwork::SetChannelUp(uint32_t link, bool up)
{
    RequireIndex("link", link, m_links.size());
    if (m_transport && m_started)
    {
        m_transport->SetChannelUp(link, up);
    }
}

int64_t
QkdNetwork::AssignStreams(int64_t stream)
{
    const int64_t first = stream;
    for (QkdLink& link : m_links)
    {
        stream += link.AssignStreams(stream);
    }
    if (m_transport && m_started)
    {
        stream += m_transport->AssignStreams(stream);
    }
    return stream - first;
}

void
QkdNetwork::Check() const
{
    uint64_t spent = 0;
    for (const QkdLink& link : m_links)
    {
        link.Check();
        spent += link.GetPool().GetLedger().relay;
    }
    uint64_t received = 0;
    for (const RelationUse& use : m_relations)
    {
        use.relation->GetPool().Check();
        received += use.relation->GetCounters().linkBits;
    }
    if (m_transport && m_started)
    {
        m_transport->Check();
    }
    NS_ASSERT_MSG(spent == received,
                  "QKD network: links spent "
                      << spent << " bits on relaying, relations account for " << received);
}

void
QkdNetwork::DoDispose()
{
    m_blockEvent.Cancel();
    if (m_transport)
    {
        m_transport->Dispose();
        m_transport = nullptr;
    }
    m_relations.clear();
    Object::DoDispose();
}

void
QkdNetwork::RunBlock()
{
    Advance();
    const Time now = Simulator::Now();
    for (std::size_t i = 0; i < m_links.size(); ++i)
    {
        m_links[i].Run(m_linkUses[i].activeTime, now);
        m_linkUses[i].activeTime = Time(0);
    }
    for (const RelationUse& use : m_relations)
    {
        use.relation->GetPool().Expire(now);
    }
    ChoosePaths();
    RelayKeys();
    for (const RelationUse& use : m_relations)
    {
        use.relation->GetQueue().Serve();
    }
    Check();
    m_blockEvent = Simulator::Schedule(m_blockPeriod, &QkdNetwork::RunBlock, this);
}

void
QkdNetwork::Advance()
{
    const Time now = Simulator::Now();
    const Time elapsed = now - m_advancedAt;
    m_advancedAt = now;
    for (Site& site : m_sites)
    {
        site.relay.Accrue(now);
    }
    for (std::size_t i = 0; i < m_links.size(); ++i)
    {
        LinkUse& use = m_linkUses[i];
        if (use.active)
        {
            use.activeTime += elapsed;
        }
        m_fibreCost += use.fibrePrice * elapsed.GetSeconds();
        use.active = m_started && IsLinkActive(i);
        use.fibrePrice = m_started ? GetFibrePrice(i) : 0;
    }
}

RelayTerms
QkdNetwork::GetTerms(uint32_t site) const
{
    return {GetSitePrice(site, RelayState::Reserved),
            GetSitePrice(site, RelayState::OnDemand),
            m_switchingPrice,
            m_setupTime,
            m_commitment};
}

} // namespace qntn
