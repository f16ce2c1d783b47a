// SPDX-License-Identifier: GPL-2.0-only
//
// Tokyo 2010: K1 and O2 keep their key while K1-K2 is attacked.
// What it is made of: key-network/.
#include "scenarios/key-network/key-roles.h"

int
main(int argc, char* argv[])
{
    return qntn::RunKeyScenario(argc, argv, "tokyo_2010");
}
