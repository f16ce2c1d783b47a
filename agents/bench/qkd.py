# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench qkd`: how fast a key network is simulated, packet by packet, and how that grows with its size."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pybridge
from agents.policies import EqualShare

DEMANDS_PER_KME = 40 / 14


def measure(num_kmes: list[int], simulated_s: float = 3600.0) -> list[dict[str, Any]]:
    """Rows: the scenario nsfnet at each size, with 40 demands at 14 KMEs and in proportion, faults on, on one core.

    Attributes of a row: `real_time_factor` is simulated over wall-clock time, building the network not counted
    (`ready_s`); `factor_of_a_core` is simulated over processor time, which others on the machine disturb less;
    `peak_mb` is the simulator's largest resident memory.
    """
    return [_run(kmes, max(1, round(kmes * DEMANDS_PER_KME)), simulated_s) for kmes in num_kmes]


def _run(num_kmes: int, num_demands: int, simulated_s: float) -> dict[str, Any]:
    import numpy as np

    before = _children()
    began = time.perf_counter()
    params = {"num_kmes": num_kmes, "num_demands": num_demands, "episode_s": simulated_s}
    with pybridge.make_vec("nsfnet", num_envs=1, params=params) as env:
        batch = env.reset()
        ready = time.perf_counter()
        simulators = _children() - before
        cpu_before = sum(map(_cpu_s, simulators))
        policy, rng = EqualShare(env.schema), np.random.default_rng(0)
        steps = int(simulated_s * 1e9 / env.schema.step_ns)
        # Not the last step: with it the simulator ends, and with it what the system knows of it.
        for _ in range(steps - 1):
            batch = env.step(policy.act(batch, rng))
        seconds = time.perf_counter() - ready
        simulated = (steps - 1) * env.schema.step_ns * 1e-9
        metrics = dict(zip((metric.name for metric in env.schema.metrics), batch.metrics[0].tolist(), strict=True))
        cpu = sum(map(_cpu_s, simulators)) - cpu_before
        return {
            "kmes": num_kmes,
            "demands": num_demands,
            "simulated_s": round(simulated),
            "ready_s": round(ready - began, 2),
            "wall_s": round(seconds, 2),
            "cpu_s": round(cpu, 2),
            "real_time_factor": round(simulated / seconds),
            "factor_of_a_core": round(simulated / max(cpu, 0.01)),
            "peak_mb": round(max(map(_peak_mb, simulators)), 1),
            "messages": round(metrics["messages"]),
            "served_ratio": round(metrics["served_ratio"], 4),
        }


def _children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
