// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KME_APP_H
#define QNTN_QKD_KME_APP_H

#include "qkd/kme-message.h"

#include "ns3/application.h"
#include "ns3/callback.h"
#include "ns3/data-rate.h"
#include "ns3/event-id.h"
#include "ns3/ipv4-address.h"
#include "ns3/socket.h"

#include <deque>
#include <map>
#include <set>

namespace qntn
{

/// Key management entity of one site: exchanges messages with its neighbours over UDP, in order of
/// sending, in datagrams that are acknowledged, repeated, and given up after some attempts.
class KmeApp : public ns3::Application
{
  public:
    static ns3::TypeId GetTypeId();

    static constexpr uint16_t PORT = 14014;
    /// Content of one datagram; fits a 64 kB IP packet.
    static constexpr uint32_t PART_BYTES = 60000;

    struct Counters
    {
        uint64_t messages{0}; ///< sent, whole ones
        uint64_t datagrams{0};
        uint64_t bytes{0}; ///< of datagrams, headers of UDP and IP not counted
        uint64_t retries{0};
        uint64_t lostMessages{0}; ///< given up
    };

    using ReceiveCallback = ns3::Callback<void, uint32_t /*from site*/, const KmeMessage&>;
    using LostCallback = ns3::Callback<void, uint32_t /*to site*/, const KmeMessage&>;

    void SetCallbacks(ReceiveCallback receive, LostCallback lost);
    /// Before the application starts.
    void AddNeighbour(uint32_t site, ns3::Ipv4Address address, ns3::DataRate rate);
    void Send(uint32_t site, const KmeMessage& message);
    /// A crash forgets everything that is under way.
    void SetUp(bool up);
    bool IsUp() const;
    const Counters& GetCounters() const;

  protected:
    void DoDispose() override;

  private:
    struct Part
    {
        KmeHeader header;
        uint32_t bytes{0};
        uint32_t attempts{0};
        ns3::EventId timeout;
    };

    using PartKey = std::pair<uint64_t /*message*/, uint32_t /*part*/>;

    struct Neighbour
    {
        ns3::Address address;
        ns3::DataRate rate;
        std::deque<Part> waiting;
        std::map<PartKey, Part> underWay;
        uint64_t bytesUnderWay{0};
        std::map<uint64_t, std::set<uint32_t>> arriving; ///< parts of long messages
        std::set<uint64_t> arrived;                      ///< the last messages
    };

    void StartApplication() override;
    void StopApplication() override;
    void Forget();
    void Pump(uint32_t site);
    void Transmit(uint32_t site, Part& part);
    void TimeOut(uint32_t site, PartKey key);
    void Read(ns3::Ptr<ns3::Socket> socket);
    void Acknowledge(Neighbour& neighbour, const KmeHeader& header);
    void Take(uint32_t site, const KmeHeader& header, uint32_t bytes);

    ns3::Time m_retryTimeout;
    uint32_t m_maxAttempts;
    ReceiveCallback m_receive;
    LostCallback m_lost;
    ns3::Ptr<ns3::Socket> m_socket;
    std::map<uint32_t, Neighbour> m_neighbours;
    std::map<ns3::Ipv4Address, uint32_t> m_siteOf;
    uint64_t m_nextNumber{0};
    bool m_up{true};
    Counters m_counters;
};

} // namespace qntn

#endif // QNTN_QKD_KME_APP_H
