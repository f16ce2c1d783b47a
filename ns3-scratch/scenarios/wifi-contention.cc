// SPDX-License-Identifier: GPL-2.0-only
//
// Wi-Fi stations that share a channel, from stock ns-3 only: how long should they back off? Few
// stations waste the channel by waiting, many waste it by colliding; how many are busy changes.
#include "bridge/bridge.h"

#include "ns3/core-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/wifi-module.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace ns3;

namespace
{

constexpr uint32_t FRAME_BYTES = 1500;
constexpr auto RATE_MANAGER = "ns3::ConstantRateWifiManager";
constexpr auto RATE = "OfdmRate24Mbps";
constexpr double CHANNEL_BPS = 24e6;
constexpr uint16_t PROTOCOL = 0x88b5; // IEEE 802, clause 9.2.4: EtherType for local experiments
/// From aCWmin to aCWmax of IEEE 802.11-2020, Table 17-21.
const std::vector<std::string> WINDOWS{"15", "31", "63", "127", "255", "511", "1023"};

/// The receiver is device 0; the others always have something to send while they are busy.
class Cell
{
  public:
    explicit Cell(uint32_t numStations)
    {
        NodeContainer nodes(numStations + 1);
        YansWifiPhyHelper phy;
        phy.SetChannel(YansWifiChannelHelper::Default().Create());
        WifiMacHelper mac;
        mac.SetType("ns3::AdhocWifiMac");
        WifiHelper wifi;
        wifi.SetStandard(WIFI_STANDARD_80211a);
        wifi.SetRemoteStationManager(RATE_MANAGER, "DataMode", StringValue(RATE));
        m_devices = wifi.Install(phy, mac, nodes);
        WifiHelper::AssignStreams(m_devices, 100);
        MobilityHelper().Install(nodes); // all in one place: everyone hears everyone
        m_devices.Get(0)->SetReceiveCallback(MakeCallback(&Cell::Receive, this));
        for (uint32_t i = 1; i <= numStations; ++i)
        {
            auto manager = DynamicCast<WifiNetDevice>(m_devices.Get(i))->GetRemoteStationManager();
            manager->TraceConnectWithoutContext("MacTxDataFailed", MakeCallback(&Cell::Fail, this));
        }
    }

    void SetWindow(uint32_t window)
    {
        for (uint32_t i = 1; i < m_devices.GetN(); ++i)
        {
            Access(i)->SetMinCw(window);
            Access(i)->SetMaxCw(window);
        }
    }

    /// The first \p busy stations get enough to send for a while, the others have nothing.
    void Fill(uint32_t busy, uint32_t frames)
    {
        for (uint32_t i = 1; i < m_devices.GetN(); ++i)
        {
            auto queue = Access(i)->GetWifiMacQueue();
            while (i <= busy && queue->GetNPackets() < frames)
            {
                const auto to = m_devices.Get(0)->GetAddress();
                m_devices.Get(i)->Send(Create<Packet>(FRAME_BYTES), to, PROTOCOL);
            }
            if (i > busy)
            {
                queue->Flush();
            }
        }
    }

    uint64_t m_received_bytes{0};
    double m_failures{0}; ///< a count

  private:
    Ptr<Txop> Access(uint32_t i) const
    {
        return DynamicCast<WifiNetDevice>(m_devices.Get(i))->GetMac()->GetTxop();
    }

    bool Receive(Ptr<NetDevice>, Ptr<const Packet> packet, uint16_t, const Address&)
    {
        m_received_bytes += packet->GetSize();
        return true;
    }

    void Fail(Mac48Address)
    {
        ++m_failures;
    }

    NetDeviceContainer m_devices;
};

} // namespace

int
main(int argc, char* argv[])
{
    qntn::Bridge bridge(argc, argv);
    const auto numStations = bridge.Parameter<uint32_t>("num_stations", 1, 100, "1", "stations");
    const auto numSteps = bridge.Parameter<uint32_t>("num_steps", 1, 1e6, "steps", "an episode");
    const auto changeSteps =
        bridge.Parameter<uint32_t>("change_steps", 1, 1e6, "steps", "until the load changes");
    auto& role = bridge.AddRole("access_point", 1, 1, "tells all stations how long to back off");
    auto busyStations = role.Observe("busy_stations", 1, 0, 100, "1", "stations with data");
    auto carriedSeen = role.Observe("carried_ratio", 1, 0, 1, "ratio", "carried of 24 Mb/s");
    auto failedSeen = role.Observe("failed_ratio", 1, 0, 1, "ratio", "attempts that collided");
    auto window = role.Choose("contention_window",
                              1,
                              WINDOWS.size(),
                              "slots of back-off",
                              {.labels = WINDOWS});
    auto carriedTerm = role.Term("carried_ratio", "ratio", "carried of 24 Mb/s");
    auto carried = bridge.Metric("carried_ratio", "ratio", "carried of 24 Mb/s");
    auto failed = bridge.Metric("failed_ratio", "ratio", "attempts that collided");
    bridge.SetStep(MilliSeconds(20));
    bridge.Open();

    Cell cell(numStations);
    auto draw = CreateObjectWithAttributes<UniformRandomVariable>("Stream", IntegerValue(1));
    for (uint32_t step = 0, busy = 1; step < numSteps; ++step)
    {
        busy = step % changeSteps == 0 ? draw->GetInteger(1, numStations) : busy;
        busyStations(0) = static_cast<float>(busy);
        bridge.Step();
        cell.SetWindow((16U << window(0)) - 1);
        cell.Fill(busy, 60);
        cell.m_failures = cell.m_received_bytes = 0;
        Simulator::Stop(bridge.GetStep());
        Simulator::Run();
        const auto bits = 8.0 * static_cast<double>(cell.m_received_bytes);
        carriedTerm(0) = carried() = bits / (CHANNEL_BPS * bridge.GetStep().GetSeconds());
        failed() = cell.m_failures / std::max(1.0, bits / 8 / FRAME_BYTES + cell.m_failures);
        carriedSeen(0) = static_cast<float>(carried());
        failedSeen(0) = static_cast<float>(failed());
    }
    bridge.Finish(qntn::End::TRUNCATED);
    Simulator::Destroy();
}
