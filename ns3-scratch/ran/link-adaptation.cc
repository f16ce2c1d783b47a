// SPDX-License-Identifier: GPL-2.0-only
#include "ran/link-adaptation.h"

#include "ran/bler.h"
#include "ran/nr-tables.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace qntn
{

namespace
{

constexpr double CODE_BLOCK_BITS = 8448;
constexpr double STEP_DOWN_DB = 0.5; ///< of the outer loop, for a block that failed
constexpr double GREATEST_OFFSET_DB = 10;

/// Where a long code block fails with \p blockErrorRate: that falls with SINR.
double
FindThresholdDb(const Mcs& scheme, double blockErrorRate)
{
    double low = -20;
    double high = 40;
    while (high - low > 1e-3)
    {
        const double middle = (low + high) / 2;
        ReceivedInformation received; // Bler() is the same for the MCS of a table
        received.Add(middle,
                     scheme.modulationOrder,
                     CODE_BLOCK_BITS / scheme.codeRate,
                     CODE_BLOCK_BITS);
        (BlerOf(received, CODE_BLOCK_BITS) > blockErrorRate ? low : high) = middle;
    }
    return high;
}

RateThresholds
Make(uint8_t mcsTable)
{
    const double blockErrorRate = CqiBlockErrorRate(mcsTable);
    RateThresholds thresholds;
    for (uint32_t cqi = 1; cqi <= NUM_CQIS; ++cqi)
    {
        thresholds.cqiDb.push_back(FindThresholdDb(CqiParameters(cqi, mcsTable), blockErrorRate));
    }
    for (uint32_t mcs = 0; mcs < NumMcs(mcsTable); ++mcs)
    {
        thresholds.mcsDb.push_back(FindThresholdDb(McsParameters(mcs, mcsTable), blockErrorRate));
    }
    // where modulation changes, two entries carry the same rate: keep the thresholds rising
    for (size_t mcs = 1; mcs < thresholds.mcsDb.size(); ++mcs)
    {
        thresholds.mcsDb[mcs] = std::max(thresholds.mcsDb[mcs], thresholds.mcsDb[mcs - 1]);
    }
    return thresholds;
}

} // namespace

const RateThresholds&
RateThresholds::ForTable(uint8_t mcsTable)
{
    static std::array<RateThresholds, 4> tables;
    NumMcs(mcsTable); // the check
    if (tables[mcsTable].mcsDb.empty())
    {
        tables[mcsTable] = Make(mcsTable);
    }
    return tables[mcsTable];
}

uint32_t
RateThresholds::ToCqi(double sinrDb) const
{
    return static_cast<uint32_t>(std::ranges::upper_bound(cqiDb, sinrDb) - cqiDb.begin());
}

uint32_t
RateThresholds::ToMcs(double sinrDb) const
{
    const auto above = std::ranges::upper_bound(mcsDb, sinrDb) - mcsDb.begin();
    return static_cast<uint32_t>(std::max<ptrdiff_t>(above - 1, 0));
}

double
RateThresholds::DifferenceDb(uint32_t widebandCqi, double sinrDb) const
{
    if (widebandCqi == 0)
    {
        return 0;
    }
    const auto wideband = static_cast<int64_t>(widebandCqi);
    const auto reported = std::clamp<int64_t>(ToCqi(sinrDb), wideband - 1, wideband + 2);
    const auto cqi = std::clamp<int64_t>(reported, 1, NUM_CQIS);
    return cqiDb[static_cast<size_t>(cqi - 1)] - cqiDb[widebandCqi - 1];
}

void
LinkAdaptation::Report(uint32_t cqi, ns3::Time usable)
{
    m_pending.push_back({cqi, UNKNOWN_DB, usable});
}

void
LinkAdaptation::Report(uint32_t cqi, const SubbandsDb& subbandsDb, ns3::Time usable)
{
    m_pending.push_back({cqi, UNKNOWN_DB, usable, subbandsDb});
}

void
LinkAdaptation::ReportSinr(double sinrDb, ns3::Time usable)
{
    m_pending.push_back({0, sinrDb, usable});
}

void
LinkAdaptation::Settle(ns3::Time now)
{
    while (!m_pending.empty() && m_pending.front().usable <= now)
    {
        m_cqi = m_pending.front().cqi;
        m_sinrDb = m_pending.front().sinrDb;
        m_subbandsDb = m_pending.front().subbandsDb;
        m_pending.pop_front();
    }
    while (!m_feedback.empty() && m_feedback.front().known <= now)
    {
        const auto& feedback = m_feedback.front();
        m_offsetsDb.resize(std::max(m_offsetsDb.size(), feedback.loop + 1));
        double& offset_db = m_offsetsDb[feedback.loop];
        offset_db =
            std::clamp(offset_db + feedback.changeDb, -GREATEST_OFFSET_DB, GREATEST_OFFSET_DB);
        m_feedback.pop_front();
    }
}

uint32_t
LinkAdaptation::GetCqi(ns3::Time now)
{
    Settle(now);
    return m_cqi;
}

const LinkAdaptation::SubbandsDb&
LinkAdaptation::GetSubbandsDb(ns3::Time now)
{
    Settle(now);
    return m_subbandsDb;
}

uint32_t
LinkAdaptation::SelectMcs(const RateThresholds& thresholds,
                          ns3::Time now,
                          size_t loop,
                          double betterDb)
{
    Settle(now);
    return m_cqi == 0
               ? 0
               : thresholds.ToMcs(thresholds.cqiDb[m_cqi - 1] + betterDb + GetOffsetDb(loop));
}

uint32_t
LinkAdaptation::SelectUplinkMcs(const RateThresholds& thresholds,
                                ns3::Time now,
                                size_t loop,
                                double changeDb)
{
    Settle(now);
    return thresholds.ToMcs(m_sinrDb + GetOffsetDb(loop) + changeDb);
}

void
LinkAdaptation::Learn(bool arrived, size_t loop, double targetBler, ns3::Time known)
{
    const double up_db = STEP_DOWN_DB * targetBler / (1 - targetBler);
    m_feedback.push_back({loop, arrived ? up_db : -STEP_DOWN_DB, known});
}

void
LinkAdaptation::Reset()
{
    *this = {};
}

double
LinkAdaptation::GetOffsetDb(size_t loop) const
{
    return loop < m_offsetsDb.size() ? m_offsetsDb[loop] : 0;
}

} // namespace qntn
