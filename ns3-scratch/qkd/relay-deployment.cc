// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/relay-deployment.h"

#include "ns3/assert.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

void
RelayDeployment::SetTerms(const RelayTerms& terms)
{
    NS_ASSERT_MSG(!m_ordered && m_state == RelayState::Off, "the terms of a relay are settled");
    m_terms = terms;
}

void
RelayDeployment::SetState(RelayState state, Time now)
{
    Accrue(now);
    if (state == m_state)
    {
        return;
    }
    const bool wasOnDemand = m_state == RelayState::OnDemand;
    m_state = state;
    m_cost.switching += m_terms.switchingPrice;
    m_bridging = false;
    if (state == RelayState::Reserved)
    {
        if (!m_ordered || now >= m_committedUntil)
        {
            m_ordered = true;
            m_readyAt = now + m_terms.setupTime;
            m_committedUntil = now + m_terms.commitment;
        }
        m_bridging = wasOnDemand;
    }
}

RelayState
RelayDeployment::GetState() const
{
    return m_state;
}

bool
RelayDeployment::IsOpen(Time now) const
{
    switch (m_state)
    {
    case RelayState::Off:
        return false;
    case RelayState::OnDemand:
        return true;
    case RelayState::Reserved:
        return m_bridging || now >= m_readyAt;
    }
    return false;
}

bool
RelayDeployment::IsOnDemand(Time now) const
{
    return m_state == RelayState::OnDemand || (m_bridging && now < m_readyAt);
}

Time
RelayDeployment::GetRemainingSetup(Time now) const
{
    return m_state == RelayState::Reserved ? Max(m_readyAt - now, Time(0)) : Time(0);
}

Time
RelayDeployment::GetRemainingCommitment(Time now) const
{
    return m_ordered ? Max(m_committedUntil - now, Time(0)) : Time(0);
}

void
RelayDeployment::Accrue(Time now)
{
    NS_ASSERT_MSG(now >= m_accruedAt, "a relay is billed backwards in time");
    const auto secondsUntil = [this](Time end)
    { return Max(end - m_accruedAt, Time(0)).GetSeconds(); };
    if (m_ordered)
    {
        const Time end = m_state == RelayState::Reserved ? now : Min(now, m_committedUntil);
        m_cost.reserved += m_terms.reservedPerSecond * secondsUntil(end);
    }
    if (m_state == RelayState::OnDemand)
    {
        m_cost.onDemand += m_terms.onDemandPerSecond * secondsUntil(now);
    }
    else if (m_bridging)
    {
        m_cost.onDemand += m_terms.onDemandPerSecond * secondsUntil(Min(now, m_readyAt));
    }
    m_accruedAt = now;
}

const RelayCost&
RelayDeployment::GetCost() const
{
    return m_cost;
}

} // namespace qntn
