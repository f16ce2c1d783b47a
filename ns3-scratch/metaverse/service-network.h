// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_SERVICE_NETWORK_H
#define QNTN_METAVERSE_SERVICE_NETWORK_H

#include "metaverse/delay-line.h"
#include "metaverse/edge-server.h"
#include "metaverse/service-monitor.h"
#include "metaverse/traffic-source.h"
#include "qkd/sae.h"

#include "ns3/callback.h"
#include "ns3/object.h"
#include "ns3/packet.h"

#include <array>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

namespace qntn
{

/// One application of one user.
struct ServiceFlowConfig
{
    uint32_t user;
    uint32_t provider;
    uint32_t slice;
    ns3::Time budget;          ///< from the making of a burst to its arrival
    ns3::Time workPerBurst;    ///< rendering, on one core
    ns3::Time workPerMegabyte; ///< rendering, on one core
};

/// Carries bursts from their source to the radio and finds out what became of them:
/// source, edge server (CPU), SAE (key), core network (delay), radio, user.
///
/// A burst is cut into packets when it has been rendered. It is satisfied when all of them arrive
/// within the delay budget. The key relation is that of the cell which serves the user when the
/// burst has been rendered. A user in no cell pauses: nothing is offered.
class ServiceNetwork : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();
    static constexpr uint32_t NO_CELL = std::numeric_limits<uint32_t>::max();

    using CellCallback = ns3::Callback<uint32_t, uint32_t /*user*/>;
    using RadioCallback =
        ns3::Callback<void, uint32_t /*flow*/, ns3::Ptr<const ns3::Packet>, ns3::Time /*created*/>;

    void Configure(uint32_t numProviders, uint32_t numCells, uint32_t numSlices);
    /// Tells the cell that serves a user, or NO_CELL.
    void SetCellCallback(CellCallback cellOf);
    /// Receives each packet that has come through the core network.
    void SetRadioCallback(RadioCallback radio);
    /// The edge server of the next provider.
    void AddServer(ns3::Ptr<EdgeServer> server);
    /// \param saes one for each cell \return index of the flow
    uint32_t AddFlow(const ServiceFlowConfig& config,
                     ns3::Ptr<TrafficSource> source,
                     const std::vector<ns3::Ptr<Sae>>& saes);
    /// Starts all sources.
    void Start();

    /// The radio has delivered a packet.
    void Delivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet);
    /// The radio has dropped a packet.
    void Dropped(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, LossCause cause);

    uint32_t GetNumFlows() const;
    const ServiceFlowConfig& GetFlow(uint32_t flow) const;
    const ServiceMonitor& GetMonitor() const;
    ServiceMonitor& GetMonitor();

    /// sent = delivered + lost by cause + in flight, in packets.
    struct Account
    {
        uint64_t sent{0};
        uint64_t delivered{0};
        std::array<uint64_t, static_cast<size_t>(LossCause::NUM_CAUSES)> lost{};
        uint64_t atServer{0};
        uint64_t atSae{0};
        uint64_t inCore{0};
        uint64_t inRadio{0};
    };

    Account GetAccount(uint32_t flow) const;
    /// Asserts that every packet is accounted for.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    struct Burst
    {
        ns3::Time created;
        uint32_t bytes;
        uint32_t numPackets;
        uint32_t numOpen;  ///< packets whose fate is open
        uint64_t firstUid; ///< of its packets, which are numbered one after another
        uint32_t cell;
        double quality;
        bool pad;
        LossCause cause; ///< of the first loss; NUM_CAUSES: none
    };

    struct Flow
    {
        ServiceFlowConfig config;
        ns3::Time patience; ///< for the edge server to begin
        double workPerMegabyteNs;
        ns3::Ptr<TrafficSource> source;
        std::vector<ns3::Ptr<Sae>> saes;
        std::deque<Burst> bursts; ///< oldest first, ended ones included until they are the oldest
        Account account;
    };

    struct CorePacket
    {
        uint32_t flow;
        ns3::Ptr<const ns3::Packet> packet;
        ns3::Time created;
    };

    void Make(uint32_t flow, uint32_t bytes);
    void Rendered(const EdgeServer::Job& job, bool rendered);
    void Encrypted(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void Blocked(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void LeaveCore(CorePacket&& item);
    Burst& FindBurst(Flow& flow, uint64_t uid) const;
    void Lose(Flow& flow, Burst& burst, LossCause cause, uint32_t numPackets);
    void CloseIfEnded(Flow& flow, const Burst& burst);

    ns3::Time m_coreDelay;
    double m_serverRatio;
    uint32_t m_packetBytes;
    uint32_t m_numCells{0};
    CellCallback m_cellOf;
    RadioCallback m_radio;
    std::unique_ptr<ServiceMonitor> m_monitor;
    std::unique_ptr<DelayLine<CorePacket>> m_core;
    std::vector<ns3::Ptr<EdgeServer>> m_servers;
    std::vector<Flow> m_flows;
};

} // namespace qntn

#endif // QNTN_METAVERSE_SERVICE_NETWORK_H
