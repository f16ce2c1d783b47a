// SPDX-License-Identifier: GPL-2.0-only
//
// A key network as wide as NSFNET, with demands and faults at random; `qntn bench qkd` runs it.
// What it is made of: key-network/.
#include "scenarios/key-network/key-roles.h"

int
main(int argc, char* argv[])
{
    return qntn::RunKeyScenario(argc, argv, "nsfnet_fusion", true);
}
