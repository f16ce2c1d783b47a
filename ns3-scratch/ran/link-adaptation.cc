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

constexpr double TABLE_BLER = 0.1; ///< TS 38.214 V17, 5.2.2.1
constexpr double CODE_BLOCK_BITS = 8448;
constexpr double STEP_DOWN_DB = 0.5; ///< of the outer loop, for a block that failed
constexpr double GREATEST_OFFSET_DB = 10;

/// Where the normal approximation gives TABLE_BLER: capacity is a rising function of SINR.
double
FindThresholdDb(const Mcs& scheme)
{
    // z with Q(z) = 0.1; Bler() is the same formula for the MCS of a table
    constexpr double Z = 1.2815515655446004;
    double low = -20;
    double high = 40;
    while (high - low > 1e-3)
    {
        const double middle = (low + high) / 2;
        const auto information = BicmInformation(middle - DECODER_LOSS_DB, scheme.modulationOrder);
        const double codedBits = CODE_BLOCK_BITS / scheme.codeRate;
        const double symbols = codedBits / scheme.modulationOrder;
        const double surplus =
            symbols * information.meanBits - CODE_BLOCK_BITS + 0.5 * std::log2(codedBits);
        const bool supports = surplus > Z * std::sqrt(symbols * information.varianceBits2);
        (supports ? high : low) = middle;
    }
    return high;
}

RateThresholds
Make(uint8_t mcsTable)
{
    RateThresholds thresholds;
    for (uint32_t cqi = 1; cqi <= NUM_CQIS; ++cqi)
    {
        thresholds.cqiDb.push_back(FindThresholdDb(CqiParameters(cqi, mcsTable)));
    }
    for (uint32_t mcs = 0; mcs < NumMcs(mcsTable); ++mcs)
    {
        thresholds.mcsDb.push_back(FindThresholdDb(McsParameters(mcs, mcsTable)));
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
        m_offsetDb = std::clamp(m_offsetDb + m_feedback.front().changeDb,
                                -GREATEST_OFFSET_DB,
                                GREATEST_OFFSET_DB);
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
LinkAdaptation::SelectMcs(const RateThresholds& thresholds, ns3::Time now)
{
    return SelectMcs(thresholds, now, 0);
}

uint32_t
LinkAdaptation::SelectMcs(const RateThresholds& thresholds, ns3::Time now, double betterDb)
{
    Settle(now);
    return m_cqi == 0 ? 0 : thresholds.ToMcs(thresholds.cqiDb[m_cqi - 1] + betterDb + m_offsetDb);
}

uint32_t
LinkAdaptation::SelectUplinkMcs(const RateThresholds& thresholds, ns3::Time now, double changeDb)
{
    Settle(now);
    return thresholds.ToMcs(m_sinrDb + m_offsetDb + changeDb);
}

void
LinkAdaptation::Learn(bool arrived, double targetBler, ns3::Time known)
{
    const double up_db = STEP_DOWN_DB * targetBler / (1 - targetBler);
    m_feedback.push_back({arrived ? up_db : -STEP_DOWN_DB, known});
}

void
LinkAdaptation::Reset()
{
    *this = {};
}

double
LinkAdaptation::GetOffsetDb() const
{
    return m_offsetDb;
}

} // namespace qntn
