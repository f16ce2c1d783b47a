// SPDX-License-Identifier: GPL-2.0-only
//
// HARQ, RLC and PDCP: what they save, in which order it arrives, and that all of it is accounted
// for.
#include "orbit/circular-orbit.h"
#include "ran/nr-tables.h"
#include "ran/tbs.h"
#include "ran/test/ran-fixture.h"

#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/uinteger.h"

using namespace qntn;
using namespace ns3;

namespace
{

/// A run of one user at some distance under one gNB, whose blocks are sent \p transmissions times.
class OneFlow
{
  public:
    OneFlow(const FlowConfig& config,
            uint32_t transmissions,
            double distanceM = 300,
            double statusLossRatio = 0)
        : m_fixture(1)
    {
        m_fixture.AddGnb(0, 0, "DDDSU");
        m_fixture.ran->SetAttribute("StatusLossRatio", DoubleValue(statusLossRatio));
        m_fixture.ran->SetAttribute("MaxTransmissions", UintegerValue(transmissions));
        m_flow = m_fixture.ran->AddFlow(m_fixture.AddUser(distanceM, 0, 3), 0, Seconds(3), config);
        m_fixture.ran->SetDeliveredCallback(MakeCallback(&OneFlow::Delivered, this));
        m_fixture.ran->AssignStreams(1);
        m_fixture.ran->Start();
        m_fixture.ran->SetPrbQuota(0, 0, {0, 106, 106});
    }

    void Run(double rate_bps = 4e6)
    {
        m_fixture.Offer(m_flow, rate_bps, 1400);
        m_fixture.Run(5);
    }

    FlowAccount GetAccount() const
    {
        return m_fixture.ran->GetAccount(m_flow);
    }

    uint64_t GetPolls() const
    {
        return m_fixture.ran->GetPollRetransmissions(m_flow);
    }

    uint32_t m_outOfOrder{0};
    Time m_longest{0}; ///< delay

  private:
    void Delivered(uint32_t, Ptr<const Packet> packet, Time created)
    {
        m_longest = std::max(m_longest, Simulator::Now() - created);
        m_outOfOrder += packet->GetUid() < m_newest;
        m_newest = std::max(m_newest, packet->GetUid());
    }

    RanFixture m_fixture;
    uint32_t m_flow;
    uint64_t m_newest{0};
};

constexpr size_t RADIO = static_cast<size_t>(DropCause::RADIO);

NtnCellConfig
MakeSatellite(double altitude_m)
{
    return {.name = "leo",
            .trajectory = std::make_shared<CircularOrbit>(
                CircularOrbit::Over(40.4168, -3.7038, altitude_m, 86.4, 20)),
            .frame = GroundFrame(40.4168, -3.7038),
            .beamCentre = {0, 0, 0},
            .carrier = {2e9, 30e6, 0, "D", 1},
            .eirpDensityDbwPerMhz = 34,
            .minElevationDeg = 60,
            .coreDelay = Seconds(0),
            .environment = "Rural"};
}

} // namespace

TEST_CASE("acknowledged mode delivers what unacknowledged mode loses")
{
    for (const Direction direction : {DOWNLINK, UPLINK})
    {
        // without HARQ each tenth block is lost
        OneFlow unacknowledged({.direction = direction}, 1);
        unacknowledged.Run();
        const auto lossy = unacknowledged.GetAccount();
        CHECK(lossy.dropped[RADIO] > 0.04 * static_cast<double>(lossy.sent));

        OneFlow acknowledged({.direction = direction, .rlc = RlcMode::ACKNOWLEDGED}, 1);
        acknowledged.Run();
        const auto account = acknowledged.GetAccount();
        CHECK(account.dropped[RADIO] == 0);
        CHECK(account.delivered > 0.97 * static_cast<double>(account.sent));
        CHECK(account.sent == account.delivered + account.inFlight);
    }
}

TEST_CASE("when a status report is lost the sender polls again, and nothing is lost for good")
{
    for (const Direction direction : {DOWNLINK, UPLINK})
    {
        const FlowConfig config{.direction = direction, .rlc = RlcMode::ACKNOWLEDGED};
        const auto timers = ProtocolTimers::For(false, Time());
        OneFlow safe(config, 1);
        safe.Run();
        CHECK(safe.GetPolls() == 0);

        OneFlow lossy(config, 1, 300, 0.5);
        lossy.Run();
        const auto account = lossy.GetAccount();
        CHECK(lossy.GetPolls() > 20);
        CHECK(lossy.m_longest > timers.pollRetransmit);
        CHECK(account.dropped[RADIO] == 0);
        CHECK(account.delivered > 0.95 * static_cast<double>(account.sent));
        CHECK(account.sent == account.delivered + account.inFlight);
    }
}

