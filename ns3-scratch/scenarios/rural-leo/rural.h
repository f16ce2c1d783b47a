// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_H

#include "metaverse/embb-source.h"
#include "metaverse/provider.h"
#include "metaverse/service-kpis.h"
#include "metaverse/service-network.h"
#include "ran/ran-network.h"
#include "scenarios/rural-leo/constellation.h"
#include "scenarios/rural-leo/rural-users.h"

#include "ns3/object.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

/// What the country is made of; its values are the scenario's parameters.
struct RuralConfig
{
    uint32_t numUsers;
    ns3::Time duration;
    double latitudeDeg; ///< of the first village
    double longitudeDeg;
    double remoteM; ///< how far from it the remote users live
    double roadM;   ///< how far from the second village the drivers begin
    double speedMps;
    double xrRateBps;
    double embbRateBps;
    uint32_t embbFileBytes;
    std::array<ns3::Time, 3> budgets; ///< by slice
    double gnbTxPowerDbm;
    double satelliteEirpDbwPerMhz;
    double minElevationDeg;
    Payload payload;
    double gatewayLatitudeDeg;
    double gatewayLongitudeDeg;
};

/// Two villages with a gNB each, satellites over them, users of two providers. What agents steer
/// and see of it; none of this knows who they are.
///
/// Observe() ends an interval: what the Get functions tell is about the interval that ended last.
class Rural
{
  public:
    static constexpr uint32_t NUM_GNBS = 2;
    static constexpr uint32_t NUM_SATELLITES = 4; ///< those that stand highest in the episode
    static constexpr uint32_t NUM_CELLS = NUM_GNBS + NUM_SATELLITES;
    static constexpr uint32_t NUM_PROVIDERS = 2;
    static constexpr uint32_t NUM_SLICES = 3;
    enum Slice : uint32_t
    {
        XR,
        XURLLC,
        EMBB,
    };
    static constexpr std::array<const char*, NUM_SLICES> SLICE_NAMES{"xr", "xurllc", "embb"};
    static constexpr std::array<const char*, NUM_CELLS> CELL_NAMES{
        "gnb_0", "gnb_1", "leo_0", "leo_1", "leo_2", "leo_3"};
    static constexpr std::array<const char*, NUM_PROVIDERS> PROVIDER_NAMES{"msp_0", "msp_1"};

    /// \throws EphemerisError if the shell's flight is too short for the episode
    /// \throws std::invalid_argument for a user outside every cell
    Rural(const RuralConfig& config, Constellation constellation);
    ~Rural();
    Rural(const Rural&) = delete;
    Rural& operator=(const Rural&) = delete;

    void Start();

    // Levers.
    /// Divides a cell's PRBs between the slices, and within them between the providers.
    void SetSliceShares(uint32_t cell, std::span<const float> shares);
    /// The same without doing it: shares of the cell's PRBs, [provider][slice] in one row.
    std::vector<double> DivideSlices(uint32_t cell, std::span<const float> shares) const;
    Provider& GetProvider(uint32_t provider);

    // Observation.
    void Observe();
    const RanNetwork& GetRan() const;
    /// Begins to count the radio's key figures; before Start.
    void CountKpis();
    /// What was counted.
    const RanKpis& GetKpis() const;
    const ServiceMonitor& GetMonitor() const;
    /// Radio counters of a slice of a cell, of all providers together.
    const SliceReport& GetRadio(uint32_t cell, uint32_t slice) const;
    /// The same of all slices.
    std::span<const SliceReport> GetRadio(uint32_t cell) const;
    /// Smoothed over about a second.
    double GetOfferedBps(uint32_t provider, uint32_t cell, uint32_t slice) const;
    uint32_t GetNumUsers(uint32_t provider, uint32_t cell) const;
    uint32_t GetNumCovered() const;
    uint64_t GetNumHandovers() const;
    /// Users who went from one satellite to another.
    uint32_t GetNumSatelliteHandovers() const;
    /// Mean one-way delay of light between the users of satellites and the gateway, s.
    double GetSatelliteDelayS() const;
    /// Mean number of links between satellites on the way, over satellites that are on.
    double GetMeanIslHops() const;
    /// Part of a stretch of time ahead in which a cell is on; 1 for a gNB.
    double ForecastVisibility(uint32_t cell, ns3::Time from, ns3::Time to) const;
    const std::vector<RuralUser>& GetUsers() const;
    static const ns3::Vector& GetGnbPosition(uint32_t cell);
    /// The name of the satellite behind a cell.
    const std::string& GetSatelliteName(uint32_t cell) const;
    /// The point below a satellite, metres east and north of the first village.
    ns3::Vector GetGroundPoint(uint32_t cell, ns3::Time time) const;

    /// Asserts that packets are accounted for.
    void Check() const;

  private:
    void AddCells();
    void CheckCoverage() const;
    void AddServices();
    void AddFlow(uint32_t user, Slice slice, const ns3::Ptr<TrafficSource>& source);
    bool IsSatellite(uint32_t cell) const;
    uint32_t CellOf(uint32_t user);
    void RadioDelivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void RadioDropped(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, DropCause cause);

    RuralConfig m_config;
    Constellation m_constellation;
    GroundFrame m_frame;
    ns3::Ptr<ns3::UniformRandomVariable> m_draws;
    std::vector<RuralUser> m_users;
    ns3::Ptr<RanNetwork> m_ran;
    std::unique_ptr<RanKpis> m_kpis; ///< none: not counted
    ns3::Ptr<QkdNetwork> m_keys;
    ns3::Ptr<ServiceNetwork> m_services;
    std::vector<Provider> m_providers;
    std::vector<ns3::Ptr<TrafficSource>> m_sources;
    std::vector<std::shared_ptr<const Trajectory>> m_orbits; ///< by satellite cell
    std::vector<std::shared_ptr<const GatewayPath>> m_paths;
    std::vector<std::string> m_names;

    std::vector<SliceReport> m_radio;     ///< [cell][slice]
    std::vector<double> m_offered_bps;    ///< [provider][cell][slice]
    std::vector<uint32_t> m_servingCells; ///< [user]
    uint64_t m_totalHandovers{0};
    uint64_t m_numHandovers{0};
    uint32_t m_satelliteHandovers{0};
    ns3::Time m_observedAt{0};
};

} // namespace qntn

#include "scenarios/rural-leo/rural-build.h"
#include "scenarios/rural-leo/rural-observe.h"

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_H
