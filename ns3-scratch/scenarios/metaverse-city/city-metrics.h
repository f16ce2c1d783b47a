// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_METAVERSE_CITY_CITY_METRICS_H
#define QNTN_SCENARIOS_METAVERSE_CITY_CITY_METRICS_H

#include "bridge/bridge.h"
#include "metaverse/city.h"
#include "scenarios/metaverse-city/cell-role.h"
#include "scenarios/metaverse-city/provider-role.h"
#include "scenarios/services/slice-fields.h"

#include <string>
#include <vector>

namespace qntn
{

/// What is reported about the city as a whole, each step.
class CityMetrics
{
  public:
    CityMetrics(Bridge& bridge, City& city)
        : m_cost(bridge.Metric(
              "deployment_cost_usd", city.GetCurrency(), "paid for key relays in the step")),
          m_keyCost(bridge.Metric("key_cost_usd_per_mbit",
                                  city.GetCurrency() + "/Mbit",
                                  "paid for each delivered Mbit of key so far")),
          m_keyDelivered(bridge.Metric(
              "key_delivered_bits", "bits", "key handed to applications in the step")),
          m_pad(bridge.Metric("xurllc_otp_ratio", "ratio", "xURLLC in time under one-time pad")),
          m_blocked(bridge.Metric("blocked_ratio", "ratio", "bursts lost for want of key")),
          m_late(bridge.Metric(
              "late_ratio", "ratio", "bursts lost because they were late in the radio")),
          m_compute(bridge.Metric(
              "compute_late_ratio", "ratio", "bursts lost because they were late in the server")),
          m_handovers(bridge.Metric("handovers", "1", "hand-overs in the step")),
          m_covered(bridge.Metric("covered_ues", "1", "users that some cell serves")),
          m_pose(bridge.Metric(
              "pose_in_time_ratio", "ratio", "uplink pose samples that arrived in time")),
          m_elevation(bridge.Metric("leo_elevation_deg", "deg", "elevation of the satellite")),
          m_slices(bridge, City::SLICE_NAMES)
    {
        for (const std::string slice : City::SLICE_NAMES)
        {
            for (const std::string provider : City::PROVIDER_NAMES)
            {
                m_bySlice.push_back(
                    bridge.Metric(slice + "_satisfied_ratio." + provider,
                                  "ratio",
                                  "the provider's bursts that arrived whole and in time"));
            }
        }
        for (const std::string provider : City::PROVIDER_NAMES)
        {
            m_cpu.push_back(bridge.Metric("cpu_utilisation_ratio." + provider,
                                          "ratio",
                                          "part of its cores' time used"));
        }
        for (const std::string cell : City::CELL_NAMES)
        {
            m_prb.push_back(
                bridge.Metric("prb_utilisation_ratio." + cell, "ratio", "part of its PRBs used"));
            m_ues.push_back(bridge.Metric("num_ues." + cell, "1", "users that it serves"));
        }
        for (uint32_t relation = 0; relation < City::NUM_RELATIONS; ++relation)
        {
            m_fill.push_back(bridge.Metric("key_fill_ratio." + City::GetRelationName(relation),
                                           "ratio",
                                           "fill of its key pool"));
            m_delivered.push_back(bridge.Metric("delivered_bits." + City::GetRelationName(relation),
                                                "bits",
                                                "key handed to applications in the step"));
            m_waiting.push_back(bridge.Metric("waiting_bits." + City::GetRelationName(relation),
                                              "bits",
                                              "key that applications wait for"));
            m_refused.push_back(bridge.Metric("refused_requests." + City::GetRelationName(relation),
                                              "1",
                                              "requests that waited too long in the step"));
        }
        for (uint32_t station = 0; city.GetDownlink() && station < City::NUM_STATIONS; ++station)
        {
            const std::string name = City::GetStationName(station);
            m_served.push_back(bridge.Metric("leo_qkd_served." + name,
                                             "bool",
                                             "whether the satellite serves it now"));
            m_generated.push_back(bridge.Metric("leo_qkd_bits." + name,
                                                "bits",
                                                "key made with the satellite in the step"));
        }
    }

