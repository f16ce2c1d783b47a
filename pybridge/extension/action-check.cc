// SPDX-License-Identifier: GPL-2.0-only
#include "action-check.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qntn
{

ActionCheck::ActionCheck(uint32_t numEnvironments) : m_numEnvironments(numEnvironments)
{
}

void
ActionCheck::AddRole(Role role)
{
    m_roles.push_back(std::move(role));
}

const std::vector<ActionCheck::Role>&
ActionCheck::GetRoles() const
{
    return m_roles;
}

uint32_t
ActionCheck::GetNumEnvironments() const
{
    return m_numEnvironments;
}

bool
ActionCheck::Acts(uint32_t role, uint32_t buffer) const
{
    const uint8_t* acts = m_roles[role].acts[buffer];
    return std::any_of(acts,
                       acts + size_t{m_numEnvironments} * m_roles[role].numAgents,
                       [](uint8_t flag) { return flag != 0; });
}

std::optional<ActionCheck::Violation>
ActionCheck::CheckField(const Field& field, const float* action, const uint8_t* mask)
{
    auto wrong = [](Problem problem, uint32_t element)
    { return Violation{problem, 0, 0, 0, 0, element}; };
    double sum = 0;
    for (uint32_t i = 0; i < field.size; ++i)
    {
        const double value = action[i];
        switch (field.kind)
        {
        case Kind::SIMPLEX:
            if (!(value >= 0 && value <= 1 + SUM_TOLERANCE))
            {
                return wrong(Problem::OUT_OF_BOUNDS, i);
            }
            if (value > 0 && mask[i] == 0)
            {
                return wrong(Problem::MASKED, i);
            }
            sum += value;
            break;
        case Kind::CATEGORICAL:
            if (!(value >= 0 && value < field.numChoices && value == std::floor(value)))
            {
                return wrong(Problem::OUT_OF_BOUNDS, i);
            }
            if (mask[i * field.numChoices + static_cast<uint32_t>(value)] == 0)
            {
                return wrong(Problem::MASKED, i);
            }
            break;
        case Kind::BOX:
            // bounds as float32, since that is what an action can hold
            if (!(value >= static_cast<float>(field.low) &&
                  value <= static_cast<float>(field.high)))
            {
                return wrong(Problem::OUT_OF_BOUNDS, i);
            }
            break;
        }
    }
    if (field.kind == Kind::SIMPLEX && std::abs(sum - 1) > SUM_TOLERANCE)
    {
        return wrong(Problem::SUM, 0);
    }
    return std::nullopt;
}

std::optional<ActionCheck::Violation>
ActionCheck::Check(uint32_t role, uint32_t buffer, const float* actions) const
{
    const Role& r = m_roles[role];
    const uint8_t* acts = r.acts[buffer];
    const uint8_t* masks = r.masks[buffer];
    for (uint32_t row = 0; row < m_numEnvironments * r.numAgents; ++row)
    {
        if (acts[row] == 0)
        {
            continue;
        }
        const float* action = actions + size_t{row} * r.actionSize;
        const uint8_t* mask = masks + size_t{row} * r.maskSize;
        for (uint32_t f = 0; f < r.fields.size(); ++f)
        {
            const Field& field = r.fields[f];
            if (auto violation = CheckField(field, action + field.offset, mask + field.maskOffset))
            {
                violation->role = role;
                violation->environment = row / r.numAgents;
                violation->agent = row % r.numAgents;
                violation->field = f;
                return violation;
            }
        }
    }
    return std::nullopt;
}

void
ActionCheck::Take(uint32_t role, uint32_t buffer, const float* actions) const
{
    const Role& r = m_roles[role];
    if (actions == r.actions)
    {
        return;
    }
    const uint8_t* acts = r.acts[buffer];
    for (uint32_t row = 0; row < m_numEnvironments * r.numAgents; ++row)
    {
        if (acts[row] != 0)
        {
            const size_t at = size_t{row} * r.actionSize;
            std::copy_n(actions + at, r.actionSize, r.actions + at);
        }
    }
}

} // namespace qntn
