// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_SATELLITE_DOWNLINK_H
#define QNTN_QKD_SATELLITE_DOWNLINK_H

#include "orbit/circular-orbit.h"
#include "qkd/qkd-network.h"

#include "ns3/event-id.h"
#include "ns3/object.h"

#include <optional>
#include <string>
#include <vector>

namespace qntn
{

/// A telescope that receives from a satellite.
struct OpticalStation
{
    double latitudeDeg;
    double longitudeDeg;
    uint32_t link; ///< of the network, between the satellite's site and the station's
};

/// The optical side of a satellite that makes key with ground stations, as a trusted relay.
struct SatelliteOptics
{
    double divergenceRad{10e-6}; ///< half-angle to 1/e^2
    double receiverDiameterM{0.6};
    double pointingJitterRad{1e-6}; ///< standard deviation, each axis
    double minElevationDeg{10};
    double maxSunElevationDeg{-6}; ///< of the station's sun: end of civil twilight
    double dayOfYear{80};          ///< at time 0
    double utcHour{0};             ///< at time 0
};

/// Moves a satellite and sets the transmittance of its quantum links: the station it serves sees
/// it through beam, pointing and atmosphere, all others see nothing. It stays with a station while
/// it can, then turns to the one that sees it highest. With the attribute Dwell it stays for that
/// long at most if another can be served, then turns to the one whose link holds least key: so each
/// station of a city gets key in one pass. A station can be served while the satellite is above the
/// least elevation, the sun is low enough and no cloud is over it.
class SatelliteDownlink : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// Before the network starts. \throw std::invalid_argument for values out of range
    void Configure(ns3::Ptr<QkdNetwork> network,
                   const CircularOrbit& orbit,
                   const SatelliteOptics& optics,
                   const std::vector<OpticalStation>& stations);
    /// The satellite's own site in the network: it is up only while a station sees the satellite
    /// above the least elevation, and relays nothing otherwise. Before Start.
    void SetSite(uint32_t site);
    /// After the network's own Start.
    void Start();

    /// Index of the station that is served; none if there is none.
    std::optional<uint32_t> GetServed() const;
    double GetElevationDeg(uint32_t station) const;
    double GetSunElevationDeg(uint32_t station) const;
    /// Assert that at most one station gets light.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    void Update();
    bool CanServe(uint32_t station) const;
    /// Turn to a station: the highest, or after a dwell the one with least key.
    void Choose();

    ns3::Time m_period;
    ns3::Time m_dwell; ///< 0: stays while it can
    ns3::Time m_servedSince{0};
    std::optional<uint32_t> m_site;
    ns3::Ptr<QkdNetwork> m_network;
    std::optional<CircularOrbit> m_orbit;
    SatelliteOptics m_optics;
    std::vector<OpticalStation> m_stations;
    std::optional<uint32_t> m_served;
    ns3::EventId m_event;
};

} // namespace qntn

#endif // QNTN_QKD_SATELLITE_DOWNLINK_H
