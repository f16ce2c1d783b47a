// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/sae-network.h"

#include "qkd/channel.h"

#include "ns3/abort.h"
#include "ns3/assert.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/node-container.h"
#include "ns3/simulator.h"

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(SaeNetwork);

TypeId
SaeNetwork::GetTypeId()
{
    static TypeId tid = TypeId("qntn::SaeNetwork")
                            .SetParent<Object>()
                            .SetGroupName("Qntn")
                            .AddConstructor<SaeNetwork>()
                            .AddAttribute("Delay",
                                          "Between a key manager and its applications, one way.",
                                          TimeValue(MicroSeconds(100)),
                                          MakeTimeAccessor(&SaeNetwork::m_delay),
                                          MakeTimeChecker(Time(0)));
    return tid;
}

void
SaeNetwork::Build(Ptr<QkdNetwork> network, DeliveryProtocol protocol)
{
    NS_ABORT_MSG_IF(m_network, "SaeNetwork::Build is called twice");
    m_network = network;
    m_delivery = std::make_shared<KeyDelivery>(network);
    auto end = [this](uint32_t site)
    { return KeyFetcher::End{"sae_" + m_network->GetSiteName(site), MakeClient(site)}; };
    for (uint32_t relation = 0; relation < network->GetNumRelations(); ++relation)
    {
        const auto& sites = network->GetPath(relation, 0).sites;
        auto source = CreateObject<KeyFetcher>();
        source->Configure(protocol, end(sites.front()), end(sites.back()));
        m_sources.push_back(source);
    }
}

Ptr<KeyClient>
SaeNetwork::MakeClient(uint32_t site)
{
    auto& client = m_clients[site];
    if (client)
    {
        return client;
    }
    const std::string sae = "sae_" + m_network->GetSiteName(site);
    m_delivery->AddSae(sae, site);
    NodeContainer nodes;
    nodes.Create(2);
    InternetStackHelper internet;
    internet.SetIpv6StackInstall(false);
    internet.Install(nodes);
    // 10.128.0.0/30, 10.128.0.4/30, ...
    const auto place = static_cast<uint32_t>(m_clients.size() - 1);
    const Channel channel = JoinNodes(nodes.Get(0),
                                      nodes.Get(1),
                                      DataRate("1Gbps"),
                                      m_delay,
                                      Ipv4Address(0x0a800000 + 4 * place));
    auto server = CreateObject<KeyServer>();
    server->Configure(m_delivery, site);
    nodes.Get(0)->AddApplication(server);
    client = CreateObject<KeyClient>();
    client->Configure(sae, channel.addresses[0]);
    nodes.Get(1)->AddApplication(client);
    return client;
}

void
SaeNetwork::Start()
{
    for (const auto& source : m_sources)
    {
        // Applications begin at time 0, in events that come after this one.
        Simulator::Schedule(NanoSeconds(1), &KeyFetcher::Start, source);
    }
}

Ptr<KeyFetcher>
SaeNetwork::GetSource(uint32_t relation) const
{
    return m_sources.at(relation);
}

Ptr<KeyClient>
SaeNetwork::GetClient(uint32_t site) const
{
    return m_clients.at(site);
}

RelationReport
SaeNetwork::TakeRelationReport(uint32_t relation)
{
    RelationReport report = m_network->TakeRelationReport(relation);
    report.requests = m_sources.at(relation)->GetQueue().TakeReport();
    return report;
}

void
SaeNetwork::Check() const
{
    for (uint32_t relation = 0; relation < m_sources.size(); ++relation)
    {
        const auto& source = *m_sources[relation];
        source.Check();
        const uint64_t delivered = m_network->GetRelationPool(relation).GetLedger().delivered;
        // What the master's answer brings is on its way to it.
        NS_ASSERT_MSG(delivered >= source.GetCounters().fetchedBits &&
                          delivered <= source.GetCounters().fetchedBits + KeyFetcher::UNIT_BITS,
                      "relation " << relation << ": " << delivered << " bits were delivered, "
                                  << source.GetCounters().fetchedBits << " arrived");
    }
}

void
SaeNetwork::DoDispose()
{
    for (const auto& source : m_sources)
    {
        source->Dispose();
    }
    m_sources.clear();
    m_clients.clear();
    m_delivery.reset();
    m_network = nullptr;
    Object::DoDispose();
}

} // namespace qntn
