# SPDX-License-Identifier: GPL-2.0-only
"""What actors and critics see: normalised observations, agent ids, the managers' epochs and last decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.arrays import Array, some
from agents.learner.normalise import RunningNormaliser, side_by_side

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from pybridge import Batch, Role, Schema


@dataclass(frozen=True)
class View:
    """Network inputs of one step.

    own: by role, [E, A, D'] = normalised observation, then (workers only) the elapsed ratio of each manager's
        epoch and what the managers' agents decided last, then the agent's one-hot id.
    state: [E, S] = the normalised observations of all roles and watchers, side by side: the critics' common input.
    due: by role, [E] bool: it acts now.
    phases: [E, managers] elapsed ratio of each manager's epoch.
    decisions: [E, M] what the managers' agents decided last, as they decided it.
    """

    own: dict[str, Array]
    state: Array
    due: dict[str, Array]
    phases: Array
    decisions: Array


class Observer:
    """Turns batches into views; owns the running observation statistics, one set per role."""

    def __init__(self, schema: Schema, num_envs: int, settings: Mapping[str, RoleConfig] | None = None) -> None:
        """For `num_envs` environments of `schema`; `settings` by role tell which of them see the managers' phases."""
        self.schema = schema
        self.roles: tuple[Role, ...] = tuple(schema.roles)
        workers = [role.name for role in self.roles if role.period == 1]
        self.phased = {name for name in workers if settings is None or settings[name].phases}
        self.told = {name for name in workers if settings is None or settings[name].decisions}
        self.managers = [role for role in self.roles if role.period > 1]
        self.periods = np.array([role.period for role in self.managers], dtype=np.float64)
        self.decision_low, self.decision_range = decision_scale(self.managers)
        self.decisions = np.tile(self.decision_low, (num_envs, 1))  # the managers' last, [E, M], in their own units
        self.normaliser = RunningNormaliser({r.name: (r.num_agents, r.observation_size) for r in schema.everyone})
        self.due = {role.name: np.zeros(num_envs, bool) for role in self.roles}
        self.first_agents = [at.start for at in side_by_side({r.name: r.num_agents for r in self.roles}).values()]
        self.manages = np.array([role.period > 1 for role in self.roles], dtype=bool)
        self.since_decision = np.zeros((num_envs, len(self.managers)))  # steps since each manager acted
        self.seeds = np.full(num_envs, -1)  # of the episodes
        self.begins = np.ones(num_envs, dtype=bool)  # where the batch that was last observed begins an episode
        self.places = side_by_side({r.name: r.num_agents * r.observation_size for r in schema.everyone})  # in the state
        self.state_size = len(self.normaliser.feature)
        self.constants = np.tile([0.0, 1.0], (num_envs, 1))  # that ids are made of
        self.columns = {role.name: self._columns(role) for role in self.roles}

    def own_size(self, role: Role) -> int:
        """D' of a role."""
        return int(self.columns[role.name].shape[1])

    def seen_by_critic(self, config: RoleConfig) -> int:
        """How much of the state, from its beginning, a centralised critic with that configuration takes."""
        return self.state_size if config.watchers else int(self.places[self.roles[-1].name].stop)

    def decided(self, actions: Mapping[str, Array]) -> None:
        """What managers have decided who were due in the last view: `actions` [E, A, action_size] by role."""
        start = 0
        for role in self.managers:
            size = role.num_agents * role.action_size
            who = self.due[role.name]
            if some(who):
                self.decisions[who, start : start + size] = actions[role.name][who].reshape(-1, size)
            start += size

    def observe(self, batch: Batch) -> View:
        """View of a batch; call once per step, in order."""
        self.begins = (batch.seeds != self.seeds) | batch.terminated | batch.truncated
        self.seeds = batch.seeds.copy()
        self.decisions[self.begins] = self.decision_low
        acts = np.concatenate([batch.acts[name] for name in self.due], axis=1)
        due = np.logical_or.reduceat(acts, self.first_agents, axis=1)  # [E, roles]
        self.due = {name: due[:, index] for index, name in enumerate(self.due)}
        self.since_decision = np.where(due[:, self.manages], 0.0, self.since_decision + 1.0)
        observed = self._side_by_side(batch.observations)
        return self._view(observed, self._phases(self.since_decision), self.decisions)

    def learn(self, batch: Batch) -> None:
        """Add a batch to the statistics."""
        self.normaliser.update(self._side_by_side(batch.observations))

    def final(self, batch: Batch, environment: int) -> View:
        """View ([1, ...] arrays) of the last state of the episode that has just ended in `environment`.

        Call before `observe` moves on to the next episode.
        """
        last = {name: np.asarray(batch.final_observations[name][environment])[None] for name in self.places}
        here = slice(environment, environment + 1)
        return self._view(self._side_by_side(last), self._phases(self.since_decision[here] + 1), self.decisions[here])

    def _phases(self, since_decision: Array) -> Array:
        return np.mod(since_decision, self.periods) / self.periods

    def _side_by_side(self, observations: Mapping[str, Array]) -> Array:
        """Observations [E, A, D] of all roles and watchers as one float64 [E, S]."""
        parts = [observations[name].reshape(-1, at.stop - at.start) for name, at in self.places.items()]
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def _view(self, observed: Array, phases: Array, decisions: Array) -> View:
        """Of observations [E, S], phases and decisions; all that anybody sees is put in one row and picked from there.

            | role 0: agent 0, 1, ... | role 1 | ... | watchers | phases | decisions | 0 | 1 |
            |<--- observations, which are the state: [E, S] --->|<- [E, managers], [E, M] -->|

        An own view is some of these columns (`_columns`); an agent's one-hot id is made of the constants 0 and 1.
        """
        scaled = (decisions - self.decision_low) / self.decision_range
        parts = (self.normaliser(observed), phases, scaled, self.constants[: len(observed)])
        everything = np.concatenate(parts, axis=1, dtype=np.float32)
        own = {name: everything[:, columns] for name, columns in self.columns.items()}
        return View(own, everything[:, : self.state_size], self.due, phases, decisions.copy())

    def _columns(self, role: Role) -> Array:
        """Where the own views of a role's agents lie in the row of `_view`, [A, D'].

        Of 2 cells with 3 observations each under one manager that decides 2 numbers, in a state of 9 (cells first):

            agent 0: | 0 1 2 | 9 | 10 11 | 13 12 |    observations, phase, decisions, id (1, 0)
            agent 1: | 3 4 5 | 9 | 10 11 | 12 13 |    id (0, 1)
        """
        phases = self.state_size
        decisions = phases + len(self.managers)
        zero = decisions + len(self.decision_low)
        told = [*range(phases, decisions)] if role.name in self.phased else []
        told += [*range(decisions, zero)] if role.name in self.told else []
        place, agents = self.places[role.name], role.num_agents
        own = np.arange(place.start, place.stop).reshape(agents, role.observation_size)
        ids = zero + np.eye(agents, dtype=np.int64)
        return np.concatenate([own, np.tile(np.array(told, dtype=np.int64), (agents, 1)), ids], axis=1)

    def state_dict(self) -> dict[str, Any]:
        """Statistics by role."""
        return self.normaliser.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.normaliser.load_state_dict(state)


def decision_scale(managers: Sequence[Role]) -> tuple[Array, Array]:
    """Least value and range of each number that the managers decide, [M] both: role by role, agent by agent."""
    low, width = [], []
    for role in managers:
        for field in role.actions * role.num_agents:
            ends = (field.low, field.high) if field.kind == "box" else (0.0, max(1.0, field.num_choices - 1.0))
            low += [ends[0]] * field.size
            width += [ends[1] - ends[0] or 1.0] * field.size
    return np.array(low, dtype=np.float32), np.array(width, dtype=np.float32)
