# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios for libraries that know one agent with one vector of numbers: Gymnasium's `Env` and `VectorEnv`.

    from stable_baselines3 import PPO
    from pybridge.flat import FlatEnv

    with FlatEnv("tiny") as env:                   # a gymnasium.Env that decides for all agents
        PPO("MlpPolicy", env).learn(10_000)

Observations are scaled to -1 .. 1 by the bounds of their fields. An action is a vector in -1 .. 1 that is
always allowed: see `FlatActions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from pybridge import make_vec
from pybridge.batch import Batch
from pybridge.catalogue import Scenario, scenario
from pybridge.errors import ActionError
from pybridge.schema import ActionField, Role, Schema, Value
from pybridge.vector import EachParams, Seeds, VectorEnv

Array = npt.NDArray[np.float32]
Others = Callable[[Batch], Mapping[str, Array]]

_SHARPNESS = 5.0  # a part at 1 gets e^10 times the share of a part at -1
_DEFAULT_BONUS = 1e-3  # lets the zero action take default choices


class FlatActions:
    """A role's decisions as numbers in -1 .. 1.

    | field       | numbers            | decision                                           |
    |-------------|--------------------|----------------------------------------------------|
    | simplex     | one a part         | softmax of 5 times the numbers, over allowed parts |
    | categorical | one a choice       | the allowed choice with the largest number         |
    | box         | one a number       | from the lower to the upper bound                  |

    Whatever the numbers, the decision is allowed. All zeros mean equal shares, default choices and the
    middle of each range.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.size = sum(_flat_size(field) for field in role.actions)

    def decode(self, flat: npt.ArrayLike, masks: npt.NDArray[np.uint8]) -> Array:
        """Actions [..., action size] from `flat` [..., size] and `masks` [..., M].

        Raises:
            ActionError: a number is NaN, or the last axis has another length.
        """
        numbers = np.asarray(flat, np.float64)
        if numbers.shape[-1:] != (self.size,):
            raise ActionError(f"{self.role.name}: found {numbers.shape[-1:]} numbers, expected {self.size}")
        if np.isnan(numbers).any():
            self._refuse_nan(numbers)
        actions = np.zeros((*numbers.shape[:-1], self.role.action_size), np.float32)
        start = 0
        for field in self.role.actions:
            part = numbers[..., start : start + _flat_size(field)]
            actions[..., field.span] = _decode(field, np.clip(part, -1, 1), masks[..., field.mask_span])
            start += _flat_size(field)
        return actions

    def _refuse_nan(self, numbers: npt.NDArray[np.float64]) -> NoReturn:
        *where, place = (int(index) for index in np.argwhere(np.isnan(numbers))[0])
        who = f"{self.role.name}_{where[-1]}" if where else self.role.name
        starts = np.cumsum([0, *(_flat_size(field) for field in self.role.actions)])
        index = int(np.searchsorted(starts, place, side="right")) - 1
        raise ActionError(
            f"{who}: number {place - starts[index]} for {self.role.actions[index].name} is nan, expected -1 .. 1"
        )


class FlatObservations:
    """A role's observations scaled to -1 .. 1 by their bounds; fields without bounds stay as they are."""

    def __init__(self, role: Role) -> None:
        low = np.concatenate([np.full(f.size, f.low) for f in role.observations])
        high = np.concatenate([np.full(f.size, f.high) for f in role.observations])
        self.bounded = high > low
        self._middle = np.where(self.bounded, (low + high) / 2, 0.0)
        self._half = np.where(self.bounded, (high - low) / 2, 1.0)
        self.size = role.observation_size

    def scale(self, observations: Array) -> Array:
        """[..., D] to [..., D]; values outside their bounds are clipped."""
        scaled = (observations - self._middle) / self._half
        return np.where(self.bounded, np.clip(scaled, -1, 1), scaled).astype(np.float32)


class FlatEnv(gymnasium.Env[Array, Array]):
    """A whole scenario as one agent: all agents' observations side by side, all their decisions in one vector.

    Decisions of agents that do not act in a step are ignored. The reward is the scenario's utility of the
    step, or the sum of all agents' rewards. Infos hold `metrics` by name, `time_s` and `seed`.

    A context manager. Raises what `pybridge.make` and its `step` raise.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        name: str | Scenario,
        *,
        reward: Literal["utility", "sum"] = "utility",
        params: Mapping[str, Value] | None = None,
        seed: int = 1,
        **options: Any,
    ) -> None:
        """`options` go to `pybridge.make_vec`: transport, step_timeout_s, wait."""
        if reward not in ("utility", "sum"):
            raise ValueError(f"reward: found {reward!r}, expected 'utility' or 'sum'")
        self._vector = VectorEnv(
            name if isinstance(name, Scenario) else scenario(name),
            num_envs=1,
            params=params or {},
            seed=seed,
            autoreset=False,  # the next episode begins when it is asked for
            **{"transport": "shm"} | options,
        )
        self.schema: Schema = self._vector.schema
        self._reward = reward
        self._weights = self.schema.utility_weights
        self._actions = [FlatActions(role) for role in self.schema.roles]
        self._observations = [FlatObservations(role) for role in self.schema.roles]
        self._batch: Batch | None = None
        size = sum(flat.size * flat.role.num_agents for flat in self._actions)
        self.action_space = spaces.Box(-1, 1, (size,), np.float32)
        bounded = np.concatenate(
            [
                np.tile(scale.bounded, role.num_agents)
                for scale, role in zip(self._observations, self.schema.roles, strict=True)
            ]
        )
        high = np.where(bounded, 1, np.inf).astype(np.float32)
        self.observation_space = spaces.Box(-high, high)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Starts an episode; without a seed, with the next one."""
        super().reset(seed=seed)
        self._batch = self._vector.reset(seed=seed)
        return self._observe(self._batch.observations), self._info(self._batch)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One step of all agents."""
        if self._batch is None:
            raise gymnasium.error.ResetNeeded("reset() must come before step(), and after the end of an episode")
        numbers = _numbers(action, self.action_space.shape)
        actions, start = {}, 0
        for flat in self._actions:
            role = flat.role
            own = numbers[start : start + flat.size * role.num_agents]
            masks = self._batch.action_masks[role.name]
            actions[role.name] = flat.decode(own.reshape(1, role.num_agents, flat.size), masks)
            start += flat.size * role.num_agents
        batch = self._vector.step(actions)
        ended = bool(batch.terminated[0] or batch.truncated[0])
        self._batch = None if ended else batch
        return (
            self._observe(batch.observations),
            self._reward_of(batch),
            bool(batch.terminated[0]),
            bool(batch.truncated[0]),
            self._info(batch),
        )

    def close(self) -> None:
        """Ends the simulator."""
        self._vector.close()

    def _observe(self, observations: Mapping[str, Array]) -> Array:
        return np.concatenate(
            [
                scale.scale(observations[role.name][0]).ravel()
                for scale, role in zip(self._observations, self.schema.roles, strict=True)
            ]
        )

    def _reward_of(self, batch: Batch) -> float:
        if self._reward == "utility":
            return float(batch.metrics[0] @ self._weights)
        return float(sum(rewards[0].sum() for rewards in batch.rewards.values()))

    def _info(self, batch: Batch) -> dict[str, Any]:
        metrics = {field.name: float(value) for field, value in zip(self.schema.metrics, batch.metrics[0], strict=True)}
        return {"metrics": metrics, "time_s": float(batch.time_s[0]), "seed": int(batch.seeds[0])}


class RoleVectorEnv(gymnasium.vector.VectorEnv[Array, Array, Any]):
    """One role of a scenario as Gymnasium's `VectorEnv`: each agent of each simulator is an environment of its own.

    Environment `e * num_agents + a` is agent `a` of simulator `e`. Its step is a decision: steps in which
    the role does not act are passed, their rewards summed up. The other roles decide by `others`. Episodes
    reset in the step that ends them (`AutoresetMode.SAME_STEP`): `final_obs` and `final_info` (`seed`, and
    `metrics` by name) are in the infos.

    Where episodes end at different times, a role with a period acts at different times in the simulators, and
    a step ends wherever it acts. `infos["acts"]` tells whose next action counts; the others' are ignored.

    A context manager. Raises what `pybridge.make_vec` and its `step` raise.
    """

    def __init__(
        self,
        name: str | Scenario,
        role: str,
        *,
        num_simulators: int,
        others: Others | None = None,
        params: EachParams | None = None,
        seed: Seeds = 1,
        **options: Any,
    ) -> None:
        """`others`: batch -> actions by role, default the zero action; `options` go to `pybridge.make_vec`.

        Raises:
            KeyError: there is no such role.
            ValueError: the user starts the simulators (`pybridge.attach`), so no episode follows by itself.
        """
        self._vector = make_vec(name, num_envs=num_simulators, params=params, seed=seed, **options)
        self.schema: Schema = self._vector.schema
        try:
            if not self._vector.autoreset:
                raise ValueError(f"{self.schema.scenario} is attached and has no autoreset; use pybridge.make_vec")
            self.role: Role = self.schema.role(role)
        except (KeyError, ValueError):
            self._vector.close()
            raise
        self._flat = FlatActions(self.role)
        self._scale = FlatObservations(self.role)
        self._others = others or ZeroActions(self.schema)
        self._batch: Batch | None = None
        self.num_envs = num_simulators * self.role.num_agents
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
        high = np.where(self._scale.bounded, 1, np.inf).astype(np.float32)
        self.single_observation_space = spaces.Box(-high, high)
        self.single_action_space = spaces.Box(-1, 1, (self._flat.size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Starts an episode in every simulator.

        Args:
            seed: that of the first simulator, from which the others count up; or a list, one for each
                simulator (not for each environment: the agents of a simulator share its episode).
        """
        self._batch = self._vector.reset(seed=seed)  # type: ignore[arg-type] # a None in a list is refused there
        return self._rows(self._batch), self._acting(self._batch)

    def step(
        self, actions: Array
    ) -> tuple[Array, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """One decision of every agent of the role."""
        if self._batch is None:
            raise gymnasium.error.ResetNeeded("reset() must come before step()")
        simulators = self._vector.num_envs
        numbers = _numbers(actions, self.action_space.shape).reshape(simulators, self.role.num_agents, self._flat.size)
        rewards = np.zeros(self.num_envs)
        ended = np.zeros(simulators, np.bool_)
        seeds = self._batch.seeds
        while True:
            decided = dict(self._others(self._batch))
            decided[self.role.name] = self._flat.decode(numbers, self._batch.action_masks[self.role.name])
            self._batch = batch = self._vector.step(decided)
            rewards += batch.rewards[self.role.name].ravel()
            ended = batch.terminated | batch.truncated
            if ended.any() or batch.acts[self.role.name].any():
                break
        agents = self.role.num_agents
        infos = self._acting(batch)
        if ended.any():
            infos |= self._final(batch, ended, seeds)
        return (
            self._rows(batch),
            rewards,
            np.repeat(batch.terminated, agents),
            np.repeat(batch.truncated, agents),
            infos,
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Ends the simulators; Gymnasium calls it from `close`."""
        self._vector.close()

    def _acting(self, batch: Batch) -> dict[str, Any]:
        return {"acts": batch.acts[self.role.name].ravel() > 0, "_acts": np.ones(self.num_envs, np.bool_)}

    def _final(self, batch: Batch, ended: npt.NDArray[np.bool_], seeds: npt.NDArray[np.int64]) -> dict[str, Any]:
        """What Gymnasium's `SAME_STEP` tells of the episodes that have ended."""
        agents = self.role.num_agents
        which = np.repeat(ended, agents)
        observations = np.empty(self.num_envs, object)
        for env, rows in batch.final_observations[self.role.name].items():
            for agent in range(agents):
                observations[env * agents + agent] = self._scale.scale(rows[agent])
        metrics: dict[str, Any] = {}
        for field, column in zip(self.schema.metrics, batch.metrics.T, strict=True):
            metrics |= {field.name: np.repeat(column, agents), f"_{field.name}": which}
        info = {"seed": np.repeat(seeds, agents), "_seed": which, "metrics": metrics, "_metrics": which}
        return {"final_obs": observations, "_final_obs": which, "final_info": info, "_final_info": which}

    def _rows(self, batch: Batch) -> Array:
        return self._scale.scale(batch.observations[self.role.name]).reshape(self.num_envs, -1)


class ZeroActions:
    """Equal shares, default choices, the middle of each range, for all roles."""

    def __init__(self, schema: Schema) -> None:
        self._flat = [FlatActions(role) for role in schema.roles]

    def __call__(self, batch: Batch) -> dict[str, Array]:
        """Actions [E, A, action size] by role."""
        return {
            flat.role.name: flat.decode(
                np.zeros((*batch.acts[flat.role.name].shape, flat.size)), batch.action_masks[flat.role.name]
            )
            for flat in self._flat
        }


def _numbers(action: npt.ArrayLike, shape: tuple[int, ...] | None) -> npt.NDArray[np.float64]:
    """An action as numbers of that shape; their bounds do not matter here."""
    try:
        numbers = np.asarray(action, np.float64)
    except (TypeError, ValueError) as error:
        raise ActionError(f"the action is no array of numbers: {error}") from None
    if numbers.shape != shape:
        raise ActionError(f"the action has shape {numbers.shape}, expected {shape}")
    return numbers


def _flat_size(field: ActionField) -> int:
    return field.size * field.num_choices if field.kind == "categorical" else field.size


def _decode(field: ActionField, numbers: npt.NDArray[np.float64], mask: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Numbers [..., flat size] and mask [..., mask size] to the field's values [..., size]."""
    if field.kind == "box":
        return np.clip(field.low + (numbers + 1) / 2 * (field.high - field.low), field.low, field.high)
    if field.kind == "simplex":
        allowed = np.where(mask.any(axis=-1, keepdims=True), mask, 1)
        weights = np.exp(_SHARPNESS * numbers) * allowed
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
    shape = (*numbers.shape[:-1], field.size, field.num_choices)
    logits = numbers.reshape(shape).copy()
    logits[..., field.default] += _DEFAULT_BONUS
    return np.asarray(np.where(mask.reshape(shape) > 0, logits, -np.inf).argmax(axis=-1))
