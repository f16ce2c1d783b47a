# SPDX-License-Identifier: GPL-2.0-only
"""Where the work of a study is done: in this process, in several of this machine, or on the nodes of a Ray cluster.

Work comes in *units*, each of which leaves its file. Those that are given together need not wait for each other. All
three ways yield a unit when it has ended, with the `ConfigError` that refused it if one did; any other error ends the
study.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from rich.console import Console

from agents.config import ConfigError
from agents.rollouts.base import RunnerError
from agents.rollouts.processes import portable
from agents.rollouts.ray_cluster import joined
from pybridge.forks import end_with_parent

TRIES = 3  # of a unit whose node dies; a training run goes on from its last checkpoint


@dataclass(frozen=True)
class Unit:
    """A piece of work: `work` can be pickled and tells its progress to a console."""

    name: str
    work: Callable[[Console], None]


Done = Iterator[tuple[Unit, ConfigError | None]]
Workers = Callable[[str, Sequence[Unit]], Done]  # what is being done, and to what


@contextmanager
def here(console: Console) -> Iterator[Workers]:
    """One after the other in this process."""

    def do(doing: str, units: Sequence[Unit]) -> Done:
        for number, unit in enumerate(units, start=1):
            console.print(f"[bold]{doing} {number}/{len(units)}: {unit.name}", highlight=False, soft_wrap=True)
            try:
                unit.work(console)
            except ConfigError as error:
                yield unit, error
            else:
                yield unit, None

    yield do


@contextmanager
def side_by_side(console: Console, jobs: int) -> Iterator[Workers]:
    """`jobs` at a time, each in a process of its own. `qntn watch` shows how far a training run is."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), end_with_parent, (os.getpid(),)) as pool:

        def do(doing: str, units: Sequence[Unit]) -> Done:
            begun = {pool.submit(_quietly, unit.work): unit for unit in units}
            for number, ended in enumerate(as_completed(begun), start=1):
                unit = begun[ended]
                yield unit, _answer(console, doing, unit, f"{number}/{len(units)}", ended.result())

        try:
            yield do
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def on_cluster(console: Console, address: str, cores: int, folder: Path) -> Iterator[Workers]:
    """As many as fit the cores of a Ray cluster, of which each unit takes `cores`. All nodes have to see `folder`.

    A unit whose node dies is begun again on another one, up to `TRIES` times.

    Raises:
        RunnerError: there is no cluster, no node of it has as many cores or one does not see `folder`, or a unit dies
            again and again.
    """
    with joined(address, cores) as ray:
        most = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
        if most < cores:
            raise RunnerError(f"found nodes with up to {most:.0f} cores, expected {cores}: `num_envs` of the plan")
        remote = ray.remote(_on_node).options(num_cpus=cores, max_retries=TRIES - 1, scheduling_strategy="SPREAD")

        def do(doing: str, units: Sequence[Unit]) -> Done:
            begun = {remote.remote(cloudpickle.dumps(unit.work), folder): unit for unit in units}
            for number in range(1, len(units) + 1):
                (ended,), _ = ray.wait(list(begun), num_returns=1)
                unit = begun.pop(ended)
                try:
                    answer = ray.get(ended)
                except ray.exceptions.RayError as error:
                    last = " ".join(str(error).split())[:300]
                    text = f"{unit.name} died {TRIES} times; --resume goes on with what is left; {last}"
                    raise RunnerError(text) from None
                yield unit, _answer(console, doing, unit, f"{number}/{len(units)}", answer)

        yield do


def _answer(console: Console, doing: str, unit: Unit, place: str, error: Exception | None) -> ConfigError | None:
    """Tells of a unit that has ended elsewhere, and what refused it.

    Raises:
        Exception: what ended the unit.
    """
    if error is not None and not isinstance(error, ConfigError):
        raise error
    console.print(f"{doing} {place} done: {unit.name}", highlight=False, soft_wrap=True)
    return error


def _quietly(work: Callable[[Console], None]) -> ConfigError | None:
    torch.set_num_threads(1)  # the simulators need the cores
    try:
        work(Console(quiet=True))
    except ConfigError as error:
        return error
    return None


def _on_node(work: bytes, folder: Path) -> Any:
    """One unit in a process of Ray's; the error that ended it, if one did."""
    if not folder.exists():
        return RunnerError(
            f"{platform.node()} does not see {folder}: name an --out that all nodes of the cluster share"
        )
    try:
        return _quietly(cloudpickle.loads(work))
    except Exception as error:
        return portable(error)
