// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"

namespace qntn
{

void
BindModels(nanobind::module_&)
{
}

} // namespace qntn
