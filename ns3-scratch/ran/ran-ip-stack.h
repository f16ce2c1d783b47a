// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RAN_IP_STACK_H
#define QNTN_RAN_RAN_IP_STACK_H

#include "ran/ran-network.h"

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/virtual-net-device.h"

#include <unordered_map>
#include <vector>

namespace qntn
{

/// IP over a RanNetwork: a net device in each user and one in a user plane function (UPF), between
/// which ns-3's Internet stack, its applications and TCP run unmodified.
///
/// A user has bearers, each a downlink and an uplink flow of one slice; packets choose theirs by
/// DSCP. Devices carry IPv4 without a link layer; each has the traces of ns3::VirtualNetDevice, so
/// PcapHelper works with DLT_RAW.
///
/// Order of use: construct, Install, AddUe for each user, RanNetwork::Start.
class RanIpStack
{
  public:
    /// A pair of flows.
    struct Bearer
    {
        uint32_t sliceId;
        ns3::Time delayBudget;
        /// Of the packets that take it, one bearer for each; others take the user's first bearer.
        uint8_t dscp = 0;
        RlcMode rlc = RlcMode::UNACKNOWLEDGED;
        bool inOrder = true;
        uint32_t downlinkFlow = 0; ///< set by AddUe
        uint32_t uplinkFlow = 0;
    };

    /// The callback for delivered packets of \p ran is this object's from now on; flows that are no
    /// bearer go to \p others.
    /// \throws InputError, as all that configures: which field, what was found and expected
    explicit RanIpStack(ns3::Ptr<RanNetwork> ran, RanNetwork::DeliveredCallback others = {});
    ~RanIpStack();
    RanIpStack(const RanIpStack&) = delete;
    RanIpStack& operator=(const RanIpStack&) = delete;

    /// Gives a node with an Internet stack the device towards all users, with the network's first
    /// address and a route to the rest.
    /// \param mask "255.0.0.0" or "/8"
    ns3::Ptr<ns3::VirtualNetDevice> Install(ns3::Ptr<ns3::Node> upf,
                                            const std::string& network = "7.0.0.0",
                                            const std::string& mask = "255.0.0.0");
    /// Gives a node with an Internet stack a device, an address and a default route.
    /// \return its address
    ns3::Ipv4Address AddUe(ns3::Ptr<ns3::Node> node,
                           uint32_t ueIndex,
                           const std::vector<Bearer>& bearers);

    ns3::Ptr<ns3::VirtualNetDevice> GetDevice(uint32_t ueIndex) const;
    /// With the flows that stand for them.
    const std::vector<Bearer>& GetBearers(uint32_t ueIndex) const;
    /// Packets for an address that no user has.
    uint64_t GetNumUnroutable() const;

  private:
    struct Ue
    {
        uint32_t index;
        ns3::Ptr<ns3::VirtualNetDevice> device;
        std::vector<Bearer> bearers;
    };

    void CheckBearers(uint32_t ueIndex, const std::vector<Bearer>& bearers) const;
    ns3::Ptr<ns3::VirtualNetDevice> MakeDevice(ns3::Ptr<ns3::Node> node, ns3::Ipv4Address address);
    const Ue& FindUe(uint32_t ueIndex) const;
    bool SendDown(ns3::Ptr<ns3::Packet> packet,
                  const ns3::Address& source,
                  const ns3::Address& destination,
                  uint16_t protocol);
    bool SendUp(uint32_t place,
                ns3::Ptr<ns3::Packet> packet,
                const ns3::Address& source,
                const ns3::Address& destination,
                uint16_t protocol);
    void Delivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);

    ns3::Ptr<RanNetwork> m_ran;
    RanNetwork::DeliveredCallback m_others;
    ns3::Ptr<ns3::VirtualNetDevice> m_upf;
    ns3::Ipv4Address m_network;
    ns3::Ipv4Mask m_mask;
    ns3::Ipv4Address m_upfAddress;
    std::vector<Ue> m_ues;                              ///< in the order of AddUe
    std::unordered_map<uint32_t, uint32_t> m_byAddress; ///< place in m_ues
    std::unordered_map<uint32_t, ns3::Ptr<ns3::VirtualNetDevice>> m_byFlow; ///< who receives
    uint64_t m_numUnroutable{0};
};

} // namespace qntn

#endif // QNTN_RAN_RAN_IP_STACK_H
