// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_CITY_USERS_H
#define QNTN_METAVERSE_CITY_USERS_H

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/object.h"
#include "ns3/random-variable-stream.h"
#include "ns3/vector.h"

#include <cstdint>
#include <vector>

namespace qntn
{

/// What a user does.
enum class UserKind : uint8_t
{
    IMMERSED,    ///< XR video and xURLLC haptics
    DOWNLOADING, ///< eMBB files
    WATCHING,    ///< XR video at half the rate, no haptics: all that a satellite's delay allows
};

/// A user of the city and who serves them.
struct CityUser
{
    uint32_t provider;
    uint32_t home; ///< index of the cell they live in; the number of gNBs for those far out of town
    UserKind kind;
    bool inCrowd; ///< rides from the first gNB to the second
    ns3::Ptr<ns3::ConstantVelocityMobilityModel> mobility;
};

/// Who lives where and how they move: residents walk around, a crowd rides the tram from the first
/// gNB to the second at some time, and a few live where only the satellite reaches them.
///
/// Providers, homes and kinds come from a fixed mix that repeats; positions and times are random.
class CityUsers : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();
    CityUsers();

    /// Users of two providers, placed around three gNBs.
    void Create(uint32_t numUsers, const std::vector<ns3::Vector>& gnbs);
    /// Schedules the ride; it begins somewhere between the two times.
    void ScheduleRide(ns3::Time earliest, ns3::Time latest);

    const std::vector<CityUser>& Get() const;
    /// When the crowd leaves.
    ns3::Time GetRideStart() const;
    /// \return streams used
    int64_t AssignStreams(int64_t stream);

  private:
    ns3::Vector DrawAround(const ns3::Vector& centre, double minRadius, double maxRadius);
    void Ride();
    void Arrive();

    double m_walkSpeed_mps;
    double m_rideSpeed_mps;
    double m_farDistance_m;
    std::vector<CityUser> m_users;
    ns3::Vector m_ride; ///< from boarding to alighting
    ns3::Time m_rideStart;
    ns3::Ptr<ns3::UniformRandomVariable> m_place;
    ns3::Ptr<ns3::UniformRandomVariable> m_time;
};

} // namespace qntn

#endif // QNTN_METAVERSE_CITY_USERS_H
