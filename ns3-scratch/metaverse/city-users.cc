// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/city-users.h"

#include "ns3/abort.h"
#include "ns3/double.h"
#include "ns3/simulator.h"

#include <array>
#include <cmath>
#include <numbers>

using namespace ns3;

namespace qntn
{

namespace
{

constexpr double USER_HEIGHT_M = 1.5;
constexpr double MIN_RADIUS_M = 40; ///< from the own gNB
constexpr double MAX_RADIUS_M = 170;
constexpr double CROWD_RADIUS_M = 40;
constexpr double STOP_RATIO = 0.25; ///< tram stops, as parts of the way between the gNBs

constexpr uint32_t FAR = 3;
constexpr auto IMMERSED = UserKind::IMMERSED;
constexpr auto DOWNLOADING = UserKind::DOWNLOADING;

/// Twelve users; more of them are more of the same.
struct Mix
{
    uint32_t provider;
    uint32_t home;
    UserKind kind;
    bool inCrowd;
};

constexpr std::array<Mix, 12> MIX{{
    {0, 0, IMMERSED, true},
    {1, 1, DOWNLOADING, false},
    {1, 2, IMMERSED, false},
    {0, FAR, UserKind::WATCHING, false},
    {0, 0, IMMERSED, true},
    {1, 1, DOWNLOADING, false},
    {0, 2, DOWNLOADING, false},
    {1, 0, IMMERSED, true},
    {0, 1, IMMERSED, false},
    {1, FAR, DOWNLOADING, false},
    {0, 0, DOWNLOADING, false},
    {1, 2, IMMERSED, false},
}};

Vector
Between(const Vector& from, const Vector& to, double ratio)
{
    return {from.x + (to.x - from.x) * ratio, from.y + (to.y - from.y) * ratio, USER_HEIGHT_M};
}

} // namespace

NS_OBJECT_ENSURE_REGISTERED(CityUsers);

TypeId
CityUsers::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::CityUsers")
            .SetParent<Object>()
            .SetGroupName("Metaverse")
            .AddConstructor<CityUsers>()
            .AddAttribute("WalkSpeed",
                          "Speed of residents, m/s.",
                          DoubleValue(1),
                          MakeDoubleAccessor(&CityUsers::m_walkSpeed_mps),
                          MakeDoubleChecker<double>(0, 10))
            .AddAttribute("RideSpeed",
                          "Speed of the tram, m/s.",
                          DoubleValue(15),
                          MakeDoubleAccessor(&CityUsers::m_rideSpeed_mps),
                          MakeDoubleChecker<double>(1, 100))
            .AddAttribute("FarDistance",
                          "How far from the first gNB those live whom only the satellite "
                          "reaches, m.",
                          DoubleValue(9000),
                          MakeDoubleAccessor(&CityUsers::m_farDistance_m),
                          MakeDoubleChecker<double>(1000, 1e6));
    return tid;
}

CityUsers::CityUsers()
    : m_place(CreateObject<UniformRandomVariable>()), m_time(CreateObject<UniformRandomVariable>())
{
}

void
CityUsers::Create(uint32_t numUsers, const std::vector<Vector>& gnbs)
{
    NS_ABORT_MSG_IF(gnbs.size() != FAR,
                    "CityUsers: found " << gnbs.size() << " gNBs, expected " << FAR);
    const Vector boarding = Between(gnbs[0], gnbs[1], STOP_RATIO);
    const Vector alighting = Between(gnbs[0], gnbs[1], 1 - STOP_RATIO);
    m_ride = alighting - boarding;
    for (uint32_t i = 0; i < numUsers; ++i)
    {
        const Mix& mix = MIX[i % MIX.size()];
        Vector position;
        if (mix.inCrowd)
        {
            position = DrawAround(boarding, 0, CROWD_RADIUS_M);
        }
        else if (mix.home == FAR)
        {
            position = DrawAround(gnbs[0], m_farDistance_m, 1.1 * m_farDistance_m);
        }
        else
        {
            position = DrawAround(gnbs[mix.home], MIN_RADIUS_M, MAX_RADIUS_M);
        }
        auto mobility = CreateObject<ConstantVelocityMobilityModel>();
        mobility->SetPosition(position);
        const double heading = m_place->GetValue(0, 2 * std::numbers::pi);
        if (!mix.inCrowd)
        {
            mobility->SetVelocity(
                {m_walkSpeed_mps * std::cos(heading), m_walkSpeed_mps * std::sin(heading), 0});
        }
        m_users.push_back({mix.provider, mix.home, mix.kind, mix.inCrowd, mobility});
    }
}

void
CityUsers::ScheduleRide(Time earliest, Time latest)
{
    m_rideStart = Seconds(m_time->GetValue(earliest.GetSeconds(), latest.GetSeconds()));
    Simulator::Schedule(m_rideStart - Simulator::Now(), &CityUsers::Ride, this);
}

const std::vector<CityUser>&
CityUsers::Get() const
{
    return m_users;
}

Time
CityUsers::GetRideStart() const
{
    return m_rideStart;
}

int64_t
CityUsers::AssignStreams(int64_t stream)
{
    m_place->SetStream(stream);
    m_time->SetStream(stream + 1);
    return 2;
}

Vector
CityUsers::DrawAround(const Vector& centre, double minRadius, double maxRadius)
{
    // Uniform over the area of the ring.
    const double radius =
        std::sqrt(m_place->GetValue(minRadius * minRadius, maxRadius * maxRadius));
    const double angle = m_place->GetValue(0, 2 * std::numbers::pi);
    return {centre.x + radius * std::cos(angle),
            centre.y + radius * std::sin(angle),
            USER_HEIGHT_M};
}

void
CityUsers::Ride()
{
    const double way_m = m_ride.GetLength();
    const double factor = m_rideSpeed_mps / way_m;
    for (const auto& user : m_users)
    {
        if (user.inCrowd)
        {
            user.mobility->SetVelocity({m_ride.x * factor, m_ride.y * factor, 0});
        }
    }
    Simulator::Schedule(Seconds(way_m / m_rideSpeed_mps), &CityUsers::Arrive, this);
}

void
CityUsers::Arrive()
{
    for (const auto& user : m_users)
    {
        if (user.inCrowd)
        {
            user.mobility->SetVelocity({0, 0, 0});
        }
    }
}

} // namespace qntn
