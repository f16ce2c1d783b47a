# SPDX-License-Identifier: GPL-2.0-only
"""One environment as a PettingZoo `ParallelEnv`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Self

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import ParallelEnv

from pybridge.batch import Batch
from pybridge.errors import ActionError
from pybridge.schema import Role, Schema, suggest
from pybridge.spaces import Action, ActionSpace, Mask, mask_shape, observation_space
from pybridge.vector import VectorEnv

Observation = dict[str, Any]


class CoSimulation(ParallelEnv[str, Observation, Action]):
    """A scenario as a PettingZoo `ParallelEnv`: dictionaries by agent id, `<role>_<number>`.

    An observation is a dict of

    | key           | type                | meaning                                                    |
    |---------------|---------------------|------------------------------------------------------------|
    | `observation` | float32 [D]         | what the agent sees; `schema.role(...).observations` names it |
    | `action_mask` | dict by field       | 1 where a decision is allowed; all zeros while the agent does not act |

    An action is a dict by field name. Agents that do not act in a step are left out, or given `{}`.
    Infos hold `acts` (whether the agent decides now), `terms` [T], and for the whole environment, in
    each of them, `metrics` [metrics], `time_s` and `seed`. Masks and metrics are shared: read them only.

    `state()` is what centralised critics see: all agents' observations, and those of the scenario's watchers, which
    decide nothing and are no agents.

    `agents` are those that are present. One that disappears in mid-episode is told so once, by a
    truncation of its own, with its last observation; it may come back, with an observation of its own.

    Made by `pybridge.make`; a context manager.
    """

    metadata: dict[str, Any] = {"name": "qntn", "render_modes": [], "is_parallelizable": True}

    def __init__(self, vector: VectorEnv) -> None:
        self._vector = vector
        self.schema: Schema = vector.schema
        self.metadata = {**self.metadata, "name": self.schema.scenario}
        self.render_mode = None
        self.possible_agents = list(self.schema.agent_ids)
        self.agents: list[str] = []
        self._roles = [(role, role.agent_ids) for role in self.schema.roles]
        self._place = {agent: (role, index) for role, agents in self._roles for index, agent in enumerate(agents)}
        self._action_arrays = {
            role.name: np.zeros((1, role.num_agents, role.action_size), np.float32) for role in self.schema.roles
        }
        self._action_parts = {
            agent: [
                (field.name, (field.size,), self._action_arrays[role.name][0, index, field.span])
                for field in role.actions
            ]
            for agent, (role, index) in self._place.items()
        }
        self._observation_spaces = {role.name: observation_space(role) for role in self.schema.roles}
        self._no_mask = {
            role.name: {field.name: np.zeros(mask_shape(field), np.int8) for field in role.actions}
            for role in self.schema.roles
        }
        self._batch: Batch | None = None
        size = sum(role.num_agents * role.observation_size for role in self.schema.everyone)
        self.state_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self._masks: dict[str, Mask] = {}
        self._acting: dict[str, frozenset[str]] = {}  # role -> its agents that act
        self._mask_bytes: dict[str, bytes] = {}
        self._terminations = {ended: dict.fromkeys(self.possible_agents, ended) for ended in (False, True)}
        self.action_spaces = {
            agent: ActionSpace(role, partial(self._mask_now, agent)) for agent, (role, _) in self._place.items()
        }
        self.observation_spaces = {
            agent: self._observation_spaces[role.name] for agent, (role, _) in self._place.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def observation_space(self, agent: str) -> spaces.Dict:
        """The space of what `agent` observes."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> ActionSpace:
        """The space of what `agent` decides; it samples only what is allowed now."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Starts an episode; without a seed, that of the episode before plus one.

        Raises:
            SimulatorError: the simulator does not come up.
        """
        batch = self._vector.reset(seed=seed)
        self.agents = self._present(batch)
        observations, infos = self._observations(batch), self._infos(batch)
        return {agent: observations[agent] for agent in self.agents}, {agent: infos[agent] for agent in self.agents}

    def step(
        self, actions: Mapping[str, Action | None]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One step of all agents: observations, rewards, terminations, truncations, infos.

        Raises:
            ActionError: an action does not fit, is masked, or its agent does not act; nothing has moved.
            SimulatorError: the simulator died or missed the deadline.
        """
        batch = self._vector.step(self._to_arrays(actions))
        terminated, truncated = bool(batch.terminated[0]), bool(batch.truncated[0])
        present = self._present(batch)
        told = self.agents if present == self.agents else self._told(present)
        observations = self._observations(batch)
        rewards: dict[str, float] = {}
        for role, agents in self._roles:
            rewards.update(zip(agents, batch.rewards[role.name][0].tolist(), strict=True))
        infos = self._infos(batch)
        self.agents = [] if terminated or truncated else present
        if len(told) == len(self.possible_agents):
            terminations = dict(self._terminations[terminated])
            truncations = dict(self._terminations[truncated])
            if told is not present and told != present and not terminated:
                truncations |= {agent: True for agent in told if agent not in present}
            return observations, rewards, terminations, truncations, infos
        return (
            {agent: observations[agent] for agent in told},
            {agent: rewards[agent] for agent in told},
            dict.fromkeys(told, terminated),
            {agent: truncated or (agent not in present and not terminated) for agent in told},
            {agent: infos[agent] for agent in told},
        )

    def close(self) -> None:
        """Ends the simulator; nothing is left behind."""
        self.agents = []
        self._vector.close()

    def state(self) -> npt.NDArray[np.float32]:
        """[S] all observations side by side: of the roles, then of the watchers, agent by agent.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun.
        """
        if self._batch is None:
            raise gymnasium.error.ResetNeeded("reset() must come before state()")
        observations = self._batch.observations
        return np.concatenate([observations[role.name][0].ravel() for role in self.schema.everyone])

    def render(self) -> None:
        """There is no picture of a running episode; see `qntn run`."""

    def _present(self, batch: Batch) -> list[str]:
        if not any(0 in present.tobytes() for present in batch.present.values()):
            return list(self.possible_agents)
        return [agent for agent, (role, i) in self._place.items() if batch.present[role.name][0, i]]

    def _told(self, present: list[str]) -> list[str]:
        """Who hears of this step: those that are there, and those that were."""
        return [agent for agent in self.possible_agents if agent in present or agent in self.agents]

    def _mask_now(self, agent: str) -> Mask:
        if agent not in self._masks:
            raise ActionError(f"{agent}: what it may do is known only after reset()")
        return self._masks[agent]

    def _to_arrays(self, actions: Mapping[str, Action | None]) -> dict[str, npt.NDArray[np.float32]]:
        """Writes dict actions into arrays; the simulators' own memory stays as it is until they are checked."""
        if not isinstance(actions, Mapping):
            raise ActionError(f"actions are of type {type(actions).__name__}, expected a mapping from agent to action")
        acting = {agent for agents in self._acting.values() for agent in agents} if self.agents else set()
        for agent, action in actions.items():
            if agent not in self._place:
                raise ActionError(f"no agent {agent!r}{suggest(agent, self._place)}")
            if action is None:
                continue
            if type(action) is not dict and not isinstance(action, Mapping):
                raise ActionError(
                    f"{agent}: its action is {action!r}, expected a mapping from field to numbers: "
                    + ", ".join(field.name for field in self._place[agent][0].actions)
                )
            if not action:
                continue
            if agent not in acting:
                raise ActionError(f"{agent}: does not act in this step; leave it out or give it {{}}")
            self._write(agent, action)
            acting.discard(agent)
        if acting:
            raise ActionError(f"no action for {', '.join(sorted(acting))}, which act in this step")
        return self._action_arrays

    def _write(self, agent: str, action: Action) -> None:
        """Writes a dict action into the agent's row of numbers."""
        parts = self._action_parts[agent]
        if len(action) != len(parts):
            _refuse_names(self._place[agent][0], agent, action)
        for name, shape, target in parts:
            try:
                value = action[name]
            except KeyError:
                _refuse_names(self._place[agent][0], agent, action)
            found = value.shape if isinstance(value, np.ndarray) else np.shape(value)
            if found != shape:
                raise ActionError(f"{agent}: {name} has shape {found}, expected {shape}")
            try:
                target[:] = value
            except (TypeError, ValueError) as error:
                raise ActionError(f"{agent}: {name} is {value!r}, expected numbers: {error}") from None

    def _observations(self, batch: Batch) -> dict[str, Observation]:
        self._batch = batch
        observations = {}
        for role, agents in self._roles:
            self._update_masks(role, batch)
            for agent, row in zip(agents, batch.observations[role.name][0], strict=True):
                observations[agent] = {"observation": row, "action_mask": self._masks[agent]}
        return observations

    def _update_masks(self, role: Role, batch: Batch) -> None:
        """Masks of a role's agents; the same objects as before where nothing has changed."""
        masks, acts = batch.action_masks[role.name][0], batch.acts[role.name][0]
        now = acts.tobytes() + masks.tobytes()
        if self._mask_bytes.get(role.name) == now:
            return
        self._mask_bytes[role.name] = now
        for index, agent in enumerate(role.agent_ids):
            self._masks[agent] = _mask(role, masks[index]) if acts[index] else self._no_mask[role.name]
        self._acting[role.name] = frozenset(agent for agent, act in zip(role.agent_ids, acts, strict=True) if act)

    def _infos(self, batch: Batch) -> dict[str, dict[str, Any]]:
        metrics, time_s, seed = batch.metrics[0], float(batch.time_s[0]), int(batch.seeds[0])
        return {
            agent: {"acts": acts, "terms": terms, "metrics": metrics, "time_s": time_s, "seed": seed}
            for role, agents in self._roles
            for agent, acts, terms in zip(
                agents,
                batch.acts[role.name][0].astype(np.bool_).tolist(),
                batch.terms[role.name][0],
                strict=True,
            )
        }


def _mask(role: Role, row: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int8]]:
    return {
        field.name: row[field.mask_span].reshape(mask_shape(field)).astype(np.int8)
        if field.mask_size
        else np.ones(1, np.int8)
        for field in role.actions
    }


def _refuse_names(role: Role, agent: str, action: Action) -> NoReturn:
    names = [field.name for field in role.actions]
    for name in action:
        if name not in names:
            raise ActionError(f"{agent}: no action field {name!r}{suggest(name, names)}")
    raise ActionError(f"{agent}: {next(name for name in names if name not in action)} is missing")
