// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/satisfied-users.h"

#include <doctest/doctest.h>

using namespace qntn;

TEST_CASE("a user is satisfied by 99 % of what ended for it, whatever the others get")
{
    SatisfiedUsers users(2);
    for (int i = 0; i < 100; ++i)
    {
        users.Count(1, 4, i > 0);  // 99 of 100
        users.Count(1, 7, i > 1);  // 98 of 100
        users.Count(1, 9, i >= 0); // all
    }
    CHECK(users.GetRatio(1) == 1); // the interval has not ended
    users.Roll();
    CHECK(users.GetRatio(1) ==
          doctest::Approx(2.0 / 3)); // users 0..3 had nothing: they do not count
    CHECK(users.GetRatio(0) == 1);   // nobody asked, nobody is disappointed
}

TEST_CASE("what ended long ago is forgotten")
{
    SatisfiedUsers users(1);
    users.Count(0, 0, false);
    for (uint32_t interval = 0; interval < SatisfiedUsers::WINDOW; ++interval)
    {
        users.Roll();
        CHECK(users.GetRatio(0) == 0);
        users.Count(0, 0, true);
    }
    users.Roll();
    CHECK(users.GetRatio(0) == 1);
}
