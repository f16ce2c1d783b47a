// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_LINK_ADAPTATION_H
#define QNTN_RAN_LINK_ADAPTATION_H

#include "ran/fading.h"

#include "ns3/nstime.h"

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

namespace qntn
{

/// SINR that each CQI and each MCS of a table needs for the block error rate of its CQIs, dB.
struct RateThresholds
{
    std::vector<double> cqiDb; ///< [0] stands for CQI 1
    std::vector<double> mcsDb;

    /// Of an MCS table, for code blocks of full length; made once for each table.
    static const RateThresholds& ForTable(uint8_t mcsTable);

    /// Highest CQI that a SINR supports; 0 if none.
    uint32_t ToCqi(double sinrDb) const;
    /// Highest MCS that a SINR supports; 0 if none.
    uint32_t ToMcs(double sinrDb) const;
    /// What a sub-band of this SINR can be reported to have beside the wideband CQI: the
    /// thresholds' difference, of a CQI one lower to two higher (TS 38.214 V17, Table 5.2.2.1-1),
    /// dB.
    double DifferenceDb(uint32_t widebandCqi, double sinrDb) const;
};

/// Chooses the MCS of one user from its delayed CQI reports, corrected by what became of its blocks
/// (outer loop, OLLA). Blocks with a target of their own have a loop of their own.
class LinkAdaptation
{
  public:
    using SubbandsDb = std::array<float, NUM_SUBBANDS>;

    /// A report that the base station has from \p usable on.
    void Report(uint32_t cqi, ns3::Time usable);
    /// The same with what each sub-band has beside the mean, as it can be reported: dB.
    void Report(uint32_t cqi, const SubbandsDb& subbandsDb, ns3::Time usable);
    /// The same of the uplink, where the base station measures itself.
    void ReportSinr(double sinrDb, ns3::Time usable);
    /// The CQI that the base station knows at \p now; 0 before the first report.
    uint32_t GetCqi(ns3::Time now);
    /// What the base station knows of the sub-bands beside their mean at \p now, dB.
    const SubbandsDb& GetSubbandsDb(ns3::Time now);
    /// The MCS for a new block of an outer loop at \p now, in sub-bands that are \p betterDb better
    /// than the mean.
    uint32_t SelectMcs(const RateThresholds& thresholds,
                       ns3::Time now,
                       size_t loop,
                       double betterDb = 0);
    /// The MCS for a new uplink block at \p now, sent \p changeDb stronger than what was measured.
    uint32_t SelectUplinkMcs(const RateThresholds& thresholds,
                             ns3::Time now,
                             size_t loop,
                             double changeDb = 0);
    /// What became of the first transmission of a block, as the base station knows from \p known
    /// on. The loop's offset settles where its blocks fail with \p targetBler.
    void Learn(bool arrived, size_t loop, double targetBler, ns3::Time known);
    /// After a change of cell nothing is known.
    void Reset();

  private:
    struct Pending
    {
        uint32_t cqi;
        double sinrDb;
        ns3::Time usable;
        SubbandsDb subbandsDb{};
    };

    struct Feedback
    {
        size_t loop;
        double changeDb; ///< of its offset
        ns3::Time known;
    };

    static constexpr double UNKNOWN_DB = -100;

    void Settle(ns3::Time now);
    double GetOffsetDb(size_t loop) const;

    uint32_t m_cqi{0};
    double m_sinrDb{UNKNOWN_DB};
    SubbandsDb m_subbandsDb{};
    std::deque<Pending> m_pending;   ///< on their way, oldest first
    std::deque<Feedback> m_feedback; ///< on its way, oldest first
    std::vector<double> m_offsetsDb; ///< by loop; 0 for those that are not there
};

} // namespace qntn

#endif // QNTN_RAN_LINK_ADAPTATION_H
