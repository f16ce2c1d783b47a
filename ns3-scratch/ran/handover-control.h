// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_HANDOVER_CONTROL_H
#define QNTN_RAN_HANDOVER_CONTROL_H

#include "ran/handover-types.h"
#include "ran/radio-channel.h"
#include "ran/ran-types.h"

#include "ns3/mobility-model.h"
#include "ns3/object.h"

#include <memory>
#include <vector>

namespace qntn
{

/// What moves users between satellites.
enum class NtnHandover : uint8_t
{
    MEASUREMENT, ///< event A3, as between gNBs
    EPHEMERIS,   ///< the network: before a satellite sets, to one that stays up
};

/// Decides which cell serves whom: filtered measurements, events A2, A3 and A4 with time to
/// trigger, conditional hand-over, hand-over by ephemeris, radio link monitoring.
///
/// It looks at all links once a measurement period and keeps its state in flat arrays. It decides;
/// RanNetwork acts.
class HandoverControl : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    void AddGnb(const GnbConfig& config);
    void AddNtnCell(const NtnCellConfig& config);
    void AddUe(ns3::Ptr<ns3::MobilityModel> mobility);
    /// Prepares a hand-over for all users that the source serves, now or later. After the cells.
    void AddConditional(const ConditionalHandover& handover);
    /// \param period of measurements
    void Start(const RadioChannel* channel, ns3::Time period);

    /// What a user is to do.
    struct Decision
    {
        bool moves{false};
        uint32_t target{NO_CELL};
        HandoverCause cause{HandoverCause::REESTABLISHMENT};
    };

    /// A measurement period has passed: measures all cells for a user and decides.
    Decision Decide(uint32_t ueIndex, uint32_t serving, bool interrupted);
    /// Notes a move. \param oneWay delay to the target \return how long the user is interrupted
    ns3::Time Move(uint32_t ueIndex, uint32_t source, const Decision& decision, ns3::Time oneWay);

    /// What a user's filtered measurement of a cell is over noise, dB; far below 0 if it has none.
    double GetFilteredSnrDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// When a satellite sets for its cell's centre, looked up ahead; Time::Max() for a gNB or if
    /// it stays up for as long as is looked ahead.
    ns3::Time GetSetTime(uint32_t cellIndex);
    ns3::Time GetXnDelay() const;
    const MobilityReport& GetReport(uint32_t ueIndex) const;
    MobilityReport GetReport() const; ///< of all users

  private:
    static constexpr double UNMEASURED_DB = -300;

    struct Cell
    {
        bool isNtn;
        std::shared_ptr<const Trajectory> trajectory;
        Ecef centre{};
        double minElevationDeg{0};
        ns3::Time sets{};         ///< known until
        ns3::Time lookedUntil{0}; ///< and looked up as far as here
    };

    struct Ue
    {
        ns3::Ptr<ns3::MobilityModel> mobility;
        ns3::Time weakSince;   ///< A2 and A4 have held since, or Max
        ns3::Time groundSince; ///< A4 of a gNB has held since, or Max
        double qualityDb{UNMEASURED_DB};
        uint32_t outOfSync{0};
        uint32_t inSync{0};
        ns3::Time failsAt; ///< T310 ends, or Max
        uint32_t previousCell{NO_CELL};
        ns3::Time arrived; ///< in its cell
        ns3::Time leftAt;  ///< out of every cell since, or Max
        bool wasServed{false};
        MobilityReport report;
    };

    void Measure(uint32_t ueIndex);
    /// \return whether the radio link has failed
    bool MonitorLink(uint32_t ueIndex, uint32_t serving);
    Decision CheckConditional(uint32_t ueIndex, uint32_t serving) const;
    Decision CheckEphemeris(uint32_t ueIndex, uint32_t serving);
    Decision CheckEvents(uint32_t ueIndex, uint32_t serving);
    /// The best cell of a kind that is on and strong enough, or NO_CELL.
    uint32_t FindBest(uint32_t ueIndex, bool isNtn, double thresholdDb, uint32_t except) const;
    /// Where a user without a cell goes: the ground first.
    uint32_t SelectCell(uint32_t ueIndex) const;
    FailureCause FindFailureCause(const Ue& ue, uint32_t source, uint32_t target) const;
    void Forget(uint32_t ueIndex);
    /// Looks for the set a minute farther than before.
    static void LookAhead(Cell& cell);
    size_t At(uint32_t ueIndex, uint32_t cellIndex) const;

    // attributes
    uint32_t m_filterCoefficient;
    double m_a3OffsetDb;
    double m_hysteresisDb;
    ns3::Time m_timeToTrigger;
    double m_ntnThresholdDb;
    double m_ntnHysteresisDb;
    NtnHandover m_ntnHandover;
    ns3::Time m_ephemerisLead;
    double m_qoutDb;
    double m_qinDb;
    uint32_t m_n310;
    uint32_t m_n311;
    ns3::Time m_t310;
    ns3::Time m_interruption;
    ns3::Time m_ntnInterruption;
    ns3::Time m_conditionalInterruption;
    ns3::Time m_reestablishment;
    ns3::Time m_xnDelay;

    const RadioChannel* m_channel{nullptr};
    double m_weight{1};
    double m_qualityWeight{1};
    std::vector<Cell> m_cells;
    std::vector<Ue> m_ues;
    std::vector<std::vector<ConditionalHandover>> m_conditional; ///< by source
    std::vector<double> m_rsrpDbm;                               ///< [user][cell], filtered
    std::vector<double> m_snrDb;            ///< [user][cell], of the same over noise
    std::vector<ns3::Time> m_strongerSince; ///< [user][cell]: A3 has held since, or Max
};

} // namespace qntn

#endif // QNTN_RAN_HANDOVER_CONTROL_H
