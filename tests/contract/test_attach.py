# SPDX-License-Identifier: GPL-2.0-only
"""Simulators that somebody else starts."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pybridge
from pybridge.flat import RoleVectorEnv


def starter(processes: list[subprocess.Popen[bytes]], *before: str) -> object:
    def start(text: str) -> None:
        command = shlex.split(text.removeprefix("start the simulator: "))
        processes.append(subprocess.Popen([*before, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    return start


@pytest.mark.parametrize("debugger", ["", "gdb -batch -ex run --args"])
def test_python_waits_for_a_simulator_of_the_user(debugger: str, nothing_left: object) -> None:
    if debugger and shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    processes: list[subprocess.Popen[bytes]] = []
    scenario = pybridge.attach("echo", debugger=debugger, tell=starter(processes))
    with pybridge.make_vec(scenario, num_envs=1, step_timeout_s=0.001, params={"num_steps": 3}) as env:
        env.reset()
        assert len(processes) == 1, "the next one is not asked for before its time"
        for step in range(3):
            batch = env.step({"agent": np.full((1, 1, 1), step / 4, np.float32)})
        assert batch.truncated.all()
        assert len(processes) == 1, "the next one is asked for by reset() only"
        env.reset()
        assert len(processes) == 2
    for process in processes:
        process.wait(10)


def test_the_command_ends_with_its_episode(tmp_path: Path, nothing_left: object) -> None:
    code = "from agents.cli import main; main()"
    arguments = ["run", "tiny", "--attach", "--seed", "7", "--param", "num_steps=3", "--csv", str(tmp_path / "run.csv")]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True) as command:
        try:
            assert command.stderr is not None
            text = command.stderr.readline()
            words = shlex.split(text.removeprefix("start the simulator: "))
            simulator = subprocess.run(words[words.index("--args") + 1 :], timeout=60, check=False)
            assert simulator.returncode == 0
            assert command.wait(60) == 0
        finally:
            command.kill()
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 4


def test_the_death_of_an_attached_simulator_is_told(faulty: str, nothing_left: object) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    scenario = pybridge.attach(faulty, debugger="", tell=starter(processes))
    with (
        pybridge.make_vec(scenario, num_envs=1, params={"fault": "exit3"}) as env,
        pytest.raises(pybridge.SimulatorDied, match="closed its connection"),
    ):
        env.reset()
        for _ in range(40):
            env.step({"agent": np.zeros((1, 2, 3), np.float32)})
    assert processes[0].wait(10) == 3


def test_a_vector_that_needs_autoreset_refuses_attached_simulators(nothing_left: object) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    scenario = pybridge.attach("echo", debugger="", tell=starter(processes))
    with pytest.raises(ValueError, match="attached and has no autoreset"):
        RoleVectorEnv(scenario, "agent", num_simulators=1)
    assert processes[0].wait(10) != 0


def test_an_attached_simulator_ends_with_python(nothing_left: object) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    env = pybridge.make_vec(pybridge.attach("echo", debugger="", tell=starter(processes)), num_envs=1)
    env.reset()
    env.close()
    assert processes[0].wait(10) != 0


def test_nobody_waits_for_a_name_that_is_not_there(nothing_left: object) -> None:
    program = pybridge.scenario("tiny").program
    result = subprocess.run(
        [str(program), "--qntn-attach=nobody"], capture_output=True, text=True, timeout=10, check=False
    )
    assert result.returncode == 64
    assert "no Python waits for 'nobody'" in result.stderr
