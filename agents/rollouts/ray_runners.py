# SPDX-License-Identifier: GPL-2.0-only
"""Runners as Ray actors, spread over the nodes of a cluster; `pip install 'qntn[ray]'`.

One call makes one fragment. Weights are put into the object store once, and each node fetches them once. For an actor
that died, with its node perhaps, Ray places another where there is room, and the order that it had is given again (see
`rollouts.Apart`). Ray's own restarts are not used: until one is complete, every call to the actor fails.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import cloudpickle

from agents.rollouts.base import START_TIMEOUT_S, Apart, Death, RunnerError
from agents.rollouts.fragments import Fragment, Order, Weights
from agents.rollouts.processes import portable
from agents.rollouts.ray_cluster import joined
from agents.rollouts.runner import EnvRunner, close_envs

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments

    MakeEnvs = Callable[[int], Environments]

GOODBYE_S = 5.0  # for a runner to close its environments


class RayRunners(Apart):
    """See the module."""

    def __init__(self, make: MakeEnvs, numbers: Sequence[int], timeout_s: float, address: str = "") -> None:
        """`numbers`: environments of each runner, and cores that it asks for. Returns when all have opened them.

        `address`: of a cluster; see `ray_cluster.joined`.
        """
        super().__init__(len(numbers), timeout_s)
        self.make, self.numbers = cloudpickle.dumps(make), numbers
        self.pending: dict[Any, int] = {}
        self.actors: list[Any] = []
        self.cluster = ExitStack()
        self.ray = self.cluster.enter_context(joined(address, sum(numbers)))
        try:
            self.actors = [self._place(index) for index in range(len(numbers))]
            schemas = [self._got(actor.schema.remote(), START_TIMEOUT_S) for actor in self.actors]
        except self.ray.exceptions.GetTimeoutError:
            cores = self.ray.cluster_resources().get("CPU", 0)
            self.close()
            raise RunnerError(
                f"Ray has not started runners with {list(numbers)} cores within {START_TIMEOUT_S:.0f} s; "
                f"its cluster has {cores:.0f} cores"
            ) from None
        except BaseException:
            self.close()
            raise
        self.schema = schemas[0]

    def put(self, weights: Weights) -> Any:
        """Into the object store, as bytes: arrays that come out of it cannot be written to, which PyTorch needs."""
        return self.ray.put(pickle.dumps(weights, pickle.HIGHEST_PROTOCOL))

    def submit(self, index: int, order: Order, weights: Any) -> None:
        """See `Apart.submit`."""
        self.pending[self.actors[index].sample.remote(order, weights)] = index

    def wait(self, timeout_s: float) -> list[tuple[int, Fragment | Death]]:
        """See `Apart.wait`."""
        ready, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=timeout_s)
        answers: list[tuple[int, Fragment | Death]] = []
        for reference in ready:
            index = self.pending.pop(reference)
            try:
                answers.append((index, pickle.loads(self._got(reference))))
            except (self.ray.exceptions.RayActorError, self.ray.exceptions.ObjectLostError) as error:
                answers.append((index, Death(" ".join(str(error).split())[:300])))
        return answers

    def revive(self, index: int) -> None:
        """See `Apart.revive`."""
        self.pending = {reference: of for reference, of in self.pending.items() if of != index}
        self.ray.kill(self.actors[index])  # if it was only out of reach, it must not come back
        self.actors[index] = self._place(index)

    def _place(self, index: int) -> Any:
        num_envs = self.numbers[index]
        placed = self.ray.remote(_Actor).options(num_cpus=num_envs, scheduling_strategy="SPREAD", max_restarts=0)
        return placed.remote(self.make, index, num_envs)

    def close(self) -> None:
        """End the actors, and the cluster if it was made here."""
        if closing := [actor.close.remote() for actor in self.actors]:
            self.ray.wait(closing, num_returns=len(closing), timeout=GOODBYE_S)
        for actor in self.actors:
            self.ray.kill(actor)
        self.actors.clear()
        self.cluster.close()

    def _got(self, reference: Any, timeout_s: float | None = None) -> Any:
        answer = self.ray.get(reference, timeout=timeout_s)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class _Actor:
    """One runner."""

    def __init__(self, make: bytes, index: int, num_envs: int) -> None:
        import torch

        torch.set_num_threads(1)
        self.make, self.index, self.num_envs = make, index, num_envs
        self.runner: EnvRunner | None = None
        self.env: Any = None

    def _open(self) -> Any:
        make: MakeEnvs = pickle.loads(self.make)
        return make(self.num_envs)

    def schema(self) -> Any:
        """Of the environments, which this opens."""
        try:
            self.env = self._open()
            return self.env.schema
        except Exception as error:
            return portable(error)

    def sample(self, order: Order, weights: bytes) -> Any:
        """A fragment as bytes, or the error that prevented it."""
        try:
            if self.runner is None:
                env = self._open() if self.env is None else self.env  # none after a death
                self.runner = EnvRunner(env, order.config, index=self.index, remake=self._open)
            fragment = self.runner.sample(order, pickle.loads(weights))
            return pickle.dumps(fragment, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            return portable(error)

    def close(self) -> None:
        """End the simulators."""
        if self.runner is not None:
            close_envs(self.runner.env)
        elif self.env is not None:
            close_envs(self.env)
