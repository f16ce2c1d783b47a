// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_MEASURED_LINK_H
#define QNTN_QKD_MEASURED_LINK_H

#include "qkd/qkd-link.h"
#include "qkd/topology.h"

namespace qntn
{

/// \p base with the length and loss of a published link. If a rate was measured, the pulse rate is
/// set so that the model expects just that rate; if a QBER was measured too, and the model makes
/// key with it, the misalignment is set so that the model expects that QBER. Rates are those of
/// long statistics: blocks of finite length then yield less, or nothing.
/// \throw std::invalid_argument if the model makes no key over such a loss
QkdLinkConfig MakeMeasuredLink(const QkdTopology& topology,
                               const QkdTopology::Link& link,
                               const QkdLinkConfig& base);

} // namespace qntn

#endif // QNTN_QKD_MEASURED_LINK_H
