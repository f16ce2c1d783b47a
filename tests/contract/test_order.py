# SPDX-License-Identifier: GPL-2.0-only
"""Order and timing of the exchange: one test a case, each with the whole expected sequence.

A line of a sequence is (state, ms, who acts now, what each role heard, whose decision is new, seed, end):
`heard` is (fast_0, fast_1, slow, slower), -1 before the first action. In step k the agents say: fast_0 k,
fast_1 100 + k, slow 200 + k, slower 300 + k. `fast` acts at each step, `slower` at every second, `slow` at
every third.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pybridge
from pybridge import Batch, VectorEnv
from pybridge.catalogue import scenario

Line = tuple[int, int, str, tuple[int, int, int, int], str, int, str]

SEVEN_STEPS = [
    (0, 0, "FFSs", (-1, -1, -1, -1), "", 5, ""),
    (1, 10, "FF", (0, 100, 200, 300), "Ss", 5, ""),
    (2, 20, "FFs", (1, 101, 200, 300), "", 5, ""),
    (3, 30, "FFS", (2, 102, 200, 302), "s", 5, ""),
    (4, 40, "FFs", (3, 103, 203, 302), "S", 5, ""),
    (5, 50, "FF", (4, 104, 203, 304), "s", 5, ""),
    (6, 60, "FFSs", (5, 105, 203, 304), "", 5, ""),
]


@pytest.fixture
def order(faulty: str) -> str:
    """The scenario that tells what it sees; the fixture of the other one knows where both are."""
    return "order"


@pytest.fixture(params=["shm", "zmq"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def line(batch: Batch, env: int = 0) -> Line:
    """What a batch shows of environment `env`."""
    fast, slow, slower = (batch.observations[role][env] for role in ("fast", "slow", "slower"))
    acts = "".join(
        letter
        for letter, role in (("F", "fast"), ("S", "slow"), ("s", "slower"))
        for who in batch.acts[role][env]
        if who
    )
    end = "terminated" if batch.terminated[env] else "truncated" if batch.truncated[env] else ""
    return (
        int(fast[0, 0]),
        round(batch.time_s[env] * 1000),
        acts,
        (int(fast[0, 1]), int(fast[1, 1]), int(slow[0, 0]), int(slower[0, 0])),
        "S" * int(slow[0, 1]) + "s" * int(slower[0, 1]),
        int(batch.seeds[env]),
        end,
    )


def say(env: VectorEnv, step: int) -> dict[str, np.ndarray]:
    """What the agents of all environments say in a step."""
    shape = env.num_envs, 1, 1
    return {
        "fast": np.tile(np.array([[[step], [100 + step]]], np.float32), (env.num_envs, 1, 1)),
        "slow": np.full(shape, 200 + step, np.float32),
        "slower": np.full(shape, 300 + step, np.float32),
    }


def make(order: str, transport: str, **params: Any) -> VectorEnv:
    return pybridge.make_vec(order, num_envs=1, seed=5, transport=transport, params=params)


def test_roles_of_other_periods(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport) as env:
        lines = [line(env.reset())] + [line(env.step(say(env, step))) for step in range(6)]
    assert lines == SEVEN_STEPS


def test_a_reset_in_mid_epoch_begins_all_epochs_anew(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport) as env:
        lines = [line(env.reset())] + [line(env.step(say(env, step))) for step in range(2)]
        lines += [line(env.reset())] + [line(env.step(say(env, step))) for step in range(2)]
    again = [(*rest[:5], 6, "") for rest in SEVEN_STEPS[:3]]
    assert lines == SEVEN_STEPS[:3] + again


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_the_simulator_ends_in_mid_epoch(order: str, transport: str, end: str, nothing_left: object) -> None:
    with VectorEnv(
        scenario(order),
        num_envs=1,
        seed=5,
        transport=transport,  # type: ignore[arg-type]
        params={"num_steps": 2, "ends_by": end},
        autoreset=False,
    ) as env:
        lines = [line(env.reset())] + [line(env.step(say(env, step))) for step in range(2)]
        with pytest.raises(pybridge.QntnError, match="reset"):
            env.step(say(env, 2))
    assert lines == [*SEVEN_STEPS[:2], (2, 20, "", (1, 101, 200, 300), "", 5, end)]


def test_last_state_and_first_state_come_in_one_batch(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport, num_steps=2) as env:
        env.reset()
        env.step(say(env, 0))
        batch = env.step(say(env, 1))
        assert line(batch) == (0, 0, "FFSs", (-1, -1, -1, -1), "", 7 - 1, "truncated")
        assert batch.final_observations["fast"][0].tolist() == [[2, 1], [2, 101]]
        assert batch.final_observations["slow"][0].tolist() == [[200, 0]]
        assert batch.final_observations["slower"][0].tolist() == [[300, 0]]
        assert batch.rewards["fast"].tolist() == [[1, 101]]
        assert line(env.step(say(env, 0))) == (1, 10, "FF", (0, 100, 200, 300), "Ss", 6, "")


def test_finish_without_step(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport, num_steps=0, ends_by="terminated") as env:
        assert line(env.reset()) == (0, 0, "", (-1, -1, -1, -1), "", 5, "terminated")


def test_an_agent_disappears_and_appears(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport, leaves=2, returns=4) as env:
        batches = [env.reset()]
        lines, present = [line(batches[0])], [batches[0].present["fast"][0].tolist()]
        for step in range(5):
            batch = env.step(say(env, step))
            lines.append(line(batch))
            present.append(batch.present["fast"][0].tolist())
    assert present == [[1, 1], [1, 1], [1, 0], [1, 0], [1, 1], [1, 1]]
    assert lines == [
        (0, 0, "FFSs", (-1, -1, -1, -1), "", 5, ""),
        (1, 10, "FF", (0, 100, 200, 300), "Ss", 5, ""),
        (2, 20, "Fs", (1, 101, 200, 300), "", 5, ""),
        (3, 30, "FS", (2, 101, 200, 302), "s", 5, ""),  # fast_1 stays at what it said last
        (4, 40, "FFs", (3, 101, 203, 302), "S", 5, ""),
        (5, 50, "FF", (4, 104, 203, 304), "s", 5, ""),
    ]


def test_agents_of_pettingzoo_follow_presence(order: str, transport: str, nothing_left: object) -> None:
    with pybridge.make(order, seed=5, transport=transport, params={"leaves": 2, "returns": 4}) as env:
        observations, infos = env.reset()
        seen = []
        for _ in range(5):
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}
            observations, rewards, terminations, truncations, infos = env.step(actions)
            assert set(observations) == set(rewards) == set(terminations) == set(truncations) == set(infos)
            seen.append(("fast_1" in observations, truncations.get("fast_1"), "fast_1" in env.agents))
            assert not any(terminations.values())
    assert seen == [(True, False, True), (True, True, False), (False, None, False), (True, False, True)] + [
        (True, False, True)
    ]


def test_an_absent_agent_must_not_act(order: str, nothing_left: object) -> None:
    with pybridge.make(order, seed=5, params={"leaves": 1}) as env:
        env.reset()
        env.step({agent: env.action_space(agent).sample() for agent in env.agents})
        assert env.agents == ["fast_0", "slow_0", "slower_0"]
        with pytest.raises(pybridge.ActionError, match="fast_1: does not act"):
            env.step({"fast_0": {"says": np.zeros(1, np.float32)}, "fast_1": {"says": np.zeros(1, np.float32)}})


def test_one_environment_restarts_while_the_other_goes_on(order: str, transport: str, nothing_left: object) -> None:
    params = {"num_steps": 2, "extra": 1}  # seed 5 takes three steps, seeds 6 and 8 take two
    with pybridge.make_vec(order, num_envs=2, seed=5, transport=transport, params=params) as env:
        batches = [env.reset()]
        lines = [[line(batches[0], 0), line(batches[0], 1)]]
        finals = []
        for step in range(3):
            batch = env.step(say(env, step))
            lines.append([line(batch, 0), line(batch, 1)])
            finals.append(sorted(batch.final_observations.get("fast", {})))
    assert lines == [
        [(0, 0, "FFSs", (-1, -1, -1, -1), "", 5, ""), (0, 0, "FFSs", (-1, -1, -1, -1), "", 6, "")],
        [(1, 10, "FF", (0, 100, 200, 300), "Ss", 5, ""), (1, 10, "FF", (0, 100, 200, 300), "Ss", 6, "")],
        [(2, 20, "FFs", (1, 101, 200, 300), "", 5, ""), (0, 0, "FFSs", (-1, -1, -1, -1), "", 8, "truncated")],
        [(0, 0, "FFSs", (-1, -1, -1, -1), "", 7, "truncated"), (1, 10, "FF", (2, 102, 202, 302), "Ss", 8, "")],
    ]
    assert finals == [[], [1], [0]]


def test_two_vectors_at_once_do_not_see_each_other(order: str, transport: str, nothing_left: object) -> None:
    with make(order, transport) as one, make(order, transport) as other:
        ours, theirs = [line(one.reset())], [line(other.reset())]
        for step in range(6):
            ours.append(line(one.step(say(one, step))))
            if step < 2:
                theirs.append(line(other.step(say(other, step))))
    assert ours == SEVEN_STEPS
    assert theirs == SEVEN_STEPS[:3]
