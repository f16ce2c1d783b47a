# SPDX-License-Identifier: GPL-2.0-only
"""Signals at random points of the exchange, to either side: each is noticed, and nothing stays behind.

How fast a death is noticed is printed by `qntn bench deaths`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pybridge

SIMULATOR_DEATHS = 90
STOPS = 10
PYTHON_DEATHS = 100


def endless(num_envs: int, **options: object) -> pybridge.VectorEnv:
    return pybridge.make_vec(
        "echo", num_envs=num_envs, seed=3, params={"num_steps": 4_000_000_000, "num_floats": 64}, **options
    )


def step_for_ever(env: pybridge.VectorEnv) -> None:
    actions = {"agent": np.zeros((env.num_envs, 1, 1), np.float32)}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        env.step(actions)
    raise AssertionError("the signal has not been noticed")


@pytest.mark.parametrize("transport", ["shm", "zmq"])
def test_simulators_killed_at_random_points(transport: str, nothing_left: object) -> None:
    rng = random.Random(1)
    for trial in range(SIMULATOR_DEATHS // 2):
        how = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        with endless(rng.choice([1, 2, 3]), transport=transport) as env:
            env.reset()
            killer = threading.Timer(rng.uniform(0, 0.01), os.kill, (rng.choice(env.pids), how))
            killer.start()
            with pytest.raises(pybridge.SimulatorDied) as caught:
                step_for_ever(env)
            killer.join()
            assert caught.value.returncode == -how, f"trial {trial}"
            assert how.name in str(caught.value)
            with pytest.raises(pybridge.QntnError, match="closed"):
                env.step({})


def test_simulators_stopped_at_random_points_meet_the_step_deadline(nothing_left: object) -> None:
    rng = random.Random(2)
    for _ in range(STOPS):
        with endless(2, step_timeout_s=0.2) as env:
            env.reset()
            killer = threading.Timer(rng.uniform(0, 0.01), os.kill, (rng.choice(env.pids), signal.SIGSTOP))
            killer.start()
            with pytest.raises(pybridge.StepTimeout, match="within 0.2 s"):
                step_for_ever(env)
            killer.join()


def test_python_killed_at_random_points(nothing_left: object) -> None:
    """A fresh process forks one Python after another, each with simulators of its own, and kills it."""
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("python_under_siege.py")), str(PYTHON_DEATHS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    outcome = json.loads(result.stdout)
    assert outcome == {"trials": PYTHON_DEATHS, "left": [], "wrong": []}, result.stderr


def test_a_stopped_python_goes_on(nothing_left: object) -> None:
    """Simulators wait for a Python that sleeps, and do not burn their core meanwhile."""
    with endless(2) as env:
        env.reset()
        actions = {"agent": np.zeros((2, 1, 1), np.float32)}
        for _ in range(10):
            env.step(actions)
        time.sleep(0.2)
        busy = [int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in env.pids]
        time.sleep(0.5)
        later = [int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in env.pids]
        assert all(b - a < 0.1e9 for a, b in zip(busy, later, strict=True)), "they sleep"
        env.step(actions)
