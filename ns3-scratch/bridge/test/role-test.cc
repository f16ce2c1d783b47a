// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/role.h"

#include <doctest/doctest.h>

using namespace qntn;

TEST_CASE("fields of a role lie one after the other")
{
    Role role("cell", 3, 2, "help", true);
    role.Observe("queue_bytes", 3, 0, 1e9, "bytes", "queued");
    role.Observe("cqi", 1, 0, 15, "1", "channel quality");
    role.Simplex("prb_share_ratio",
                 3,
                 "share",
                 {.demand = "queue_bytes", .labels = {"a", "b", "c"}});
    role.Choose("path", 2, 4, "path", {.defaultChoice = 1});
    role.Box("power_dbm", 1, 0, 46, "dbm", "power");

    CHECK(role.GetObservationSize() == 4);
    CHECK(role.GetActionSize() == 6);
    CHECK(role.GetMaskSize() == 3 + 8);
    const auto& actions = role.GetActions();
    CHECK(actions[1].offset == 3);
    CHECK(actions[1].maskOffset == 3);
    CHECK(actions[1].maskSize == 8);
    CHECK(actions[2].offset == 5);
    CHECK(actions[2].maskSize == 0);
    CHECK_FALSE(role.Acts());
}
