// SPDX-License-Identifier: GPL-2.0-only
#include "ran/bench/bench-network.h"

#include "orbit/circular-orbit.h"

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qntn
{

using namespace ns3;

namespace
{

constexpr double LATITUDE_DEG = 40.4168; // Madrid
constexpr double LONGITUDE_DEG = -3.7038;
constexpr double SITE_DISTANCE_M = 500;
constexpr double SPEED_MPS = 1.5;
constexpr double COUNTRY_M = 40'000; ///< from the gNBs to the users of the satellite
constexpr uint32_t PACKET_BYTES = 1400;
constexpr uint32_t POSE_BYTES = 100; // TR 38.838 V17, 5.1.2
constexpr uint32_t NUM_SLICES = 3;
constexpr double LOAD_RATIO[NUM_SLICES] = {0.60, 0.02, 0.38}; // XR, control, downloads
constexpr int64_t BUDGET_MS[NUM_SLICES] = {30, 10, 300};

/// Sites of a hexagonal grid, ring after ring around the first.
Vector
SiteAt(uint32_t index)
{
    uint32_t ring = 0;
    uint32_t before = 0; // sites inside the ring
    while (index >= before + std::max(6 * ring, 1U))
    {
        before += std::max(6 * ring, 1U);
        ++ring;
    }
    if (ring == 0)
    {
        return {0, 0, 25};
    }
    const uint32_t side = (index - before) / ring;
    const uint32_t step = (index - before) % ring;
    const double corner = std::numbers::pi / 3 * side;
    const double along = corner + 2 * std::numbers::pi / 3;
    return {SITE_DISTANCE_M * (ring * std::cos(corner) + step * std::cos(along)),
            SITE_DISTANCE_M * (ring * std::sin(corner) + step * std::sin(along)),
            25};
}

} // namespace

BenchNetwork::BenchNetwork(const BenchConfig& config)
    : m_config(config),
      m_uniform(CreateObject<UniformRandomVariable>()),
      m_gap(CreateObject<ExponentialRandomVariable>())
{
    RngSeedManager::SetSeed(1);
    RngSeedManager::SetRun(config.run);
    m_ran = CreateObjectWithAttributes<RanNetwork>("NumSlices", UintegerValue(NUM_SLICES));
    m_uniform->SetStream(1);
    m_gap->SetStream(2);
    if (config.ip)
    {
        m_ip = std::make_unique<BenchIp>(m_ran);
    }
    else
    {
        m_ran->SetDeliveredCallback(MakeCallback(&BenchNetwork::Delivered, this));
    }
    AddCells();
    AddUsers();
    m_ran->AssignStreams(3);
    m_ran->Start();
    for (uint32_t cell = 0; cell < m_ran->GetNumCells(); ++cell)
    {
        const uint32_t prbs = m_ran->GetNumPrbs(cell);
        const uint32_t control = prbs / 10;
        const uint32_t xr = prbs * 55 / 100;
        m_ran->SetPrbQuota(cell, 0, {0, xr, prbs});
        m_ran->SetPrbQuota(cell, 1, {control, control, prbs});
        m_ran->SetPrbQuota(cell, 2, {0, prbs - control - xr, prbs});
    }
}

BenchNetwork::~BenchNetwork()
{
    m_ip.reset();
    m_ran->Dispose();
    Simulator::Destroy();
}

void
BenchNetwork::AddCells()
{
    for (uint32_t i = 0; i < m_config.numGnbs; ++i)
    {
        m_ran->AddGnb({.name = "gnb-" + std::to_string(i),
                       .position = SiteAt(i),
                       .carrier = {.frequencyHz = 3.5e9,
                                   .bandwidthHz = 100e6,
                                   .numerology = 1,
                                   .slotPattern = "DDDSU"},
                       .txPowerDbm = 46,
                       .antennaGainDbi = 8});
    }
    for (uint32_t i = 0; i < m_config.numSatellites; ++i)
    {
        m_ran->AddNtnCell({.name = "leo-" + std::to_string(i),
                           .trajectory = std::make_shared<CircularOrbit>(
                               CircularOrbit::Over(LATITUDE_DEG, LONGITUDE_DEG, 600e3, 86.4, 20)),
                           .frame = GroundFrame(LATITUDE_DEG, LONGITUDE_DEG),
                           .beamCentre = {COUNTRY_M, 0, 0},
                           .carrier = {.frequencyHz = 2e9 + 30e6 * i,
                                       .bandwidthHz = 30e6,
                                       .numerology = 0,
                                       .slotPattern = "D",
                                       .mcsTable = 1},
                           .eirpDensityDbwPerMhz = 34,
                           .minElevationDeg = 30,
                           .coreDelay = Seconds(0),
                           .environment = "Rural"});
    }
}

void
BenchNetwork::AddUsers()
{
    std::vector<uint32_t> users[NUM_SLICES];
    for (uint32_t u = 0; u < m_config.numUes; ++u)
    {
        const bool country = m_config.numSatellites > 0 && u % 10 == 9;
        const Vector site = country ? Vector(COUNTRY_M, 0, 0) : SiteAt(u % m_config.numGnbs);
        const double distance_m = 30 + 220 * std::sqrt(m_uniform->GetValue(0, 1));
        const double angle = m_uniform->GetValue(0, 2 * std::numbers::pi);
        const double heading = m_uniform->GetValue(0, 2 * std::numbers::pi);
        auto mobility = CreateObject<ConstantVelocityMobilityModel>();
        mobility->SetPosition(
            {site.x + distance_m * std::cos(angle), site.y + distance_m * std::sin(angle), 1.5});
        mobility->SetVelocity({SPEED_MPS * std::cos(heading), SPEED_MPS * std::sin(heading), 0});
        users[u % NUM_SLICES].push_back(m_ran->AddUe(mobility));
    }
    for (uint32_t slice = 0; slice < NUM_SLICES; ++slice)
    {
        for (const uint32_t user : users[slice])
        {
            const double rate_bps = 1e6 * m_config.offeredMbps * LOAD_RATIO[slice] /
                                    static_cast<double>(users[slice].size());
            AddSources(user, slice, rate_bps);
        }
    }
}

void
BenchNetwork::AddSources(uint32_t user, uint32_t slice, double rate_bps)
{
    const Time budget = MilliSeconds(BUDGET_MS[slice]);
    if (m_config.ip)
    {
        m_ip->AddUe(user, slice, budget);
    }
    for (const Direction direction : {DOWNLINK, UPLINK})
    {
        const double ratio = direction == UPLINK ? m_config.uplinkRatio : 1 - m_config.uplinkRatio;
        if (ratio <= 0)
        {
            continue;
        }
        Source source = MakeSource(slice, direction, ratio * rate_bps);
        if (m_config.ip)
        {
            source.socket = m_ip->MakeSocket(user, direction);
        }
        else
        {
            source.flow = m_ran->AddFlow(user, slice, budget, {.direction = direction});
        }
        m_sources.push_back(source);
        Simulator::Schedule(Seconds(m_uniform->GetValue(0, source.period.GetSeconds())),
                            &BenchNetwork::Emit,
                            this,
                            static_cast<uint32_t>(m_sources.size() - 1));
    }
}

BenchNetwork::Source
BenchNetwork::MakeSource(uint32_t slice, Direction direction, double rate_bps)
{
    uint32_t bytes = PACKET_BYTES;
    if (slice == 0)
    {
        bytes = direction == UPLINK ? POSE_BYTES : static_cast<uint32_t>(rate_bps / 60 / 8);
    }
    else if (slice == 1)
    {
        bytes = std::max(32U, static_cast<uint32_t>(rate_bps / 1000 / 8));
    }
    return {.flow = 0,
            .bytes = bytes,
            .period = Seconds(bytes * 8 / rate_bps),
            .random = slice == 2};
}

void
BenchNetwork::Emit(uint32_t index)
{
    const Source& source = m_sources[index];
    const Time now = Simulator::Now();
    for (uint32_t left = source.bytes; left > 0; left -= std::min(left, PACKET_BYTES))
    {
        auto packet = Create<Packet>(std::min(left, PACKET_BYTES));
        if (source.socket)
        {
            source.socket->Send(packet);
        }
        else
        {
            m_ran->Enqueue(source.flow, packet, now);
        }
        ++m_counts.packets;
    }
    const Time gap =
        source.random ? Seconds(m_gap->GetValue(source.period.GetSeconds(), 0)) : source.period;
    Simulator::Schedule(gap, &BenchNetwork::Emit, this, index);
}

void
BenchNetwork::Delivered(uint32_t, Ptr<const Packet> packet, Time)
{
    m_counts.deliveredBytes += packet->GetSize();
}

Ptr<RanNetwork>
BenchNetwork::GetRan() const
{
    return m_ran;
}

BenchNetwork::Counts
BenchNetwork::Count() const
{
    Counts counts = m_counts;
    counts.slots = m_ran->GetNumSlots();
    counts.deliveredBytes += m_ip ? m_ip->GetReceivedBytes() : 0;
    return counts;
}

} // namespace qntn
