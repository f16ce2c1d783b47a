# SPDX-License-Identifier: GPL-2.0-only
"""Vectors of environments in plain Python, with the interface of `pybridge.VectorEnv`.

`SliceBudget` is a contextual problem with a known structure: a planner splits a budget over two cells once in `PERIOD`
steps, each cell splits its part over three slices that weigh 0.6, 0.3 and 0.1, and picks a mode. `RandomVector` has any
shape and no meaning: it measures the learner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pybridge import ActionField, Batch, Field, Parameter, Role, Schema

PERIOD = 5
WEIGHTS = np.array([0.6, 0.3, 0.1])


def fields(*items: tuple[str, int]) -> tuple[Field, ...]:
    """Observation, term or metric fields of the given names and sizes."""
    offsets = np.cumsum([0, *(size for _, size in items)])
    return tuple(
        Field(name, size, 0.0, 0.0, "1", "", int(at)) for (name, size), at in zip(items, offsets, strict=False)
    )


def action_fields(*items: Mapping[str, Any]) -> tuple[ActionField, ...]:
    """Action fields from their kind, size and what else matters."""
    made: list[ActionField] = []
    offset = mask_offset = 0
    for item in items:
        kind, size, num_choices = item["kind"], item["size"], item.get("num_choices", 0)
        mask_size = {"simplex": size, "categorical": size * num_choices, "box": 0}[kind]
        made.append(
            ActionField(
                name=item["name"],
                kind=kind,
                size=size,
                num_choices=num_choices,
                low=item.get("low", 0.0),
                high=item.get("high", 1.0),
                unit="1",
                help="",
                offset=offset,
                mask_offset=mask_offset,
                mask_size=mask_size,
                default=item.get("default", 0),
                demand=item.get("demand", ""),
                labels=item.get("labels", ()),
            )
        )
        offset, mask_offset = offset + size, mask_offset + mask_size
    return tuple(made)


def make_schema(name: str, roles: Sequence[Role], metrics: tuple[Field, ...], utility: Mapping[str, float]) -> Schema:
    """A schema with steps of 100 ms."""
    parameters = (Parameter("episode_steps", 40, 1, 1000, "steps", ""),)
    return Schema(name, 1, 100_000_000, tuple(roles), metrics, parameters, utility)


class VectorBase:
    """Seeds and episode ends like `pybridge.VectorEnv`; subclasses fill in the dynamics."""

    schema: Schema

    def __init__(self, num_envs: int, episode_steps: int, terminates: bool = False) -> None:
        self.num_envs, self.episode_steps, self.terminates = num_envs, episode_steps, terminates
        self.next_seed = [1 + env for env in range(num_envs)]
        self.seeds = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.rngs = [np.random.default_rng(0)] * num_envs
        self.closed = False

    def __enter__(self) -> VectorBase:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True

    def reset(self, *, seed: int | None = None) -> Batch:
        if seed is not None:
            self.next_seed = [seed + env for env in range(self.num_envs)]
        for env in range(self.num_envs):
            self._seat(env)
        return self._batch(self._zero_terms(), np.zeros((self.num_envs, len(self.schema.metrics))))

    def step(self, actions: Mapping[str, np.ndarray]) -> Batch:
        """One step of every environment."""
        terms, metrics = self.dynamics(actions)
        self.steps += 1
        ended = self.steps >= self.episode_steps
        if not ended.any():
            return self._batch(terms, metrics)
        last = self.observe()
        for env in np.flatnonzero(ended):
            self._seat(int(env))
        batch = self._batch(terms, metrics)
        batch.terminated[:] = ended & self.terminates
        batch.truncated[:] = ended & (not self.terminates)
        batch.final_observations = {
            role: {int(env): values[env].copy() for env in np.flatnonzero(ended)} for role, values in last.items()
        }
        return batch

    def _seat(self, env: int) -> None:
        self.seeds[env] = self.next_seed[env]
        self.rngs[env] = np.random.default_rng(self.seeds[env])
        self.next_seed[env] += self.num_envs
        self.steps[env] = 0
        self.begin(env)

    def _zero_terms(self) -> dict[str, np.ndarray]:
        return {role.name: np.zeros((self.num_envs, role.num_agents, len(role.terms))) for role in self.schema.roles}

    def _batch(self, terms: dict[str, np.ndarray], metrics: np.ndarray) -> Batch:
        acts = {
            role.name: np.repeat((self.steps % role.period == 0)[:, None], role.num_agents, axis=1).astype(np.uint8)
            for role in self.schema.roles
        }
        never = np.zeros(self.num_envs, bool)
        return Batch(
            observations=self.observe(),
            action_masks=self.masks(),
            acts=acts,
            present={role: np.ones_like(who) for role, who in acts.items()},
            terms=terms,
            rewards={role.name: terms[role.name] @ role.reward_weights for role in self.schema.roles},
            metrics=metrics,
            terminated=never.copy(),
            truncated=never.copy(),
            time_s=self.steps * 0.1,
            seeds=self.seeds.copy(),
            final_observations={},
        )

    def begin(self, env: int) -> None:
        """Start an episode from `self.rngs[env]`."""

    def dynamics(self, actions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Move on and return terms and metrics."""
        raise NotImplementedError

    def observe(self) -> dict[str, np.ndarray]:
        """Observations [E, A, D] by role."""
        raise NotImplementedError

    def masks(self) -> dict[str, np.ndarray]:
        """Masks [E, A, M] by role."""
        raise NotImplementedError


