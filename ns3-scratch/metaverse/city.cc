// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/city.h"

#include "metaverse/radio-slices.h"
#include "metaverse/urllc-source.h"
#include "metaverse/xr-source.h"
#include "orbit/visibility.h"
#include "ran/coverage.h"
#include "ran/quota.h"

#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

namespace
{

constexpr double LATITUDE_DEG = 40.4168; // Madrid, where MadQCI is
constexpr double LONGITUDE_DEG = -3.7038;
const std::vector<Vector> GNB_POSITIONS{
    {0, 0, 25}, {500, 0, 25}, {250, 433, 25}}; // TR 38.901 UMa, 500 m
constexpr double GNB_ANTENNA_GAIN_DBI = 8;     // TR 38.901, Table 7.3-1
constexpr double SATELLITE_ALTITUDE_M = 600e3; // TR 38.821, set 1, LEO-600
constexpr double SATELLITE_EIRP_DBW_PER_MHZ = 34;
constexpr double WATCHING_RATE_RATIO = 0.5;
/// Within these parts of the episode things begin.
constexpr std::array RIDE_BEGINS{0.25, 0.45};
constexpr std::array PASS_BEGINS{0.10, 0.40};
constexpr std::array RUSH_BEGINS{0.40, 0.70};

/// Where servers and gateways are attached; what is left are candidate relay sites.
constexpr std::array<const char*, City::NUM_PROVIDERS> SERVER_SITES{"QUIJOTE", "DISTRITO"};
constexpr std::array<const char*, City::NUM_CELLS> GATEWAY_SITES{
    "QUIRON", "CONCEPCION", "QUINTIN", "QUINTO"};
const KeyPoolConfig RELATION_POOL{
    .initialBits = 6000, .minBits = 0, .thresholdBits = 100000, .maxBits = 1000000};
const KeyPoolConfig LINK_POOL{
    .initialBits = 100000, .minBits = 16384, .thresholdBits = 262144, .maxBits = 2000000};

/// Its first key is for tags alone; it is laid in before the launch.
const KeyPoolConfig SATELLITE_POOL{
    .initialBits = 16384, .minBits = 16384, .thresholdBits = 65536, .maxBits = 2000000};
const Time DOWNLINK_PERIOD = MilliSeconds(100); // a block period
constexpr double SPRING_DAY = 80;               // equinox: sunrise and sunset at 6 and 18 hours

constexpr uint32_t POSE_BYTES = 100; // TR 38.838 V17, 5.2.1
const Time POSE_PERIOD = MilliSeconds(4);

} // namespace

NS_OBJECT_ENSURE_REGISTERED(City);

TypeId
City::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::City").SetParent<Object>().SetGroupName("Metaverse").AddConstructor<City>();
    return tid;
}

void
City::Build(const CityConfig& config, const QkdTopology& topology, const CostSet& costs)
{
    NS_ABORT_MSG_IF(m_ran, "City::Build is called twice");
    m_config = config;
    m_times = CreateObject<UniformRandomVariable>();
    m_users = CreateObject<CityUsers>();
    int64_t stream = 1;
    m_times->SetStream(stream++);
    stream += m_users->AssignStreams(stream);
    m_users->Create(config.numUsers, GNB_POSITIONS);
    BuildRadio(config);
    BuildKeys(config, topology, costs);
    BuildServices(config);
    stream += m_ran->AssignStreams(stream);
    stream += m_keys->AssignStreams(stream);
    for (const auto& source : m_sources)
    {
        stream += source->AssignStreams(stream);
    }
    m_radio.resize(NUM_CELLS * NUM_SLICES);
    m_cpu.resize(NUM_PROVIDERS * NUM_SLICES);
    m_cpuDemand.resize(NUM_PROVIDERS * NUM_SLICES);
    m_relationReports.resize(NUM_RELATIONS);
    m_linkReports.resize(m_keys->GetNumLinks());
    m_offered_bps.resize(NUM_PROVIDERS * NUM_CELLS * NUM_SLICES);
    m_keyDemand_bps.resize(NUM_RELATIONS);
    m_servingCells.assign(config.numUsers, ServiceNetwork::NO_CELL);
}

