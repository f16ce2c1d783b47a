// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-network.h"

#include "qkd/channel.h"
#include "qkd/qkd-network.h"

#include "ns3/abort.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/point-to-point-channel.h"
#include "ns3/point-to-point-net-device.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KeyTransport);
NS_OBJECT_ENSURE_REGISTERED(KmeNetwork);

TypeId
KeyTransport::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KeyTransport").SetParent<Object>().SetGroupName("Qntn");
    return tid;
}

TypeId
KmeNetwork::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::KmeNetwork")
            .SetParent<KeyTransport>()
            .SetGroupName("Qntn")
            .AddConstructor<KmeNetwork>()
            .AddAttribute("ClassicalRate",
                          "Of the classical channel beside each quantum link, each way.",
                          DataRateValue(DataRate("100Mbps")),
                          MakeDataRateAccessor(&KmeNetwork::m_rate),
                          MakeDataRateChecker())
            .AddAttribute("DelayPerKm",
                          "Of light in fibre.",
                          TimeValue(NanoSeconds(4900)),
                          MakeTimeAccessor(&KmeNetwork::m_delayPerKm),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("LossRatio",
                          "Classical packets that are lost.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&KmeNetwork::m_lossRatio),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute("RetryTimeout",
                          "See KmeApp.",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&KmeNetwork::m_retryTimeout),
                          MakeTimeChecker(MilliSeconds(1)))
            .AddAttribute("MaxAttempts",
                          "See KmeApp.",
                          UintegerValue(4),
                          MakeUintegerAccessor(&KmeNetwork::m_maxAttempts),
                          MakeUintegerChecker<uint32_t>(1, 100))
            .AddAttribute("TagBits",
                          "Key that the tag of a message costs.",
                          UintegerValue(64),
                          MakeUintegerAccessor(&KmeNetwork::m_tagBits),
                          MakeUintegerChecker<uint64_t>(0, 4096))
            .AddAttribute("CorrectionFailureRatio",
                          "Blocks in which error correction leaves an error.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&KmeNetwork::m_failureRatio),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute(
                "RelayScheme",
                "How key goes over trusted relays.",
                EnumValue(RelayScheme::HopByHop),
                MakeEnumAccessor<RelayScheme>(&KmeNetwork::m_scheme),
                MakeEnumChecker(RelayScheme::HopByHop, "HopByHop", RelayScheme::Xor, "Xor"))
            .AddAttribute("RelayTimeout",
                          "A relayed key that is not confirmed by then has failed.",
                          TimeValue(Seconds(10)),
                          MakeTimeAccessor(&KmeNetwork::m_relayTimeout),
                          MakeTimeChecker(MilliSeconds(1)));
    return tid;
}

void
KmeNetwork::Connect(QkdNetwork& network)
{
    m_network = &network;
    const auto post = [this](uint32_t from, uint32_t to, const KmeMessage& message)
    { Post(from, to, message); };
    m_nodes.Create(network.GetNumSites());
    InternetStackHelper internet;
    internet.SetIpv6StackInstall(false);
    internet.Install(m_nodes);
    for (uint32_t site = 0; site < network.GetNumSites(); ++site)
    {
        auto app = CreateObject<KmeApp>();
        app->SetAttribute("RetryTimeout", TimeValue(m_retryTimeout));
        app->SetAttribute("MaxAttempts", UintegerValue(m_maxAttempts));
        app->SetCallbacks(
            Callback<void, uint32_t, const KmeMessage&>(
                [this, site](uint32_t from, const KmeMessage& m) { Receive(site, from, m); }),
            Callback<void, uint32_t, const KmeMessage&>(
                [this, site](uint32_t to, const KmeMessage& m) { Lose(site, to, m); }));
        m_nodes.Get(site)->AddApplication(app);
        app->SetStartTime(Time(0));
        m_apps.push_back(app);
    }
    for (uint32_t link = 0; link < network.GetNumLinks(); ++link)
    {
        AddChannel(link);
        m_processing.push_back(std::make_unique<PostProcessing>(
            network,
            link,
            PostProcessing::Config{.tagBits = m_tagBits, .failureRatio = m_failureRatio},
            post));
    }
    m_relay = std::make_unique<KeyRelay>(
        network,
        KeyRelay::Config{.scheme = m_scheme, .tagBits = m_tagBits, .timeout = m_relayTimeout},
        post);
}

