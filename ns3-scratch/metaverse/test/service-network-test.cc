// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/embb-source.h"
#include "metaverse/service-network.h"
#include "metaverse/xr-source.h"
#include "qkd/qkd-network.h"

#include "ns3/double.h"
#include "ns3/random-variable-stream.h"
#include "ns3/simulator.h"

#include <array>
#include <doctest/doctest.h>
#include <numeric>

using namespace ns3;
using namespace qntn;

namespace
{

/// One provider, two cells, two flows; the radio delivers, loses or keeps packets by chance.
class Bench
{
  public:
    Bench(double cores, Cipher cipher, Time radioDelay)
        : m_radioDelay(radioDelay), m_chance(CreateObject<UniformRandomVariable>())
    {
        m_chance->SetStream(5);
        keys = CreateObject<QkdNetwork>();
        const uint32_t edge = keys->AddSite("edge", SiteKind::Endpoint);
        const uint32_t gateway = keys->AddSite("gateway", SiteKind::Endpoint);
        keys->AddLink({.siteA = edge, .siteB = gateway, .lengthKm = 40});
        keys->AddRelation(edge, gateway);
        keys->AssignStreams(10);

        network = CreateObject<ServiceNetwork>();
        network->Configure(1, 2, 2);
        network->SetCellCallback(MakeCallback(&Bench::GetCell, this));
        network->SetRadioCallback(MakeCallback(&Bench::Receive, this));
        auto server = CreateObjectWithAttributes<EdgeServer>("Cores", DoubleValue(cores));
        server->SetNumClasses(2);
        network->AddServer(server);
        AddFlow(0, CreateObjectWithAttributes<XrSource>("Rate", DoubleValue(10e6)), cipher);
        AddFlow(1, CreateObjectWithAttributes<EmbbSource>("Rate", DoubleValue(5e6)), cipher);
    }

    ~Bench()
    {
        network->Dispose();
        keys->Dispose();
        Simulator::Destroy();
    }

    void Run(Time duration)
    {
        keys->Start();
        network->Start();
        for (int i = 1; i <= 20; ++i)
        {
            Simulator::Schedule(duration * i / 20, &ServiceNetwork::Check, network);
        }
        Simulator::Stop(duration + NanoSeconds(1));
        Simulator::Run();
        network->GetMonitor().Roll();
    }

    uint64_t CountLost(LossCause cause) const
    {
        return network->GetAccount(0).lost.at(static_cast<size_t>(cause)) +
               network->GetAccount(1).lost.at(static_cast<size_t>(cause));
    }

    Ptr<QkdNetwork> keys;
    Ptr<ServiceNetwork> network;
    uint32_t cell{0};
    double lossRatio{0};

  private:
    void AddFlow(uint32_t slice, Ptr<TrafficSource> source, Cipher cipher)
    {
        source->AssignStreams(20 + 10 * slice);
        std::vector<Ptr<Sae>> saes;
        for (int i = 0; i < 2; ++i)
        {
            saes.push_back(CreateObject<Sae>());
            saes.back()->Configure(keys, 0);
            saes.back()->SetCipher(cipher);
        }
        network->AddFlow({.user = 0,
                          .provider = 0,
                          .slice = slice,
                          .budget = MilliSeconds(50),
                          .workPerBurst = MilliSeconds(1),
                          .workPerMegabyte = MilliSeconds(100)},
                         source,
                         saes);
    }

    uint32_t GetCell(uint32_t)
    {
        return cell;
    }

    void Receive(uint32_t flow, Ptr<const Packet> packet, Time)
    {
        if (m_chance->GetValue() < lossRatio)
        {
            Simulator::Schedule(m_radioDelay,
                                &ServiceNetwork::Dropped,
                                network,
                                flow,
                                packet,
                                LossCause::RADIO);
        }
        else
        {
            Simulator::Schedule(m_radioDelay, &ServiceNetwork::Delivered, network, flow, packet);
        }
    }

    Time m_radioDelay;
    Ptr<UniformRandomVariable> m_chance;
};

} // namespace

TEST_CASE("with room everywhere every burst arrives, after work, core and radio")
{
    Bench bench(8, Cipher::AesGcm, MilliSeconds(2));
    bench.Run(Seconds(5));
    auto& monitor = bench.network->GetMonitor();
    CHECK(monitor.Get({}, {}, {}).GetSatisfiedRatio() == doctest::Approx(1).epsilon(0.02));
    CHECK(monitor.Get({}, 1, {}).offeredBursts == 0);
    CHECK(monitor.Get(0, 0, 0).offeredBursts == doctest::Approx(300).epsilon(0.01));
    // A frame of 20.8 kB: 3.08 ms of work on 4 of the 8 cores, 0.5 ms core network, 2 ms radio.
    CHECK(monitor.GetDelayQuantile(0, 0.5).GetSeconds() == doctest::Approx(3.27e-3).epsilon(0.03));
    CHECK(monitor.Get({}, {}, {}).padBursts == 0);
}

TEST_CASE("packets are accounted for whatever happens to them")
{
    Bench bench(0.3, Cipher::AesGcm, MilliSeconds(15)); // the server is the bottleneck
    bench.lossRatio = 0.01;
    Simulator::Schedule(Seconds(2), [&] { bench.cell = 1; });
    Simulator::Schedule(Seconds(3), [&] { bench.cell = ServiceNetwork::NO_CELL; });
    Simulator::Schedule(Seconds(4), [&] { bench.cell = 0; });
    bench.Run(Seconds(6));
    CHECK(bench.CountLost(LossCause::COMPUTE) > 0);
    CHECK(bench.CountLost(LossCause::RADIO) > 0);
    CHECK(bench.CountLost(LossCause::NO_COVERAGE) > 0);
    CHECK(bench.network->GetAccount(0).delivered > 0);
    auto& monitor = bench.network->GetMonitor();
    CHECK(monitor.Get({}, 1, {}).offeredBursts > 50);
    CHECK(monitor.Get({}, {}, {}).GetSatisfiedRatio() < 0.9);
}

TEST_CASE("late packets miss the budget")
{
    Bench bench(8, Cipher::AesGcm, MilliSeconds(60));
    bench.Run(Seconds(1));
    CHECK(bench.CountLost(LossCause::LATE) > 0);
    CHECK(bench.network->GetAccount(0).delivered == 0);
    CHECK(bench.network->GetMonitor().Get({}, {}, {}).satisfiedBursts == 0);
}

TEST_CASE("one-time pad without enough key blocks, and what passes is marked")
{
    Bench bench(8, Cipher::OneTimePad, MilliSeconds(2));
    bench.Run(Seconds(5));
    const auto report = bench.network->GetMonitor().Get({}, {}, {});
    CHECK(bench.CountLost(LossCause::KEY) > 0);
    CHECK(report.GetLostRatio(LossCause::KEY) > 0.5);
    CHECK(report.padBursts == report.satisfiedBursts);
}