void
City::BuildRadio(const CityConfig& config)
{
    m_ran = CreateObjectWithAttributes<RanNetwork>("NumSlices",
                                                   UintegerValue(NUM_PROVIDERS * NUM_SLICES));
    for (uint32_t provider = 0; provider < NUM_PROVIDERS; ++provider)
    {
        m_ran->SetTargetBler(provider * NUM_SLICES + XURLLC, config.xurllcTargetBler);
    }
    std::vector<GnbConfig> gnbs;
    for (uint32_t i = 0; i < NUM_GNBS; ++i)
    {
        gnbs.push_back({.name = CELL_NAMES[i],
                        .position = GNB_POSITIONS[i],
                        .carrier = {.frequencyHz = 3.5e9,
                                    .bandwidthHz = 40e6,
                                    .numerology = 1,
                                    .slotPattern = "DDDSU"},
                        .txPowerDbm = config.gnbTxPowerDbm,
                        .antennaGainDbi = GNB_ANTENNA_GAIN_DBI});
    }
    const double duration_s = config.duration.GetSeconds();
    m_passStart = Seconds(m_times->GetValue(PASS_BEGINS[0], PASS_BEGINS[1]) * duration_s);
    m_frame = std::make_unique<GroundFrame>(LATITUDE_DEG, LONGITUDE_DEG);
    m_orbit = std::make_shared<CircularOrbit>(OrbitForPass(LATITUDE_DEG,
                                                           LONGITUDE_DEG,
                                                           SATELLITE_ALTITUDE_M,
                                                           config.minElevationDeg,
                                                           m_passStart.GetSeconds(),
                                                           config.passDuration.GetSeconds()));
    const NtnCellConfig satellite{.name = CELL_NAMES[SATELLITE],
                                  .trajectory = m_orbit,
                                  .frame = *m_frame,
                                  .beamCentre = {0, 0, 0},
                                  .carrier = {.frequencyHz = 2e9,
                                              .bandwidthHz = 30e6,
                                              .numerology = 0,
                                              .slotPattern = "D",
                                              .mcsTable = 1},
                                  .eirpDensityDbwPerMhz = SATELLITE_EIRP_DBW_PER_MHZ,
                                  .minElevationDeg = config.minElevationDeg,
                                  .coreDelay = Seconds(0),
                                  .environment = "Suburban"};
    std::vector<Vector> places;
    for (const auto& user : m_users->Get())
    {
        places.push_back(user.mobility->GetPosition());
    }
    RequireCoverage(places, gnbs, {&satellite, 1});
    for (const auto& gnb : gnbs)
    {
        m_ran->AddGnb(gnb);
    }
    m_ran->AddNtnCell(satellite);
    for (const auto& user : m_users->Get())
    {
        m_ran->AddUe(user.mobility);
    }
    m_ran->SetDeliveredCallback(MakeCallback(&City::RadioDelivered, this));
    m_ran->SetDroppedCallback(MakeCallback(&City::RadioDropped, this));
    m_users->ScheduleRide(Seconds(RIDE_BEGINS[0] * duration_s),
                          Seconds(RIDE_BEGINS[1] * duration_s));
}

void
City::BuildKeys(const CityConfig& config, const QkdTopology& topology, const CostSet& costs)
{
    m_keys = CreateObjectWithAttributes<QkdNetwork>("MaxPaths",
                                                    UintegerValue(NUM_PATHS),
                                                    "SetupTime",
                                                    TimeValue(config.relaySetup),
                                                    "Commitment",
                                                    TimeValue(config.relayCommitment),
                                                    "PricePeriod",
                                                    TimeValue(config.pricePeriod));
    m_keys->SetCostSet(costs);
    for (const auto& site : topology.sites)
    {
        const bool isEnd = std::ranges::find(SERVER_SITES, site) != SERVER_SITES.end() ||
                           std::ranges::find(GATEWAY_SITES, site) != GATEWAY_SITES.end();
        m_keys->AddSite(site, isEnd ? SiteKind::Endpoint : SiteKind::RelayCandidate);
    }
    for (const auto& link : topology.links)
    {
        m_keys->AddLink({.siteA = topology.GetSite(link.siteA),
                         .siteB = topology.GetSite(link.siteB),
                         .lengthKm = link.lengthKm,
                         .lossDb = link.lossDb,
                         .pulseRateHz = config.pulseRateHz,
                         .pool = LINK_POOL});
    }
    for (const char* server : SERVER_SITES)
    {
        for (const char* gateway : GATEWAY_SITES)
        {
            m_keys->AddRelation(m_keys->GetSite(server), m_keys->GetSite(gateway), RELATION_POOL);
        }
    }
    if (config.satelliteKey)
    {
        BuildDownlink(config);
    }
    if (config.keyDelivery)
    {
        m_saeNetwork = CreateObject<SaeNetwork>();
        m_saeNetwork->Build(m_keys, *config.keyDelivery);
    }
}

