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

/// Bits do not exist in the simulation; their text has the length that base64 gives it.
std::string
KeyText(uint64_t bits)
{
    return std::string((bits / 8 + 2) / 3 * 4, 'A');
}

StreamStatus
ToStreamStatus(const json& answer)
{
    return answer.is_null() ? StreamStatus::Timeout
                            : static_cast<StreamStatus>(answer.value("status", 0));
}

/// Hands on an answer of 014.
void
ReadKeys(const json& answer, const KeyClient::AnswerCallback& done)
{
    std::vector<std::string> ids;
    if (answer.is_null())
    {
        done(DeliveryStatus::Unavailable, ids);
        return;
    }
    if (const auto keys = answer.find("keys"); keys != answer.end())
    {
        for (const json& key : *keys)
        {
            ids.push_back(key.value("key_ID", ""));
        }
    }
    done(static_cast<DeliveryStatus>(answer.value("status", 503)), ids);
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
        const json request = json::parse(ToText(packet), nullptr, false);
        socket->SendTo(ToPacket(Answer(request).dump()), 0, from);
    }
}

json
KeyServer::Answer(const json& request)
{
    if (!request.is_object() || !request.contains("number_of_request"))
    {
        return {{"status", 400}, {"message", "the request is not JSON"}};
    }
    const std::string call = request.value("call", "");
    if (call == "open_connect" || call == "get_key" || call == "close")
    {
        return AnswerStream(request);
    }
    const std::string sae = request.value("sae", "");
    const std::string peer = request.value("peer", "");
    const json body = request.value("body", json::object());
    KeyContainer found;
    if (call == "enc_keys")
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
        return answer;
    }
    answer["keys"] = json::array();
    for (const DeliveredKey& key : found.keys)
    {
        answer["keys"].push_back({{"key_ID", key.id}, {"key", KeyText(key.bits)}});
    }
    return answer;
}

json
KeyServer::AnswerStream(const json& request)
{
    const std::string sae = request.value("sae", "");
    const json body = request.value("body", json::object());
    uint64_t ksid = body.value("Key_stream_ID", uint64_t{0});
    json answer{{"number_of_request", request["number_of_request"]}};
    StreamStatus status{};
    if (request["call"] == "open_connect")
    {
        const StreamQos qos{.chunkBytes = body.value("Key_chunk_size", 32U),
                            .minBps = body.value("Min_bps", 0.0)};
        status = m_delivery->OpenConnect(sae, request.value("peer", ""), qos, ksid);
    }
    else if (request["call"] == "get_key")
    {
        DeliveredKey key;
        status = m_delivery->GetKey(ksid, sae, body.value("index", uint64_t{0}), key);
        if (status == StreamStatus::Successful)
        {
            answer["Key_buffer"] = KeyText(key.bits);
        }
    }
    else
    {
        status = m_delivery->Close(ksid, sae);
    }
    answer["status"] = static_cast<int>(status);
    answer["Key_stream_ID"] = ksid;
    return answer;
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
    Ask("enc_keys",
        slave,
        {{"number", number}, {"size", bits}},
        [done = std::move(done)](const json& answer) { ReadKeys(answer, done); });
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
    Ask("dec_keys",
        master,
        body,
        [done = std::move(done)](const json& answer) { ReadKeys(answer, done); });
}

void
KeyClient::OpenConnect(const std::string& destination,
                       const StreamQos& qos,
                       uint64_t ksid,
                       OpenCallback done)
{
    const json body{{"Key_stream_ID", ksid},
                    {"Key_chunk_size", qos.chunkBytes},
                    {"Min_bps", qos.minBps}};
    Ask("open_connect",
        destination,
        body,
        [done = std::move(done)](const json& answer)
        {
            const bool any = !answer.is_null();
            done(ToStreamStatus(answer), any ? answer.value("Key_stream_ID", uint64_t{0}) : 0);
        });
}

void
KeyClient::GetKey(uint64_t ksid, uint64_t index, StreamCallback done)
{
    Ask("get_key",
        "",
        {{"Key_stream_ID", ksid}, {"index", index}},
        [done = std::move(done)](const json& answer) { done(ToStreamStatus(answer)); });
}

void
KeyClient::Close(uint64_t ksid, StreamCallback done)
{
    Ask("close",
        "",
        {{"Key_stream_ID", ksid}},
        [done = std::move(done)](const json& answer) { done(ToStreamStatus(answer)); });
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
               const json& body,
               JsonCallback done)
{
    const uint64_t number = m_nextNumber++;
    const json request{{"number_of_request", number},
                       {"call", call},
                       {"sae", m_sae},
                       {"peer", peer},
                       {"body", body}};
    m_asked[number] = {std::move(done),
                       Simulator::Schedule(m_timeout, [this, number] { Finish(number, nullptr); })};
    m_socket->Send(ToPacket(request.dump()));
}

void
KeyClient::Read(Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv())
    {
        const json answer = json::parse(ToText(packet), nullptr, false);
        if (answer.is_object() && answer.contains("number_of_request"))
        {
            Finish(answer["number_of_request"], answer);
        }
    }
}

void
KeyClient::Finish(uint64_t number, const json& answer)
{
    const auto found = m_asked.find(number);
    if (found == m_asked.end())
    {
        return; // given up
    }
    found->second.timeout.Cancel();
    const JsonCallback done = std::move(found->second.done);
    m_asked.erase(found);
    done(answer);
}

} // namespace qntn
