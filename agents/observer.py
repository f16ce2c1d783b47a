# SPDX-License-Identifier: GPL-2.0-only
"""What actors and critics see: normalised observations, agent ids, the time within the managers' epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.normalise import Array, RunningNormaliser

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from pybridge import Batch, Role, Schema


@dataclass(frozen=True)
class View:
    """Network inputs of one step.

    own: by role, [E, A, D'] = normalised observation, then (workers only) the elapsed ratio of each manager's
        epoch, then the agent's one-hot id.
    state: [E, S] = the normalised observations of all roles, side by side: the critics' common input.
    """

    own: dict[str, Array]
    state: Array


class Observer:
    """Turns batches into views; owns the running observation statistics, one set per role."""

    def __init__(self, schema: Schema, num_envs: int, settings: Mapping[str, RoleConfig] | None = None) -> None:
        """For `num_envs` environments of `schema`; `settings` by role tell which of them see the managers' phases."""
        self.schema = schema
        self.roles: tuple[Role, ...] = tuple(schema.roles)
        see = {role.name: settings is None or settings[role.name].phases for role in self.roles}
        self.phased = {role.name for role in self.roles if role.period == 1 and see[role.name]}
        self.managers = [role for role in self.roles if role.period > 1]
        self.normalisers = {role.name: RunningNormaliser(role.observation_size) for role in self.roles}
        self.since_decision = np.zeros((num_envs, len(self.managers)))  # steps since each manager acted
        self.own_sizes = {role.name: self.own_size(role) for role in self.roles}
        self.ids = {role.name: np.eye(role.num_agents, dtype=np.float32) for role in self.roles}
        self.state_size = sum(role.num_agents * role.observation_size for role in self.roles)

    def own_size(self, role: Role) -> int:
        """D' of a role."""
        phases = len(self.managers) if role.name in self.phased else 0
        return int(role.observation_size + phases + role.num_agents)

    def observe(self, batch: Batch, *, learn: bool) -> View:
        """View of a batch; call once per step, in order. `learn` adds it to the statistics."""
        for index, role in enumerate(self.managers):
            acts = batch.acts[role.name].any(axis=1)
            self.since_decision[:, index] = np.where(acts, 0, self.since_decision[:, index] + 1)
        if learn:
            for role in self.roles:
                self.normalisers[role.name].update(batch.observations[role.name])
        return self._view(batch.observations, self._phases(self.since_decision))

    def final(self, batch: Batch, environment: int) -> View:
        """View ([1, ...] arrays) of the last state of the episode that has just ended in `environment`.

        Call before `observe` moves on to the next episode.
        """
        last = {role.name: np.asarray(batch.final_observations[role.name][environment])[None] for role in self.roles}
        return self._view(last, self._phases(self.since_decision[environment : environment + 1] + 1))

    def _phases(self, since_decision: Array) -> Array:
        periods = np.array([role.period for role in self.managers], dtype=np.float64)
        return np.mod(since_decision, periods) / periods

    def _view(self, observations: dict[str, Array], phases: Array) -> View:
        own, states = {}, []
        for role in self.roles:
            normal = self.normalisers[role.name](observations[role.name])
            num_envs, num_agents, size = normal.shape
            features = np.empty((num_envs, num_agents, self.own_sizes[role.name]), dtype=np.float32)
            features[:, :, :size] = normal
            if role.name in self.phased:
                features[:, :, size:-num_agents] = phases[:, None, :]
            features[:, :, -num_agents:] = self.ids[role.name]
            own[role.name] = features
            states.append(normal.reshape(num_envs, -1))
        return View(own, np.concatenate(states, axis=1))

    def state_dict(self) -> dict[str, Any]:
        """Statistics by role."""
        return {name: normaliser.state_dict() for name, normaliser in self.normalisers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        for name, normaliser in self.normalisers.items():
            normaliser.load_state_dict(state[name])
