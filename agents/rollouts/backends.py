# SPDX-License-Identifier: GPL-2.0-only
"""Where a run's runners are: the back ends `inline`, `local` and `ray`, started and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agents.config import ConfigError, TrainConfig
from agents.rollouts.base import Here, Rollouts
from agents.rollouts.processes import Processes
from agents.rollouts.ray_runners import RayRunners

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments

    MakeEnvs = Callable[[int], Environments]  # given their number

BACKENDS = ("inline", "local", "ray")


def shares(config: TrainConfig) -> list[int]:
    """Environments of each runner.

    Raises:
        ConfigError: the back end does not exist, or the runners do not fit it or the environments.
    """
    if config.backend not in BACKENDS:
        raise ConfigError(f"backend = {config.backend!r}: expected one of {', '.join(BACKENDS)}")
    if config.backend == "inline" and config.num_runners > 1:
        raise ConfigError(f"num_runners = {config.num_runners}: the back end inline has one; choose local or ray")
    if not 1 <= config.num_runners <= config.num_envs:
        raise ConfigError(f"num_runners = {config.num_runners}: expected 1 to num_envs = {config.num_envs}")
    each, more = divmod(config.num_envs, config.num_runners)
    return [each + (index < more) for index in range(config.num_runners)]


@contextmanager
def start(make: MakeEnvs, config: TrainConfig) -> Iterator[Rollouts]:
    """The runners of a run, which open their environments by `make`; ended on the way out.

    Raises:
        ConfigError: the back end does not exist, or the runners do not fit it.
        RunnerError: a runner does not come up.
    """
    rollouts = _open(make, shares(config), config)
    try:
        yield rollouts
    finally:
        rollouts.close()


def _open(make: MakeEnvs, numbers: list[int], config: TrainConfig) -> Rollouts:
    if config.backend == "inline":
        return Here(make(numbers[0]), lambda: make(numbers[0]))
    if config.backend == "local":
        return Processes(make, numbers, config.fragment_timeout_s)
    return RayRunners(make, numbers, config.fragment_timeout_s, config.ray_address)
