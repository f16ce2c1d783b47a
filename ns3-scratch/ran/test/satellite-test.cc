// SPDX-License-Identifier: GPL-2.0-only
//
// Delay and beams follow the satellite.
#include "orbit/circular-orbit.h"
#include "orbit/fixed-trajectory.h"
#include "orbit/visibility.h"
#include "ran-fixture.h"
#include "ran/carrier.h"
#include "ran/decibel.h"
#include "ran/radio-channel.h"

#include "ns3/double.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>

using namespace ns3;
using namespace qntn;

namespace
{

const GroundFrame HERE(40.4168, -3.7038);
constexpr double MIN_ELEVATION_DEG = 20;

NtnCellConfig
MakeCell(std::shared_ptr<const Trajectory> trajectory)
{
    return {.name = "leo",
            .trajectory = std::move(trajectory),
            .frame = HERE,
            .beamCentre = {0, 0, 0},
            .carrier = {2e9, 30e6, 0, "D", 1},
            .eirpDensityDbwPerMhz = 60, // so strong that nothing has to be sent twice
            .minElevationDeg = MIN_ELEVATION_DEG,
            .coreDelay = Seconds(0),
            .environment = "Rural",
            .gOverTDbPerK = 30};
}

/// A few packets down and up each second, sent at the start of a slot. The fastest counts: one
/// whose block was sent again took longer than the link.
class Ping
{
  public:
    Ping()
    {
        m_fixture.ran->SetDeliveredCallback(MakeCallback(&Ping::Delivered, this));
        m_fixture.ran->GetHandoverControl().SetAttribute("NtnThresholdDb", DoubleValue(-20));
        m_fixture.ran->SetAttribute("TargetBler", DoubleValue(1e-6));
    }

    /// \return delay down and up together of each second, s
    std::vector<double> Run(int seconds)
    {
        auto& ran = *m_fixture.ran;
        const uint32_t user = m_fixture.AddUser(100, 100);
        const FlowConfig up{.direction = UPLINK,
                            .configuredGrantBytes = 200,
                            .configuredGrantPeriod = MilliSeconds(1)};
        for (const auto& config : {FlowConfig{}, up})
        {
            ran.AddFlow(user, 0, Seconds(5), config);
        }
        ran.AssignStreams(1);
        ran.Start();
        for (const auto direction : {DOWNLINK, UPLINK})
        {
            const uint32_t prbs = ran.GetNumPrbs(0);
            ran.SetPrbQuota(0, 0, {prbs, prbs, prbs}, direction);
        }
        m_trips = {std::vector<double>(seconds, NEVER_S), std::vector<double>(seconds, NEVER_S)};
        for (int second = 0; second < seconds; ++second)
        {
            for (const int ms : {500, 520, 540})
            {
                Simulator::Schedule(Seconds(second) + MilliSeconds(ms) + MicroSeconds(100),
                                    &Ping::Send,
                                    this);
            }
        }
        m_fixture.Run(seconds);
        std::vector<double> trips;
        std::ranges::transform(m_trips[0], m_trips[1], std::back_inserter(trips), std::plus<>());
        return trips;
    }

    RanFixture m_fixture{1};

  private:
    void Send()
    {
        for (const uint32_t flow : {0, 1})
        {
            m_fixture.ran->Enqueue(flow, Create<Packet>(100), Simulator::Now());
        }
    }

    void Delivered(uint32_t flow, Ptr<const Packet>, Time created)
    {
        double& trip = m_trips[flow][static_cast<size_t>(created.GetSeconds())];
        trip = std::min(trip, (Simulator::Now() - created).GetSeconds());
    }

    static constexpr double NEVER_S = 1;
    std::array<std::vector<double>, 2> m_trips; ///< by flow
};

/// What slots and grants take, with a gNB on the same carrier beside the user.
double
MeasureOwnTime()
{
    Ping ping;
    ping.m_fixture.ran->AddGnb({"gnb", {100, 110, 25}, {2e9, 30e6, 0, "D", 1}, 46, 8});
    const auto trips = ping.Run(3);
    const double light_s = std::hypot(10, 23.5) / SPEED_OF_LIGHT_MPS;
    return trips[2] - 2 * light_s;
}

} // namespace

TEST_CASE("the round trip over a satellite is geometry's throughout a pass")
{
    const double own_s = MeasureOwnTime();
    CHECK(own_s > 1e-3); // two slots at least
    CHECK(own_s < 20e-3);
    const Ecef user = HERE.ToEcef(100, 100, 1.5);
    const Ecef gateway = ToEcef(43.3, -8.4, 0);
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 160));
    const auto pass =
        FindPasses(*orbit, HERE.ToEcef(0, 0, 0), MIN_ELEVATION_DEG, -1000, 1000).at(0);

    for (const auto payload : {Payload::TRANSPARENT, Payload::REGENERATIVE})
    {
        Ping ping;
        auto cell = MakeCell(orbit);
        cell.gateway =
            std::make_shared<GatewayPath>(orbit, std::vector<Gateway>{{gateway, 5}}, payload);
        ping.m_fixture.ran->AddNtnCell(cell);
        const auto trips = ping.Run(static_cast<int>(pass.setS));
        int compared = 0;
        double shortest = 2;
        double longest = 0;
        for (size_t second = 1; second < trips.size(); ++second)
        {
            const double at = static_cast<double>(second) + 0.5001;
            if (at < pass.riseS + 1 || at > pass.setS - 1)
            {
                continue;
            }
            const Ecef satellite = orbit->PositionAt(at);
            const double geometry_s =
                2 * (Norm(satellite - user) + Norm(satellite - gateway)) / SPEED_OF_LIGHT_MPS;
            CAPTURE(at);
            CHECK(std::abs(trips[second] - own_s - geometry_s) < 0.01 * geometry_s);
            shortest = std::min(shortest, trips[second]);
            longest = std::max(longest, trips[second]);
            ++compared;
        }
        CHECK(compared > 250);
        CHECK(longest > shortest + 5e-3); // it does follow
        ping.m_fixture.ran->Dispose();
        Simulator::Destroy();
    }
}