TEST_CASE("a poll takes the data along when nothing else waits, else it asks for a status")
{
    const FlowConfig config{.rlc = RlcMode::ACKNOWLEDGED};
    const auto timers = ProtocolTimers::For(false, Time());
    // a packet each 56 ms: the queue is empty when the timer ends, and the block goes again
    OneFlow idle(config, 1, 300, 0.99);
    idle.Run(0.2e6);
    CHECK(idle.GetPolls() > 0);
    CHECK(idle.GetAccount().dropped[RADIO] == 0);
    CHECK(idle.GetAccount().inFlight <= 3);
    CHECK(idle.m_longest < 4 * timers.pollRetransmit);
    // there is always something new: it asks for reports, of which most are lost again
    OneFlow busy(config, 1, 300, 0.99);
    busy.Run(400e6);
    CHECK(busy.GetPolls() > 1000);
    CHECK(busy.m_longest > 6 * timers.pollRetransmit);
}

TEST_CASE("acknowledged mode gives a packet up after its retransmissions")
{
    OneFlow flow({.rlc = RlcMode::ACKNOWLEDGED, .maxRetransmissions = 0}, 1);
    flow.Run();
    CHECK(flow.GetAccount().dropped[RADIO] > 100);
}

TEST_CASE("packets overtake one another unless PDCP puts them in order")
{
    for (const RlcMode mode : {RlcMode::UNACKNOWLEDGED, RlcMode::ACKNOWLEDGED})
    {
        OneFlow loose({.rlc = mode}, 2);
        loose.Run(20e6);
        CHECK(loose.m_outOfOrder > 10);
        OneFlow ordered({.rlc = mode, .inOrder = true}, 2);
        ordered.Run(20e6);
        CHECK(ordered.m_outOfOrder == 0);
        const auto account = ordered.GetAccount();
        CHECK(account.delivered > 0.9 * static_cast<double>(account.sent));
    }
}

TEST_CASE("no further transmission makes a loss likelier")
{
    for (int64_t table = 1; table <= 3; ++table)
    {
        for (int64_t mcs = 0; mcs < (table == 2 ? 28 : 29); ++mcs)
        {
            const Mcs scheme = McsParameters(mcs, table);
            double worst = 0;
            for (const uint32_t block_bits : {24, 400, 3800, 8000})
            {
                const double sent_bits = block_bits / scheme.codeRate;
                const double buffer_bits =
                    std::max(sent_bits, block_bits / MotherCodeRate(block_bits, scheme.codeRate));
                for (double sinr_db = -20; sinr_db < 30; sinr_db += 0.5)
                {
                    ReceivedInformation received;
                    double before = 1;
                    for (int i = 0; i < 6; ++i)
                    {
                        received.Add(sinr_db - 2 * (i % 2),
                                     scheme.modulationOrder,
                                     sent_bits,
                                     block_bits);
                        const double now =
                            BlerOf(received, block_bits, scheme.modulationOrder, buffer_bits);
                        worst = std::max(worst, now - before);
                        before = now;
                    }
                }
            }
            CHECK_MESSAGE(worst < 1e-3, "table " << table << ", MCS " << mcs);
        }
    }
}

TEST_CASE("the circular buffer holds three or five times the block")
{
    CHECK(MotherCodeRate(292, 0.9) == doctest::Approx(1.0 / 5)); // base graph 2: short,
    CHECK(MotherCodeRate(3824, 0.67) == doctest::Approx(1.0 / 5));
    CHECK(MotherCodeRate(100000, 0.25) == doctest::Approx(1.0 / 5)); // or slow
    CHECK(MotherCodeRate(3824, 0.68) == doctest::Approx(1.0 / 3));
    CHECK(MotherCodeRate(3825, 0.26) == doctest::Approx(1.0 / 3));
    // what comes when the buffer is through adds energy: twice all of it is 3 dB
    ReceivedInformation twice;
    ReceivedInformation strong;
    for (int i = 0; i < 2; ++i)
    {
        twice.Add(-3, 2, 24000, 8000);
    }
    strong.Add(-3 + 3.0103, 2, 24000, 8000);
    CHECK(BlerOf(twice, 8000, 2, 24000) == doctest::Approx(BlerOf(strong, 8000)).epsilon(1e-3));
}

