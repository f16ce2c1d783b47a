# SPDX-License-Identifier: GPL-2.0-only
"""Problems small enough to know their optimum, with the interface of `pybridge.VectorEnv`.

In all but `Commons` contexts are drawn anew at each step, whatever was done: contextual bandits, learned with gamma 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from fake_env import action_fields, fields, make_schema

from agents.learner.mappo import HierarchicalMappo
from agents.settings import read, resolve
from pybridge import Batch, Role

SITES, USERS = 6, 5


class Bandits:
    """Vectorised contexts of one role `cell`; subclasses draw them and value actions."""

    num_agents = 1

    def __init__(self, num_envs: int, seen: Mapping[str, int], action: Mapping[str, object]) -> None:
        self.num_envs = num_envs
        role = Role(
            "cell",
            self.num_agents,
            1,
            "",
            fields(*seen.items()),
            action_fields({"name": "choice", **action}),
            fields(("value", 1), ("overload", 1)),
            np.array([1.0, 0.0]),
        )
        metrics = fields(("value", 1), ("best", 1), ("overload_ratio", 1))
        self.schema = make_schema(type(self).__name__, [role], metrics, {"value": 1.0})
        self.step_count = 0

    def reset(self, *, seed: int | None = None) -> Batch:
        self.rng = np.random.default_rng(seed)
        self.seed = 0 if seed is None else seed
        self.draw()
        zeros = np.zeros((self.num_envs, self.num_agents))
        return self._batch(zeros, zeros, np.zeros(self.num_envs))

    def step(self, actions: Mapping[str, np.ndarray]) -> Batch:
        value, overload = self.value(actions["cell"])
        best = self.best()
        self.draw()
        return self._batch(value, overload, best)

    def _batch(self, value: np.ndarray, overload: np.ndarray, best: np.ndarray) -> Batch:
        acts = np.ones((self.num_envs, self.num_agents), np.uint8)
        never = np.zeros(self.num_envs, bool)
        return Batch(
            observations={"cell": self.observe().astype(np.float32)},
            action_masks={"cell": self.masks()},
            acts={"cell": acts},
            present={"cell": acts},
            terms={"cell": np.stack([value, overload], axis=2)},
            rewards={"cell": value},
            metrics=np.stack([value.mean(1), best, overload.mean(1)], axis=1),
            terminated=never,
            truncated=never.copy(),
            time_s=np.zeros(self.num_envs),
            seeds=np.full(self.num_envs, self.seed),
            final_observations={},
        )

    def masks(self) -> np.ndarray:
        return np.ones((self.num_envs, self.num_agents, self.schema.roles[0].mask_size), np.uint8)


class BudgetBandit(Bandits):
    """Shares x of a budget for four slices of weights w and demands d: sum w min(x, d), a linear programme."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, {"demand": 4, "weight": 4}, {"kind": "simplex", "size": 4})

    def draw(self) -> None:
        self.demand = self.rng.uniform(0.05, 0.5, (self.num_envs, 4))
        self.weight = self.rng.uniform(0.1, 1.0, (self.num_envs, 4))

    def observe(self) -> np.ndarray:
        return np.concatenate([self.demand, self.weight], axis=1)[:, None]

    def value(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = (self.weight * np.minimum(actions[:, 0], self.demand)).sum(1, keepdims=True)
        return value, np.zeros_like(value)

    def best(self) -> np.ndarray:
        """Fill slices by weight, heaviest first: the optimum of the fractional knapsack."""
        order = np.argsort(-self.weight, axis=1)
        demand = np.take_along_axis(self.demand, order, 1)
        before = np.cumsum(demand, axis=1) - demand
        given = np.clip(1.0 - before, 0.0, demand)
        return (np.take_along_axis(self.weight, order, 1) * given).sum(1)


class RelayBandit(Bandits):
    """Which of six sites get a relay: each user counts once if a relay covers it, each relay costs. Some are not there.

    Site s covers the users s % 5, (s + 1) % 5 and, if s is even, (s + 3) % 5. All 64 placements are tried for the best.
    """

    cover = np.array(
        [
            [u in {s % 5, (s + 1) % 5} | ({(s + 3) % 5} if s % 2 == 0 else set()) for u in range(USERS)]
            for s in range(SITES)
        ]
    )
    placements = np.array(list(product((0, 1), repeat=SITES)))

    def __init__(self, num_envs: int) -> None:
        seen = {"worth": USERS, "cost": SITES, "there": SITES}
        super().__init__(num_envs, seen, {"kind": "categorical", "size": SITES, "num_choices": 2})

    def draw(self) -> None:
        self.worth = self.rng.uniform(0.0, 1.0, (self.num_envs, USERS))
        self.cost = self.rng.uniform(0.1, 0.8, (self.num_envs, SITES))
        self.there = self.rng.random((self.num_envs, SITES)) < 0.8

    def observe(self) -> np.ndarray:
        return np.concatenate([self.worth, self.cost, self.there], axis=1)[:, None]

    def masks(self) -> np.ndarray:
        return np.stack([np.ones_like(self.there), self.there], axis=2).reshape(self.num_envs, 1, -1).astype(np.uint8)

    def _worth(self, placements: np.ndarray) -> np.ndarray:
        """[..., P] of placements [..., P, sites] (leading axis: environments, or 1)."""
        covered = (placements @ self.cover) > 0
        return (covered * self.worth[:, None]).sum(-1) - (placements * self.cost[:, None]).sum(-1)

    def value(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert not (actions[:, 0] > self.there).any(), "a relay where there is no site"
        value = self._worth(actions)
        return value, np.zeros_like(value)

    def best(self) -> np.ndarray:
        worth = self._worth(self.placements[None])
        impossible = (self.placements[None] > self.there[:, None]).any(-1)
        return np.where(impossible, -np.inf, worth).max(1)


class Commons(Bandits):
    """Two providers take x in [0, 1] of one resource; each unit is worth 1 - x_0 - x_1 (Cournot's duopoly).

    Alone each takes 1/3 and both together have 2/9; together they would take 1/2 and have 1/4: price of anarchy 9/8.
    """

    num_agents = 2

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, {"nothing": 1}, {"kind": "box", "size": 1})

    def draw(self) -> None:
        """There is no context."""

    def observe(self) -> np.ndarray:
        return np.zeros((self.num_envs, 2, 1))

    def value(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken = actions[..., 0].astype(float)
        total = taken.sum(1, keepdims=True)
        return taken * (1.0 - total), np.repeat(total, 2, axis=1)

    def best(self) -> np.ndarray:
        return np.full(self.num_envs, 0.125)


class Recall(Bandits):
    """Name the number, of three, that was shown one step before; only what remembers can."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, {"number": 3}, {"kind": "categorical", "size": 1, "num_choices": 3})
        self.shown = np.zeros(num_envs, int)

    def draw(self) -> None:
        self.before, self.shown = self.shown, self.rng.integers(3, size=self.num_envs)

    def observe(self) -> np.ndarray:
        return np.eye(3)[self.shown][:, None]

    def value(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = (actions[:, 0] == self.before[:, None]).astype(float)
        return value, np.zeros_like(value)

    def best(self) -> np.ndarray:
        return np.ones(self.num_envs)


def learn(make, steps: int, *settings: str, algorithm: str = "mappo"):
    """A run on 64 environments of a bandit, after `steps` steps without the heuristic prior."""
    base = ["num_envs=64", "rollout_steps=16", "segment_rollouts=10", "worker.gamma=0", "worker.prior=0"]
    base += ["worker.entropy=0", "worker.lr=3e-3", "worker.target_kl=0.2"]
    env = make(64)
    config = resolve(read(None, [*base, *settings], steps=steps, algorithm=algorithm), env.schema.roles)
    run = HierarchicalMappo(env, config)
    while run.segments < run.config.num_segments:
        run.train_segment()
    return run


def part_of_best(make, policy, steps: int = 60) -> float:
    """Value over the best value, over contexts that were not trained on."""
    env = make(64)
    batch, rng, totals = env.reset(seed=5), np.random.default_rng(0), np.zeros(2)
    for _ in range(steps):
        batch = env.step(policy.act(batch, rng))
        totals += batch.metrics[:, :2].sum(axis=0)
    return float(totals[0] / totals[1])
