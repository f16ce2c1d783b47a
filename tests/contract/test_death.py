# SPDX-License-Identifier: GPL-2.0-only
"""Whatever ends a simulator ends the episode with an error that explains it, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import pybridge
from pybridge.catalogue import SCENARIO_PATH_VARIABLE

TRANSPORTS = ("shm", "zmq")


def run_to_the_end(scenario: str, transport: str, timeout_s: float = 30.0, **params: object) -> None:
    with pybridge.make_vec(
        scenario, num_envs=2, seed=7, transport=transport, params=params, step_timeout_s=timeout_s
    ) as env:
        env.reset()
        for _ in range(40):
            env.step({"agent": np.zeros((2, 2, 3), np.float32)})


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("fault", "returncode", "words"),
    [
        ("destructor", -signal.SIGABRT, ["SIGABRT", "a destructor found its queue not empty"]),
        ("flood", -signal.SIGABRT, ["SIGABRT", "the cause, after 200 MB"]),
        ("raw_flood", -signal.SIGABRT, ["SIGABRT", "the cause, after 200 MB"]),
        ("memory", -signal.SIGABRT, ["SIGABRT", "it ran out of memory: std::bad_alloc", "ulimit -v"]),
        ("stack", -signal.SIGSEGV, ["SIGSEGV", "its stack overflowed: a recursion without end"]),
        ("wild", -signal.SIGSEGV, ["SIGSEGV", "memory that is not there"]),
        ("throw", -signal.SIGABRT, ["nobody caught its exception std::runtime_error", "slice 2 has no carrier"]),
        ("assert", -signal.SIGABRT, ["an assertion failed", "step 5 must not come"]),
        ("leave", 0, ["exited with status 0 without a last state", "Bridge::Finish"]),
        ("abort", -signal.SIGABRT, ["was ended by SIGABRT", "quota 60 PRBs exceeds the carrier's 51"]),
        ("exit", 0, ["exited with status 0"]),
        ("exit3", 3, ["exited with status 3"]),
        ("kill", -signal.SIGKILL, ["was ended by SIGKILL", "memory ran out", "dmesg"]),
        ("babble", 4, ["exited with status 4", "the end"]),
    ],
)
def test_a_death_is_explained(
    faulty: str, fault: str, returncode: int, words: list[str], transport: str, nothing_left: object
) -> None:
    with pytest.raises(pybridge.SimulatorDied) as caught:
        run_to_the_end(faulty, transport, fault=fault)
    error = caught.value
    assert error.returncode == returncode
    assert error.seed == 7
    assert error.command == f"qntn run faulty --seed 7 --param fault={fault}"
    for word in [*words, "seed:    7", error.command]:
        assert word in str(error)
    assert len(str(error)) < 10_000


@pytest.mark.parametrize("what", ["observation", "action", "term", "metric"])
def test_what_is_declared_twice_is_named_in_the_first_line(faulty: str, what: str, nothing_left: object) -> None:
    with pytest.raises(pybridge.SimulatorDied) as caught:
        pybridge.make(faulty, params={"fault": f"second_{what}"})
    first, *_, last = str(caught.value).split("its last words")
    assert f"{what} twin is " in first.splitlines()[0] and " twice" in first.splitlines()[0]
    assert "before it described itself" in first and f"{what} twin is " in last


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", ["hang", "stop"])
def test_silence_meets_the_step_deadline(faulty: str, fault: str, transport: str, nothing_left: object) -> None:
    with pytest.raises(pybridge.StepTimeout, match="did not answer"):
        run_to_the_end(faulty, transport, timeout_s=0.5, fault=fault)


@pytest.mark.parametrize("fault", ["double_finish", "late_destructor"])
def test_an_error_after_the_last_state_does_not_spoil_the_episode(
    faulty: str, fault: str, nothing_left: object
) -> None:
    run_to_the_end(faulty, "shm", fault=fault)


def test_a_log_takes_bounded_memory(faulty: str, nothing_left: object) -> None:
    with pybridge.make_vec(faulty, num_envs=1, params={"fault": "flood"}) as env:
        env.reset()
        simulator = env._running[0]
        assert simulator is not None
        for _ in range(4):
            env.step({"agent": np.zeros((1, 2, 3), np.float32)})
        with pytest.raises(pybridge.SimulatorDied):
            kept = os.dup(simulator._log)
            env.step({"agent": np.zeros((1, 2, 3), np.float32)})
    try:
        assert os.fstat(kept).st_blocks * 512 <= 4 << 20
    finally:
        os.close(kept)


def test_a_program_that_is_no_scenario_is_told_apart_from_a_broken_episode(nothing_left: object) -> None:
    wrong = dataclasses.replace(pybridge.scenario("tiny"), program=Path("/bin/false"))
    with pytest.raises(pybridge.SimulatorDied, match="exited with status 1 before it described itself"):
        pybridge.make(wrong)


def test_a_simulator_that_cannot_start_is_reported(faulty: str, nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match="fault: found 'explode', expected one of none, abort"):
        pybridge.make(faulty, params={"fault": "explode"})


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_simulators_end_with_python(
    user_scenarios: Path, how: signal.Signals, transport: str, nothing_left: object
) -> None:
    program = textwrap.dedent(f"""
        import numpy as np, pybridge
        env = pybridge.make_vec("faulty", num_envs=2, transport={transport!r}, params={{"fault": "hang"}})
        env.reset()
        print(*[s.pid for s in (*env._running, *env._waiting)], flush=True)
        while True:
            env.step({{"agent": np.zeros((2, 2, 3), np.float32)}})
    """)
    environment = {**os.environ, SCENARIO_PATH_VARIABLE: str(user_scenarios)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as python:
        assert python.stdout is not None
        pids = [int(pid) for pid in python.stdout.readline().split()]
        assert len(pids) == 4
        python.send_signal(how)
        python.wait(10)
    deadline = time.monotonic() + 5
    left = set(pids)
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if Path(f"/proc/{pid}/exe").exists()}
    assert not left
