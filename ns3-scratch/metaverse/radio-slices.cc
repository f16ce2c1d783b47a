// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/radio-slices.h"

#include "ran/quota.h"

#include <algorithm>

namespace qntn
{

LossCause
ToLossCause(DropCause cause)
{
    switch (cause)
    {
    case DropCause::LATE:
        return LossCause::LATE;
    case DropCause::OVERFLOW:
        return LossCause::OVERFLOW;
    case DropCause::RADIO:
        return LossCause::RADIO;
    default:
        return LossCause::NO_COVERAGE;
    }
}

void
DividePrbs(RanNetwork& ran, uint32_t cell, std::span<const double> shares)
{
    const auto prbs = LargestRemainder(shares, ran.GetNumPrbs(cell));
    for (uint32_t slice = 0; slice < prbs.size(); ++slice)
    {
        ran.SetPrbQuota(cell,
                        slice,
                        {.dedicated = prbs[slice], .minimum = prbs[slice], .maximum = prbs[slice]});
    }
}

void
Add(SliceReport& sum, const SliceReport& report)
{
    const double cqiSum = sum.meanCqi * static_cast<double>(sum.transportBlocks) +
                          report.meanCqi * static_cast<double>(report.transportBlocks);
    sum.offeredBytes += report.offeredBytes;
    sum.deliveredBytes += report.deliveredBytes;
    sum.lateBytes += report.lateBytes;
    sum.droppedBytes += report.droppedBytes;
    sum.prbSlotsUsed += report.prbSlotsUsed;
    sum.prbSlotsQuota += report.prbSlotsQuota;
    sum.queueBytes += report.queueBytes;
    sum.headOfLineDelay = std::max(sum.headOfLineDelay, report.headOfLineDelay);
    sum.transportBlocks += report.transportBlocks;
    sum.failedBlocks += report.failedBlocks;
    sum.meanCqi = sum.transportBlocks > 0 ? cqiSum / static_cast<double>(sum.transportBlocks)
                                          : std::max(sum.meanCqi, report.meanCqi);
}

double
PrbUtilisation(std::span<const SliceReport> slices)
{
    SliceReport sum;
    for (const auto& slice : slices)
    {
        Add(sum, slice);
    }
    return sum.prbSlotsQuota > 0
               ? static_cast<double>(sum.prbSlotsUsed) / static_cast<double>(sum.prbSlotsQuota)
               : 0;
}

void
Smooth(double& level, double value, double stepS)
{
    constexpr double TIME_CONSTANT_S = 1;
    level += (value - level) * std::min(1.0, stepS / TIME_CONSTANT_S);
}

} // namespace qntn
