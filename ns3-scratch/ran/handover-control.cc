// SPDX-License-Identifier: GPL-2.0-only
#include "ran/handover-control.h"

#include "orbit/visibility.h"

#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cmath>
#include <exception>

namespace qntn
{

using namespace ns3;

NS_OBJECT_ENSURE_REGISTERED(HandoverControl);

namespace
{

const Time NEVER = Time::Max();
const Time PING_PONG_TIME = Seconds(1); ///< minimum time of stay, TR 36.839 V11.1, 5.6
const Time SOON_AFTER = Seconds(1);     ///< a failure so soon is the hand-over's
constexpr double LOOK_AHEAD_S = 600;
constexpr double LOOK_PART_S =
    60; ///< looked at a time, so that no more of an ephemeris is asked for
constexpr double LOOK_STEP_S = 5;
constexpr double DEAD_DB = -100; ///< quality of a cell that does not send

} // namespace

TypeId
HandoverControl::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::HandoverControl")
            .SetParent<Object>()
            .SetGroupName("Qntn")
            .AddConstructor<HandoverControl>()
            .AddAttribute("FilterCoefficient",
                          "k of the layer 3 filter of measurements (TS 38.331, 5.5.3.2).",
                          UintegerValue(4),
                          MakeUintegerAccessor(&HandoverControl::m_filterCoefficient),
                          MakeUintegerChecker<uint32_t>(0, 19))
            .AddAttribute("A3OffsetDb",
                          "By how much another cell must be stronger (TS 38.331, 5.5.4.4).",
                          DoubleValue(2),
                          MakeDoubleAccessor(&HandoverControl::m_a3OffsetDb),
                          MakeDoubleChecker<double>(-15, 15))
            .AddAttribute("HysteresisDb",
                          "Of event A3, on top of the offset.",
                          DoubleValue(1),
                          MakeDoubleAccessor(&HandoverControl::m_hysteresisDb),
                          MakeDoubleChecker<double>(0, 15))
            .AddAttribute("TimeToTrigger",
                          "How long the condition of an event must hold.",
                          TimeValue(MilliSeconds(160)),
                          MakeTimeAccessor(&HandoverControl::m_timeToTrigger),
                          MakeTimeChecker(Seconds(0), MilliSeconds(5120)))
            .AddAttribute("NtnThresholdDb",
                          "A user goes to a satellite when its gNB is weaker than this over noise "
                          "(event A2) and the satellite stronger (event A4).",
                          DoubleValue(-6),
                          MakeDoubleAccessor(&HandoverControl::m_ntnThresholdDb),
                          MakeDoubleChecker<double>(-30, 60))
            .AddAttribute("NtnHysteresisDb",
                          "How much stronger than NtnThresholdDb a gNB must be to win a user back "
                          "(event A4).",
                          DoubleValue(3),
                          MakeDoubleAccessor(&HandoverControl::m_ntnHysteresisDb),
                          MakeDoubleChecker<double>(0, 30))
            .AddAttribute("NtnHandover",
                          "What moves users between satellites.",
                          EnumValue(NtnHandover::EPHEMERIS),
                          MakeEnumAccessor<NtnHandover>(&HandoverControl::m_ntnHandover),
                          MakeEnumChecker(NtnHandover::MEASUREMENT,
                                          "Measurement",
                                          NtnHandover::EPHEMERIS,
                                          "Ephemeris"))
            .AddAttribute("EphemerisLead",
                          "How long before a satellite sets its users are moved.",
                          TimeValue(Seconds(2)),
                          MakeTimeAccessor(&HandoverControl::m_ephemerisLead),
                          MakeTimeChecker(Seconds(0), Seconds(60)))
            .AddAttribute("N310",
                          "Out-of-sync indications, one a measurement period, that start T310.",
                          UintegerValue(1),
                          MakeUintegerAccessor(&HandoverControl::m_n310),
                          MakeUintegerChecker<uint32_t>(1, 20))
            .AddAttribute("N311",
                          "In-sync indications that stop T310.",
                          UintegerValue(1),
                          MakeUintegerAccessor(&HandoverControl::m_n311),
                          MakeUintegerChecker<uint32_t>(1, 10))
            .AddAttribute("T310",
                          "From losing sync to radio link failure (TS 38.331, 5.3.10 and 9.2.3).",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&HandoverControl::m_t310),
                          MakeTimeChecker(Seconds(0), Seconds(6)))
            .AddAttribute("HandoverInterruption",
                          "Without service in a hand-over to a gNB, beside a round trip for "
                          "random access.",
                          TimeValue(MilliSeconds(30)),
                          MakeTimeAccessor(&HandoverControl::m_interruption),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("NtnInterruption",
                          "The same to a satellite.",
                          TimeValue(MilliSeconds(30)),
                          MakeTimeAccessor(&HandoverControl::m_ntnInterruption),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("ConditionalInterruption",
                          "The same of a conditional hand-over: the user has the target's "
                          "configuration already.",
                          TimeValue(MilliSeconds(20)),
                          MakeTimeAccessor(&HandoverControl::m_conditionalInterruption),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("Reestablishment",
                          "From a radio link failure to service in a cell that was found, beside "
                          "two round trips (TS 38.133, 6.2.1: 50 ms and the search of 200 ms).",
                          TimeValue(MilliSeconds(250)),
                          MakeTimeAccessor(&HandoverControl::m_reestablishment),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("XnDelay",
                          "Of packets that the old cell forwards to the new one.",
                          TimeValue(MilliSeconds(5)),
                          MakeTimeAccessor(&HandoverControl::m_xnDelay),
                          MakeTimeChecker(Seconds(0)));
    return tid;
}

size_t
HandoverControl::At(uint32_t ueIndex, uint32_t cellIndex) const
{
    return ueIndex * m_cells.size() + cellIndex;
}

void
HandoverControl::AddGnb(const GnbConfig&)
{
    m_cells.push_back({.isNtn = false, .trajectory = nullptr});
    m_conditional.emplace_back();
}

void
HandoverControl::AddNtnCell(const NtnCellConfig& config)
{
    const auto& at = config.beamCentre;
    m_cells.push_back({.isNtn = true,
                       .trajectory = config.trajectory,
                       .centre = config.frame.ToEcef(at.x, at.y, at.z),
                       .minElevationDeg = config.minElevationDeg});
    m_conditional.emplace_back();
}

void
HandoverControl::AddUe(Ptr<MobilityModel> mobility)
{
    Ue ue;
    ue.mobility = std::move(mobility);
    ue.weakSince = ue.groundSince = ue.failsAt = ue.leftAt = NEVER;
    m_ues.push_back(std::move(ue));
}

void
HandoverControl::AddConditional(const ConditionalHandover& handover)
{
    Validate(handover, m_cells.size());
    m_conditional[handover.source].push_back(handover);
}

void
HandoverControl::Start(const RadioChannel* channel, Time period)
{
    constexpr double QUALITY_TIME_S = 0.2; // T_Evaluate_out_SSB, TS 38.133 V17, 8.1.2.2
    m_channel = channel;
    m_qoutDb = PdcchSinrDb(8, 0.1);
    m_qinDb = PdcchSinrDb(4, 0.02);
    m_weight = FilterWeight(m_filterCoefficient, period.GetSeconds());
    m_qualityWeight = 1 - std::exp(-period.GetSeconds() / QUALITY_TIME_S);
    m_rsrpDbm.assign(m_ues.size() * m_cells.size(), UNMEASURED_DB);
    m_snrDb = m_rsrpDbm;
    m_strongerSince.assign(m_rsrpDbm.size(), NEVER);
}

void
HandoverControl::Measure(uint32_t ueIndex)
{
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        const size_t at = At(ueIndex, c);
        double& rsrp_dbm = m_rsrpDbm[at];
        if (!m_channel->IsAvailable(c))
        {
            rsrp_dbm = m_snrDb[at] = UNMEASURED_DB;
            continue;
        }
        const double new_dbm = m_channel->GetRsrpDbm(c, ueIndex);
        if (rsrp_dbm == UNMEASURED_DB)
        {
            rsrp_dbm = new_dbm;
            m_snrDb[at] = m_channel->GetSnrDb(c, ueIndex);
            continue;
        }
        const double change_db = m_weight * (new_dbm - rsrp_dbm);
        rsrp_dbm += change_db;
        m_snrDb[at] += change_db; // a cell's noise stays
    }
}

HandoverControl::Decision
HandoverControl::Decide(uint32_t ueIndex, uint32_t serving, bool interrupted)
{
    Measure(ueIndex);
    if (serving == NO_CELL)
    {
        const uint32_t target = SelectCell(ueIndex);
        return {target != NO_CELL, target, HandoverCause::REESTABLISHMENT};
    }
    if (interrupted)
    {
        return {};
    }
    if (const auto decision = CheckConditional(ueIndex, serving); decision.moves)
    {
        return decision;
    }
    const bool isDown = m_channel->IsDown(serving);
    if (!isDown && !m_channel->IsAvailable(serving)) // it has set, as SIB19 has told (t-Service)
    {
        return {true, SelectCell(ueIndex), HandoverCause::EPHEMERIS};
    }
    if (MonitorLink(ueIndex, serving))
    {
        return {true, SelectCell(ueIndex), HandoverCause::REESTABLISHMENT};
    }
    if (isDown) // nobody hears what the user measures
    {
        return {};
    }
    const auto decision = CheckEphemeris(ueIndex, serving);
    return decision.moves ? decision : CheckEvents(ueIndex, serving);
}

bool
HandoverControl::MonitorLink(uint32_t ueIndex, uint32_t serving)
{
    Ue& ue = m_ues[ueIndex];
    if (m_channel->IsDown(serving))
    {
        ue.qualityDb = DEAD_DB;
    }
    else
    {
        const double sinr_db = m_channel->MeasureSinrDb(serving, ueIndex);
        ue.qualityDb = ue.qualityDb <= DEAD_DB
                           ? sinr_db
                           : ue.qualityDb + m_qualityWeight * (sinr_db - ue.qualityDb);
    }
    if (ue.qualityDb < m_qoutDb)
    {
        ++ue.outOfSync;
        ue.inSync = 0;
    }
    else if (ue.qualityDb > m_qinDb)
    {
        ++ue.inSync;
        ue.outOfSync = 0;
    }
    if (ue.failsAt == NEVER)
    {
        ue.failsAt = ue.outOfSync >= m_n310 ? Simulator::Now() + m_t310 : NEVER;
    }
    else if (ue.inSync >= m_n311)
    {
        ue.failsAt = NEVER;
    }
    return Simulator::Now() >= ue.failsAt;
}

HandoverControl::Decision
HandoverControl::CheckConditional(uint32_t ueIndex, uint32_t serving) const
{
    for (const auto& handover : m_conditional[serving])
    {
        if (m_snrDb[At(ueIndex, handover.target)] < handover.targetThresholdDb)
        {
            continue;
        }
        const auto at = m_ues[ueIndex].mobility->GetPosition();
        const bool distance =
            !handover.byDistance || EntersD1(handover,
                                             CalculateDistance(at, handover.reference1),
                                             CalculateDistance(at, handover.reference2));
        const bool time = !handover.byTime || EntersT1(handover, Simulator::Now());
        if (distance && time)
        {
            return {true,
                    handover.target,
                    handover.byDistance ? HandoverCause::CONDITIONAL_DISTANCE
                                        : HandoverCause::CONDITIONAL_TIME};
        }
    }
    return {};
}

void
HandoverControl::LookAhead(Cell& cell)
{
    const double from_s = cell.lookedUntil.GetSeconds();
    const double to_s = from_s + LOOK_PART_S;
    cell.lookedUntil = Seconds(to_s);
    try
    {
        const auto passes = FindPasses(*cell.trajectory,
                                       cell.centre,
                                       cell.minElevationDeg,
                                       from_s,
                                       to_s,
                                       LOOK_STEP_S);
        const bool isUp = !passes.empty() && passes.front().riseS <= from_s;
        if (!isUp || passes.front().setS < to_s)
        {
            cell.sets = isUp ? Seconds(passes.front().setS) : Seconds(from_s);
        }
    }
    catch (const std::exception&)
    {
        // an ephemeris that ends here; what lies behind its end is not known before it is needed
        cell.lookedUntil += Seconds(LOOK_AHEAD_S);
    }
}

Time
HandoverControl::GetSetTime(uint32_t cellIndex)
{
    Cell& cell = m_cells[cellIndex];
    const Time now = Simulator::Now();
    if (!cell.isNtn)
    {
        return NEVER;
    }
    if (now >= std::min(cell.sets, cell.lookedUntil))
    {
        cell.lookedUntil = now;
        cell.sets = NEVER;
        while (cell.sets == NEVER && cell.lookedUntil < now + Seconds(LOOK_AHEAD_S))
        {
            LookAhead(cell);
        }
    }
    return cell.sets;
}

HandoverControl::Decision
HandoverControl::CheckEphemeris(uint32_t ueIndex, uint32_t serving)
{
    if (m_ntnHandover != NtnHandover::EPHEMERIS || !m_cells[serving].isNtn)
    {
        return {};
    }
    const Time until = Simulator::Now() + m_ephemerisLead;
    const Time sets = GetSetTime(serving);
    if (sets > until)
    {
        return {};
    }
    uint32_t target = FindBest(ueIndex, false, m_ntnThresholdDb, NO_CELL);
    Time stays = sets;
    for (uint32_t c = 0; c < m_cells.size() && (target == NO_CELL || m_cells[target].isNtn); ++c)
    {
        if (m_cells[c].isNtn && c != serving && m_channel->IsAvailable(c) &&
            m_snrDb[At(ueIndex, c)] >= m_ntnThresholdDb && GetSetTime(c) > stays)
        {
            target = c;
            stays = GetSetTime(c);
        }
    }
    return {target != NO_CELL, target, HandoverCause::EPHEMERIS};
}

HandoverControl::Decision
HandoverControl::CheckEvents(uint32_t ueIndex, uint32_t serving)
{
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    const bool onSatellite = m_cells[serving].isNtn;
    auto holds = [&](Time& since, bool condition)
    {
        since = condition ? std::min(since, now) : NEVER;
        return condition && now - since >= m_timeToTrigger;
    };
    if (onSatellite)
    {
        const uint32_t gnb =
            FindBest(ueIndex, false, m_ntnThresholdDb + m_ntnHysteresisDb, NO_CELL);
        if (holds(ue.groundSince, gnb != NO_CELL))
        {
            return {true, gnb, HandoverCause::GROUND_AGAIN};
        }
    }
    const double serving_dbm = m_rsrpDbm[At(ueIndex, serving)];
    if (!onSatellite || m_ntnHandover == NtnHandover::MEASUREMENT)
    {
        uint32_t strongest = NO_CELL;
        for (uint32_t c = 0; c < m_cells.size(); ++c)
        {
            const size_t at = At(ueIndex, c);
            const bool stronger =
                c != serving && m_cells[c].isNtn == onSatellite &&
                EntersA3(serving_dbm, m_rsrpDbm[at], m_a3OffsetDb, m_hysteresisDb);
            if (holds(m_strongerSince[at], stronger) &&
                (strongest == NO_CELL || m_rsrpDbm[at] > m_rsrpDbm[At(ueIndex, strongest)]))
            {
                strongest = c;
            }
        }
        if (strongest != NO_CELL)
        {
            return {true, strongest, HandoverCause::STRONGER};
        }
    }
    const uint32_t satellite = FindBest(ueIndex, true, m_ntnThresholdDb, serving);
    const bool weak = m_snrDb[At(ueIndex, serving)] < m_ntnThresholdDb;
    if (holds(ue.weakSince, weak && satellite != NO_CELL))
    {
        return {true, satellite, HandoverCause::WEAK};
    }
    return {};
}

uint32_t
HandoverControl::FindBest(uint32_t ueIndex, bool isNtn, double thresholdDb, uint32_t except) const
{
    uint32_t best = NO_CELL;
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        if (m_cells[c].isNtn == isNtn && c != except && m_snrDb[At(ueIndex, c)] >= thresholdDb &&
            (best == NO_CELL || m_snrDb[At(ueIndex, c)] > m_snrDb[At(ueIndex, best)]))
        {
            best = c;
        }
    }
    return best;
}

uint32_t
HandoverControl::SelectCell(uint32_t ueIndex) const
{
    const uint32_t gnb = FindBest(ueIndex, false, m_ntnThresholdDb, NO_CELL);
    return gnb != NO_CELL ? gnb : FindBest(ueIndex, true, m_ntnThresholdDb, NO_CELL);
}

FailureCause
HandoverControl::FindFailureCause(const Ue& ue, uint32_t source, uint32_t target) const
{
    const Time began = Simulator::Now() - m_t310;
    if (m_channel->IsDown(source))
    {
        return FailureCause::OUTAGE;
    }
    if (target == NO_CELL || target == source)
    {
        return FailureCause::COVERAGE;
    }
    if (ue.previousCell == NO_CELL || began > ue.arrived + SOON_AFTER)
    {
        return FailureCause::TOO_LATE;
    }
    return target == ue.previousCell ? FailureCause::TOO_EARLY : FailureCause::WRONG_CELL;
}

void
HandoverControl::Forget(uint32_t ueIndex)
{
    Ue& ue = m_ues[ueIndex];
    ue.weakSince = ue.groundSince = ue.failsAt = NEVER;
    ue.qualityDb = UNMEASURED_DB;
    ue.outOfSync = ue.inSync = 0;
    const auto first = m_strongerSince.begin() + static_cast<ptrdiff_t>(At(ueIndex, 0));
    std::fill_n(first, m_cells.size(), NEVER);
}

Time
HandoverControl::Move(uint32_t ueIndex, uint32_t source, const Decision& decision, Time oneWay)
{
    Ue& ue = m_ues[ueIndex];
    const Time now = Simulator::Now();
    const uint32_t target = decision.target;
    Forget(ueIndex);
    if (source == NO_CELL && !ue.wasServed)
    {
        ue.wasServed = true;
        ue.arrived = now;
        return Time();
    }
    Time interruption;
    const bool failed = decision.cause == HandoverCause::REESTABLISHMENT;
    if (failed && source != NO_CELL)
    {
        ++ue.report.failures[static_cast<size_t>(FindFailureCause(ue, source, target))];
        ue.report.interruption += m_t310;
    }
    if (target == NO_CELL)
    {
        ++ue.report.outOfCells;
        ue.leftAt = now;
        return interruption;
    }
    ++ue.report.movesByCause[static_cast<size_t>(decision.cause)];
    if (failed)
    {
        interruption = m_reestablishment + 4 * oneWay;
    }
    else
    {
        const bool conditional = decision.cause == HandoverCause::CONDITIONAL_DISTANCE ||
                                 decision.cause == HandoverCause::CONDITIONAL_TIME;
        interruption = 2 * oneWay + (conditional             ? m_conditionalInterruption
                                     : m_cells[target].isNtn ? m_ntnInterruption
                                                             : m_interruption);
        const size_t kind =
            2 * m_cells[source].isNtn + (m_cells[target].isNtn != m_cells[source].isNtn);
        constexpr std::array KINDS{HandoverKind::GROUND_TO_GROUND,
                                   HandoverKind::GROUND_TO_SATELLITE,
                                   HandoverKind::SATELLITE_TO_SATELLITE,
                                   HandoverKind::SATELLITE_TO_GROUND};
        ++ue.report.handoversByKind[static_cast<size_t>(KINDS[kind])];
        ++ue.report.handovers;
        ue.report.pingPongs += target == ue.previousCell && now - ue.arrived < PING_PONG_TIME;
    }
    ue.report.interruption += interruption + (ue.leftAt == NEVER ? Time() : now - ue.leftAt);
    ue.leftAt = NEVER;
    ue.previousCell = failed ? NO_CELL : source;
    ue.arrived = now;
    return interruption;
}

double
HandoverControl::GetFilteredSnrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    return m_snrDb.at(At(ueIndex, cellIndex));
}

Time
HandoverControl::GetXnDelay() const
{
    return m_xnDelay;
}

const MobilityReport&
HandoverControl::GetReport(uint32_t ueIndex) const
{
    return m_ues.at(ueIndex).report;
}

MobilityReport
HandoverControl::GetReport() const
{
    MobilityReport sum;
    for (const auto& ue : m_ues)
    {
        sum += ue.report;
    }
    return sum;
}

} // namespace qntn
