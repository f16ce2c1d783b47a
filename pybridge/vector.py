# SPDX-License-Identifier: GPL-2.0-only
"""A vector of environments: N simulators stepped together, as contiguous arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from pybridge.actions import check_actions
from pybridge.catalogue import Scenario
from pybridge.errors import QntnError
from pybridge.fleet import TERMINATED, TRUNCATED, Fleet, ShmFleet, ZmqFleet
from pybridge.schema import Schema, Value, schema_from_hello
from pybridge.simulator import Simulator, Transport
from pybridge.trace import TraceWriter, trace_from_environment

DEFAULT_STEP_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Batch:
    """What all environments tell after a step or a reset. E environments, A agents of a role.

    Arrays of `observations`, `action_masks` and `acts` are views into memory that is written again in
    the step after next: copy what you keep longer.

    Where an episode has ended (`terminated | truncated`) they already show the first state of the next
    one; `final_observations` holds the last state of the old one, and `terms`, `rewards` and `metrics`
    are still of its last step.

    Attributes:
        observations: [E, A, D] float32 by role.
        action_masks: [E, A, M] uint8 by role, 1 where allowed.
        acts: [E, A] uint8 by role, 1 for the agents that decide now.
        terms: [E, A, T] float64 by role, of the step just ended.
        rewards: [E, A] float64 by role, terms times the role's reward weights.
        metrics: [E, metrics] float64, of the step just ended.
        terminated, truncated: [E] bool.
        time_s: [E] float64 simulated time.
        seeds: [E] int64 of the episodes shown.
        final_observations: by role, environment -> [A, D].
    """

    observations: dict[str, npt.NDArray[np.float32]]
    action_masks: dict[str, npt.NDArray[np.uint8]]
    acts: dict[str, npt.NDArray[np.uint8]]
    terms: dict[str, npt.NDArray[np.float64]]
    rewards: dict[str, npt.NDArray[np.float64]]
    metrics: npt.NDArray[np.float64]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    time_s: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]
    final_observations: dict[str, dict[int, npt.NDArray[np.float32]]]


class VectorEnv:
    """N simulators of one scenario, stepped together.

    Episode k of environment e has the seed `seed + e + k * num_envs`, so episodes never repeat and a
    whole run is a function of `seed` and the actions. The simulator of the next episode is started while
    the present one runs.

    Made by `pybridge.make_vec`; a context manager.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        num_envs: int,
        params: Mapping[str, Value],
        seed: int,
        transport: Transport,
        step_timeout_s: float = DEFAULT_STEP_TIMEOUT_S,
        autoreset: bool = True,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs: found {num_envs}, expected at least 1")
        if transport not in ("shm", "zmq"):
            raise ValueError(f"transport: found {transport!r}, expected 'shm' or 'zmq'")
        self.num_envs = num_envs
        self._scenario = scenario
        self._params = scenario.resolve(params)
        self._transport: Transport = transport
        self._step_timeout_s = step_timeout_s
        self._autoreset = autoreset
        self._next_seed = [_checked_seed(seed) + env for env in range(num_envs)]
        self._seeds = np.zeros(num_envs, np.int64)
        self._running: list[Simulator | None] = [None] * num_envs
        self._waiting: list[Simulator | None] = [None] * num_envs
        self._live = False
        self._closed = False
        self._fleet: Fleet | None = None
        self._trace: TraceWriter | None = None
        try:
            first = [self._prepare(env) for env in range(num_envs)][0]
            hello = first.hello(step_timeout_s)
            self.schema: Schema = schema_from_hello(hello, scenario.rewards, scenario.utility)
            self._weights = {role.name: role.reward_weights for role in self.schema.roles}
            self._fleet = ShmFleet(self.schema, num_envs) if transport == "shm" else ZmqFleet(self.schema, num_envs)
            self._trace = trace_from_environment(hello, scenario, num_envs)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    def reset(self, *, seed: int | None = None) -> Batch:
        """Starts a new episode everywhere; `seed` begins the sequence of seeds anew.

        Raises:
            SimulatorError: a simulator does not come up.
        """
        self._check_open()
        if seed is not None:
            wanted = [_checked_seed(seed) + env for env in range(self.num_envs)]
            for env, waiting in enumerate(self._waiting):
                if waiting is not None and waiting.seed != wanted[env]:
                    waiting.close()
                    self._waiting[env] = None
            self._next_seed = wanted
        with self._closing_on_error():
            for env in range(self.num_envs):
                self._prepare(env)  # all of them build at the same time
            for env in range(self.num_envs):
                self._seat(env)
        self._live = True
        batch = self._batch()
        if self._trace is not None:
            self._trace.reset(batch)
        return batch

    def step(self, actions: Mapping[str, npt.NDArray[np.float32]]) -> Batch:
        """One step of every environment.

        Args:
            actions: [E, A, action size] by role. Rows of agents that do not act now are ignored; a role
                of which nobody acts may be left out.

        Raises:
            ActionError: an action does not fit; nothing has moved.
            SimulatorError: a simulator died or missed the deadline; all of them are ended.
        """
        self._check_open()
        if not self._live:
            raise QntnError("reset() must come before step(), and after the end of an episode")
        state = self._seats.state
        check_actions(self.schema, actions, state)
        for role, arrays in state.roles.items():
            if role in actions:
                np.copyto(self._seats.actions[role], actions[role], where=arrays.acts[:, :, None].view(np.bool_))
        with self._closing_on_error():
            self._seats.exchange(self._step_timeout_s)
            batch = self._batch()
            ended = np.flatnonzero(batch.terminated | batch.truncated)
            if ended.size and self._autoreset:
                self._restart(batch, ended)
            elif ended.size:
                self._live = False
        if self._trace is not None:
            self._trace.step(actions, batch)
        return batch

    def close(self) -> None:
        """Ends every simulator. Nothing is left behind; safe to call again."""
        self._closed = True
        self._live = False
        for simulator in (*self._running, *self._waiting):
            if simulator is not None:
                simulator.close()
        self._running = [None] * self.num_envs
        self._waiting = [None] * self.num_envs
        if self._fleet is not None:
            self._fleet.close()
        if self._trace is not None:
            self._trace.close()

    def _restart(self, batch: Batch, ended: npt.NDArray[np.intp]) -> None:
        """Seats the next simulators; what the old ones said last stays in the batch."""
        batch.metrics = batch.metrics.copy()
        for role, terms in batch.terms.items():
            batch.terms[role] = terms.copy()
            batch.final_observations[role] = {int(env): batch.observations[role][env].copy() for env in ended}
        for env in ended:
            self._seat(int(env))
            batch.time_s[env] = self._seats.time_ns(int(env)) * 1e-9
        batch.seeds = self._seeds.copy()

    def _prepare(self, env: int) -> Simulator:
        """The simulator of the next episode of `env`, started now unless it is there."""
        simulator = self._waiting[env]
        if simulator is None:
            simulator = self._waiting[env] = self._scenario.launch(self._transport)
            simulator.configure(self._next_seed[env], self._params)
        return simulator

    def _seat(self, env: int) -> None:
        """The next episode of `env` begins; the simulator of the one after is started."""
        old, simulator = self._running[env], self._prepare(env)
        if old is not None:
            old.close()
        self._running[env], self._waiting[env] = simulator, None
        simulator.hello(self._step_timeout_s)
        self._seats.seat(env, simulator, self._step_timeout_s)
        self._seeds[env] = self._next_seed[env]
        self._next_seed[env] += self.num_envs
        self._prepare(env)

    def _batch(self) -> Batch:
        state = self._seats.state
        status = np.array([self._seats.status(env) for env in range(self.num_envs)])
        return Batch(
            observations={role: arrays.observations for role, arrays in state.roles.items()},
            action_masks={role: arrays.masks for role, arrays in state.roles.items()},
            acts={role: arrays.acts for role, arrays in state.roles.items()},
            terms={role: arrays.terms for role, arrays in state.roles.items()},
            rewards={role: arrays.terms @ self._weights[role] for role, arrays in state.roles.items()},
            metrics=state.metrics,
            terminated=status == TERMINATED,
            truncated=status == TRUNCATED,
            time_s=np.array([self._seats.time_ns(env) * 1e-9 for env in range(self.num_envs)]),
            seeds=self._seeds.copy(),
            final_observations={},
        )

    @property
    def _seats(self) -> Fleet:
        assert self._fleet is not None
        return self._fleet

    def _check_open(self) -> None:
        if self._closed:
            raise QntnError("this environment is closed")

    def _closing_on_error(self) -> _ClosingOnError:
        return _ClosingOnError(self)


class _ClosingOnError:
    """Ends all simulators when one of them failed, so that an error leaves nothing behind."""

    def __init__(self, env: VectorEnv) -> None:
        self._env = env

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._env.close()


def _checked_seed(seed: int) -> int:
    if not 0 <= seed < 2**53:
        raise ValueError(f"seed: found {seed}, expected 0 .. 2^53 - 1")
    return seed
