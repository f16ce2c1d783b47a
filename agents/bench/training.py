# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench training`: how fast a scenario trains, where the time goes, and what it takes of the memory.

Each row trains in a process of its own. Its first rollout is the warm-up that `first_update_s` tells of, from the
process's start; the others are measured. Shares are of the wall time of these. What a runner does while its simulators
run is their time; in what is left they wait for Python (`simulators_wait_ratio`). Where sampling and learning overlap,
shares may add up to more than 1, and simulators wait for inference alone. `bridge_ratio` is an estimate: steps, times
what an exchange costs Python and simulator with the scenario `echo`, which simulates nothing. CPU times (`..._cpu_...`)
are of the same rollouts and are what counts on a machine that has other work: a step's in simulators and in Python
(inference, updates), and Python's part of the sum.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

import pybridge
from agents.arrays import Array
from agents.learner.mappo import HierarchicalMappo, RolloutReport
from agents.policies import EqualShare
from agents.rollouts.backends import start
from agents.settings import read, resolve, run_settings

Row = dict[str, Any]
ECHO_STEPS = 3000
CASES = (("inline", 1), ("inline", 2), ("local", 2))


def training(name: str, steps: int, overrides: Iterable[str] = ()) -> list[Row]:
    """A row for each back end and number of simulators, after at least `steps` measured environment steps."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for backend, num_envs in CASES:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            began = time.perf_counter()  # the same clock in all processes
            rows.append(pool.submit(_measure, name, backend, num_envs, steps, tuple(overrides), began).result())
    alone = {row["backend"]: row for row in rows if row["simulators"] == 1}["inline"]["env_steps_per_s"]
    for row in rows:
        row["speed_up"] = round(row["env_steps_per_s"] / alone, 2)
    return rows


def as_table(rows: Sequence[Row]) -> Table:
    """Figures down, cases across: there are too many figures for columns."""
    table = Table("", *(f"{row['backend']}, {row['simulators']}" for row in rows))
    for figure in rows[0]:
        if figure not in ("backend", "simulators"):
            table.add_row(figure, *(str(row[figure]) for row in rows))
    return table


def _measure(name: str, backend: str, num_envs: int, steps: int, overrides: tuple[str, ...], began: float) -> Row:
    import torch

    torch.set_num_threads(1)
    settings = read(None, [f"num_envs={num_envs}", f"backend={backend}", *overrides])
    reports: list[tuple[float, Array, RolloutReport]] = []

    def on_rollout(report: RolloutReport) -> None:
        reports.append((time.perf_counter(), _family_cpu_s(), report))

    with start(partial(_open, name), run_settings(settings)) as rollouts:
        config = resolve(settings, rollouts.schema.roles, name)
        rounds = 1 + -(-steps // (config.rollout_steps * config.num_envs))
        config = resolve({**settings, "segment_rollouts": rounds}, rollouts.schema.roles, name)
        learner = HierarchicalMappo(rollouts, config)
        learner.train_segment(on_rollout)
        first_update_s = reports[0][0] - began
        memory = [_proportional_bytes(process) for process in _family()]
        step_ns = rollouts.schema.step_ns
    seconds = reports[-1][0] - reports[0][0]
    measured = [report for _, _, report in reports[1:]]
    taken = reports[-1][2].env_steps - reports[0][2].env_steps
    python, simulators = reports[-1][1] - reports[0][1]
    simulate, act, update = (sum(getattr(report, key) for report in measured) for key in _TIMES)
    return {
        "backend": backend,
        "simulators": num_envs,
        "env_steps_per_s": round(taken / seconds, 1),
        "simulated_s_per_s": round(taken / seconds * step_ns * 1e-9, 1),
        "simulator_ratio": round(simulate / seconds, 3),
        "simulators_wait_ratio": round(1 - simulate / seconds, 3),
        "inference_ratio": round(act / seconds, 3),
        "update_ratio": round(update / seconds, 3),
        "inference_and_update_ratio": round((act + update) / seconds, 3),
        "python_cpu_ms_per_step": round(float(python) / taken * 1e3, 3),
        "simulator_cpu_ms_per_step": round(float(simulators) / taken * 1e3, 3),
        "python_cpu_ratio": round(float(python / (python + simulators)), 3),
        "bridge_ratio": round(_echo_step_s(num_envs) * taken / num_envs / seconds, 4),
        "first_update_s": round(first_update_s, 2),
        "memory_mb": round(sum(memory) / 2**20, 1),
        "learner_memory_mb": round(memory[0] / 2**20, 1),
    }


_TIMES = ("simulate_s", "act_s", "update_s")


def _open(name: str, num_envs: int) -> pybridge.VectorEnv:
    return pybridge.make_vec(name, num_envs=num_envs)


def _echo_step_s(num_envs: int) -> float:
    """Seconds of one exchange with simulators that simulate nothing."""
    with pybridge.make_vec("echo", num_envs=num_envs, seed=1) as env:
        batch = env.reset()
        actions = EqualShare(env.schema).act(batch, np.random.default_rng(0))
        took = []
        for _ in range(ECHO_STEPS):
            called = time.perf_counter()
            env.step(actions)
            took.append(time.perf_counter() - called)
    return float(np.median(took))  # a busy machine and the ends of episodes would spoil the mean


def _family() -> list[Path]:
    """This process in /proc, and all that descend from it."""
    found = [Path("/proc/self")]
    for process in found:  # grows meanwhile
        for thread in (process / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                found += [Path("/proc") / pid for pid in (thread / "children").read_text().split()]
    return found


def _family_cpu_s() -> Array:
    """CPU seconds so far of the Python processes and of simulators, those that have ended among them."""
    python = simulators = 0.0
    interpreter = Path("/proc/self/exe").readlink()
    for process in _family():
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        own, ended = (sum(map(int, fields[at : at + 2])) / os.sysconf("SC_CLK_TCK") for at in (11, 13))
        if (process / "exe").readlink() == interpreter:
            python += own
        else:
            simulators += own
        simulators += ended
    return np.array([python, simulators])


def _proportional_bytes(process: Path) -> int:
    """Resident memory, of which shared pages count in part."""
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{process}/smaps_rollup has no line 'Pss:'")
