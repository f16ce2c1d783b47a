// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_RURAL_LEO_RURAL_USERS_H
#define QNTN_SCENARIOS_RURAL_LEO_RURAL_USERS_H

#include "metaverse/city-users.h"

#include "ns3/random-variable-stream.h"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace qntn
{

/// Where a user of the country lives.
enum class Home : uint8_t
{
    VILLAGE_0,
    VILLAGE_1,
    ROAD,   ///< drives out of the second village's cell
    REMOTE, ///< where only satellites reach
};

/// A user of the country and who serves them.
struct RuralUser
{
    uint32_t provider;
    Home home;
    UserKind kind;
    ns3::Ptr<ns3::ConstantVelocityMobilityModel> mobility;
};

/// Places users: a fixed mix that repeats, at random places.
/// \param villages where the gNBs stand
/// \param remoteM how far from the first village the remote ones live
/// \param place draws
inline std::vector<RuralUser>
PlaceRuralUsers(uint32_t numUsers,
                const std::array<ns3::Vector, 2>& villages,
                double remoteM,
                double roadM,
                double speedMps,
                ns3::UniformRandomVariable& place)
{
    struct Mix
    {
        uint32_t provider;
        Home home;
        UserKind kind;
    };

    using enum UserKind;
    constexpr std::array<Mix, 12> MIX{{
        {0, Home::VILLAGE_0, IMMERSED},
        {1, Home::REMOTE, DOWNLOADING},
        {0, Home::REMOTE, WATCHING},
        {1, Home::VILLAGE_1, IMMERSED},
        {1, Home::ROAD, WATCHING},
        {0, Home::VILLAGE_0, DOWNLOADING},
        {0, Home::REMOTE, DOWNLOADING},
        {1, Home::VILLAGE_1, DOWNLOADING},
        {0, Home::ROAD, DOWNLOADING},
        {1, Home::REMOTE, WATCHING},
        {1, Home::VILLAGE_0, IMMERSED},
        {0, Home::VILLAGE_1, DOWNLOADING},
    }};
    constexpr double HEIGHT_M = 1.5;
    constexpr double VILLAGE_M = 800;
    constexpr double WALK_MPS = 1;
    std::vector<RuralUser> users;
    for (uint32_t i = 0; i < numUsers; ++i)
    {
        const Mix& mix = MIX[i % MIX.size()];
        const double angle = place.GetValue(0, 2 * std::numbers::pi);
        const double ratio = place.GetValue(0.1, 1);
        ns3::Vector at{};
        ns3::Vector velocity{WALK_MPS * std::cos(angle), WALK_MPS * std::sin(angle), 0};
        if (mix.home == Home::ROAD)
        {
            at = {villages[1].x + roadM * (1 + 0.1 * ratio), villages[1].y, HEIGHT_M};
            velocity = {speedMps, 0, 0};
        }
        else
        {
            const auto& centre = mix.home == Home::VILLAGE_1 ? villages[1] : villages[0];
            const double radius =
                mix.home == Home::REMOTE ? remoteM * (0.9 + 0.1 * ratio) : VILLAGE_M * ratio;
            at = {centre.x + radius * std::cos(angle),
                  centre.y + radius * std::sin(angle),
                  HEIGHT_M};
        }
        auto mobility = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
        mobility->SetPosition(at);
        mobility->SetVelocity(velocity);
        users.push_back({mix.provider, mix.home, mix.kind, mobility});
    }
    return users;
}

} // namespace qntn

#endif // QNTN_SCENARIOS_RURAL_LEO_RURAL_USERS_H
