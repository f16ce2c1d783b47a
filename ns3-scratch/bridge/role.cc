// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/role.h"

#include "ns3/abort.h"
#include "ns3/assert.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qntn
{

namespace
{

/// Largest number of agents of a role, or of elements and choices of a field; more is a mistake.
constexpr uint32_t LARGEST_SIZE = 1 << 20;

} // namespace

Observation::Observation(const Role* role, uint32_t offset, uint32_t size)
    : m_role(role), m_offset(offset), m_size(size)
{
}

float&
Observation::operator()(uint32_t agent, uint32_t i) const
{
    NS_ASSERT_MSG(m_role->m_open && agent < m_role->m_numAgents && i < m_size,
                  "role " << m_role->m_name << ": no observation element " << i << " of agent "
                          << agent);
    return m_role->m_arrays.observations[agent * m_role->m_observationSize + m_offset + i];
}

std::span<float>
Observation::Row(uint32_t agent) const
{
    return {&(*this)(agent), m_size};
}

Term::Term(const Role* role, uint32_t index) : m_role(role), m_index(index)
{
}

double&
Term::operator()(uint32_t agent) const
{
    NS_ASSERT_MSG(m_role->m_open && agent < m_role->m_numAgents,
                  "role " << m_role->m_name << ": no term of agent " << agent);
    return m_role->m_arrays.terms[agent * m_role->m_terms.size() + m_index];
}

Simplex::Simplex(const Role* role, uint32_t action) : m_role(role), m_action(action)
{
}

float
Simplex::operator()(uint32_t agent, uint32_t i) const
{
    return Shares(agent)[i];
}

std::span<const float>
Simplex::Shares(uint32_t agent) const
{
    NS_ASSERT(m_role->m_open && agent < m_role->m_numAgents);
    const auto& info = m_role->m_actions[m_action];
    return {m_role->m_arrays.actions + agent * m_role->m_actionSize + info.offset, info.size};
}

void
Simplex::Allow(uint32_t agent, uint32_t i, bool allowed) const
{
    const auto& info = m_role->m_actions[m_action];
    NS_ASSERT(m_role->m_open && agent < m_role->m_numAgents && i < info.size);
    m_role->m_arrays.masks[agent * m_role->m_maskSize + info.maskOffset + i] = allowed;
}

Choice::Choice(const Role* role, uint32_t action) : m_role(role), m_action(action)
{
}

uint32_t
Choice::operator()(uint32_t agent, uint32_t i) const
{
    const auto& info = m_role->m_actions[m_action];
    NS_ASSERT(m_role->m_open && agent < m_role->m_numAgents && i < info.size);
    const float value = m_role->m_arrays.actions[agent * m_role->m_actionSize + info.offset + i];
    NS_ABORT_MSG_IF(!(value >= 0 && value < static_cast<float>(info.numChoices)),
                    m_role->m_name << "_" << agent << ": " << info.name << " is " << value
                                   << ", expected a choice below " << info.numChoices);
    return static_cast<uint32_t>(value);
}

void
Choice::Allow(uint32_t agent, uint32_t i, uint32_t choice, bool allowed) const
{
    const auto& info = m_role->m_actions[m_action];
    NS_ASSERT(m_role->m_open && agent < m_role->m_numAgents && i < info.size &&
              choice < info.numChoices);
    m_role->m_arrays
        .masks[agent * m_role->m_maskSize + info.maskOffset + i * info.numChoices + choice] =
        allowed;
}

Box::Box(const Role* role, uint32_t action) : m_role(role), m_action(action)
{
}

float
Box::operator()(uint32_t agent, uint32_t i) const
{
    const auto& info = m_role->m_actions[m_action];
    NS_ASSERT(m_role->m_open && agent < m_role->m_numAgents && i < info.size);
    return m_role->m_arrays.actions[agent * m_role->m_actionSize + info.offset + i];
}

Role::Role(std::string name, uint32_t numAgents, uint32_t period, std::string help, bool carryOver)
    : m_name(std::move(name)),
      m_numAgents(numAgents),
      m_period(period),
      m_help(std::move(help)),
      m_carryOver(carryOver)
{
    NS_ABORT_MSG_IF(numAgents == 0, "role " << m_name << ": expected at least one agent, found 0");
    NS_ABORT_MSG_IF(period == 0,
                    "role " << m_name << ": expected a period of at least one step, found 0");
    NS_ABORT_MSG_IF(numAgents > LARGEST_SIZE,
                    "role " << m_name << ": found " << numAgents << " agents, expected at most "
                            << LARGEST_SIZE);
    m_present.assign(numAgents, 1);
}

void
Role::CheckNew(const std::string& what, const std::string& name, uint32_t size) const
{
    NS_ABORT_MSG_IF(m_open,
                    "role " << m_name << ": " << what << " " << name << " is declared after Open");
    NS_ABORT_MSG_IF(size == 0, "role " << m_name << ": " << what << " " << name << " has size 0");
    NS_ABORT_MSG_IF(size > LARGEST_SIZE,
                    "role " << m_name << ": " << what << " " << name << " has size " << size
                            << ", expected at most " << LARGEST_SIZE);
    auto taken = [&](const auto& infos)
    { return std::ranges::any_of(infos, [&](const auto& info) { return info.name == name; }); };
    const bool twice = what == "action"        ? taken(m_actions)
                       : what == "observation" ? taken(m_observations)
                                               : taken(m_terms);
    NS_ABORT_MSG_IF(twice,
                    "role " << m_name << ": " << what << " " << name << " is declared twice");
}

Observation
Role::Observe(const std::string& name,
              uint32_t size,
              double low,
              double high,
              const std::string& unit,
              const std::string& help)
{
    CheckNew("observation", name, size);
    NS_ABORT_MSG_IF(!(low <= high),
                    "role " << m_name << ": observation " << name << " has bounds " << low << " .. "
                            << high);
    m_observations.push_back({name, size, low, high, unit, help});
    return {this, std::exchange(m_observationSize, m_observationSize + size), size};
}

Term
Role::Term(const std::string& name, const std::string& unit, const std::string& help)
{
    CheckNew("term", name, 1);
    m_terms.push_back({name, 1, 0, 0, unit, help});
    return {this, static_cast<uint32_t>(m_terms.size() - 1)};
}

ActionInfo&
Role::AddAction(const std::string& name,
                ActionKind kind,
                uint32_t size,
                const std::string& help,
                const ActionHints& hints)
{
    CheckNew("action", name, size);
    if (!hints.demand.empty())
    {
        const auto demand = std::ranges::find(m_observations, hints.demand, &FieldInfo::name);
        NS_ABORT_MSG_IF(demand == m_observations.end() || demand->size != size,
                        "role " << m_name << ": action " << name << " takes its demand from "
                                << hints.demand
                                << ", which must be an observation of this role with " << size
                                << " elements, declared before");
    }
    m_actions.push_back({.name = name,
                         .kind = kind,
                         .size = size,
                         .numChoices = 0,
                         .low = 0,
                         .high = 1,
                         .unit = "ratio",
                         .help = help,
                         .defaultChoice = hints.defaultChoice,
                         .demand = hints.demand,
                         .labels = hints.labels,
                         .offset = std::exchange(m_actionSize, m_actionSize + size),
                         .maskOffset = m_maskSize,
                         .maskSize = 0});
    return m_actions.back();
}

Simplex
Role::Simplex(const std::string& name,
              uint32_t size,
              const std::string& help,
              const ActionHints& hints)
{
    NS_ABORT_MSG_IF(!hints.labels.empty() && hints.labels.size() != size,
                    "role " << m_name << ": action " << name << " has " << hints.labels.size()
                            << " labels for " << size << " parts");
    auto& info = AddAction(name, ActionKind::SIMPLEX, size, help, hints);
    info.maskSize = size;
    m_maskSize += info.maskSize;
    return {this, static_cast<uint32_t>(m_actions.size() - 1)};
}

Choice
Role::Choose(const std::string& name,
             uint32_t size,
             uint32_t numChoices,
             const std::string& help,
             const ActionHints& hints)
{
    NS_ABORT_MSG_IF(uint64_t{size} * numChoices > LARGEST_SIZE,
                    "role " << m_name << ": action " << name << " has " << size << " times "
                            << numChoices << " choices, expected at most " << LARGEST_SIZE);
    NS_ABORT_MSG_IF(numChoices == 0 || hints.defaultChoice >= numChoices,
                    "role " << m_name << ": action " << name << " has " << numChoices
                            << " choices and number " << hints.defaultChoice << " as default");
    NS_ABORT_MSG_IF(!hints.labels.empty() && hints.labels.size() != numChoices,
                    "role " << m_name << ": action " << name << " has " << hints.labels.size()
                            << " labels for " << numChoices << " choices");
    auto& info = AddAction(name, ActionKind::CATEGORICAL, size, help, hints);
    info.numChoices = numChoices;
    info.unit = "choice";
    info.high = numChoices - 1;
    info.maskSize = size * numChoices;
    m_maskSize += info.maskSize;
    return {this, static_cast<uint32_t>(m_actions.size() - 1)};
}

Box
Role::Box(const std::string& name,
          uint32_t size,
          double low,
          double high,
          const std::string& unit,
          const std::string& help)
{
    NS_ABORT_MSG_IF(!(low < high && std::isfinite(low) && std::isfinite(high)),
                    "role " << m_name << ": action " << name << " has bounds " << low << " .. "
                            << high);
    auto& info = AddAction(name, ActionKind::BOX, size, help, {});
    info.low = low;
    info.high = high;
    info.unit = unit;
    return {this, static_cast<uint32_t>(m_actions.size() - 1)};
}

bool
Role::Acts() const
{
    return m_acts;
}

bool
Role::Acted() const
{
    return m_acted;
}

void
Role::SetPresent(uint32_t agent, bool present)
{
    NS_ABORT_MSG_IF(agent >= m_numAgents,
                    "role " << m_name << ": no agent " << agent << ", there are " << m_numAgents);
    m_present[agent] = present;
}

bool
Role::IsPresent(uint32_t agent) const
{
    NS_ABORT_MSG_IF(agent >= m_numAgents,
                    "role " << m_name << ": no agent " << agent << ", there are " << m_numAgents);
    return m_present[agent] != 0;
}

const std::string&
Role::GetName() const
{
    return m_name;
}

const std::string&
Role::GetHelp() const
{
    return m_help;
}

uint32_t
Role::GetNumAgents() const
{
    return m_numAgents;
}

uint32_t
Role::GetPeriod() const
{
    return m_period;
}

const std::vector<FieldInfo>&
Role::GetObservations() const
{
    return m_observations;
}

const std::vector<FieldInfo>&
Role::GetTerms() const
{
    return m_terms;
}

const std::vector<ActionInfo>&
Role::GetActions() const
{
    return m_actions;
}

uint32_t
Role::GetObservationSize() const
{
    return m_observationSize;
}

uint32_t
Role::GetActionSize() const
{
    return m_actionSize;
}

uint32_t
Role::GetMaskSize() const
{
    return m_maskSize;
}

} // namespace qntn
