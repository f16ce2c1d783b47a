# SPDX-License-Identifier: GPL-2.0-only
"""Simulations that speak ns3-gym's messages, over ZeroMQ and in ns3-ai's shared memory."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from pybridge.errors import ActionError, ParameterError, ProtocolError, SimulatorDied, StepTimeout
from pybridge.guest import Ns3AiGymEnv, Ns3GymEnv

Make = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(params=["zmq", "ai"])
def make(request: pytest.FixtureRequest, peers: Path) -> Make:
    """Environments of either transport; settings become the peer's arguments."""

    def build(seed: int = 1, step_timeout_s: float = 5.0, **settings: Any) -> Any:
        if request.param == "zmq":
            return Ns3GymEnv([str(peers / "zmq-peer")], seed=seed, settings=settings, step_timeout_s=step_timeout_s)
        return Ns3AiGymEnv(
            [str(peers / "ai-peer")],
            seed=seed,
            settings=settings,
            step_timeout_s=step_timeout_s,
            segment_argument="segName",
        )

    return build


def run(env: Any, steps: int) -> None:
    env.reset()
    for _ in range(steps):
        env.step(np.zeros(1, np.float32))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(np.array_equal(one, other) and np.asarray(one).dtype == np.asarray(other).dtype)


@pytest.mark.parametrize(("end", "terminated"), [("game", True), ("time", False)])
def test_an_episode(make: Make, end: str, terminated: bool) -> None:
    with make(seed=5, steps=3, end=end) as env:
        for seed in (5, 6):
            observation, info = env.reset()
            assert observation.tolist() == [seed, 0, 0, 0]
            assert info == {"info": "step 0"}
            for step in (1, 2, 3):
                observation, reward, ended, cut, info = env.step(np.array([0.5], np.float32))
                assert (observation[1], reward, info["info"]) == (step, step / 2, f"step {step}")
            assert (ended, cut) == (terminated, not terminated)
            with pytest.raises(ProtocolError, match="reset"):
                env.step(np.zeros(1, np.float32))


def test_every_space_comes_back_as_sent(make: Make) -> None:
    box = spaces.Box
    expected = spaces.Dict(
        {
            "uint": box(0, 9, (2,), np.uint32),
            "float": box(-1, 1, (3,), np.float32),
            "double": box(-1, 1, (1,), np.float64),
            "tuple": spaces.Tuple([spaces.Discrete(7), box(-5, 5, (2,), np.int32)]),
        }
    )
    with make(spaces="all") as env:
        assert env.action_space == expected
        env.reset()
        env.action_space.seed(1)
        for _ in range(9):  # this peer's observation is the action before
            action = env.action_space.sample()
            observation = env.step(action)[0]
            assert _same(observation, action)
            assert env.observation_space.contains(observation)


def test_values_outside_a_simulations_own_space_are_told(make: Make) -> None:
    with make(spaces="choice") as env:  # 3, 4, 5 of Discrete(5)
        assert env.observation_space == spaces.Discrete(5)
        assert env.reset() == (3, {"info": "step 0"})
        assert env.step(np.zeros(1, np.float32))[4] == {"info": "step 1"}
        observation, *_, info = env.step(np.zeros(1, np.float32))
        assert (observation, info) == (5, {"info": "step 2", "outside_bounds": True})


def test_a_log_in_many_pieces_does_not_wake_python_at_each(make: Make) -> None:
    with make(pieces=100, wrongAt=-1) as env:
        start = time.monotonic()
        run(env, 5)
        status = Path(f"/proc/self/task/{env._link.process._reader.native_id}/status").read_text()
        wakes = int(status.split("nonvoluntary_ctxt_switches")[0].rsplit(":")[-1])
        assert wakes < 20 + 500 * (time.monotonic() - start)  # a piece comes each 0.5 ms


