# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical MAPPO: multi-agent PPO (Yu et al., 2022) on two time scales.

Each role learns with networks of its own, shared by its agents, and a critic that sees all roles. Workers decide at
every step; managers decide once an epoch and are semi-Markov agents: their reward is the discounted sum over the epoch
and they bootstrap with gamma^H. `HierarchicalMappo` orders fragments from runners (`rollouts/runner.py` samples them,
here or elsewhere) and feeds their decisions to one `RoleLearner` per role, whose `update` is PPO (`ppo.py`).
`algorithms/` has the variants.

Training is a sequence of *segments*. A segment begins with fresh episodes, seeded by (run seed, segment number), and
ends with a checkpoint; what is unfinished there is truncated and bootstrapped. So a run that was stopped continues
exactly as if it had not been.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from agents.algorithms import load
from agents.config import TrainConfig
from agents.learner.lagrangian import PidLagrangian
from agents.learner.observer import Observer
from agents.learner.rewards import check_constraints
from agents.learner.stages import stage
from agents.rollouts.base import Here, Rollouts
from agents.rollouts.fragments import DecisionPool, Fragment, Order, Tally, Weights, merge_statistics

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments
    from pybridge import Schema


@dataclass
class RolloutReport:
    """What one rollout of `rollout_steps` steps did; means are over its steps and environments."""

    env_steps: int = 0  # since the run began, over all environments
    utility: float = 0.0
    rewards: dict[str, float] = field(default_factory=dict)  # by role, per step
    terms: dict[str, float] = field(default_factory=dict)  # by "role/term"
    metrics: dict[str, float] = field(default_factory=dict)
    episode_utilities: list[float] = field(default_factory=list)  # of the episodes that ended
    updates: dict[str, dict[str, float]] = field(default_factory=dict)  # by role; only roles that updated
    multipliers: dict[str, float] = field(default_factory=dict)  # of the constraints, after the rollout
    failures: list[str] = field(default_factory=list)  # simulators and runners that died, one text each
    dropped: int = 0  # fragments that the round went on without
    simulate_s: float = 0.0  # in the runner, as is
    act_s: float = 0.0
    update_s: float = 0.0
    wait_s: float = 0.0  # of the learner, for fragments


class HierarchicalMappo:
    """The run: runners, observation statistics, and a learner for each role.

    How roles learn is what `config.algorithm` says (`algorithms/`); by default it is hierarchical MAPPO.
    """

    def __init__(self, source: Environments | Rollouts, config: TrainConfig) -> None:
        """`source`: config.num_envs environments to be stepped right here, or runners; the caller closes it."""
        self.rollouts: Rollouts = source if isinstance(source, Rollouts) else Here(source)
        self.config = config
        self.schema: Schema = self.rollouts.schema
        self.generator = torch.Generator().manual_seed(config.seed)
        self.observer = Observer(self.schema, config.num_envs, config.roles)
        self.algorithm = load(config.algorithm)
        self.learners = {
            role.name: self.algorithm.learner(role, self.observer, config.roles[role.name], generator=self.generator)
            for role in self.schema.roles
        }
        check_constraints(self.schema, config.constraint)
        self.constraints = PidLagrangian(config.constraint, config.pid)
        self.pools = {name: DecisionPool(config.roles[name].min_decisions) for name in self.learners}
        self.segments = 0  # completed
        self.rounds = 0  # of fragments
        self.env_steps = 0

    def train_segment(self, on_rollout: Callable[[RolloutReport], None] = lambda report: None) -> None:
        """Train from fresh episodes to the next checkpoint boundary."""
        last = self.config.segment_rollouts - 1
        overlap = self.config.overlap and self.rollouts.apart
        self._launch(closes=last == 0)
        for rollout in range(self.config.segment_rollouts):
            began = time.perf_counter()
            arrived = self.rollouts.collect()
            report = self._report(arrived, time.perf_counter() - began)
            self._take_in(arrived)
            if overlap and rollout < last:  # the next is sampled by the old weights, while they improve
                self._launch(closes=rollout + 1 == last)
            self._update(report)
            on_rollout(report)
            if not overlap and rollout < last:
                self._launch(closes=rollout + 1 == last)
        self.segments += 1

    def _launch(self, *, closes: bool) -> None:
        """Order the next fragments, sampled with the present weights."""
        weights = Weights(
            version=self.rounds,
            policies={name: learner.policy_state() for name, learner in self.learners.items()},
            observer=self.observer.state_dict(),
            multipliers=dict(self.constraints.multipliers),
        )
        self.rollouts.launch(Order(self.config, self.segments, self.rounds, closes), weights)
        self.rounds += 1

    def _take_in(self, fragments: list[Fragment]) -> None:
        """Decisions into the pools, and what was seen into the statistics."""
        for fragment in fragments:
            for name, pool in self.pools.items():
                pool.add(fragment.runner, fragment.decisions[name])
        grown = [fragment.observer for fragment in fragments]
        self.observer.load_state_dict(merge_statistics(self.observer.state_dict(), grown))

    def _update(self, report: RolloutReport) -> None:
        began = time.perf_counter()
        done = min(self.env_steps / self.config.steps, 1.0)
        lr_ratio = 1.0 - (1.0 - self.config.final_lr_ratio) * done
        self.constraints.update(report.metrics | report.terms)
        report.multipliers = dict(self.constraints.multipliers)
        learns = stage(self.config, self.schema.roles, self.segments)
        ready = {name: pool.take() for name, pool in self.pools.items() if learns[name] == "learn" and pool.ready}
        report.updates = self.algorithm.update(self.learners, ready, lr_ratio, self.generator)
        report.update_s = time.perf_counter() - began

    def _report(self, fragments: list[Fragment], wait_s: float) -> RolloutReport:
        tally = Tally.total([fragment.tally for fragment in fragments])
        self.env_steps += tally.steps
        metrics = tally.metrics / tally.steps
        return RolloutReport(
            env_steps=self.env_steps,
            utility=float(metrics @ self.schema.utility_weights),
            rewards={name: total / tally.steps for name, total in tally.rewards.items()},
            terms={
                f"{role.name}/{term.name}": float(total) / tally.steps
                for role in self.schema.roles
                for term, total in zip(role.terms, tally.terms[role.name], strict=True)
            },
            metrics={item.name: float(mean) for item, mean in zip(self.schema.metrics, metrics, strict=True)},
            episode_utilities=tally.episode_utilities,
            failures=[*tally.failures, *self.rollouts.take_deaths()],
            dropped=self.rollouts.take_dropped(),
            simulate_s=tally.simulate_s,
            act_s=tally.act_s,
            wait_s=wait_s,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how training goes on from a segment's end; runners keep nothing beyond it."""
        return {
            "segments": self.segments,
            "rounds": self.rounds,
            "env_steps": self.env_steps,
            "generator": self.generator.get_state(),
            "observer": self.observer.state_dict(),
            "roles": {name: learner.state_dict() for name, learner in self.learners.items()},
            "constraints": self.constraints.state_dict(),
            "pools": {name: pool.state_dict() for name, pool in self.pools.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.segments, self.rounds, self.env_steps = (int(state[key]) for key in ("segments", "rounds", "env_steps"))
        self.generator.set_state(state["generator"])
        self.observer.load_state_dict(state["observer"])
        self.constraints.load_state_dict(state["constraints"])
        for name, learner in self.learners.items():
            learner.load_state_dict(state["roles"][name])
            self.pools[name].load_state_dict(state["pools"][name])
