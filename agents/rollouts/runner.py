# SPDX-License-Identifier: GPL-2.0-only
"""Sampling: an `EnvRunner` owns environments and copies of the policies, and turns orders into fragments.

It knows nothing of losses and optimisers, and the learner knows nothing of environments. Whatever a fragment holds is a
function of the run's seed, the segment, the runner's number and the weights: a runner keeps nothing from one segment
to the next, so that it can be anywhere and be started anew at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from agents.algorithms import load
from agents.arrays import some
from agents.learner.lagrangian import penalties
from agents.learner.observer import Observer
from agents.learner.stages import stage
from agents.rollouts.environment import begin_step, departures, sends
from agents.rollouts.fragments import Fragment, Order, Tally, Weights
from pybridge import SimulatorError

if TYPE_CHECKING:
    from agents.config import TrainConfig
    from agents.rollouts.environment import Environments

FIRST_TRAINING_SEED = 2**20  # held-out seeds lie below
FAILURES_IN_A_ROW = 5  # without an episode's end or a fragment's between them, and a runner gives up


def close_envs(env: Environments) -> None:
    """End environments that can be ended."""
    close = getattr(env, "close", None)
    if close is not None:
        close()


class EnvRunner:
    """Environments, and the policies that act in them."""

    def __init__(
        self,
        env: Environments,
        config: TrainConfig,
        *,
        index: int = 0,
        remake: Callable[[], Environments] | None = None,
    ) -> None:
        """The caller closes `env`; with `remake`, a runner whose simulator died opens another and goes on."""
        self.env, self.config, self.index, self.remake = env, config, index, remake
        self.schema = env.schema
        self.utility_weights = env.schema.utility_weights
        self.num_envs = env.num_envs
        self.observer = Observer(self.schema, self.num_envs, config.roles)
        algorithm = load(config.algorithm)
        self.policies = {
            role.name: algorithm.policy(
                role, self.observer, config.roles[role.name], num_envs=self.num_envs, rollout_steps=config.rollout_steps
            )
            for role in self.schema.roles
        }
        shapes = {role.name: (self.num_envs, role.num_agents) for role in self.schema.roles}
        self.rewards = {name: np.zeros(shape) for name, shape in shapes.items()}  # sums over a fragment, as these are
        self.terms = {role.name: np.zeros((*shapes[role.name], len(role.terms))) for role in self.schema.roles}
        self.metrics = np.zeros((self.num_envs, len(self.schema.metrics)))
        self.rng = np.random.default_rng()
        self.booked = True  # what the last step brought
        self.place: tuple[int, int] | None = None  # segment and attempt
        self.failures = 0  # in this segment
        self.failures_in_a_row = 0
        self.episode_utility = np.zeros(self.num_envs)
        self.episode_steps = np.zeros(self.num_envs, dtype=np.int64)

    def sample(self, order: Order, weights: Weights) -> Fragment:
        """One fragment: `rollout_steps` steps in every environment.

        Raises:
            SimulatorError: a simulator died and there is no `remake`, or they die again and again.
        """
        began = time.perf_counter()
        self.observer.load_state_dict(weights.observer)
        self.penalties = penalties(weights.multipliers, self.config.constraint)
        for name, policy in self.policies.items():
            policy.load(weights.policies[name])
        tally = Tally()
        for sums in (*self.rewards.values(), *self.terms.values(), self.metrics):
            sums[:] = 0.0
        if self.place != (order.segment, order.attempt):
            self.place, self.failures = (order.segment, order.attempt), 0
            now = stage(self.config, self.schema.roles, order.segment)
            for name, policy in self.policies.items():
                policy.clear(now[name])
            self.rng = np.random.default_rng(self._seed("sampling"))
            self._begin(tally)
        while tally.steps < self.config.rollout_steps * self.num_envs:
            try:
                self._step(tally)
            except SimulatorError as error:
                self._recover(error, tally)
        self._keep_books()
        for name, total in self.rewards.items():
            tally.rewards[name] = float(total.mean(axis=1).sum())
            tally.terms[name] = self.terms[name].mean(axis=1).sum(axis=0)
        tally.metrics = self.metrics.sum(axis=0)
        if order.closes:
            for name, policy in self.policies.items():
                for env in range(self.num_envs):
                    policy.buffer.end(env, self.view.own[name][env], self.view.state[env], terminated=False)
        decisions = {name: policy.take(self.view) for name, policy in self.policies.items()}
        if not tally.failures:
            self.failures_in_a_row = 0
        tally.act_s = time.perf_counter() - began - tally.simulate_s
        return Fragment(
            runner=self.index,
            round=order.round,
            version=weights.version,
            decisions=decisions,
            observer=self.observer.state_dict(),
            tally=tally,
        )

    def _begin(self, tally: Tally) -> None:
        """Fresh episodes everywhere."""
        called = time.perf_counter()
        while True:
            try:
                self.batch = self.env.reset(seed=FIRST_TRAINING_SEED + self._seed("episodes") % 2**30)
                break
            except SimulatorError as error:
                self._reopen(error, tally)
        tally.simulate_s += time.perf_counter() - called
        self.booked = True  # a reset brings no rewards
        self.observer.learn(self.batch)
        self.view = self.observer.observe(self.batch)
        self.episode_utility[:] = 0.0
        self.episode_steps[:] = 0

    def _step(self, tally: Tally) -> None:
        """One step of every environment; books are kept while simulators run, and that is their time."""
        actions = {name: policy.decide(self.view, self.batch, self.rng) for name, policy in self.policies.items()}
        self.observer.decided(actions)
        called = time.perf_counter()
        arrival = begin_step(self.env, actions)
        self._keep_books()
        for policy in self.policies.values():
            policy.note()
        if not sends(self.env):  # nothing ran meanwhile
            called = time.perf_counter()
        batch = self.batch = arrival()
        tally.simulate_s += time.perf_counter() - called
        tally.steps += self.num_envs
        self.booked = False
        self.episode_steps += 1
        ended = batch.terminated | batch.truncated
        if some(ended):
            self._keep_books()
            for env in map(int, np.flatnonzero(ended)):
                self._end_episode(env, tally)
        self.view = self.observer.observe(batch)

    def _keep_books(self) -> None:
        """What the last step brought, once: rewards to the decisions that were open in it, sums, and statistics."""
        if self.booked:
            return
        self.booked = True
        self.observer.learn(self.batch)
        for name, policy in self.policies.items():
            policy.reward(self.batch, self.penalties, departures(self.batch, name))
            self.rewards[name] += self.batch.rewards[name]
            self.terms[name] += self.batch.terms[name]
        self.metrics += self.batch.metrics
        self.episode_utility += self.batch.metrics @ self.utility_weights

    def _end_episode(self, env: int, tally: Tally) -> None:
        """The last step ended an episode."""
        last = self.observer.final(self.batch, env)
        for name, policy in self.policies.items():
            policy.end(env, last.own[name][0], last.state[0], terminated=bool(self.batch.terminated[env]))
        tally.episode_utilities.append(float(self.episode_utility[env] / self.episode_steps[env]))
        self.episode_utility[env] = self.episode_steps[env] = 0
        self.failures_in_a_row = 0

    def _recover(self, error: SimulatorError, tally: Tally) -> None:
        """Go on after a simulator has died: what was unfinished is thrown away, and fresh episodes begin.

        The environments share one vector, which ends with the first of them, so all of them begin anew.
        """
        self._keep_books()
        for policy in self.policies.values():
            policy.note()
            for env in range(self.num_envs):
                policy.buffer.drop(env)
        self._reopen(error, tally)
        self._begin(tally)

    def _reopen(self, error: SimulatorError, tally: Tally) -> None:
        self.failures += 1
        self.failures_in_a_row += 1
        tally.failures.append(str(error))
        if self.remake is None or self.failures_in_a_row >= FAILURES_IN_A_ROW:
            raise error
        close_envs(self.env)
        self.env = self.remake()

    def _seed(self, use: str) -> int:
        """Of the place where the runner is: run, segment, runner, starts, failures."""
        assert self.place is not None
        segment, attempt = self.place
        words = [self.config.seed, segment]
        if self.index or attempt or self.failures or use != "episodes":
            words += [self.index, attempt, self.failures, ("episodes", "sampling").index(use)]
        return int(np.random.SeedSequence(words).generate_state(1)[0])
