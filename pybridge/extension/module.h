// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_MODULE_H
#define QNTN_PYBRIDGE_MODULE_H

#include <nanobind/nanobind.h>

namespace qntn
{

/// Adds the formulas of orbit, ran and qkd to a Python module.
void BindModels(nanobind::module_& module);
/// Adds pybridge.models.orbit's part of it.
void BindOrbit(nanobind::module_& module);
/// Adds what a step of a vector of environments goes through.
void BindStepPath(nanobind::module_& module);
/// Adds messages on a socket that a simulator inherits.
void BindZmtp(nanobind::module_& module);
/// Adds the simulator's half of the exchange, for fake simulators.
void BindPeer(nanobind::module_& module);

} // namespace qntn

#endif // QNTN_PYBRIDGE_MODULE_H
