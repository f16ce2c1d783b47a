// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_DISASTER_DISASTER_AREA_H
#define QNTN_SCENARIOS_DISASTER_DISASTER_AREA_H

#include "metaverse/embb-source.h"
#include "metaverse/radio-slices.h"
#include "metaverse/service-kpis.h"
#include "metaverse/urllc-source.h"
#include "metaverse/xr-source.h"
#include "orbit/circular-orbit.h"
#include "orbit/fixed-trajectory.h"
#include "ran/coverage.h"
#include "ran/outage.h"
#include "ran/quota.h"
#include "scenarios/disaster/disaster-traffic.h"

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/double.h"
#include "ns3/pointer.h"
#include "ns3/position-allocator.h"
#include "ns3/random-waypoint-mobility-model.h"
#include "ns3/uinteger.h"

#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

/// The values of the scenario's parameters.
struct DisasterConfig
{
    uint32_t numTown;    ///< users between the gNBs
    uint32_t numVillage; ///< users far away from them
    bool haps;
    bool satellite;
    ns3::Time duration;
    std::string outages; ///< as ReadOutages has it
    double outageShiftS; ///< all outages are later by up to so much
    double gnbTxPowerDbm;
    double ntnThresholdDb;
    ns3::Time timeToTrigger;
    double videoRateBps;
    double publicRateBps;
    uint32_t publicFileBytes;
    std::array<ns3::Time, 3> budgets; ///< by slice
};

/// A town of three gNBs that fail, a platform above it, a satellite that passes, and a village
/// that only the satellite reaches. Rescue teams drive through the town with voice and video;
/// residents download.
class DisasterArea
{
  public:
    enum Slice : uint32_t
    {
        VOICE,
        VIDEO,
        PUBLIC,
        NUM_SLICES,
    };
    static constexpr std::array<const char*, NUM_SLICES> SLICE_NAMES{"voice", "video", "public"};
    static constexpr uint32_t NUM_GNBS = 3;

    /// \throws std::invalid_argument for outages of unknown cells and users outside every cell
    explicit DisasterArea(const DisasterConfig& config)
        : m_config(config),
          m_ran(ns3::CreateObjectWithAttributes<RanNetwork>("NumSlices",
                                                            ns3::UintegerValue(NUM_SLICES))),
          m_uniform(ns3::CreateObject<ns3::UniformRandomVariable>())
    {
        m_uniform->SetStream(1);
        MakeCells();
        m_outages = ReadOutages(config.outages, m_names);
        MakePlaces();
        RequireCoverage(m_places, m_gnbs, m_satellites);
        for (const auto& gnb : m_gnbs)
        {
            m_ran->AddGnb(gnb);
        }
        for (const auto& satellite : m_satellites)
        {
            m_ran->AddNtnCell(satellite);
        }
        auto& control = m_ran->GetHandoverControl();
        control.SetAttribute("NtnThresholdDb", ns3::DoubleValue(config.ntnThresholdDb));
        control.SetAttribute("TimeToTrigger", ns3::TimeValue(config.timeToTrigger));
        m_traffic = std::make_unique<DisasterTraffic>(m_ran, GetNumCells(), NUM_SLICES);
        int64_t stream = 2;
        for (uint32_t u = 0; u < m_places.size(); ++u)
        {
            stream += AddUser(u, stream);
        }
        stream += m_traffic->AssignStreams(stream);
        m_ran->AssignStreams(stream);
        m_offered_bps.assign(size_t{NUM_SLICES} * (GetNumCells() + 1), 0);
        m_radio.assign(size_t{NUM_SLICES} * GetNumCells(), {});
    }

    void Start()
    {
        m_ran->Start();
        const double shift_s = m_uniform->GetValue(0, m_config.outageShiftS);
        for (const auto& outage : m_outages)
        {
            m_ran->ScheduleOutage(outage.cell,
                                  ns3::Seconds(outage.startS + shift_s),
                                  ns3::Seconds(outage.endS + shift_s));
        }
        m_traffic->Start();
    }

