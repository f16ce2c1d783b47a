// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ran-ip-stack.h"
#include "ran/test/ran-fixture.h"

#include "ns3/bulk-send-helper.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/ipv4-global-routing-helper.h"
#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/packet-sink-helper.h"
#include "ns3/packet-sink.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
#include "ns3/trace-helper.h"
#include "ns3/udp-client-server-helper.h"
#include "ns3/udp-server.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace qntn;
using namespace ns3;

namespace
{

/// A user under a gNB, a UPF, and an edge node one wired hop behind it.
struct IpNetwork
{
    explicit IpNetwork(double distance_m, uint32_t transmissions = 4) : radio(2), stack(radio.ran)
    {
        radio.AddGnb(0, 0, "DDDSU");
        radio.ran->SetAttribute("MaxTransmissions", UintegerValue(transmissions));
        const auto index = radio.AddUser(distance_m, 0, 3);
        InternetStackHelper().Install(NodeContainer(ue, upf, edge));
        PointToPointHelper wire;
        wire.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
        wire.SetChannelAttribute("Delay", StringValue("1ms"));
        const auto devices = wire.Install(edge, upf);
        Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
        edgeAddress = addresses.Assign(devices).GetAddress(0);
        Ipv4StaticRoutingHelper()
            .GetStaticRouting(edge->GetObject<Ipv4>())
            ->SetDefaultRoute("10.0.0.2", 1);
        stack.Install(upf);
        ueAddress =
            stack.AddUe(ue,
                        index,
                        {{.sliceId = 0, .delayBudget = Seconds(2), .rlc = RlcMode::ACKNOWLEDGED},
                         {.sliceId = 1, .delayBudget = MilliSeconds(50), .dscp = 46}});
        radio.ran->AssignStreams(1);
        radio.ran->Start();
    }

    RanFixture radio;
    Ptr<Node> ue = CreateObject<Node>();
    Ptr<Node> upf = CreateObject<Node>();
    Ptr<Node> edge = CreateObject<Node>();
    RanIpStack stack;
    Ipv4Address ueAddress;
    Ipv4Address edgeAddress;
};

} // namespace

TEST_CASE("TCP carries a file over the radio, both ways, byte for byte")
{
    for (const bool up : {false, true})
    {
        constexpr uint64_t FILE_BYTES = 3'000'000;
        IpNetwork network(150, 2);
        const auto sender = up ? network.ue : network.edge;
        const auto receiver = up ? network.edge : network.ue;
        const InetSocketAddress to(up ? network.edgeAddress : network.ueAddress, 80);
        BulkSendHelper source("ns3::TcpSocketFactory", to);
        source.SetAttribute("MaxBytes", UintegerValue(FILE_BYTES));
        source.Install(sender);
        const auto sink =
            PacketSinkHelper("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 80))
                .Install(receiver)
                .Get(0)
                ->GetObject<PacketSink>();
        network.radio.Run(8);
        CHECK(sink->GetTotalRx() == FILE_BYTES);
        const auto& bearer = network.stack.GetBearers(0)[0];
        // the acknowledgements of TCP come back over the radio
        CHECK(network.radio.ran->GetAccount(bearer.uplinkFlow).delivered > 500);
        CHECK(network.radio.ran->GetAccount(bearer.downlinkFlow).delivered > 500);
        CHECK(network.stack.GetNumUnroutable() == 0);
    }
}

TEST_CASE("UDP packets choose their slice by DSCP, and their delay is that of wire and radio")
{
    IpNetwork network(60);
    UdpServerHelper server(4000);
    const auto application = server.Install(network.ue).Get(0)->GetObject<UdpServer>();
    UdpClientHelper client(network.ueAddress, 4000);
    client.SetAttribute("Interval", TimeValue(MilliSeconds(10)));
    client.SetAttribute("PacketSize", UintegerValue(500));
    client.SetAttribute("MaxPackets", UintegerValue(100));
    client.SetAttribute("Tos", UintegerValue(46 << 2));
    client.Install(network.edge);
    network.radio.Run(2);
    CHECK(application->GetReceived() == 100);
    const auto& bearers = network.stack.GetBearers(0);
    CHECK(network.radio.ran->GetAccount(bearers[0].downlinkFlow).sent == 0);
    CHECK(network.radio.ran->GetAccount(bearers[1].downlinkFlow).delivered == 100);
    CHECK(network.radio.ran->TakeReport(0, 1).offeredBytes == 100 * (500 + 8 + 20));
}

TEST_CASE("a capture of the user's device holds its IP packets")
{
    std::string folder = (std::filesystem::temp_directory_path() / "qntn-pcap-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const auto path = std::filesystem::path(folder) / "ue.pcap";
    {
        IpNetwork network(60);
        PcapHelper pcap;
        const auto file = pcap.CreateFile(path.string(), std::ios::out, PcapHelper::DLT_RAW);
        pcap.HookDefaultSink<VirtualNetDevice>(network.stack.GetDevice(0), "PromiscSniffer", file);
        UdpServerHelper(4000).Install(network.ue);
        UdpClientHelper client(network.ueAddress, 4000);
        client.SetAttribute("Interval", TimeValue(MilliSeconds(10)));
        client.SetAttribute("PacketSize", UintegerValue(500));
        client.SetAttribute("MaxPackets", UintegerValue(20));
        client.Install(network.edge);
        network.radio.Run(1);
    }
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    constexpr size_t FILE_HEADER = 24;
    constexpr size_t RECORD_HEADER = 16;
    CHECK(bytes.size() == FILE_HEADER + 20 * (RECORD_HEADER + 500 + 8 + 20));
    CHECK(bytes[FILE_HEADER + RECORD_HEADER] == 0x45); // IPv4, five words of header
    std::filesystem::remove_all(folder);
}
