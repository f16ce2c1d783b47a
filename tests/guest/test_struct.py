# SPDX-License-Identifier: GPL-2.0-only
"""Struct and vector messages in ns3-ai's shared memory, and whose the memory is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from pybridge.errors import ActionError, ParameterError, ProtocolError, SimulatorDied, StepTimeout
from pybridge.guest import MessageChannel, Names, Ns3AiStructEnv
from pybridge.guest.channel import Spin

OUT = np.dtype([("step", "u1"), ("sum", "f8"), ("seed", "i4")], align=True)
IN = np.dtype([("a", "f4"), ("b", "i2")], align=True)
pytestmark = pytest.mark.usefixtures("nothing_left")


def make(peers: Path, *, vectors: bool = False, **arguments: Any) -> Ns3AiStructEnv:
    def observe(message: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        last = message[-1] if vectors else message
        return np.array([last["sum"], last["seed"], message.size], np.float64)

    settings = {"vector": int(vectors)} | arguments.pop("settings", {})
    return Ns3AiStructEnv(
        [str(peers / "struct-peer")],
        observation_space=spaces.Box(-1e9, 1e9, (3,), np.float64),
        action_space=spaces.Discrete(5),
        cpp_dtype=OUT,
        python_dtype=IN,
        vectors=vectors,
        python_items=4,
        observe=observe,
        act=lambda action: [(0.5, action)] * 3 if vectors else (0.5, action),
        reward=lambda message: float(np.atleast_1d(message)["sum"][0]),
        settings=settings,
        **{"segment_argument": "segName", "step_timeout_s": 5.0} | arguments,
    )


@pytest.mark.parametrize(("vectors", "gain"), [(False, 2.5), (True, 7.5)])
def test_an_episode(peers: Path, vectors: bool, gain: float) -> None:
    with make(peers, vectors=vectors, settings={"steps": 4}) as env:
        for seed in (1, 2):
            assert env.reset()[0].tolist() == [0, seed, 1]
            for step in (1, 2, 3):
                observation, reward, *ended, _ = env.step(2)
                assert observation.tolist() == [gain * step, seed, step + 1 if vectors else 1]
                assert (reward, ended) == (gain * step, [False, False])
            assert env.step(2)[1:4] == (0.0, False, True)


@pytest.mark.parametrize(("wrong", "returncode"), [("exit0", 0), ("abort", -6), ("kill", -9)])
def test_death_is_noticed(peers: Path, wrong: str, returncode: int) -> None:
    with make(peers, settings={"wrong": wrong}) as env:
        env.reset()
        env.step(0)
        env.step(0)
        with pytest.raises(SimulatorDied) as caught:
            env.step(0)
        assert caught.value.returncode == returncode


@pytest.mark.parametrize("wrong", ["hang", "stop"])
def test_silence_ends_by_the_deadline(peers: Path, wrong: str) -> None:
    with make(peers, settings={"wrong": wrong, "wrongAt": 1}, step_timeout_s=0.3) as env:
        env.reset()
        with pytest.raises(StepTimeout):
            env.step(0)


def test_exit_can_be_the_end(peers: Path) -> None:
    with make(peers, settings={"steps": 1, "finish": 0}, ends_by_exit=True) as env:
        env.reset()
        assert env.step(0)[3]


def test_a_vector_longer_than_its_segment(peers: Path) -> None:
    with make(peers, vectors=True, settings={"wrong": "long", "wrongAt": 1}) as env:
        env.reset()
        with pytest.raises(ProtocolError, match="does not lie in its segment"):
            env.step(0)


def test_messages_that_do_not_fit() -> None:
    with MessageChannel(OUT, IN, vectors=True, python_items=2, names=Names("qntn-test")) as channel:
        with pytest.raises(ActionError, match="room for 2 items"):
            channel.send([(0, 0)] * 3)
        with pytest.raises(ActionError, match="shape"):
            channel.send((0, 0))
        with pytest.raises(ActionError, match="does not fit .*70000"):
            channel.send([(0, 70_000)])
        channel.send([(0, 0)] * 2)
    with pytest.raises(ParameterError, match="'struct' is not the layout of a struct"):
        MessageChannel("struct", IN, names=Names("qntn-test"))
    with pytest.raises(ParameterError, match="do not fit"):
        MessageChannel(np.dtype("V9000"), IN, names=Names("qntn-test"))


def test_waits_that_spin_in_vain_soon_sleep() -> None:
    spin = Spin(1e-4)
    seen = []
    for waited_s in [1e-5] * 3 + [1e-3] * 32:
        seen.append(spin.next_s())
        spin.note(waited_s)
    assert [place for place, spun_s in enumerate(seen) if spun_s] == [0, 1, 2, 3, 19]
    spin.next_s()
    spin.note(1e-5)  # the probe catches a message
    assert spin.next_s() == 1e-4


def test_a_segment_in_use_is_never_taken_and_a_stale_one_is() -> None:
    names = Names("qntn-test")
    with (
        MessageChannel(OUT, IN, names=names),
        pytest.raises(ParameterError, match="in use"),
    ):
        MessageChannel(OUT, IN, names=names)
    Path("/dev/shm/qntn-test").write_bytes(b"stale")
    MessageChannel(OUT, IN, names=names).close()


def test_a_fork_leaves_the_segment_to_the_parent(peers: Path) -> None:
    with make(peers) as env:
        env.reset()
        segment = Path("/dev/shm") / env.channel.names.segment
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                env.channel.receive()
            except ProtocolError:
                env.close()
                os._exit(0 if segment.exists() else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert env.step(2)[0].tolist() == [2.5, 1, 1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killing_python_leaves_nothing(peers: Path, how: signal.Signals) -> None:
    code = (
        "import time; from pybridge.guest import Ns3AiGymEnv\n"
        f"env = Ns3AiGymEnv([{str(peers / 'ai-peer')!r}], segment_argument='segName')\n"
        "env.reset(); print(env.process_id, env._link.channel.names.segment, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as python:
        assert python.stdout is not None
        pid, segment = python.stdout.readline().split()
        assert (Path("/dev/shm") / segment).exists()
        os.kill(python.pid, how)
        python.wait()
        deadline = time.monotonic() + 2
        while (Path("/dev/shm") / segment).exists() or Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
