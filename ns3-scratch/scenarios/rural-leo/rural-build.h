// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_BUILD_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_BUILD_H

// How Rural is put together.
#include "metaverse/radio-slices.h"
#include "metaverse/urllc-source.h"
#include "metaverse/xr-source.h"
#include "ran/antenna.h"
#include "scenarios/rural-leo/rural.h"

#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

namespace qntn
{

namespace rural
{

/// A village, and one 12 km to its east: more than their gNBs reach.
inline const std::array<ns3::Vector, Rural::NUM_GNBS> GNB_POSITIONS{ns3::Vector(0, 0, 35),
                                                                    ns3::Vector(12000, 0, 35)};
inline constexpr double GNB_ANTENNA_GAIN_DBI = 8; // TR 38.901 V17, Table 7.3-1
inline constexpr double GNB_REACH_M = 10000;      // RMa ends there: TR 38.901 V17, Table 7.4.1-1
inline constexpr double SATELLITE_BAND_HZ = 2e9;  // TR 38.821 V16.2, set 1, S band
inline constexpr double SATELLITE_BANDWIDTH_HZ = 10e6;
inline constexpr double BEAM_WIDTH_DEG = 4.4127;  // TR 38.821 V16.2, Table 6.1.1.1-1
inline constexpr double LEAST_BEAM_GAIN_DB = -10; // at which a user counts as inside the beam
inline constexpr double GATEWAY_MIN_ELEVATION_DEG = 5;
inline constexpr double WATCHING_RATE_RATIO = 0.5;
inline constexpr double EDGE_CORES = 8;   // never scarce here
inline constexpr double KEY_LINK_KM = 20; // from an edge server to a gateway
inline constexpr double KEY_PULSE_RATE_HZ = 1e9;

} // namespace rural

inline Rural::Rural(const RuralConfig& config, Constellation constellation)
    : m_config(config),
      m_constellation(std::move(constellation)),
      m_frame(config.latitudeDeg, config.longitudeDeg),
      m_draws(ns3::CreateObject<ns3::UniformRandomVariable>())
{
    if (m_constellation.GetNumSatellites() < NUM_SATELLITES)
    {
        throw std::invalid_argument("ephemeris_file: found " +
                                    std::to_string(m_constellation.GetNumSatellites()) +
                                    " satellites, expected at least " +
                                    std::to_string(NUM_SATELLITES) + "; take a larger shell");
    }
    int64_t stream = 1;
    m_draws->SetStream(stream++);
    const double where = m_draws->GetValue();
    const double within = m_draws->GetValue(0.3, 0.7);
    m_constellation.Place(m_frame.ToEcef(0, 0, 0), config.duration.GetSeconds(), where, within);
    m_users = PlaceRuralUsers(config.numUsers,
                              rural::GNB_POSITIONS,
                              config.remoteM,
                              config.roadM,
                              config.speedMps,
                              *m_draws);
    AddCells();
    CheckCoverage();
    AddServices();
    stream += m_ran->AssignStreams(stream);
    stream += m_keys->AssignStreams(stream);
    for (const auto& source : m_sources)
    {
        stream += source->AssignStreams(stream);
    }
    m_radio.resize(NUM_CELLS * NUM_SLICES);
    m_offered_bps.resize(NUM_PROVIDERS * NUM_CELLS * NUM_SLICES);
    m_servingCells.assign(config.numUsers, ServiceNetwork::NO_CELL);
}

inline Rural::~Rural()
{
    m_services->Dispose();
    m_keys->Dispose();
    m_ran->Dispose();
}

inline void
Rural::AddCells()
{
    m_ran =
        ns3::CreateObjectWithAttributes<RanNetwork>("NumSlices",
                                                    ns3::UintegerValue(NUM_PROVIDERS * NUM_SLICES));
    for (uint32_t i = 0; i < NUM_GNBS; ++i)
    {
        m_ran->AddGnb({.name = CELL_NAMES[i],
                       .position = rural::GNB_POSITIONS[i],
                       .carrier = {.frequencyHz = 700e6,
                                   .bandwidthHz = 10e6,
                                   .numerology = 0,
                                   .slotPattern = "D"},
                       .txPowerDbm = m_config.gnbTxPowerDbm,
                       .antennaGainDbi = rural::GNB_ANTENNA_GAIN_DBI,
                       .scenario = "RMa"});
    }
    const auto graph = m_constellation.MakeGraph();
    const std::vector<Gateway> gateways{
        {ToEcef(m_config.gatewayLatitudeDeg, m_config.gatewayLongitudeDeg, 0),
         rural::GATEWAY_MIN_ELEVATION_DEG}};
    for (const uint32_t satellite : m_constellation.FindBest(m_frame.ToEcef(0, 0, 0),
                                                             m_config.duration.GetSeconds(),
                                                             NUM_SATELLITES))
    {
        const auto index = static_cast<uint32_t>(m_orbits.size());
        m_orbits.push_back(graph->GetSatellite(satellite));
        m_names.push_back(m_constellation.GetName(satellite));
        m_paths.push_back(
            m_config.payload == Payload::TRANSPARENT
                ? std::make_shared<GatewayPath>(m_orbits.back(), gateways, m_config.payload)
                : std::make_shared<GatewayPath>(graph, satellite, gateways, m_config.payload));
        m_ran->AddNtnCell({.name = CELL_NAMES[NUM_GNBS + index],
                           .trajectory = m_orbits.back(),
                           .frame = m_frame,
                           .beamCentre = {0, 0, 0},
                           // each satellite has a quarter of the band, so that beams on one place
                           // do not disturb each other
                           .carrier = {.frequencyHz = rural::SATELLITE_BAND_HZ +
                                                      index * rural::SATELLITE_BANDWIDTH_HZ,
                                       .bandwidthHz = rural::SATELLITE_BANDWIDTH_HZ,
                                       .numerology = 0,
                                       .slotPattern = "D",
                                       .mcsTable = 1},
                           .eirpDensityDbwPerMhz = m_config.satelliteEirpDbwPerMhz,
                           .minElevationDeg = m_config.minElevationDeg,
                           .coreDelay = ns3::Seconds(0),
                           .environment = "Rural",
                           .beamWidthDeg = rural::BEAM_WIDTH_DEG,
                           .gateway = m_paths.back()});
    }
    for (const auto& user : m_users)
    {
        m_ran->AddUe(user.mobility);
    }
    m_ran->SetDeliveredCallback(ns3::MakeCallback(&Rural::RadioDelivered, this));
    m_ran->SetDroppedCallback(ns3::MakeCallback(&Rural::RadioDropped, this));
}

inline void
Rural::CheckCoverage() const
{
    const double middle_s = m_config.duration.GetSeconds() / 2;
    const Ecef centre = m_frame.ToEcef(0, 0, 0);
    for (uint32_t u = 0; u < m_users.size(); ++u)
    {
        const auto at = m_users[u].mobility->GetPosition();
        bool covered = false;
        for (const auto& gnb : rural::GNB_POSITIONS)
        {
            covered = covered || std::hypot(at.x - gnb.x, at.y - gnb.y) <= rural::GNB_REACH_M;
        }
        const Ecef ground = m_frame.ToEcef(at.x, at.y, at.z);
        for (uint32_t i = 0; i < m_orbits.size(); ++i)
        {
            const Ecef satellite = m_orbits[i]->PositionAt(middle_s);
            const Ecef axis = centre - satellite;
            const Ecef sight = ground - satellite;
            const double cosine = Dot(axis, sight) / (Norm(axis) * Norm(sight));
            const double off_deg = std::acos(std::min(1.0, cosine)) * 180 / std::numbers::pi;
            covered = covered ||
                      (m_paths[i]->Find(middle_s).has_value() &&
                       ElevationDeg(ground, satellite) >= m_config.minElevationDeg &&
                       AiryGainDb(off_deg, rural::BEAM_WIDTH_DEG) >= rural::LEAST_BEAM_GAIN_DB);
        }
        if (!covered)
        {
            throw std::invalid_argument(
                "ue_" + std::to_string(u) + ": found outside every cell, " +
                std::to_string(std::lround(std::hypot(at.x, at.y) / 1000)) +
                " km from gnb_0; expected within 10 km of a gNB or in the beam of a satellite "
                "above " +
                std::to_string(std::lround(m_config.minElevationDeg)) +
                " degrees that reaches the gateway; lower remote_distance_m, road_distance_m or "
                "leo_min_elevation_deg, or move the gateway");
        }
    }
}

inline void
Rural::AddServices()
{
    // key is plentiful here: each server has a quantum link to each kind of gateway
    m_keys = ns3::CreateObject<QkdNetwork>();
    for (const char* provider : PROVIDER_NAMES)
    {
        m_keys->AddSite(provider, SiteKind::Endpoint);
    }
    constexpr std::array GATEWAYS{"villages", "satellites"};
    for (const char* gateway : GATEWAYS)
    {
        m_keys->AddSite(gateway, SiteKind::Endpoint);
        for (const char* provider : PROVIDER_NAMES)
        {
            m_keys->AddLink({.siteA = m_keys->GetSite(provider),
                             .siteB = m_keys->GetSite(gateway),
                             .lengthKm = rural::KEY_LINK_KM,
                             .pulseRateHz = rural::KEY_PULSE_RATE_HZ});
        }
    }
    m_services = ns3::CreateObject<ServiceNetwork>();
    m_services->Configure(NUM_PROVIDERS, NUM_CELLS, NUM_SLICES);
    m_services->SetCellCallback(ns3::MakeCallback(&Rural::CellOf, this));
    m_services->SetRadioCallback(ns3::MakeCallback(&RanNetwork::Enqueue, m_ran));
    for (const char* provider : PROVIDER_NAMES)
    {
        auto server =
            ns3::CreateObjectWithAttributes<EdgeServer>("Cores",
                                                        ns3::DoubleValue(rural::EDGE_CORES));
        m_providers.emplace_back(provider, NUM_CELLS, NUM_SLICES, server);
        m_services->AddServer(server);
        for (const char* gateway : GATEWAYS)
        {
            m_keys->AddRelation(m_keys->GetSite(provider),
                                m_keys->GetSite(gateway),
                                {.initialBits = 1'000'000, .maxBits = 10'000'000});
        }
    }
    for (uint32_t user = 0; user < m_users.size(); ++user)
    {
        const UserKind kind = m_users[user].kind;
        if (kind == UserKind::DOWNLOADING)
        {
            AddFlow(user,
                    EMBB,
                    ns3::CreateObjectWithAttributes<EmbbSource>(
                        "Rate",
                        ns3::DoubleValue(m_config.embbRateBps),
                        "FileBytes",
                        ns3::UintegerValue(m_config.embbFileBytes)));
            continue;
        }
        const double ratio = kind == UserKind::WATCHING ? rural::WATCHING_RATE_RATIO : 1;
        AddFlow(user,
                XR,
                ns3::CreateObjectWithAttributes<XrSource>(
                    "Rate",
                    ns3::DoubleValue(m_config.xrRateBps * ratio)));
        if (kind == UserKind::IMMERSED)
        {
            AddFlow(user, XURLLC, ns3::CreateObject<UrllcSource>());
        }
    }
}

inline void
Rural::AddFlow(uint32_t user, Slice slice, const ns3::Ptr<TrafficSource>& source)
{
    const uint32_t provider = m_users[user].provider;
    std::vector<ns3::Ptr<Sae>> saes;
    for (uint32_t cell = 0; cell < NUM_CELLS; ++cell)
    {
        auto sae = ns3::CreateObjectWithAttributes<Sae>("MaxWait",
                                                        ns3::TimeValue(m_config.budgets[slice]));
        sae->Configure(m_keys, 2 * provider + (IsSatellite(cell) ? 1 : 0));
        saes.push_back(sae);
    }
    m_providers[provider].AddSource(slice, source);
    m_sources.push_back(source);
    m_services->AddFlow({.user = user,
                         .provider = provider,
                         .slice = slice,
                         .budget = m_config.budgets[slice],
                         .workPerBurst = {},
                         .workPerMegabyte = {}},
                        source,
                        saes);
    m_ran->AddFlow(user, provider * NUM_SLICES + slice, m_config.budgets[slice]);
}

inline void
Rural::Start()
{
    m_ran->Start();
    m_keys->Start();
    m_services->Start();
}

inline bool
Rural::IsSatellite(uint32_t cell) const
{
    return cell >= NUM_GNBS && cell < NUM_CELLS;
}

inline uint32_t
Rural::CellOf(uint32_t user)
{
    return m_ran->GetServingCell(user);
}

inline void
Rural::CountKpis()
{
    m_kpis = MakeServiceKpis(m_ran, *m_services, SLICE_NAMES, PROVIDER_NAMES, CELL_NAMES);
}

inline const RanKpis&
Rural::GetKpis() const
{
    return *m_kpis;
}

inline void
Rural::RadioDelivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created)
{
    if (m_kpis)
    {
        m_kpis->Delivered(flow, packet, created);
    }
    m_services->Delivered(flow, packet);
}

inline void
Rural::RadioDropped(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, DropCause cause)
{
    if (m_kpis)
    {
        m_kpis->Dropped(flow, packet, cause);
    }
    m_services->Dropped(flow, packet, ToLossCause(cause));
}

inline void
Rural::Check() const
{
    m_services->Check();
    m_keys->Check();
    m_ran->Check();
}

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_BUILD_H
