// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/satellite-downlink.h"

#include "qkd/require.h"
#include "qkd/satellite-link.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(SatelliteDownlink);

TypeId
SatelliteDownlink::GetTypeId()
{
    static TypeId tid = TypeId("qntn::SatelliteDownlink")
                            .SetParent<Object>()
                            .SetGroupName("Qntn")
                            .AddConstructor<SatelliteDownlink>()
                            .AddAttribute("UpdatePeriod",
                                          "How often the satellite's place is looked at.",
                                          TimeValue(Seconds(1)),
                                          MakeTimeAccessor(&SatelliteDownlink::m_period),
                                          MakeTimeChecker(MilliSeconds(1)))
                            .AddAttribute("Dwell",
                                          "Longest with one station while another could be served; "
                                          "0: as long as it can be served.",
                                          TimeValue(Time(0)),
                                          MakeTimeAccessor(&SatelliteDownlink::m_dwell),
                                          MakeTimeChecker(Time(0)));
    return tid;
}

void
SatelliteDownlink::Configure(Ptr<QkdNetwork> network,
                             const CircularOrbit& orbit,
                             const SatelliteOptics& optics,
                             const std::vector<OpticalStation>& stations)
{
    const char* where = "SatelliteDownlink";
    RequireRange(where, "min_elevation_deg", optics.minElevationDeg, 5, 90);
    RequireRange(where, "max_sun_elevation_deg", optics.maxSunElevationDeg, -90, 90);
    RequireRange(where, "day_of_year", optics.dayOfYear, 0, 366);
    RequireRange(where, "utc_hour", optics.utcHour, 0, 24);
    // The other optical values are checked here, where they are used.
    SatelliteTransmittance(1e6,
                           optics.divergenceRad,
                           optics.receiverDiameterM,
                           optics.pointingJitterRad,
                           90,
                           1);
    for (const OpticalStation& station : stations)
    {
        RequireRange(where, "latitude_deg", station.latitudeDeg, -90, 90);
        RequireRange(where, "longitude_deg", station.longitudeDeg, -180, 180);
        RequireRange(where, "link", station.link, 0, network->GetNumLinks() - 1.0);
        network->SetChannelTransmittance(station.link, 0);
    }
    m_network = network;
    m_orbit = orbit;
    m_optics = optics;
    m_stations = stations;
}

void
SatelliteDownlink::SetSite(uint32_t site)
{
    RequireRange("SatelliteDownlink", "site", site, 0, m_network->GetNumSites() - 1.0);
    m_site = site;
}

void
SatelliteDownlink::Start()
{
    Update();
}

std::optional<uint32_t>
SatelliteDownlink::GetServed() const
{
    return m_served;
}

double
SatelliteDownlink::GetElevationDeg(uint32_t station) const
{
    const OpticalStation& s = m_stations.at(station);
    return ElevationDeg(ToEcef(s.latitudeDeg, s.longitudeDeg, 0),
                        m_orbit->PositionAt(Simulator::Now().GetSeconds()));
}

double
SatelliteDownlink::GetSunElevationDeg(uint32_t station) const
{
    const OpticalStation& s = m_stations.at(station);
    const double hours = m_optics.utcHour + Simulator::Now().GetSeconds() / 3600;
    return SunElevationDeg(s.latitudeDeg, s.longitudeDeg, m_optics.dayOfYear + hours / 24, hours);
}

void
SatelliteDownlink::Check() const
{
    uint32_t lit = 0;
    for (const OpticalStation& station : m_stations)
    {
        lit += m_network->GetLink(station.link).GetExpectedRateBps() > 0 ? 1 : 0;
    }
    NS_ASSERT_MSG(lit <= 1, "satellite: it serves " << lit << " stations at a time");
}

void
SatelliteDownlink::DoDispose()
{
    m_event.Cancel();
    m_network = nullptr;
    Object::DoDispose();
}

bool
SatelliteDownlink::CanServe(uint32_t station) const
{
    const uint32_t link = m_stations[station].link;
    return GetElevationDeg(station) >= m_optics.minElevationDeg &&
           GetSunElevationDeg(station) <= m_optics.maxSunElevationDeg &&
           !m_network->GetLink(link).IsCloudy() && m_network->IsLinkActive(link);
}

void
SatelliteDownlink::Choose()
{
    const Time now = Simulator::Now();
    const bool mayStay = m_served && CanServe(*m_served);
    const bool isOver = m_dwell.IsStrictlyPositive() && now - m_servedSince >= m_dwell;
    if (mayStay && !isOver)
    {
        return;
    }
    const auto stored = [this](uint32_t station)
    { return m_network->GetLink(m_stations[station].link).GetPool().GetStoredBits(); };
    std::optional<uint32_t> best;
    for (uint32_t i = 0; i < m_stations.size(); ++i)
    {
        if (!CanServe(i))
        {
            continue;
        }
        const bool isBetter =
            !best || (m_dwell.IsStrictlyPositive() ? stored(i) < stored(*best)
                                                   : GetElevationDeg(i) > GetElevationDeg(*best));
        best = isBetter ? i : best;
    }
    m_served = best;
    m_servedSince = now;
}

void
SatelliteDownlink::Update()
{
    if (m_site)
    {
        bool isSeen = false;
        for (uint32_t i = 0; i < m_stations.size(); ++i)
        {
            isSeen = isSeen || GetElevationDeg(i) >= m_optics.minElevationDeg;
        }
        if (m_network->IsSiteUp(*m_site) != isSeen)
        {
            m_network->SetSiteUp(*m_site, isSeen);
        }
    }
    Choose();
    const Ecef satellite = m_orbit->PositionAt(Simulator::Now().GetSeconds());
    for (uint32_t i = 0; i < m_stations.size(); ++i)
    {
        double transmittance = 0;
        if (m_served == i)
        {
            const Ecef ground = ToEcef(m_stations[i].latitudeDeg, m_stations[i].longitudeDeg, 0);
            transmittance = SatelliteTransmittance(Norm(satellite - ground),
                                                   m_optics.divergenceRad,
                                                   m_optics.receiverDiameterM,
                                                   m_optics.pointingJitterRad,
                                                   GetElevationDeg(i),
                                                   1);
        }
        m_network->SetChannelTransmittance(m_stations[i].link, transmittance);
    }
    Check();
    m_event = Simulator::Schedule(m_period, &SatelliteDownlink::Update, this);
}

} // namespace qntn