    /// Divides a cell's PRBs between the slices; they bind.
    void SetShares(uint32_t cell, std::span<const float> shares)
    {
        const std::vector<double> wanted(shares.begin(), shares.end());
        DividePrbs(*m_ran, cell, wanted);
    }

    /// Ends an interval: what the functions below tell is of the interval that ended last.
    void Observe(ns3::Time step)
    {
        auto& monitor = m_traffic->GetMonitor();
        monitor.Roll();
        const double part = std::min(1.0, step.GetSeconds()); // smoothed over a second
        for (uint32_t c = 0; c <= GetNumCells(); ++c)
        {
            for (uint32_t s = 0; s < NUM_SLICES; ++s)
            {
                const auto bytes = monitor.Get({}, c, s).offeredBytes;
                double& level = m_offered_bps[c * NUM_SLICES + s];
                level += part * (8.0 * static_cast<double>(bytes) / step.GetSeconds() - level);
                if (c < GetNumCells())
                {
                    m_radio[c * NUM_SLICES + s] = m_ran->TakeReport(c, s);
                }
            }
        }
        const auto mobility = m_ran->GetMobility();
        m_handovers = mobility.handovers - m_mobility.handovers;
        m_failures = mobility.GetFailures() - m_mobility.GetFailures();
        m_interruption = mobility.interruption - m_mobility.interruption;
        m_mobility = mobility;
    }

    uint32_t GetNumCells() const
    {
        return static_cast<uint32_t>(m_names.size());
    }

    uint32_t GetNumUes() const
    {
        return static_cast<uint32_t>(m_places.size());
    }

    const std::vector<std::string>& GetCellNames() const
    {
        return m_names;
    }

    const std::vector<ns3::Vector>& GetPlaces() const
    {
        return m_places;
    }

    const std::vector<GnbConfig>& GetGnbs() const
    {
        return m_gnbs;
    }

    RanNetwork& GetRan()
    {
        return *m_ran;
    }

    DisasterTraffic& GetTraffic()
    {
        return *m_traffic;
    }

    /// Of the users of a cell; of those in no cell for the cell after the last.
    double GetOfferedBps(uint32_t cell, uint32_t slice) const
    {
        return m_offered_bps.at(cell * NUM_SLICES + slice);
    }

    const SliceReport& GetRadio(uint32_t cell, uint32_t slice) const
    {
        return m_radio.at(cell * NUM_SLICES + slice);
    }

    std::span<const SliceReport> GetRadio(uint32_t cell) const
    {
        return {&m_radio.at(cell * NUM_SLICES), NUM_SLICES};
    }

    uint32_t GetNumCovered() const
    {
        uint32_t covered = 0;
        for (uint32_t u = 0; u < m_places.size(); ++u)
        {
            covered += m_ran->GetServingCell(u) != NO_CELL;
        }
        return covered;
    }

    uint64_t GetNumHandovers() const
    {
        return m_handovers;
    }

    uint64_t GetNumFailures() const
    {
        return m_failures;
    }

    ns3::Time GetInterruption() const
    {
        return m_interruption;
    }

    /// Begins to count the radio's key figures; before Start.
    void CountKpis()
    {
        RanKpis& kpis = m_traffic->CountKpis();
        NameKpis(kpis, "slice", SLICE_NAMES);
        for (uint32_t c = 0; c < GetNumCells(); ++c)
        {
            kpis.SetName("cell", c, m_names[c]);
        }
    }

    void Dispose()
    {
        m_ran->Check();
        m_traffic->Dispose();
        m_ran->Dispose();
    }

  private:
    static constexpr double LATITUDE_DEG = 37.0; ///< of the town
    static constexpr double LONGITUDE_DEG = 37.4;
    static constexpr double SITE_DISTANCE_M = 500; ///< TR 38.901 V17, Table 7.2-1, UMa
    static constexpr double SITE_HEIGHT_M = 25;
    static constexpr double VILLAGE_M = 16'000; ///< south of the town
    static constexpr double HAPS_ALTITUDE_M = 20e3;
    static constexpr double LEO_ALTITUDE_M = 600e3;
    static constexpr double TEAM_SPEED_MPS = 10;
    static constexpr double RESIDENT_SPEED_MPS = 1;

