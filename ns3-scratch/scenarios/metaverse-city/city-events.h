// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_CITY_EVENTS_H
#define QNTN_SCENARIOS_METAVERSE_CITY_CITY_EVENTS_H

#include "bridge/role.h"
#include "metaverse/city.h"

#include "ns3/simulator.h"

namespace qntn
{

/// When what comes in the episode. Decides nothing: no agent sees it, but critics in training do.
struct CityEvents
{
    City& city;
    Role& role;

    Observation rushBegins = Until("rush_begins_s", "the rush hour begins");
    Observation rushEnds = Until("rush_ends_s", "the rush hour ends");
    Observation rideBegins = Until("ride_begins_s", "the crowd boards the tram");
    Observation passBegins = Until("pass_begins_s", "the satellite begins to serve");
    Observation passEnds = Until("pass_ends_s", "the satellite ceases to serve");

    void Observe() const
    {
        const ns3::Time now = ns3::Simulator::Now();
        auto write = [now](const Observation& observation, ns3::Time at)
        { observation(0) = static_cast<float>((at - now).GetSeconds()); };
        write(rushBegins, city.GetRushStart());
        write(rushEnds, city.GetRushEnd());
        write(rideBegins, city.GetUsers().GetRideStart());
        write(passBegins, city.GetPassStart());
        write(passEnds, city.GetPassEnd());
    }

  private:
    Observation Until(const char* name, const std::string& what)
    {
        constexpr double LONGEST_S = 7200; // an episode and a rush hour
        return role.Observe(name,
                            1,
                            -LONGEST_S,
                            LONGEST_S,
                            "s",
                            "until " + what + "; negative: since then");
    }
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_CITY_EVENTS_H
