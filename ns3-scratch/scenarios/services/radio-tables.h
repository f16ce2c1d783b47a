// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_SERVICES_RADIO_TABLES_H
#define QNTN_SCENARIOS_SERVICES_RADIO_TABLES_H

#include "ran/bler.h"

namespace qntn
{

/// Makes the tables that no parameter changes, a quarter of the way to a scenario's first state.
/// Called before there is a Bridge: a simulator that waits for its seed has them already.
inline void
MakeRadioTables()
{
    for (const uint8_t modulationOrder : {2, 4, 6, 8})
    {
        BicmInformation(0, modulationOrder);
    }
}

} // namespace qntn

#endif // QNTN_SCENARIOS_SERVICES_RADIO_TABLES_H
