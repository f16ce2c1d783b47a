# SPDX-License-Identifier: GPL-2.0-only
"""Where fragments come from: `launch` orders one from every runner, `collect` waits for them.

| class | runners | in |
|---|---|---|
| `Here` | one, in the learner's own process | this file |
| `Processes` | processes of this machine | `processes.py` |
| `RayRunners` | Ray actors, on this machine or on a cluster | `ray_runners.py` |

`backends.py` starts one of them. The last two only carry messages. What happens to fragments that are late and to
runners that die is decided once, in `Apart`: fragments of a round are taken in the order of the runners' numbers, so
that the result does not depend on which of them was faster; a round that goes on without a fragment counts it as
dropped, whether it comes later or not; a runner that died or was late begins new episodes, and one that says nothing
for two rounds counts as dead.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents.rollouts.fragments import Fragment, Order, Weights
from agents.rollouts.runner import EnvRunner, close_envs

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments
    from pybridge import Schema

DEATHS_IN_A_ROW = 3  # of one runner without a fragment between them, and the run stops
MISSES_IN_A_ROW = 2  # rounds without any answer of a runner, and it is started anew
START_TIMEOUT_S = 120.0  # of a runner, until it has told its schema


class RunnerError(RuntimeError):
    """A runner cannot go on; the text says why."""


@dataclass(frozen=True)
class Death:
    """A runner is gone; the text says how."""

    text: str


class Rollouts(ABC):
    """Runners as the learner sees them.

    Attributes:
        schema: of their environments.
        apart: they work while the learner does.
    """

    schema: Schema
    apart: bool = False

    @abstractmethod
    def launch(self, order: Order, weights: Weights) -> None:
        """Order a fragment from every runner; returns at once."""

    @abstractmethod
    def collect(self) -> list[Fragment]:
        """The fragments of the last `launch`, by number of the runner; at least one."""

    def take_deaths(self) -> list[str]:
        """Why runners were started anew since the last call."""
        return []

    def take_dropped(self) -> int:
        """How many fragments rounds have gone on without since the last call."""
        return 0

    def close(self) -> None:  # noqa: B027 - not every one has something to end
        """End the runners."""


class Here(Rollouts):
    """One runner in this process, which samples when it is collected."""

    def __init__(self, env: Environments, remake: Callable[[], Environments] | None = None) -> None:
        """The caller closes `env`; `remake`: see `EnvRunner`."""
        self.env, self.remake = env, remake
        self.schema = env.schema
        self.runner: EnvRunner | None = None

    def launch(self, order: Order, weights: Weights) -> None:
        """See `Rollouts.launch`."""
        self.ordered = order, weights

    def collect(self) -> list[Fragment]:
        """See `Rollouts.collect`."""
        order, weights = self.ordered
        if self.runner is None or self.runner.config is not order.config:
            self.runner = EnvRunner(self.env, order.config, remake=self.remake)
        return [self.runner.sample(order, weights)]

    def close(self) -> None:
        """Close the environments, if this has opened them."""
        if self.remake is not None:
            close_envs(self.env if self.runner is None else self.runner.env)


class Apart(Rollouts):
    """Runners elsewhere; subclasses carry orders to them and fragments back."""

    apart = True

    def __init__(self, num_runners: int, timeout_s: float) -> None:
        """A round goes on after `timeout_s` without the runners that have not answered, if one has."""
        self.num_runners, self.timeout_s = num_runners, timeout_s
        self.attempts = [0] * num_runners
        self.deaths_in_a_row = [0] * num_runners
        self.misses_in_a_row = [0] * num_runners
        self.busy: set[int] = set()
        self.deaths: list[str] = []
        self.dropped = 0
        self.segment = -1

    @abstractmethod
    def put(self, weights: Weights) -> Any:
        """What `submit` hands to every runner."""

    @abstractmethod
    def submit(self, index: int, order: Order, weights: Any) -> None:
        """Send an order to an idle runner; if it is gone, `wait` tells it."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[tuple[int, Fragment | Death]]:
        """What has come from runners, at least one answer unless time is up.

        Raises:
            Exception: what a runner has reported, which cannot go on.
        """

    @abstractmethod
    def revive(self, index: int) -> None:
        """Start a runner anew that is gone, or ends with this; nothing of it comes any more."""

    def launch(self, order: Order, weights: Weights) -> None:
        """See `Rollouts.launch`."""
        if order.segment != self.segment:
            self.segment, self.attempts = order.segment, [0] * self.num_runners
        self.order, self.weights = order, self.put(weights)
        self.arrived: dict[int, Fragment] = {}
        for index in sorted(set(range(self.num_runners)) - self.busy):  # the others have an older order yet
            self._submit(index)

    def collect(self) -> list[Fragment]:
        """See `Rollouts.collect`."""
        deadline = time.monotonic() + self.timeout_s
        while len(self.arrived) < self.num_runners:
            left = deadline - time.monotonic()
            if left <= 0 and self.arrived:
                break
            for index, answer in self.wait(max(left, 0.0) if self.arrived else max(left, 1.0)):
                self.busy.discard(index)
                self.misses_in_a_row[index] = 0
                if isinstance(answer, Death):
                    self._start_anew(index, answer.text)
                    self._submit(index)
                elif answer.round != self.order.round:  # it was missed then
                    self.attempts[index] += 1  # its next decisions would not follow those that the learner has
                    self._submit(index)
                else:
                    self.deaths_in_a_row[index] = 0
                    self.arrived[index] = answer
        for index in sorted(self.busy):
            self._missed(index)
        return [self.arrived[index] for index in sorted(self.arrived)]

    def take_deaths(self) -> list[str]:
        """See `Rollouts.take_deaths`."""
        deaths, self.deaths = self.deaths, []
        return deaths

    def take_dropped(self) -> int:
        """See `Rollouts.take_dropped`."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _submit(self, index: int) -> None:
        self.busy.add(index)
        self.submit(index, replace(self.order, attempt=self.attempts[index]), self.weights)

    def _missed(self, index: int) -> None:
        """The round goes on without this runner, whose next order waits for its answer, or for its next life."""
        self.dropped += 1
        self.misses_in_a_row[index] += 1
        if self.misses_in_a_row[index] >= MISSES_IN_A_ROW:
            self.misses_in_a_row[index] = 0
            self.busy.discard(index)
            wait = f"fragment_timeout_s = {self.timeout_s:g}"
            self._start_anew(index, f"it has not answered in {MISSES_IN_A_ROW} rounds in a row ({wait})")

    def _start_anew(self, index: int, why: str) -> None:
        self.deaths.append(f"runner {index}: {why}")
        self.deaths_in_a_row[index] += 1
        self.attempts[index] += 1
        if self.deaths_in_a_row[index] >= DEATHS_IN_A_ROW:
            raise RunnerError(f"runner {index} died {DEATHS_IN_A_ROW} times without a fragment; last: {why}")
        self.revive(index)