def test_a_last_state_whose_box_is_empty_repeats_the_observation(make: Make) -> None:
    with make(seed=5, steps=2, last="empty") as env:
        run(env, 1)
        observation, _, terminated, truncated, info = env.step(np.zeros(1, np.float32))
        assert (observation.tolist(), terminated, truncated) == ([5, 1, 1, 1], False, True)
        assert info == {"info": "step 2", "observation_missing": True}


def test_check_env(make: Make) -> None:
    with warnings.catch_warnings(), make() as env:
        warnings.simplefilter("ignore")  # its advice on spaces is for the simulation's author
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize(("wrong", "returncode"), [("exit0", 0), ("abort", -6), ("kill", -9)])
def test_death_is_noticed(make: Make, wrong: str, returncode: int) -> None:
    with make(seed=9, wrong=wrong) as env:
        run(env, 2)
        with pytest.raises(SimulatorDied, match="about to go wrong") as caught:
            env.step(np.zeros(1, np.float32))
        assert caught.value.returncode == returncode
        assert "Bridge::Finish" not in str(caught.value), "it has no such thing"
        assert "--simSeed=9" in caught.value.command
        assert env.reset()[0][0] == 10


@pytest.mark.parametrize("wrong", ["hang", "stop"])
def test_silence_ends_by_the_deadline(make: Make, wrong: str) -> None:
    with make(wrong=wrong, step_timeout_s=0.3) as env:
        run(env, 2)
        with pytest.raises(StepTimeout, match=r"within 0\.3 s and was killed"):
            env.step(np.zeros(1, np.float32))


@pytest.mark.parametrize("wrong", ["shape", "truncated", "garbage", "size"])
def test_malformed_states(make: Make, wrong: str) -> None:
    with make(wrong=wrong) as env:
        if wrong == "size" and isinstance(env, Ns3GymEnv):
            return  # ZeroMQ carries the size itself
        run(env, 2)
        with pytest.raises(ProtocolError):
            env.step(np.zeros(1, np.float32))


def test_actions_are_checked_before_anything_moves(make: Make) -> None:
    with make() as env:
        env.reset()
        for action in ([2.0], [float("nan")], [0.0, 0.0], ["x"], 0.0, None):
            with pytest.raises(ActionError):
                env.step(action)
        assert env.step(np.zeros(1, np.float32))[0][1] == 1


def test_killed_from_outside_between_steps(make: Make) -> None:
    with make() as env:
        run(env, 1)
        os.kill(env.process_id, signal.SIGKILL)
        with pytest.raises(SimulatorDied):
            env.step(np.zeros(1, np.float32))


def test_a_fork_neither_hangs_nor_ends_the_parents_simulation(make: Make) -> None:
    with make() as env:
        run(env, 1)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                env.step(np.zeros(1, np.float32))
            except ProtocolError as error:
                env.close()
                os._exit(0 if "parent process" in str(error) else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert env.step(np.zeros(1, np.float32))[0][1] == 2


def test_two_side_by_side(make: Make) -> None:
    with make(seed=1) as one, make(seed=100) as other:
        assert (one.reset()[0][0], other.reset()[0][0]) == (1, 100)
        one.step(np.zeros(1, np.float32))
        assert other.step(np.zeros(1, np.float32))[0].tolist()[:2] == [100, 1]


def test_200_resets_leave_descriptors_flat(make: Make) -> None:
    with make(steps=2) as env:
        run(env, 1)
        before = list(Path("/proc/self/fd").iterdir()), set(Path("/dev/shm").iterdir())
        for _ in range(200):
            run(env, 1)
        deadline = time.monotonic() + 2
        while len(list(Path("/proc/self/fd").iterdir())) > len(before[0]) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(list(Path("/proc/self/fd").iterdir())) <= len(before[0])
        assert len(set(Path("/dev/shm").iterdir())) == len(before[1])


def test_no_such_program() -> None:
    with pytest.raises(ParameterError, match="No such file"):
        Ns3GymEnv(["/nonexistent/simulation"])