void
KmeNetwork::Distil(uint32_t link, const SiftedBlock& block)
{
    m_processing[link]->Start(block);
}

void
KmeNetwork::Relay(uint64_t transfer, const KeyPath& path, uint64_t bits)
{
    m_relay->Start(transfer, path, bits);
}

void
KmeNetwork::SetSiteUp(uint32_t site, bool up)
{
    m_apps.at(site)->SetUp(up);
    for (uint32_t link = 0; !up && link < m_network->GetNumLinks(); ++link)
    {
        const QkdLinkConfig& config = m_network->GetLink(link).GetConfig();
        if (config.siteA == site || config.siteB == site)
        {
            m_processing[link]->LoseAll();
        }
    }
}

void
KmeNetwork::SetChannelUp(uint32_t link, bool up)
{
    for (const uint32_t end : {2 * link, 2 * link + 1})
    {
        m_errors.at(end)->SetRate(up ? m_lossRatio : 1);
    }
}

void
KmeNetwork::Check() const
{
    for (const auto& processing : m_processing)
    {
        processing->Check();
    }
}

int64_t
KmeNetwork::AssignStreams(int64_t stream)
{
    const int64_t first = stream;
    for (const auto& processing : m_processing)
    {
        stream += processing->AssignStreams(stream);
    }
    for (const auto& errors : m_errors)
    {
        stream += errors->AssignStreams(stream);
    }
    return stream - first;
}

const KmeApp&
KmeNetwork::GetApp(uint32_t site) const
{
    return *m_apps.at(site);
}

Ptr<Node>
KmeNetwork::GetNode(uint32_t site) const
{
    return m_nodes.Get(site);
}

KmeApp::Counters
KmeNetwork::GetCounters() const
{
    KmeApp::Counters sum;
    for (const auto& app : m_apps)
    {
        const KmeApp::Counters& counters = app->GetCounters();
        sum.messages += counters.messages;
        sum.datagrams += counters.datagrams;
        sum.bytes += counters.bytes;
        sum.retries += counters.retries;
        sum.lostMessages += counters.lostMessages;
    }
    return sum;
}

const PostProcessing&
KmeNetwork::GetPostProcessing(uint32_t link) const
{
    return *m_processing.at(link);
}

uint64_t
KmeNetwork::GetRelaysUnderWay() const
{
    return m_relay->GetNumUnderWay();
}

void
KmeNetwork::DoDispose()
{
    m_relay.reset();
    m_processing.clear();
    m_errors.clear();
    m_apps.clear();
    m_nodes = {};
    m_network = nullptr;
    KeyTransport::DoDispose();
}

void
KmeNetwork::Post(uint32_t from, uint32_t to, const KmeMessage& message)
{
    m_apps[from]->Send(to, message);
}

void
KmeNetwork::Receive(uint32_t site, uint32_t, const KmeMessage& message)
{
    if (message.type <= KmeMessageType::Discard)
    {
        m_processing.at(message.link)->Receive(site, message);
    }
    else
    {
        m_relay->Receive(site, message);
    }
}

void
KmeNetwork::Lose(uint32_t, uint32_t, const KmeMessage& message)
{
    // A lost relay message shows at its source's time-out.
    if (message.type <= KmeMessageType::Discard)
    {
        m_processing.at(message.link)->Lose(message);
    }
}

void
KmeNetwork::AddChannel(uint32_t link)
{
    const QkdLinkConfig& config = m_network->GetLink(link).GetConfig();
    // 10.0.0.0/30, 10.0.0.4/30, ...
    const Channel channel = JoinNodes(m_nodes.Get(config.siteA),
                                      m_nodes.Get(config.siteB),
                                      m_rate,
                                      m_delayPerKm * config.lengthKm,
                                      Ipv4Address(0x0a000000 + 4 * link));
    for (uint32_t end = 0; end < 2; ++end)
    {
        auto errors = CreateObject<RateErrorModel>();
        errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
        errors->SetRate(m_lossRatio);
        DynamicCast<PointToPointNetDevice>(channel.devices.Get(end))->SetReceiveErrorModel(errors);
        m_errors.push_back(errors);
    }
    m_apps[config.siteA]->AddNeighbour(config.siteB, channel.addresses[1], m_rate);
    m_apps[config.siteB]->AddNeighbour(config.siteA, channel.addresses[0], m_rate);
}

} // namespace qntn