TEST_CASE("fresh parity bits are worth more than the same again, at high code rates")
{
    ReceivedInformation fresh;
    const auto scheme_bits = 6; // 64QAM at rate 0.9
    const uint32_t block_bits = 8000;
    for (int i = 0; i < 2; ++i)
    {
        fresh.Add(12.5, scheme_bits, block_bits / 0.9, block_bits);
    }
    ReceivedInformation again;
    again.Add(12.5 + 3.01, scheme_bits, block_bits / 0.9, block_bits);
    CHECK(BlerOf(fresh, block_bits) < 1e-6);
    CHECK(BlerOf(again, block_bits) > 0.99);

    std::vector<uint64_t> lost;
    for (const auto combining : {HarqCombining::CHASE, HarqCombining::INCREMENTAL})
    {
        RanFixture bench(1);
        bench.AddGnb(0, 0, "DDDSU");
        bench.ran->SetAttribute("HarqCombining", EnumValue(combining));
        bench.ran->SetAttribute("MaxTransmissions", UintegerValue(2));
        bench.ran->SetAttribute("TargetBler", DoubleValue(0.5));
        const auto flow = bench.ran->AddFlow(bench.AddUser(100, 0, 40), 0, Seconds(10));
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 106, 106});
        bench.Offer(flow, 100e6, 1400);
        bench.Run(3);
        lost.push_back(bench.ran->GetAccount(flow).dropped[RADIO]);
    }
    CHECK(lost[0] > 20);
    CHECK(lost[1] < 0.7 * static_cast<double>(lost[0]));
}

TEST_CASE("without feedback a long link is filled, and repetition buys reliability")
{
    struct Case
    {
        uint32_t blind;
        uint32_t repetitions;
        double delivered_bytes;
        double bler;
    };

    std::vector<Case> cases{{0, 1, 0, 0}, {32, 1, 0, 0}, {32, 3, 0, 0}};
    for (auto& one : cases)
    {
        RanFixture bench(1);
        auto satellite = MakeSatellite(600e3);
        satellite.coreDelay = MilliSeconds(60); // a relay: 16 times more than 32 slots cover
        bench.ran->AddNtnCell(satellite);
        bench.ran->SetAttribute("NtnBlindProcesses", UintegerValue(one.blind));
        bench.ran->SetAttribute("NtnRepetitions", UintegerValue(one.repetitions));
        const auto flow = bench.ran->AddFlow(bench.AddUser(400, 0, 3), 0, Seconds(2));
        bench.ran->AssignStreams(1);
        bench.ran->Start();
        bench.ran->SetPrbQuota(0, 0, {0, 160, 160});
        bench.Offer(flow, 60e6, 1400);
        bench.Run(6);
        const auto report = bench.ran->TakeReport(0, 0);
        one.delivered_bytes = static_cast<double>(report.deliveredBytes);
        one.bler =
            static_cast<double>(report.failedBlocks) / static_cast<double>(report.transportBlocks);
    }
    // 32 processes send 32 blocks in each round trip of 2 x 62 ms, a quarter of the slots
    CHECK(cases[1].delivered_bytes > 2 * cases[0].delivered_bytes);
    // three at once share a fade, which takes the whole carrier
    CHECK(cases[2].bler < 0.5 * cases[1].bler);
}

TEST_CASE("acknowledgements of a satellite wait for its round trip, timers grow with the orbit")
{
    const auto ground = ProtocolTimers::For(false, Time());
    const auto low = ProtocolTimers::For(true, MilliSeconds(8));
    const auto high = ProtocolTimers::For(true, MilliSeconds(270));
    CHECK(ground.reassembly < low.reassembly);
    for (const auto& timers : {ground, low, high}) // a status normally comes before
    {
        CHECK(timers.pollRetransmit > timers.reassembly + timers.statusProhibit);
    }
    // four transmissions, each a round trip and some slots
    CHECK(low.reassembly >= MilliSeconds(3 * (2 * 30 + 4)));
    CHECK(high.reassembly >= MilliSeconds(3 * (2 * 270 + 4)));
    CHECK(high.reordering > high.reassembly);
}