    void Write(City& city, const CellRole& cells, const ProviderRole& providers)
    {
        const auto& monitor = city.GetMonitor();
        const auto all = monitor.Get({}, {}, {});
        m_blocked() = all.GetLostRatio(LossCause::KEY);
        m_late() = all.GetLostRatio(LossCause::LATE);
        m_compute() = all.GetLostRatio(LossCause::COMPUTE);
        m_pad() = monitor.Get({}, {}, City::XURLLC).GetPadRatio();
        m_slices.Write(monitor);
        for (uint32_t slice = 0; slice < City::NUM_SLICES; ++slice)
        {
            for (uint32_t provider = 0; provider < City::NUM_PROVIDERS; ++provider)
            {
                m_bySlice[slice * City::NUM_PROVIDERS + provider]() =
                    monitor.Get(provider, {}, slice).GetSatisfiedRatio();
            }
        }
        for (uint32_t provider = 0; provider < City::NUM_PROVIDERS; ++provider)
        {
            m_cpu[provider]() = providers.cpuUse(provider);
        }
        for (uint32_t cell = 0; cell < City::NUM_CELLS; ++cell)
        {
            m_prb[cell]() = cells.GetUtilisation(cell);
            m_ues[cell]() = city.GetRan().GetNumUes(cell);
        }
        for (uint32_t relation = 0; relation < City::NUM_RELATIONS; ++relation)
        {
            const auto& report = city.GetRelationReport(relation);
            m_fill[relation]() = report.fillRatio;
            m_delivered[relation]() = static_cast<double>(report.deliveredBits);
            m_waiting[relation]() = static_cast<double>(report.requests.waitingBits);
            m_refused[relation]() = static_cast<double>(report.requests.refused);
        }
        for (uint32_t station = 0; station < m_served.size(); ++station)
        {
            m_served[station]() = city.GetDownlink()->GetServed() == station;
            m_generated[station]() =
                static_cast<double>(city.GetLinkReport(city.GetStationLink(station)).generatedBits);
        }
        const double delivered_bits = city.GetDeliveredKeyBits();
        m_cost() = city.GetCost().GetTotal();
        m_keyDelivered() = delivered_bits;
        m_totalCost += m_cost();
        m_totalKey_bits += delivered_bits;
        m_keyCost() = m_totalKey_bits > 0 ? m_totalCost / (m_totalKey_bits / 1e6) : 0;
        m_handovers() = static_cast<double>(city.GetNumHandovers());
        m_covered() = city.GetNumCovered();
        m_pose() = city.GetPoseRatio();
        m_elevation() = city.GetRan().GetElevationDeg(City::SATELLITE);
    }

  private:
    qntn::Metric m_cost;
    qntn::Metric m_keyCost;
    qntn::Metric m_keyDelivered;
    qntn::Metric m_pad;
    qntn::Metric m_blocked;
    qntn::Metric m_late;
    qntn::Metric m_compute;
    qntn::Metric m_handovers;
    qntn::Metric m_covered;
    qntn::Metric m_pose;
    qntn::Metric m_elevation;
    SliceMetrics m_slices;
    std::vector<qntn::Metric> m_bySlice; ///< [slice][provider]
    std::vector<qntn::Metric> m_cpu;     ///< by provider
    std::vector<qntn::Metric> m_prb;     ///< by cell
    std::vector<qntn::Metric> m_ues;
    std::vector<qntn::Metric> m_fill; ///< by relation
    std::vector<qntn::Metric> m_delivered;
    std::vector<qntn::Metric> m_waiting;
    std::vector<qntn::Metric> m_refused;
    std::vector<qntn::Metric> m_served;    ///< by station; none if the satellite makes no key
    std::vector<qntn::Metric> m_generated; ///< by station
    double m_totalCost{0};
    double m_totalKey_bits{0};
};

} // namespace qntn

#endif // QNTN_SCENARIOS_METAVERSE_CITY_CITY_METRICS_H
