// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_FAULT_SCHEDULE_H
#define QNTN_QKD_FAULT_SCHEDULE_H

#include <cstdint>
#include <string>
#include <vector>

namespace qntn
{

class QkdNetwork;

/// What can go wrong.
enum class FaultKind : uint8_t
{
    Attack, ///< of a link: a fraction of the pulses is intercepted and sent again
    Cut,    ///< of a link: the fibre is cut
    Outage, ///< of a link: its classical channel is down
    Cloud,  ///< of a link: no light comes through, as over a ground station
    Crash,  ///< of a site: its key manager is down, then starts again
};

/// Something that goes wrong from \p beginS to \p endS, seconds of simulated time.
struct Fault
{
    FaultKind kind;
    std::string target; ///< "A-B" for a link, in either order; else a site
    double beginS;
    double endS;
    double fraction; ///< of an attack
};

/// Read "attack K1-K2 600 1200 0.5; crash O1 100 130": kind, target, begin and end in seconds, and
/// for an attack the fraction of intercepted pulses. Empty: no faults.
/// \throw std::invalid_argument that names the entry, what was found and what was expected
std::vector<Fault> ReadFaultSchedule(const std::string& text);

/// Index of the link called "A-B" or "B-A".
/// \throw std::invalid_argument for an unknown one, with the nearest
uint32_t FindLink(const QkdNetwork& network, const std::string& name);

/// Let \p faults happen to a network. Before its simulation reaches the first of them.
/// \throw std::invalid_argument for an unknown link or site, with the nearest
void ScheduleFaults(QkdNetwork& network, const std::vector<Fault>& faults);

/// Begin or end a fault now.
void ApplyFault(QkdNetwork& network, const Fault& fault, bool begins);

} // namespace qntn

#endif // QNTN_QKD_FAULT_SCHEDULE_H
