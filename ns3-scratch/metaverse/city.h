// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_CITY_H
#define QNTN_METAVERSE_CITY_H

#include "metaverse/city-users.h"
#include "metaverse/embb-source.h"
#include "metaverse/provider.h"
#include "metaverse/service-kpis.h"
#include "metaverse/service-network.h"
#include "qkd/qkd-network.h"
#include "qkd/sae-network.h"
#include "qkd/satellite-downlink.h"
#include "qkd/topology.h"
#include "ran/ran-network.h"

#include "ns3/object.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace qntn
{

/// The satellite as a maker of key: a trusted node with a transmitter, and telescopes on the
/// ground.
struct CitySatelliteKey
{
    ns3::Time dwell; ///< with one station before it turns to the next
    double divergenceRad;
    double pointingJitterRad;
    double receiverDiameterM;
    double utcHour; ///< at the episode's start
};

/// What a city is made of; its values are a scenario's parameters.
struct CityConfig
{
    uint32_t numUsers;
    ns3::Time duration; ///< within which the crowd rides, the rush comes and the satellite passes
    double xrRateBps;
    double embbRateBps;
    uint32_t embbFileBytes;
    double rushRatio; ///< eMBB load in the rush hour
    ns3::Time rushDuration;
    std::array<ns3::Time, 3> budgets;         ///< by slice
    double edgeCores;                         ///< of each provider
    std::array<ns3::Time, 3> workPerMegabyte; ///< by slice
    std::array<ns3::Time, 3> workPerBurst;    ///< by slice
    double gnbTxPowerDbm;
    double xurllcTargetBler; ///< at which link adaptation aims
    double minElevationDeg;
    ns3::Time passDuration;
    double pulseRateHz; ///< of every quantum link
    uint64_t rekeyBytes;
    ns3::Time keyWait; ///< longest that a packet waits for key
    ns3::Time relaySetup;
    ns3::Time relayCommitment;
    ns3::Time pricePeriod;
    bool poseUplink;      ///< whether who wears a headset sends where they look
    ns3::Time poseBudget; ///< from the headset to the gNB
    std::optional<CitySatelliteKey> satelliteKey{}; ///< none: the satellite makes no key
    /// How servers and gateways get key from their key managers; none: at once, without messages.
    std::optional<DeliveryProtocol> keyDelivery{};
};

/// Which flows of a key relation use the one-time pad; the others use AES-256-GCM.
enum class CipherPolicy : uint8_t
{
    AES,
    PAD_XURLLC,
    PAD_ALL,
};

/// Three gNBs, a satellite that passes, two providers with edge servers, twelve or more users and
/// MadQCI's quantum links between the servers and the cells' gateways.
///
/// The levers are those of an operator; none of them knows who pulls it. Observe() ends an
/// interval: what the Get functions tell is about the interval that ended last.
class City : public ns3::Object
{
  public:
    static constexpr uint32_t NUM_GNBS = 3;
    static constexpr uint32_t NUM_CELLS = NUM_GNBS + 1;
    static constexpr uint32_t SATELLITE = NUM_GNBS; ///< index of the satellite's cell
    static constexpr uint32_t NUM_PROVIDERS = 2;
    static constexpr uint32_t NUM_SLICES = 3;
    static constexpr uint32_t NUM_RELATIONS = NUM_PROVIDERS * NUM_CELLS;
    static constexpr uint32_t NUM_PATHS = 3; ///< of a relation at most
    /// With key from the satellite: at the servers of the providers and the satellite's gateway.
    static constexpr uint32_t NUM_STATIONS = NUM_PROVIDERS + 1;
    static constexpr const char* SATELLITE_SITE = "LEO_0"; ///< among the sites of key
    enum Slice : uint32_t
    {
        XR,
        XURLLC,
        EMBB,
    };
    static constexpr std::array<const char*, NUM_SLICES> SLICE_NAMES{"xr", "xurllc", "embb"};
    static constexpr std::array<const char*, NUM_CELLS> CELL_NAMES{
        "gnb_0", "gnb_1", "gnb_2", "leo_0"};
    static constexpr std::array<const char*, NUM_PROVIDERS> PROVIDER_NAMES{"msp_0", "msp_1"};

    static ns3::TypeId GetTypeId();

    /// Streams are assigned from 1 on.
    /// \throws std::invalid_argument if a user is outside every cell
    void Build(const CityConfig& config, const QkdTopology& topology, const CostSet& costs);
    /// With equal shares everywhere and no relay.
    void Start();

    // Levers.
    /// Divides a cell's PRBs between the slices, and within them between the providers.
    void SetSliceShares(uint32_t cell, std::span<const float> shares);
    /// The same without doing it: shares of the cell's PRBs, [provider][slice] in one row.
    std::vector<double> DivideSlices(uint32_t cell, std::span<const float> shares) const;
    void SetCipherPolicy(uint32_t relation, CipherPolicy policy);
    /// Fill up to which a relation's pool is refilled; the provider's key budget may lower it.
    void SetRefillLevel(uint32_t relation, double ratio);
    Provider& GetProvider(uint32_t provider);
    QkdNetwork& GetKeys();

    /// The relation between a provider's edge server and a cell's gateway.
    static uint32_t GetRelation(uint32_t provider, uint32_t cell);
    static std::string GetRelationName(uint32_t relation);
    /// Whether a path needs a relay site.
    bool Needs(uint32_t relation, uint32_t path, uint32_t site) const;
    /// Greatest error rate of the links of a path.
    double GetPathQber(uint32_t relation, uint32_t path) const;

    // Observation.
    void Observe();
    RanNetwork& GetRan();
    /// Begins to count the radio's key figures; after Build, before Start.
    void CountKpis();
    /// What was counted.
    const RanKpis& GetKpis() const;
    const ServiceMonitor& GetMonitor() const;
    /// Radio counters of a slice of a cell, of all providers together.
    const SliceReport& GetRadio(uint32_t cell, uint32_t slice) const;
    /// The same of all slices.
    std::span<const SliceReport> GetRadio(uint32_t cell) const;
    const EdgeServer::Report& GetCpu(uint32_t provider, uint32_t slice) const;
    /// Work that arrives at a provider's server, in its cores; smoothed over about a second.
    double GetCpuDemand(uint32_t provider, uint32_t slice) const;
    const RelationReport& GetRelationReport(uint32_t relation) const;
    /// Key that all relations delivered to applications.
    double GetDeliveredKeyBits() const;
    const LinkReport& GetLinkReport(uint32_t link) const;
    const RelayCost& GetCost() const;
    /// The satellite's quantum links; nothing if it makes no key.
    ns3::Ptr<const SatelliteDownlink> GetDownlink() const;
    /// Link between the satellite and a station.
    uint32_t GetStationLink(uint32_t station) const;
    /// Site of a station.
    static std::string GetStationName(uint32_t station);
    /// Smoothed over about a second.
    double GetOfferedBps(uint32_t provider, uint32_t cell, uint32_t slice) const;
    /// Key that the applications of a relation ask for, smoothed over about a second.
    double GetKeyDemandBps(uint32_t relation) const;
    /// Pose samples that arrived in time, of all whose fate showed in the interval; 1 without any.
    double GetPoseRatio() const;
    /// Users of a provider in a cell.
    uint32_t GetNumUsers(uint32_t provider, uint32_t cell) const;
    uint32_t GetNumCovered() const;
    uint64_t GetNumHandovers() const;
    const CityUsers& GetUsers() const;
    /// What costs are counted in, with the cost set and how sure it is.
    std::string GetCurrency() const;
    /// Where a gNB's antenna stands.
    static const ns3::Vector& GetGnbPosition(uint32_t cell);
    /// The point below the satellite, metres east and north of the first gNB.
    ns3::Vector GetGroundPoint(ns3::Time time) const;
    /// When msp_1's rush hour begins and ends.
    ns3::Time GetRushStart() const;
    ns3::Time GetRushEnd() const;
    /// When the satellite begins to serve and ceases to.
    ns3::Time GetPassStart() const;
    ns3::Time GetPassEnd() const;
    /// Part of a stretch of time ahead in which the satellite serves.
    double ForecastVisibility(ns3::Time from, ns3::Time to) const;

    /// Asserts that packets and key bits are accounted for.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    void BuildRadio(const CityConfig& config);
    void BuildKeys(const CityConfig& config, const QkdTopology& topology, const CostSet& costs);
    /// Stations at the servers and the gateway, and a path over them for the satellite's relations.
    void BuildDownlink(const CityConfig& config);
    void BuildServices(const CityConfig& config);
    void AddFlow(const CityConfig& config,
                 uint32_t user,
                 Slice slice,
                 ns3::Ptr<TrafficSource> source);
    /// 100 bytes each 4 ms upwards: TR 38.838 V17, 5.2.1.
    void AddPose(uint32_t user);
    void SetRush(double ratio);
    uint32_t CellOf(uint32_t user);
    void RadioDelivered(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void RadioDropped(uint32_t flow, ns3::Ptr<const ns3::Packet> packet, DropCause cause);

    CityConfig m_config;
    ns3::Ptr<CityUsers> m_users;
    ns3::Ptr<RanNetwork> m_ran;
    std::unique_ptr<RanKpis> m_kpis; ///< none: not counted
    ns3::Ptr<QkdNetwork> m_keys;
    ns3::Ptr<SaeNetwork> m_saeNetwork; ///< none: key is there at once
    ns3::Ptr<ServiceNetwork> m_services;
    std::vector<Provider> m_providers;
    std::vector<ns3::Ptr<TrafficSource>> m_sources;
    std::vector<ns3::Ptr<EmbbSource>> m_rushSources;
    std::vector<ns3::Ptr<TrafficSource>> m_poseSources;
    std::vector<std::vector<std::vector<ns3::Ptr<Sae>>>> m_saes; ///< [relation][slice]
    ns3::Ptr<ns3::UniformRandomVariable> m_times;
    ns3::Time m_rushStart;
    ns3::Time m_passStart;
    std::shared_ptr<const CircularOrbit> m_orbit;
    ns3::Ptr<SatelliteDownlink> m_downlink; ///< none: the satellite makes no key
    std::vector<uint32_t> m_stationLinks;
    std::unique_ptr<GroundFrame> m_frame;

    std::vector<SliceReport> m_radio;      ///< [cell][slice]
    std::vector<EdgeServer::Report> m_cpu; ///< [provider][slice]
    std::vector<double> m_cpuDemand;       ///< [provider][slice]
    std::vector<RelationReport> m_relationReports;
    std::vector<LinkReport> m_linkReports;
    RelayCost m_cost;
    std::vector<double> m_offered_bps;    ///< [provider][cell][slice]
    std::vector<double> m_keyDemand_bps;  ///< [relation]
    std::vector<uint32_t> m_servingCells; ///< [user]
    std::vector<uint32_t> m_poseUsers;    ///< of the flows from m_firstPoseFlow on
    uint32_t m_firstPoseFlow{0};          ///< in the radio; all after it are pose too
    uint64_t m_poseSamples{0};            ///< in the present interval
    uint64_t m_poseInTime{0};
    double m_poseRatio{1};
    uint64_t m_totalHandovers{0};
    uint64_t m_numHandovers{0};
    ns3::Time m_observedAt{0};
};

} // namespace qntn

#endif // QNTN_METAVERSE_CITY_H
