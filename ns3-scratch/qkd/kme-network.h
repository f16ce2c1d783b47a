// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KME_NETWORK_H
#define QNTN_QKD_KME_NETWORK_H

#include "qkd/key-relay.h"
#include "qkd/key-transport.h"
#include "qkd/kme-app.h"
#include "qkd/post-processing.h"

#include "ns3/data-rate.h"
#include "ns3/error-model.h"
#include "ns3/node-container.h"

#include <memory>
#include <vector>

namespace qntn
{

/// The classical network of a QkdNetwork, packet by packet: an ns-3 node with a KmeApp at each
/// site, a full-duplex channel beside each quantum link, UDP over IPv4. Key managers talk to their
/// neighbours only and pass on what is for others.
class KmeNetwork : public KeyTransport
{
  public:
    static ns3::TypeId GetTypeId();

    void Connect(QkdNetwork& network) override;
    void Distil(uint32_t link, const SiftedBlock& block) override;
    void Relay(uint64_t transfer, const KeyPath& path, uint64_t bits) override;
    void SetSiteUp(uint32_t site, bool up) override;
    void SetChannelUp(uint32_t link, bool up) override;
    void Check() const override;
    int64_t AssignStreams(int64_t stream) override;

    const KmeApp& GetApp(uint32_t site) const;
    ns3::Ptr<ns3::Node> GetNode(uint32_t site) const;
    /// Of all key managers.
    KmeApp::Counters GetCounters() const;
    const PostProcessing& GetPostProcessing(uint32_t link) const;
    uint64_t GetRelaysUnderWay() const;

  protected:
    void DoDispose() override;

  private:
    void Post(uint32_t from, uint32_t to, const KmeMessage& message);
    void Receive(uint32_t site, uint32_t from, const KmeMessage& message);
    void Lose(uint32_t from, uint32_t to, const KmeMessage& message);
    void AddChannel(uint32_t link);

    ns3::DataRate m_rate;
    ns3::Time m_delayPerKm;
    double m_lossRatio;
    ns3::Time m_retryTimeout;
    uint32_t m_maxAttempts;
    uint64_t m_tagBits;
    double m_failureRatio;
    RelayScheme m_scheme;
    ns3::Time m_relayTimeout;
    QkdNetwork* m_network{nullptr};
    ns3::NodeContainer m_nodes;
    std::vector<ns3::Ptr<KmeApp>> m_apps;                      ///< by site
    std::vector<ns3::Ptr<ns3::RateErrorModel>> m_errors;       ///< both ends of each link
    std::vector<std::unique_ptr<PostProcessing>> m_processing; ///< by link
    std::unique_ptr<KeyRelay> m_relay;
};

} // namespace qntn

#endif // QNTN_QKD_KME_NETWORK_H
