// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_CLIENT_H
#define QNTN_QKD_KEY_CLIENT_H

#include "qkd/key-delivery.h"

#include "ns3/application.h"
#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/ipv4-address.h"
#include "ns3/socket.h"

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>

namespace qntn
{

/// The KME's side of ETSI GS QKD 014 and 004 in the simulation, on the node of a site. Requests and
/// answers are JSON, one UDP datagram each: that of 014 is the standard's, 004 has none, so its
/// parameters have their names there. TLS and HTTP are not simulated.
class KeyServer : public ns3::Application
{
  public:
    static ns3::TypeId GetTypeId();
    static constexpr uint16_t PORT = 8443;

    void Configure(std::shared_ptr<KeyDelivery> delivery, uint32_t site);

  protected:
    void DoDispose() override;

  private:
    void StartApplication() override;
    void StopApplication() override;
    void Read(ns3::Ptr<ns3::Socket> socket);
    nlohmann::json Answer(const nlohmann::json& request);
    /// The same for the calls of 004.
    nlohmann::json AnswerStream(const nlohmann::json& request);

    std::shared_ptr<KeyDelivery> m_delivery;
    uint32_t m_site{0};
    ns3::Ptr<ns3::Socket> m_socket;
};

/// An SAE on a node of its own that asks its KME for keys. No answer within the time-out counts as
/// Unavailable (014) or Timeout (004).
class KeyClient : public ns3::Application
{
  public:
    static ns3::TypeId GetTypeId();

    using AnswerCallback = std::function<void(DeliveryStatus, const std::vector<std::string>& ids)>;
    using OpenCallback = std::function<void(StreamStatus, uint64_t ksid)>;
    using StreamCallback = std::function<void(StreamStatus)>;

    /// \param sae its own id
    void Configure(const std::string& sae, ns3::Ipv4Address kme);
    // ETSI GS QKD 014.
    /// Ask for new keys.
    void RequestKeys(const std::string& slave, uint32_t number, uint64_t bits, AnswerCallback done);
    /// Fetch the keys of these ids.
    void FetchKeys(const std::string& master,
                   const std::vector<std::string>& ids,
                   AnswerCallback done);

    // ETSI GS QKD 004, see KeyDelivery.
    void OpenConnect(const std::string& destination,
                     const StreamQos& qos,
                     uint64_t ksid,
                     OpenCallback done);
    void GetKey(uint64_t ksid, uint64_t index, StreamCallback done);
    void Close(uint64_t ksid, StreamCallback done);

  protected:
    void DoDispose() override;

  private:
    /// Takes an answer; null: there was none.
    using JsonCallback = std::function<void(const nlohmann::json& answer)>;

    struct Asked
    {
        JsonCallback done;
        ns3::EventId timeout;
    };

    void StartApplication() override;
    void StopApplication() override;
    void Ask(const std::string& call,
             const std::string& peer,
             const nlohmann::json& body,
             JsonCallback done);
    void Read(ns3::Ptr<ns3::Socket> socket);
    void Finish(uint64_t number, const nlohmann::json& answer);

    ns3::Time m_timeout;
    std::string m_sae;
    ns3::Ipv4Address m_kme;
    ns3::Ptr<ns3::Socket> m_socket;
    std::map<uint64_t, Asked> m_asked;
    uint64_t m_nextNumber{0};
};

} // namespace qntn

#endif // QNTN_QKD_KEY_CLIENT_H