class SliceBudget(VectorBase):
    """See the module. Stops with an error at any action that the bridge would refuse."""

    def __init__(self, num_envs: int, episode_steps: int = 40, terminates: bool = False) -> None:
        super().__init__(num_envs, episode_steps, terminates)
        planner = Role(
            name="planner",
            num_agents=1,
            period=PERIOD,
            help="",
            observations=fields(("need", 2), ("noise", 1)),
            actions=action_fields(
                {"name": "budget", "kind": "simplex", "size": 2},
                {"name": "power", "kind": "box", "size": 1, "high": 2.0},
            ),
            terms=fields(("served_ratio", 1), ("power_error", 1)),
            reward_weights=np.array([1.0, -0.5]),
        )
        cell = Role(
            name="cell",
            num_agents=2,
            period=1,
            help="",
            observations=fields(("demand", 3), ("budget", 1), ("signal", 1)),
            actions=action_fields(
                {"name": "share", "kind": "simplex", "size": 3, "demand": "demand"},
                {"name": "mode", "kind": "categorical", "size": 1, "num_choices": 3},
            ),
            terms=fields(("served_ratio", 1), ("mode_hit", 1)),
            reward_weights=np.array([1.0, 0.5]),
        )
        metrics = fields(("served_ratio", 1), ("mode_ratio", 1), ("delay_ms.xr", 1), ("fill_ratio.pool_0", 1))
        self.schema = make_schema("slice-budget", [planner, cell], metrics, {"served_ratio": 1.0, "mode_ratio": 0.5})
        self.need = np.ones((num_envs, 2))
        self.budget = np.ones((num_envs, 2))
        self.power = np.ones(num_envs)
        self.demand = np.ones((num_envs, 2, 3))
        self.signal = np.ones((num_envs, 2))

    def begin(self, env: int) -> None:
        self.budget[env], self.power[env] = 1.0, 1.0
        self._draw(env, new_epoch=True)

    def _draw(self, env: int, *, new_epoch: bool) -> None:
        rng = self.rngs[env]
        if new_epoch:
            busy = rng.integers(2)
            self.need[env] = 0.4, 0.4
            self.need[env, busy] = 1.6
        demand = rng.uniform(0.2, 1.0, (2, 3))
        demand[:, 2] *= rng.random(2) < 0.5
        self.demand[env] = demand * self.need[env][:, None]
        self.signal[env] = rng.uniform(-1, 1, 2)

    def observe(self) -> dict[str, np.ndarray]:
        noise = np.zeros((self.num_envs, 1, 1))
        planner = np.concatenate([self.need[:, None, :], noise], axis=2)
        cell = np.concatenate([self.demand, self.budget[..., None], self.signal[..., None]], axis=2)
        return {"planner": planner.astype(np.float32), "cell": cell.astype(np.float32)}

    def masks(self) -> dict[str, np.ndarray]:
        cell = np.ones((self.num_envs, 2, 6), np.uint8)
        cell[..., 2] = self.demand[..., 2] > 0
        cell[..., 3] = self.signal > -0.5
        return {"planner": np.ones((self.num_envs, 1, 2), np.uint8), "cell": cell}

    def dynamics(self, actions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        masks = self.masks()["cell"]
        share, mode = actions["cell"][..., :3], actions["cell"][..., 3].astype(int)
        assert np.allclose(share.sum(-1), 1, atol=1e-3), "shares must sum to 1"
        assert not (share[masks[..., :3] == 0] > 0).any(), "a masked share must be 0"
        assert np.take_along_axis(masks[..., 3:], mode[..., None], -1).all(), "a masked choice was taken"
        for env in np.flatnonzero(self.steps % PERIOD == 0):
            self.budget[env] = 2.0 * actions["planner"][env, 0, :2]
            self.power[env] = actions["planner"][env, 0, 2]
        got = self.budget[..., None] * share
        part = np.minimum(1.0, got / np.maximum(self.demand, 1e-9))
        served = (np.where(self.demand > 0, part, 1.0) * WEIGHTS).sum(-1)
        hit = (mode == np.where(self.signal > 0, 1, 2)).astype(float)
        error = np.abs(self.power - 1.5)
        terms = {
            "planner": np.stack([served.mean(1), error], axis=1)[:, None, :],
            "cell": np.stack([served, hit], axis=2),
        }
        metrics = np.stack([served.mean(1), hit.mean(1), 10 * (1 - served.mean(1)), self.power / 2], axis=1)
        for env in range(self.num_envs):
            self._draw(env, new_epoch=(self.steps[env] + 1) % PERIOD == 0)
        return terms, metrics


class Foretold(SliceBudget):
    """A watcher tells how long ago the planner acted."""

    def __init__(self, num_envs: int, episode_steps: int = 40, terminates: bool = False) -> None:
        super().__init__(num_envs, episode_steps, terminates)
        clock = Role("clock", 1, 1, "", fields(("since_decision", 1)), (), (), np.zeros(0))
        self.schema = replace(self.schema, watchers=(clock,))

    def observe(self) -> dict[str, np.ndarray]:
        since = (self.steps % PERIOD).astype(np.float32)
        return super().observe() | {"clock": since[:, None, None]}


class RandomVector(VectorBase):
    """Roles of any shape with random observations: {name: (agents, observation size, period)}."""

    def __init__(self, num_envs: int, shape: Mapping[str, tuple[int, int, int]], episode_steps: int = 600) -> None:
        super().__init__(num_envs, episode_steps)
        actions = action_fields(
            {"name": "share", "kind": "simplex", "size": 3},
            {"name": "choice", "kind": "categorical", "size": 4, "num_choices": 3},
        )
        roles = [
            Role(name, agents, period, "", fields(("seen", size)), actions, fields(("term", 1)), np.ones(1))
            for name, (agents, size, period) in shape.items()
        ]
        self.schema = make_schema("random", roles, fields(("metric", 1)), {"metric": 1.0})
        self.values = {name: np.zeros((num_envs, a, d), np.float32) for name, (a, d, _) in shape.items()}
        self.ones = {role.name: np.ones((num_envs, role.num_agents, role.mask_size), np.uint8) for role in roles}
        self.rng = np.random.default_rng(0)

    def observe(self) -> dict[str, np.ndarray]:
        for values in self.values.values():
            self.rng.standard_normal(out=values, dtype=np.float32)
        return self.values

    def masks(self) -> dict[str, np.ndarray]:
        return self.ones

    def dynamics(self, actions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return self._zero_terms(), np.zeros((self.num_envs, 1))


CITY_SHAPE = {"qkd_operator": (1, 40, 50), "provider": (2, 40, 50), "cell": (4, 30, 1), "key_router": (8, 16, 1)}
