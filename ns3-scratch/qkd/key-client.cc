// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-client.h"

#include "ns3/inet-socket-address.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <nlohmann/json.hpp>
#include <vector>

using namespace ns3;
using nlohmann::json;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KeyServer);
NS_OBJECT_ENSURE_REGISTERED(KeyClient);

namespace
{

Ptr<Packet>
ToPacket(const std::string& text)
{
    return Create<Packet>(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string
ToText(Ptr<const Packet> packet)
{
    std::vector<uint8_t> bytes(packet->GetSize());
    packet->CopyData(bytes.data(), bytes.size());
    return {bytes.begin(), bytes.end()};
}

} // namespace

TypeId
KeyServer::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KeyServer")
                            .SetParent<Application>()
                            .SetGroupName("Qntn")
                            .AddConstructor<KeyServer>();
    return tid;
}

void
KeyServer::Configure(std::shared_ptr<KeyDelivery> delivery, uint32_t site)
{
    m_delivery = std::move(delivery);
    m_site = site;
}

void
KeyServer::DoDispose()
{
    m_socket = nullptr;
    m_delivery.reset();
    Application::DoDispose();
}

void
KeyServer::StartApplication()
{
    m_socket = Socket::CreateSocket(GetNode(), UdpSocketFactory::GetTypeId());
    m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), PORT));
    m_socket->SetRecvCallback(MakeCallback(&KeyServer::Read, this));
}

void
KeyServer::StopApplication()
{
    m_socket->Close();
}

void
KeyServer::Read(Ptr<Socket> socket)
{
    Address from;
    while (Ptr<Packet> packet = socket->RecvFrom(from))
    {
        socket->SendTo(ToPacket(Answer(ToText(packet))), 0, from);
    }
}

std::string
KeyServer::Answer(const std::string& text)
{
    const json request = json::parse(text, nullptr, false);
    if (!request.is_object() || !request.contains("number_of_request"))
    {
        return json{{"status", 400}, {"message", "the request is not JSON"}}.dump();
    }
    const std::string sae = request.value("sae", "");
    const std::string peer = request.value("peer", "");
    const json body = request.value("body", json::object());
    KeyContainer found;
    if (request.value("call", "") == "enc_keys")
    {
        found = m_delivery->EncKeys(m_site,
                                    sae,
                                    peer,
                                    body.value("number", 1U),
                                    body.value("size", uint64_t{256}));
    }
    else
    {
        std::vector<std::string> ids;
        for (const json& item : body.value("key_IDs", json::array()))
        {
            ids.push_back(item.value("key_ID", ""));
        }
        found = m_delivery->DecKeys(m_site, sae, peer, ids);
    }
    json answer{{"number_of_request", request["number_of_request"]},
                {"status", static_cast<int>(found.status)}};
    if (found.status != DeliveryStatus::Ok)
    {
        answer["message"] = found.message;
        return answer.dump();
    }
    answer["keys"] = json::array();
    for (const DeliveredKey& key : found.keys)
    {
        // Bits do not exist in the simulation; their text has the length that base64 gives it.
        const uint64_t base64Length = (key.bits / 8 + 2) / 3 * 4;
        answer["keys"].push_back({{"key_ID", key.id}, {"key", std::string(base64Length, 'A')}});
    }
    return answer.dump();
}

TypeId
KeyClient::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KeyClient")
                            .SetParent<Application>()
                            .SetGroupName("Qntn")
                            .AddConstructor<KeyClient>()
                            .AddAttribute("Timeout",
                                          "A request without answer is given up after this.",
                                          TimeValue(Seconds(2)),
                                          MakeTimeAccessor(&KeyClient::m_timeout),
                                          MakeTimeChecker(MilliSeconds(1)));
    return tid;
}

void
KeyClient::Configure(const std::string& sae, Ipv4Address kme)
{
    m_sae = sae;
    m_kme = kme;
}

void
KeyClient::RequestKeys(const std::string& slave,
                       uint32_t number,
                       uint64_t bits,
                       AnswerCallback done)
{
    Ask("enc_keys", slave, json{{"number", number}, {"size", bits}}.dump(), std::move(done));
}

void
KeyClient::FetchKeys(const std::string& master,
                     const std::vector<std::string>& ids,
                     AnswerCallback done)
{
    json body{{"key_IDs", json::array()}};
    for (const std::string& id : ids)
    {
        body["key_IDs"].push_back({{"key_ID", id}});
    }
    Ask("dec_keys", master, body.dump(), std::move(done));
}

void
KeyClient::DoDispose()
{
    for (auto& [number, asked] : m_asked)
    {
        asked.timeout.Cancel();
    }
    m_asked.clear();
    m_socket = nullptr;
    Application::DoDispose();
}

void
KeyClient::StartApplication()
{
    m_socket = Socket::CreateSocket(GetNode(), UdpSocketFactory::GetTypeId());
    m_socket->Bind();
    m_socket->Connect(InetSocketAddress(m_kme, KeyServer::PORT));
    m_socket->SetRecvCallback(MakeCallback(&KeyClient::Read, this));
}

void
KeyClient::StopApplication()
{
    m_socket->Close();
}

void
KeyClient::Ask(const std::string& call,
               const std::string& peer,
               const std::string& body,
               AnswerCallback done)
{
    const uint64_t number = m_nextNumber++;
    const json request{{"number_of_request", number},
                       {"call", call},
                       {"sae", m_sae},
                       {"peer", peer},
                       {"body", json::parse(body)}};
    m_asked[number] = {std::move(done),
                       Simulator::Schedule(m_timeout,
                                           [this, number]
                                           { Finish(number, DeliveryStatus::Unavailable, {}); })};
    m_socket->Send(ToPacket(request.dump()));
}

void
KeyClient::Read(Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv())
    {
        const json answer = json::parse(ToText(packet), nullptr, false);
        if (!answer.is_object() || !answer.contains("number_of_request"))
        {
            continue;
        }
        std::vector<std::string> ids;
        for (const json& key : answer.value("keys", json::array()))
        {
            ids.push_back(key.value("key_ID", ""));
        }
        Finish(answer["number_of_request"],
               static_cast<DeliveryStatus>(answer.value("status", 503)),
               ids);
    }
}

void
KeyClient::Finish(uint64_t number, DeliveryStatus status, const std::vector<std::string>& ids)
{
    const auto found = m_asked.find(number);
    if (found == m_asked.end())
    {
        return; // given up
    }
    found->second.timeout.Cancel();
    const AnswerCallback done = std::move(found->second.done);
    m_asked.erase(found);
    done(status, ids);
}

} // namespace qntn