    void MakeCells()
    {
        const double north_m = SITE_DISTANCE_M * std::numbers::sqrt3 / 2;
        const std::array<ns3::Vector, NUM_GNBS> sites{
            ns3::Vector{0, 0, SITE_HEIGHT_M},
            ns3::Vector{SITE_DISTANCE_M, 0, SITE_HEIGHT_M},
            ns3::Vector{SITE_DISTANCE_M / 2, north_m, SITE_HEIGHT_M}};
        for (uint32_t i = 0; i < NUM_GNBS; ++i)
        {
            m_names.push_back("gnb_" + std::to_string(i));
            m_gnbs.push_back({.name = m_names.back(),
                              .position = sites[i],
                              .carrier = {.frequencyHz = 3.5e9,
                                          .bandwidthHz = 40e6,
                                          .numerology = 1,
                                          .slotPattern = "DDDSU"},
                              .txPowerDbm = m_config.gnbTxPowerDbm,
                              .antennaGainDbi = 8});
        }
        const GroundFrame frame(LATITUDE_DEG, LONGITUDE_DEG);
        const ns3::Vector town{SITE_DISTANCE_M / 2, north_m / 3, 0};
        if (m_config.haps)
        {
            m_names.emplace_back("haps_0");
            m_satellites.push_back(
                {.name = m_names.back(),
                 .trajectory = std::make_shared<FixedTrajectory>(LATITUDE_DEG,
                                                                 LONGITUDE_DEG,
                                                                 HAPS_ALTITUDE_M),
                 .frame = frame,
                 .beamCentre = town,
                 .carrier = {2.0e9, 5e6, 0, "D", 1},
                 .eirpDensityDbwPerMhz = 10,
                 .minElevationDeg = 10,
                 .coreDelay = ns3::Seconds(0),
                 .environment = "Suburban",
                 .beamWidthDeg = 30});
        }
        if (m_config.satellite)
        {
            const double overhead_s =
                m_uniform->GetValue(0.35, 0.65) * m_config.duration.GetSeconds();
            m_names.emplace_back("leo_0");
            m_satellites.push_back(
                {.name = m_names.back(),
                 .trajectory = std::make_shared<CircularOrbit>(CircularOrbit::Over(LATITUDE_DEG,
                                                                                   LONGITUDE_DEG,
                                                                                   LEO_ALTITUDE_M,
                                                                                   90,
                                                                                   overhead_s)),
                 .frame = frame,
                 .beamCentre = {town.x, -VILLAGE_M / 2, 0},
                 .carrier = {2.02e9, 5e6, 0, "D", 1},
                 .eirpDensityDbwPerMhz = 34, // TR 38.821 V16.2, set 1, LEO-600
                 .minElevationDeg = 78,
                 .coreDelay = ns3::Seconds(0),
                 .environment = "Suburban"});
        }
    }

