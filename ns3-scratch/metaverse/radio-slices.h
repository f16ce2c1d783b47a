// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_RADIO_SLICES_H
#define QNTN_METAVERSE_RADIO_SLICES_H

#include "metaverse/service-monitor.h"
#include "ran/ran-network.h"

#include <span>

namespace qntn
{

/// Why a burst is lost when the radio drops a packet of it.
LossCause ToLossCause(DropCause cause);

/// Divides all PRBs of a cell between its slices, by largest remainder. Quotas bind: nothing is
/// borrowed.
void DividePrbs(RanNetwork& ran, uint32_t cell, std::span<const double> shares);

/// Adds what another group of users has in the same slice of a cell.
void Add(SliceReport& sum, const SliceReport& report);

/// Part of the PRBs that these slices used of their quotas; 0 without any quota.
double PrbUtilisation(std::span<const SliceReport> slices);

/// Follows a value with a time constant of a second.
void Smooth(double& level, double value, double stepS);

} // namespace qntn

#endif // QNTN_METAVERSE_RADIO_SLICES_H
