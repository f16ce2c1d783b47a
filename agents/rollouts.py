# SPDX-License-Identifier: GPL-2.0-only
"""Where fragments come from: `launch` orders one from every runner, `collect` waits for them.

| class | runners |
|---|---|
| `Here` | one, in the learner's own process, on environments that somebody else opened |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from agents.fragments import Fragment, Order, Weights
from agents.runner import EnvRunner

if TYPE_CHECKING:
    from agents.environment import Environments
    from pybridge import Schema


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
        """How many fragments came too late since the last call."""
        return 0


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
