// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_SAE_NETWORK_H
#define QNTN_QKD_SAE_NETWORK_H

#include "qkd/key-fetcher.h"

#include <map>
#include <memory>
#include <vector>

namespace qntn
{

/// The way from key managers to applications, packet by packet: at each end of a relation a node
/// for the key manager's door and one for the applications, with a channel between them, and a
/// KeyFetcher for each relation. Applications at a site share one SAE, "sae_SITE".
class SaeNetwork : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// For all relations that \p network has now.
    void Build(ns3::Ptr<QkdNetwork> network, DeliveryProtocol protocol);
    /// Before the simulation runs.
    void Start();
    ns3::Ptr<KeyFetcher> GetSource(uint32_t relation) const;
    /// Of the applications at an end of a relation.
    ns3::Ptr<KeyClient> GetClient(uint32_t site) const;
    /// The network's, with the requests of applications in place of those of key managers.
    RelationReport TakeRelationReport(uint32_t relation);
    /// Asserts the fetchers' accounts, and that no key was delivered which they do not know of.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    ns3::Ptr<KeyClient> MakeClient(uint32_t site);

    ns3::Time m_delay;
    ns3::Ptr<QkdNetwork> m_network;
    std::shared_ptr<KeyDelivery> m_delivery;
    std::map<uint32_t, ns3::Ptr<KeyClient>> m_clients; ///< by site
    std::vector<ns3::Ptr<KeyFetcher>> m_sources;       ///< by relation
};

} // namespace qntn

#endif // QNTN_QKD_SAE_NETWORK_H
