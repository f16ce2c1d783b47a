// SPDX-License-Identifier: GPL-2.0-only
//
// SECOQC, Vienna 2008: the demand of FOR and BRT moves from route to route as pools run out.
// What it is made of: key-network/.
#include "scenarios/key-network/key-roles.h"

int
main(int argc, char* argv[])
{
    return qntn::RunKeyScenario(argc, argv, "secoqc_2008");
}