    ns3::Vector DrawAround(const ns3::Vector& centre, double least_m, double most_m)
    {
        const double radius = std::sqrt(m_uniform->GetValue(least_m * least_m, most_m * most_m));
        const double angle = m_uniform->GetValue(0, 2 * std::numbers::pi);
        return {centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle), 1.5};
    }

    void MakePlaces()
    {
        for (uint32_t u = 0; u < m_config.numTown; ++u)
        {
            m_places.push_back(DrawAround(m_gnbs[u % NUM_GNBS].position, 40, 220));
        }
        for (uint32_t u = 0; u < m_config.numVillage; ++u)
        {
            m_places.push_back(DrawAround({0, -VILLAGE_M, 0}, 0, 300));
        }
    }

    /// Two of five users are rescue teams. \return streams used
    int64_t AddUser(uint32_t u, int64_t stream)
    {
        const bool inTown = u < m_config.numTown;
        const bool isTeam = u % 5 < 2;
        const double reach_m = inTown ? 180 : 300;
        const auto& home = inTown ? m_gnbs[u % NUM_GNBS].position : ns3::Vector{0, -VILLAGE_M, 0};
        auto places = ns3::CreateObject<ns3::RandomRectanglePositionAllocator>();
        const bool roams = inTown && isTeam;
        places->SetX(
            MakeRange(roams ? 0 : home.x - reach_m, roams ? SITE_DISTANCE_M : home.x + reach_m));
        places->SetY(MakeRange(roams ? 0 : home.y - reach_m,
                               roams ? m_gnbs[2].position.y : home.y + reach_m));
        auto speed = ns3::CreateObject<ns3::ConstantRandomVariable>();
        speed->SetAttribute("Constant",
                            ns3::DoubleValue(isTeam ? TEAM_SPEED_MPS : RESIDENT_SPEED_MPS));
        auto pause = ns3::CreateObject<ns3::ConstantRandomVariable>();
        pause->SetAttribute("Constant", ns3::DoubleValue(isTeam ? 1 : 0));
        auto mobility = ns3::CreateObjectWithAttributes<ns3::RandomWaypointMobilityModel>(
            "Speed",
            ns3::PointerValue(speed),
            "Pause",
            ns3::PointerValue(pause),
            "PositionAllocator",
            ns3::PointerValue(places));
        mobility->SetPosition(m_places[u]);
        const int64_t used = mobility->AssignStreams(stream);
        mobility->Initialize();
        m_ran->AddUe(mobility);
        AddTraffic(u, isTeam);
        return used;
    }

    static ns3::Ptr<ns3::UniformRandomVariable> MakeRange(double low, double high)
    {
        auto range = ns3::CreateObject<ns3::UniformRandomVariable>();
        range->SetAttribute("Min", ns3::DoubleValue(low));
        range->SetAttribute("Max", ns3::DoubleValue(high));
        return range;
    }

    void AddTraffic(uint32_t u, bool isTeam)
    {
        if (!isTeam)
        {
            m_traffic->AddFlow(u,
                               PUBLIC,
                               m_config.budgets[PUBLIC],
                               ns3::CreateObjectWithAttributes<EmbbSource>(
                                   "Rate",
                                   ns3::DoubleValue(m_config.publicRateBps),
                                   "FileBytes",
                                   ns3::UintegerValue(m_config.publicFileBytes)));
            return;
        }
        m_traffic->AddFlow(
            u,
            VOICE, // frames of 20 ms with their headers
            m_config.budgets[VOICE],
            ns3::CreateObjectWithAttributes<UrllcSource>("PacketBytes",
                                                         ns3::UintegerValue(200),
                                                         "Period",
                                                         ns3::TimeValue(ns3::MilliSeconds(20))));
        m_traffic->AddFlow(
            u,
            VIDEO,
            m_config.budgets[VIDEO],
            ns3::CreateObjectWithAttributes<XrSource>("Rate",
                                                      ns3::DoubleValue(m_config.videoRateBps),
                                                      "FramesPerSecond",
                                                      ns3::DoubleValue(30)));
    }

    DisasterConfig m_config;
    ns3::Ptr<RanNetwork> m_ran;
    ns3::Ptr<ns3::UniformRandomVariable> m_uniform;
    std::unique_ptr<DisasterTraffic> m_traffic;
    std::vector<std::string> m_names;
    std::vector<GnbConfig> m_gnbs;
    std::vector<NtnCellConfig> m_satellites;
    std::vector<Outage> m_outages;
    std::vector<ns3::Vector> m_places;
    std::vector<double> m_offered_bps; ///< [cell][slice], and of no cell
    std::vector<SliceReport> m_radio;  ///< [cell][slice]
    MobilityReport m_mobility;
    uint64_t m_handovers{0};
    uint64_t m_failures{0};
    ns3::Time m_interruption;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_DISASTER_DISASTER_AREA_H