TEST_CASE("HARQ waits for the feeder link only where the gNB is on the ground")
{
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 5));
    std::vector<Time> radio;
    std::vector<Time> backhaul;
    for (const auto payload : {Payload::TRANSPARENT, Payload::REGENERATIVE})
    {
        Ping ping;
        auto cell = MakeCell(orbit);
        cell.gateway =
            std::make_shared<GatewayPath>(orbit,
                                          std::vector<Gateway>{{ToEcef(43.3, -8.4, 0), 5}},
                                          payload);
        ping.m_fixture.ran->AddNtnCell(cell);
        ping.Run(2);
        radio.push_back(ping.m_fixture.ran->GetPropagationDelay(0, 0));
        backhaul.push_back(ping.m_fixture.ran->GetBackhaulDelay(0));
    }
    CHECK(backhaul[0].IsZero());
    CHECK(backhaul[1] > MilliSeconds(2));
    CHECK(std::abs((radio[0] - radio[1] - backhaul[1]).GetNanoSeconds()) <= 2);
}

TEST_CASE("a satellite that sees no gateway is off")
{
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 5));
    for (const bool near : {true, false})
    {
        Ping ping;
        auto cell = MakeCell(orbit);
        const Ecef gateway = near ? ToEcef(43.3, -8.4, 0) : ToEcef(-43.3, 171.6, 0);
        cell.gateway = std::make_shared<GatewayPath>(orbit,
                                                     std::vector<Gateway>{{gateway, 5}},
                                                     Payload::TRANSPARENT);
        ping.m_fixture.ran->AddNtnCell(cell);
        ping.Run(1);
        CHECK(ping.m_fixture.ran->IsAvailable(0) == near);
        CHECK((ping.m_fixture.ran->GetServingCell(0) == 0) == near);
    }
}

TEST_CASE("a platform and a geostationary satellite serve at the delay of their height")
{
    const Ecef user = HERE.ToEcef(100, 100, 1.5);
    const std::vector<std::shared_ptr<const Trajectory>> fixed{
        std::make_shared<FixedTrajectory>(40.4168, -3.7038, 20e3, 2000, 30),
        std::make_shared<FixedTrajectory>(FixedTrajectory::Geostationary(-3.7))};
    const std::vector<double> expected_s{20.1e3 / SPEED_OF_LIGHT_MPS, 0.1256};
    const double own_s = MeasureOwnTime();
    for (size_t i = 0; i < fixed.size(); ++i)
    {
        Ping ping;
        auto cell = MakeCell(fixed[i]);
        cell.eirpDensityDbwPerMhz = i == 0 ? 30 : 90;
        cell.gOverTDbPerK = i == 0 ? 20 : 60;
        ping.m_fixture.ran->AddNtnCell(cell);
        const auto trips = ping.Run(4);
        const double geometry_s = Norm(fixed[i]->PositionAt(2.5) - user) / SPEED_OF_LIGHT_MPS;
        CHECK(geometry_s == doctest::Approx(expected_s[i]).epsilon(0.01));
        CHECK(std::abs(trips[2] - own_s - 2 * geometry_s) < 0.01 * geometry_s);
    }
}

TEST_CASE("an Earth-fixed beam keeps its gain, a moving one takes it along")
{
    // 20 s before the satellite is overhead, its moving beam is some 130 km to the south
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 20));
    std::vector<double> early;
    std::vector<double> overhead;
    for (const bool moving : {false, true})
    {
        for (const int seconds : {2, 20})
        {
            Ping ping;
            auto cell = MakeCell(orbit);
            cell.movingBeam = moving;
            ping.m_fixture.ran->AddNtnCell(cell);
            ping.Run(seconds);
            (seconds == 2 ? early : overhead).push_back(ping.m_fixture.ran->GetSinrDb(0));
        }
    }
    CHECK(std::abs(overhead[0] - overhead[1]) < 0.5);
    CHECK(early[1] < early[0] - 15);
}

TEST_CASE("a dish in Ka band is a cell's field, and hears what a handset does not")
{
    const auto orbit =
        std::make_shared<CircularOrbit>(CircularOrbit::Over(40.4168, -3.7038, 600e3, 86.4, 5));
    auto handset = MakeCell(orbit);
    handset.carrier = {20e9, 400e6, 3, "D"}; // as study case 6 of TR 38.821, Table 6.1.1.1-9
    auto dish = handset;
    dish.ueGOverTDbPerK = 15.9; // TR 38.821 V16.2, Table 6.1.1.1-3
    dish.ueAntennaGainDbi = 43.2;
    RadioChannel channel;
    for (const auto& cell : {handset, dish})
    {
        CHECK_NOTHROW(Validate(cell.carrier));
        channel.AddNtnCell(cell);
    }
    auto mobility = CreateObject<ConstantPositionMobilityModel>();
    mobility->SetPosition({100, 100, 1.5});
    channel.AddUe(mobility);
    channel.SetPowerControl(300, -80, 1); // nobody needs more than there is
    channel.Start(); // both look through the same shadowing: they are beams of one satellite
    CHECK(channel.GetSnrDb(1, 0) - channel.GetSnrDb(0, 0) == doctest::Approx(15.9 + 31.6));
    CHECK(ToDb(channel.GetUplinkPowerMw(0, 0, 1) / channel.GetUplinkPowerMw(1, 0, 1)) ==
          doctest::Approx(43.2));
}