void
City::BuildDownlink(const CityConfig& config)
{
    const CitySatelliteKey& key = *config.satelliteKey;
    const uint32_t satellite = m_keys->AddSite(SATELLITE_SITE, SiteKind::Endpoint);
    std::vector<OpticalStation> stations;
    for (uint32_t station = 0; station < NUM_STATIONS; ++station)
    {
        m_stationLinks.push_back(m_keys->AddLink({.siteA = satellite,
                                                  .siteB = m_keys->GetSite(GetStationName(station)),
                                                  .lengthKm = SATELLITE_ALTITUDE_M / 1000,
                                                  .lossDb = 0,
                                                  .pulseRateHz = config.pulseRateHz,
                                                  .pool = SATELLITE_POOL}));
        stations.push_back({LATITUDE_DEG, LONGITUDE_DEG, m_stationLinks.back()});
    }
    for (uint32_t provider = 0; provider < NUM_PROVIDERS; ++provider)
    {
        const uint32_t path = m_keys->AddPath(GetRelation(provider, SATELLITE),
                                              {m_stationLinks[provider], m_stationLinks.back()});
        NS_ABORT_MSG_IF(path >= NUM_PATHS,
                        "City: the satellite's path has number " << path << ", expected less than "
                                                                 << NUM_PATHS);
    }
    m_downlink = CreateObjectWithAttributes<SatelliteDownlink>("UpdatePeriod",
                                                               TimeValue(DOWNLINK_PERIOD),
                                                               "Dwell",
                                                               TimeValue(key.dwell));
    m_downlink->Configure(m_keys,
                          *m_orbit,
                          {.divergenceRad = key.divergenceRad,
                           .receiverDiameterM = key.receiverDiameterM,
                           .pointingJitterRad = key.pointingJitterRad,
                           .minElevationDeg = config.minElevationDeg,
                           .dayOfYear = SPRING_DAY,
                           .utcHour = key.utcHour},
                          stations);
    m_downlink->SetSite(satellite);
}

void
City::BuildServices(const CityConfig& config)
{
    m_services = CreateObject<ServiceNetwork>();
    m_services->Configure(NUM_PROVIDERS, NUM_CELLS, NUM_SLICES);
    m_services->SetCellCallback(MakeCallback(&City::CellOf, this));
    m_services->SetRadioCallback(MakeCallback(&RanNetwork::Enqueue, m_ran));
    for (const char* name : PROVIDER_NAMES)
    {
        auto server =
            CreateObjectWithAttributes<EdgeServer>("Cores", DoubleValue(config.edgeCores));
        m_providers.emplace_back(name, NUM_CELLS, NUM_SLICES, server);
        m_services->AddServer(server);
    }
    m_saes.assign(NUM_RELATIONS, std::vector<std::vector<Ptr<Sae>>>(NUM_SLICES));
    for (uint32_t user = 0; user < config.numUsers; ++user)
    {
        const auto& u = m_users->Get()[user];
        if (u.kind == UserKind::DOWNLOADING)
        {
            auto embb = CreateObjectWithAttributes<EmbbSource>("Rate",
                                                               DoubleValue(config.embbRateBps),
                                                               "FileBytes",
                                                               UintegerValue(config.embbFileBytes));
            AddFlow(config, user, EMBB, embb);
            if (u.provider == NUM_PROVIDERS - 1)
            {
                m_rushSources.push_back(embb);
            }
            continue;
        }
        const double rateBps =
            config.xrRateBps * (u.kind == UserKind::WATCHING ? WATCHING_RATE_RATIO : 1);
        AddFlow(config,
                user,
                XR,
                CreateObjectWithAttributes<XrSource>("Rate", DoubleValue(rateBps)));
        if (u.kind == UserKind::IMMERSED)
        {
            AddFlow(config, user, XURLLC, CreateObject<UrllcSource>());
        }
    }
    m_firstPoseFlow = m_services->GetNumFlows();
    for (uint32_t user = 0; user < config.numUsers && config.poseUplink; ++user)
    {
        if (m_users->Get()[user].kind != UserKind::DOWNLOADING)
        {
            AddPose(user);
        }
    }
    m_rushStart =
        Seconds(m_times->GetValue(RUSH_BEGINS[0], RUSH_BEGINS[1]) * config.duration.GetSeconds());
    Simulator::Schedule(m_rushStart, &City::SetRush, this, config.rushRatio);
    Simulator::Schedule(m_rushStart + config.rushDuration, &City::SetRush, this, 1.0);
}

