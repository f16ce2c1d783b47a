// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-pool.h"

#include "ns3/abort.h"
#include "ns3/assert.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

KeyPool::KeyPool(std::string name, const KeyPoolConfig& config)
    : m_name(std::move(name)), m_config(config)
{
    NS_ABORT_MSG_IF(config.minBits > config.thresholdBits ||
                        config.thresholdBits > config.maxBits || config.maxBits == 0,
                    "key pool " << m_name << ": M_min, M_thr, M_max are " << config.minBits << ", "
                                << config.thresholdBits << ", " << config.maxBits
                                << " bits, expected M_min <= M_thr <= M_max and M_max above 0");
    NS_ABORT_MSG_IF(config.initialBits > config.maxBits,
                    "key pool " << m_name << ": " << config.initialBits
                                << " initial bits exceed M_max = " << config.maxBits
                                << "; lower initialBits");
    Add(config.initialBits, Time(0));
}

uint64_t
KeyPool::Add(uint64_t bits, Time now)
{
    const uint64_t fitting = std::min(bits, m_config.maxBits - m_stored);
    m_ledger.generated += bits;
    m_ledger.dropped += bits - fitting;
    m_stored += fitting;
    if (fitting > 0 && m_config.timeToLive.IsStrictlyPositive())
    {
        m_batches.push_back({now, fitting});
    }
    UpdateState();
    return fitting;
}

bool
KeyPool::Deliver(uint64_t bits)
{
    if (bits > GetUsableBits())
    {
        return false;
    }
    m_ledger.delivered += bits;
    Take(bits);
    return true;
}

bool
KeyPool::Relay(uint64_t bits)
{
    if (bits > GetUsableBits())
    {
        return false;
    }
    m_ledger.relay += bits;
    Take(bits);
    return true;
}

bool
KeyPool::Authenticate(uint64_t bits)
{
    if (bits > m_stored)
    {
        return false;
    }
    m_ledger.authentication += bits;
    Take(bits);
    return true;
}

void
KeyPool::Expire(Time now)
{
    while (!m_batches.empty() && m_batches.front().made + m_config.timeToLive <= now)
    {
        const uint64_t bits = m_batches.front().bits;
        m_ledger.expired += bits;
        Take(bits);
    }
}

uint64_t
KeyPool::GetStoredBits() const
{
    return m_stored;
}

uint64_t
KeyPool::GetHeadOffset() const
{
    return m_ledger.generated - m_ledger.dropped - m_stored;
}

uint64_t
KeyPool::GetUsableBits() const
{
    return m_stored > m_config.minBits ? m_stored - m_config.minBits : 0;
}

double
KeyPool::GetFillRatio() const
{
    return static_cast<double>(m_stored) / static_cast<double>(m_config.maxBits);
}

KeyPool::State
KeyPool::GetState() const
{
    return m_state;
}

const KeyPoolConfig&
KeyPool::GetConfig() const
{
    return m_config;
}

const KeyLedger&
KeyPool::GetLedger() const
{
    return m_ledger;
}

const std::string&
KeyPool::GetName() const
{
    return m_name;
}

void
KeyPool::Check() const
{
    NS_ASSERT_MSG(m_ledger.generated == m_stored + m_ledger.GetSpent(),
                  "key pool " << m_name << ": " << m_ledger.generated << " bits generated, but "
                              << m_stored << " stored and " << m_ledger.GetSpent() << " spent");
    NS_ASSERT_MSG(m_stored <= m_config.maxBits,
                  "key pool " << m_name << ": " << m_stored << " bits stored, above M_max");
}

void
KeyPool::Take(uint64_t bits)
{
    m_stored -= bits;
    while (bits > 0 && !m_batches.empty())
    {
        const uint64_t part = std::min(bits, m_batches.front().bits);
        bits -= part;
        m_batches.front().bits -= part;
        if (m_batches.front().bits == 0)
        {
            m_batches.pop_front();
        }
    }
    UpdateState();
}

void
KeyPool::UpdateState()
{
    if (m_stored <= m_config.minBits)
    {
        m_state = State::Empty;
    }
    else if (m_stored >= m_config.thresholdBits)
    {
        m_state = State::Ready;
    }
    else if (m_state == State::Ready)
    {
        m_state = State::Warning;
    }
    else if (m_state == State::Empty)
    {
        m_state = State::Charging;
    }
}

} // namespace qntn
