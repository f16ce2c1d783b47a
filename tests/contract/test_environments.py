# SPDX-License-Identifier: GPL-2.0-only
"""make and make_vec: what a user relies on, on both transports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils.conversions import parallel_to_aec

import pybridge
from pybridge import Batch, VectorEnv

TRANSPORTS = ("shm", "zmq")


def equal_share(env: VectorEnv) -> dict[str, np.ndarray]:
    """The same simple actions for every environment of `tiny`."""
    flows = env.schema.role("worker").action_size
    return {
        "manager": np.ones((env.num_envs, 1, 1), np.float32),
        "worker": np.full((env.num_envs, 1, flows), 1 / flows, np.float32),
    }


def snapshot(batch: Batch) -> list[Any]:
    """Everything in a batch, copied, as bytes."""
    arrays = [batch.metrics, batch.terminated, batch.truncated, batch.time_s, batch.seeds]
    for part in (batch.observations, batch.action_masks, batch.acts, batch.terms, batch.rewards):
        arrays += list(part.values())
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pettingzoo_conformance(transport: str, nothing_left: object) -> None:
    with pybridge.make("tiny", transport=transport) as env:
        parallel_api_test(env, num_cycles=150)
    parallel_seed_test(lambda: pybridge.make("tiny", transport=transport), num_cycles=30)
    seed_test(lambda: parallel_to_aec(pybridge.make("tiny", transport=transport)), num_cycles=30)


def test_a_random_episode_stays_in_its_spaces(nothing_left: object) -> None:
    with pybridge.make("tiny", seed=4) as env:
        observations, infos = env.reset()
        steps = 0
        while env.agents:
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}
            for agent, action in actions.items():
                assert env.action_space(agent).contains(action)
                assert bool(action) == infos[agent]["acts"]
            observations, rewards, terminations, truncations, infos = env.step(actions)
            for agent, observation in observations.items():
                assert env.observation_space(agent).contains(observation)
            steps += 1
        assert steps == 100
        assert truncations == {"manager_0": True, "worker_0": True}
        assert terminations == {"manager_0": False, "worker_0": False}
        assert infos["worker_0"]["time_s"] == pytest.approx(10.0)


def test_transports_carry_the_same_bytes(nothing_left: object) -> None:
    traces = []
    for transport in TRANSPORTS:
        with pybridge.make_vec("tiny", num_envs=3, seed=11, transport=transport, params={"num_steps": 40}) as env:
            rng = np.random.default_rng(0)
            trace = [snapshot(env.reset())]
            for _ in range(100):  # through two autoresets
                actions = equal_share(env)
                actions["worker"] = rng.dirichlet(np.ones(3), (3, 1)).astype(np.float32)
                trace.append(snapshot(env.step(actions)))
            traces.append(trace)
    assert traces[0] == traces[1]


def test_same_seed_same_trajectory_other_seed_another(nothing_left: object) -> None:
    def run(seed: int) -> list[list[Any]]:
        with pybridge.make_vec("tiny", num_envs=1, seed=seed) as env:
            return [snapshot(env.reset())] + [snapshot(env.step(equal_share(env))) for _ in range(30)]

    assert run(3) == run(3)
    assert run(3)[5] != run(4)[5]


def test_managers_act_each_epoch_and_their_decision_stays(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=2, params={"epoch_steps": 4}) as env:
        batch = env.reset()
        acted, prices = [], []
        for step in range(12):
            acted.append(bool(batch.acts["manager"].all()))
            actions = equal_share(env)
            if not acted[-1]:
                actions["manager"][:] = np.nan  # rows of agents that do not act are ignored
            else:
                actions["manager"][:] = step // 4
            batch = env.step(actions)
            prices.append(batch.metrics[0, 2])
        assert acted == [True, False, False, False] * 3
        assert prices == pytest.approx([0.1] * 4 + [0.25] * 4 + [0.8] * 4)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_autoreset_keeps_the_last_state_and_counts_seeds(transport: str, nothing_left: object) -> None:
    params = {"num_steps": 5}
    with pybridge.make_vec("tiny", num_envs=2, seed=10, params=params, transport=transport) as env:
        batch = env.reset()
        first = batch.observations["worker"].copy()
        assert batch.seeds.tolist() == [10, 11]
        for _ in range(4):
            batch = env.step(equal_share(env))
            assert not batch.final_observations
        batch = env.step(equal_share(env))
        assert batch.truncated.all() and not batch.terminated.any()
        assert batch.seeds.tolist() == [12, 13]
        assert batch.time_s.tolist() == [0.0, 0.0]
        assert batch.acts["manager"].all()
        assert batch.rewards["worker"].all(), "rewards are still of the episode that ended"
        last = batch.final_observations["worker"]
        assert set(last) == {0, 1} and last[0][0, :3].any(), "queues of the old episode"
        assert not batch.observations["worker"][:, 0, :3].any(), "empty queues of the new one"
        again = env.reset(seed=10)
        assert np.array_equal(again.observations["worker"], first)


def test_the_state_before_stays_readable_for_a_step(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1, params={"load_bps": 2e7}) as env:
        env.reset()
        before = env.step(equal_share(env)).observations["worker"]
        kept = before.copy()
        after = env.step(equal_share(env)).observations["worker"]
        assert np.array_equal(before, kept)
        assert not np.array_equal(before, after)


def test_parameters_reach_the_simulator(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1, params={"num_flows": 7, "load_bps": 1e6}) as env:
        assert env.schema.params["num_flows"] == 7
        assert env.schema.role("worker").action_size == 7
        batch = env.reset()
        demand = batch.observations["worker"][0, 0, env.schema.role("worker").observation("offered_bps").span]
        assert demand.sum() == pytest.approx(1e6)


def test_without_load_nothing_is_sent_and_time_goes_on(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1, params={"load_bps": 0.0, "num_steps": 20}) as env:
        env.reset()
        for _ in range(20):
            batch = env.step(equal_share(env))
        assert batch.truncated[0]
        assert not batch.metrics[0, :2].any()  # carried, queued


def test_rewards_are_terms_times_the_weights_of_the_parameter_file(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1) as env:
        env.reset()
        for _ in range(10):
            batch = env.step(equal_share(env))
        backlog, price = batch.metrics[0, 1], batch.metrics[0, 2]
        assert batch.rewards["manager"][0, 0] == pytest.approx(-backlog - 0.5 * price)
        assert batch.rewards["worker"][0, 0] == pytest.approx(-backlog)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"num_flow": 3}, ["num_flow", "num_flows"]),
        ({"num_flows": 0}, ["num_flows", "found 0", "from 1 to 1000"]),
        ({"num_flows": 2.5}, ["num_flows", "found 2.5", "whole number"]),
        ({"num_flows": "many"}, ["num_flows", "'many'", "a number"]),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], words: list[str], nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError) as error:
        pybridge.make("tiny", params=params)
    for word in words:
        assert word in str(error.value)


def test_an_unknown_scenario_is_named_with_its_nearest(nothing_left: object) -> None:
    with pytest.raises(pybridge.ScenarioNotFound, match="did you mean 'tiny'"):
        pybridge.make("tinny")


def test_step_before_reset_and_after_close_is_refused(nothing_left: object) -> None:
    env = pybridge.make_vec("tiny", num_envs=1)
    with pytest.raises(pybridge.QntnError, match="reset"):
        env.step({})
    env.close()
    with pytest.raises(pybridge.QntnError, match="closed"):
        env.reset()
    env.close()


def test_a_terminated_episode_is_not_truncated(faulty: str, nothing_left: object) -> None:
    with pybridge.make(faulty, params={"fault": "terminate", "fault_step": 2}) as env:
        env.reset()
        for _ in range(2):
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}
            _, _, terminations, truncations, _ = env.step(actions)
        assert all(terminations.values()) and not any(truncations.values())
        assert env.agents == []
