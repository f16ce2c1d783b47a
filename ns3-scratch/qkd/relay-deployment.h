// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_RELAY_DEPLOYMENT_H
#define QNTN_QKD_RELAY_DEPLOYMENT_H

#include "ns3/nstime.h"

#include <cstdint>

namespace qntn
{

/// How a relay site is deployed.
enum class RelayState : uint8_t
{
    Off,
    Reserved, ///< cheap; set-up time and commitment
    OnDemand, ///< dear; at once and for as long as it is needed
};

/// Currency spent, by cause.
struct RelayCost
{
    double reserved{0};
    double onDemand{0};
    double switching{0};
    double fibre{0};

    double GetTotal() const
    {
        return reserved + onDemand + switching + fibre;
    }
};

/// The terms on which a relay site is to be had.
struct RelayTerms
{
    double reservedPerSecond{0};
    double onDemandPerSecond{0};
    double switchingPrice{0}; ///< each change of state
    ns3::Time setupTime{0};   ///< from ordering a reserved relay to its opening
    ns3::Time commitment{0};  ///< a reserved relay is paid for at least this long
};

/// State and bill of one candidate relay site.
///
/// A reservation is billed from its order until the site leaves Reserved, and at least for the
/// commitment. Until it is set up the site is closed, unless it was open on demand: then it stays
/// so, and is billed for it, until the reservation takes over. Who comes back to Reserved within
/// the commitment finds the equipment as it was left.
class RelayDeployment
{
  public:
    /// Before the first SetState.
    void SetTerms(const RelayTerms& terms);
    void SetState(RelayState state, ns3::Time now);
    /// The state asked for last.
    RelayState GetState() const;
    /// Whether key can be made and relayed here at \p now.
    bool IsOpen(ns3::Time now) const;
    /// Whether what is open is paid at the on-demand price.
    bool IsOnDemand(ns3::Time now) const;
    /// Time until a site that is being set up opens; zero otherwise.
    ns3::Time GetRemainingSetup(ns3::Time now) const;
    /// Time for which the reservation has to be paid whatever happens.
    ns3::Time GetRemainingCommitment(ns3::Time now) const;
    /// Bill everything up to \p now.
    void Accrue(ns3::Time now);
    /// Billed so far; fibre is billed by link.
    const RelayCost& GetCost() const;

  private:
    RelayTerms m_terms{};
    RelayState m_state{RelayState::Off};
    RelayCost m_cost;
    bool m_ordered{false};  ///< there is a reservation that is, or was last, paid for
    bool m_bridging{false}; ///< on demand until the reservation is set up
    ns3::Time m_readyAt{0}; ///< the reservation is set up
    ns3::Time m_committedUntil{0};
    ns3::Time m_accruedAt{0};
};

} // namespace qntn

#endif // QNTN_QKD_RELAY_DEPLOYMENT_H