void
City::AddFlow(const CityConfig& config, uint32_t user, Slice slice, Ptr<TrafficSource> source)
{
    const uint32_t provider = m_users->Get()[user].provider;
    std::vector<Ptr<Sae>> saes;
    for (uint32_t cell = 0; cell < NUM_CELLS; ++cell)
    {
        const uint32_t relation = GetRelation(provider, cell);
        auto sae = CreateObjectWithAttributes<Sae>(
            "RekeyBytes",
            UintegerValue(config.rekeyBytes),
            "MaxWait",
            TimeValue(std::min(config.keyWait, config.budgets[slice])));
        sae->Configure(m_keys, relation);
        if (m_saeNetwork)
        {
            sae->SetKeySource(m_saeNetwork->GetSource(relation));
        }
        m_saes[relation][slice].push_back(sae);
        saes.push_back(sae);
    }
    m_providers[provider].AddSource(slice, source);
    m_sources.push_back(source);
    const uint32_t flow = m_services->AddFlow({.user = user,
                                               .provider = provider,
                                               .slice = slice,
                                               .budget = config.budgets[slice],
                                               .workPerBurst = config.workPerBurst[slice],
                                               .workPerMegabyte = config.workPerMegabyte[slice]},
                                              source,
                                              saes);
    const uint32_t ranFlow =
        m_ran->AddFlow(user, provider * NUM_SLICES + slice, config.budgets[slice]);
    NS_ASSERT_MSG(flow == ranFlow, "flows of the radio and of the service are numbered alike");
}

void
City::AddPose(uint32_t user)
{
    const uint32_t slice = m_users->Get()[user].provider * NUM_SLICES + XR;
    const uint32_t flow = m_ran->AddFlow(user, slice, m_config.poseBudget, {.direction = UPLINK});
    auto source = CreateObjectWithAttributes<UrllcSource>("PacketBytes",
                                                          UintegerValue(POSE_BYTES),
                                                          "Period",
                                                          TimeValue(POSE_PERIOD));
    source->SetOutputCallback(TrafficSource::BurstCallback(
        [this, flow, user](uint32_t bytes)
        {
            if (CellOf(user) != ServiceNetwork::NO_CELL) // who is in no cell pauses
            {
                m_ran->Enqueue(flow, Create<Packet>(bytes), Simulator::Now());
            }
        }));
    m_sources.push_back(source);
    m_poseSources.push_back(source);
    m_poseUsers.push_back(user);
}

void
City::SetRush(double ratio)
{
    for (const auto& source : m_rushSources)
    {
        source->SetLoad(ratio);
    }
}

void
City::Start()
{
    m_ran->Start();
    m_keys->Start();
    if (m_saeNetwork)
    {
        m_saeNetwork->Start();
    }
    if (m_downlink)
    {
        m_downlink->Start();
    }
    m_services->Start();
    for (const auto& source : m_poseSources)
    {
        source->Start();
    }
}

void
City::SetSliceShares(uint32_t cell, std::span<const float> shares)
{
    DividePrbs(*m_ran, cell, DivideSlices(cell, shares));
}

std::vector<double>
City::DivideSlices(uint32_t cell, std::span<const float> shares) const
{
    return DivideBetweenProviders(shares, m_providers, cell);
}

void
City::SetCipherPolicy(uint32_t relation, CipherPolicy policy)
{
    for (uint32_t slice = 0; slice < NUM_SLICES; ++slice)
    {
        const bool pad = policy == CipherPolicy::PAD_ALL ||
                         (policy == CipherPolicy::PAD_XURLLC && slice == XURLLC);
        for (const auto& sae : m_saes.at(relation)[slice])
        {
            sae->SetCipher(pad ? Cipher::OneTimePad : Cipher::AesGcm);
        }
    }
}

void
City::SetRefillLevel(uint32_t relation, double ratio)
{
    const double limit = m_providers[relation / NUM_CELLS].GetKeyLimit(relation % NUM_CELLS);
    m_keys->SetRefillThreshold(relation, std::min(ratio, limit));
}

