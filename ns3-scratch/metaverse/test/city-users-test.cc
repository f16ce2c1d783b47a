// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/city-users.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace ns3;
using namespace qntn;

namespace
{

const std::vector<Vector> GNBS{{0, 0, 25}, {500, 0, 25}, {250, 433, 25}};

Ptr<CityUsers>
MakeUsers(uint32_t numUsers)
{
    auto users = CreateObject<CityUsers>();
    users->AssignStreams(1);
    users->Create(numUsers, GNBS);
    return users;
}

uint32_t
Nearest(const CityUser& user)
{
    const Vector at = user.mobility->GetPosition();
    return std::ranges::min_element(GNBS,
                                    {},
                                    [&at](const Vector& gnb)
                                    { return CalculateDistance(gnb, at); }) -
           GNBS.begin();
}

} // namespace

TEST_CASE("residents live at their gNB, the others out of town")
{
    const auto users = MakeUsers(24);
    CHECK(users->Get().size() == 24);
    uint32_t far = 0;
    for (const auto& user : users->Get())
    {
        if (user.home < GNBS.size())
        {
            CHECK(Nearest(user) == user.home);
        }
        else
        {
            ++far;
            CHECK(CalculateDistance(user.mobility->GetPosition(), GNBS[0]) > 8900);
        }
    }
    CHECK(far == 4);
    Simulator::Destroy();
}

TEST_CASE("the crowd rides from the first gNB to the second and stays")
{
    const auto users = MakeUsers(12);
    users->ScheduleRide(Seconds(5), Seconds(10));
    CHECK(users->GetRideStart() >= Seconds(5));
    CHECK(users->GetRideStart() <= Seconds(10));
    const auto crowd = std::ranges::find(users->Get(), true, &CityUser::inCrowd);
    Simulator::Stop(Seconds(5));
    Simulator::Run();
    CHECK(Nearest(*crowd) == 0);
    Simulator::Stop(Seconds(40));
    Simulator::Run();
    CHECK(Nearest(*crowd) == 1);
    CHECK(crowd->mobility->GetVelocity().GetLength() == 0);
    Simulator::Destroy();
}