Provider&
City::GetProvider(uint32_t provider)
{
    return m_providers.at(provider);
}

QkdNetwork&
City::GetKeys()
{
    return *m_keys;
}

uint32_t
City::GetRelation(uint32_t provider, uint32_t cell)
{
    return provider * NUM_CELLS + cell;
}

std::string
City::GetRelationName(uint32_t relation)
{
    return std::string(PROVIDER_NAMES[relation / NUM_CELLS]) + "_" +
           CELL_NAMES[relation % NUM_CELLS];
}

bool
City::Needs(uint32_t relation, uint32_t path, uint32_t site) const
{
    const auto& sites = m_keys->GetPath(relation, path).sites;
    return std::ranges::find(sites, site) != sites.end();
}

double
City::GetPathQber(uint32_t relation, uint32_t path) const
{
    double qber = 0;
    for (const uint32_t link : m_keys->GetPath(relation, path).edges)
    {
        qber = std::max(qber, m_linkReports[link].qber);
    }
    return qber;
}

std::string
City::GetStationName(uint32_t station)
{
    return station < NUM_PROVIDERS ? SERVER_SITES[station] : GATEWAY_SITES[SATELLITE];
}

uint32_t
City::CellOf(uint32_t user)
{
    return m_ran->GetServingCell(user);
}

void
City::RadioDelivered(uint32_t flow, Ptr<const Packet> packet, Time created)
{
    if (m_kpis)
    {
        m_kpis->Delivered(flow, packet, created);
    }
    if (flow >= m_firstPoseFlow)
    {
        ++m_poseSamples;
        m_poseInTime += Simulator::Now() - created <= m_config.poseBudget;
        return;
    }
    m_services->Delivered(flow, packet);
}

void
City::RadioDropped(uint32_t flow, Ptr<const Packet> packet, DropCause cause)
{
    if (m_kpis)
    {
        m_kpis->Dropped(flow, packet, cause);
    }
    if (flow >= m_firstPoseFlow)
    {
        ++m_poseSamples;
        return;
    }
    m_services->Dropped(flow, packet, ToLossCause(cause));
}

void
City::CountKpis()
{
    m_kpis = MakeServiceKpis(m_ran, *m_services, SLICE_NAMES, PROVIDER_NAMES, CELL_NAMES);
    for (uint32_t i = 0; i < m_poseUsers.size(); ++i)
    {
        const uint32_t user = m_poseUsers[i];
        m_kpis->AddFlow(m_firstPoseFlow + i, user, XR, m_config.poseBudget, UPLINK);
        m_kpis->AddGroup(m_firstPoseFlow + i, "provider", m_users->Get()[user].provider);
    }
}

const RanKpis&
City::GetKpis() const
{
    return *m_kpis;
}

void
City::Check() const
{
    m_services->Check();
    m_keys->Check();
    m_ran->Check();
    if (m_downlink)
    {
        m_downlink->Check();
    }
    if (m_saeNetwork)
    {
        m_saeNetwork->Check();
    }
}

void
City::DoDispose()
{
    m_kpis.reset();
    if (m_downlink)
    {
        m_downlink->Dispose();
        m_downlink = nullptr;
    }
    if (m_services) // not if Build has refused what it was given
    {
        m_services->Dispose();
        if (m_saeNetwork)
        {
            m_saeNetwork->Dispose();
        }
        m_keys->Dispose();
        m_ran->Dispose();
    }
    m_sources.clear();
    m_rushSources.clear();
    m_saes.clear();
    m_providers.clear();
    Object::DoDispose();
}

const CityUsers&
City::GetUsers() const
{
    return *m_users;
}

std::string
City::GetCurrency() const
{
    return "usd, set " + m_keys->GetCostSet().GetLabel();
}

const Vector&
City::GetGnbPosition(uint32_t cell)
{
    return GNB_POSITIONS.at(cell);
}

Vector
City::GetGroundPoint(Time time) const
{
    const Ecef satellite = m_orbit->PositionAt(time.GetSeconds());
    const double scale = EARTH_RADIUS_M / Norm(satellite);
    const auto local =
        m_frame->FromEcef({satellite.x * scale, satellite.y * scale, satellite.z * scale});
    return {local.east, local.north, 0};
}

} // namespace qntn
