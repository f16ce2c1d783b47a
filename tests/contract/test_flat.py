# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios as Gymnasium environments, for libraries that know one agent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import PPO

import pybridge
from pybridge.flat import FlatActions, FlatEnv, RoleVectorEnv


def test_gymnasium_accepts_a_flat_environment(nothing_left: object) -> None:
    with FlatEnv("tiny", params={"num_steps": 20}) as env:
        check_env(env, skip_render_check=True)


def test_stable_baselines_trains_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: object
) -> None:
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path))  # else it leaves an empty folder in /tmp
    with FlatEnv("echo", reward="sum", params={"num_steps": 32}) as env:
        model = PPO("MlpPolicy", env, n_steps=128, learning_rate=1e-2, gamma=0.0, ent_coef=0.0, seed=1, device="cpu")
        model.learn(8 * 128)
        observation, _ = env.reset(seed=100)
        total = 0.0
        for _ in range(32):
            action, _ = model.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(action)
            total += reward
        assert truncated and not terminated
        assert total / 32 > 0.5, "the reward is the number decided, at most 1: 0 before learning"


def test_whatever_the_numbers_the_decision_is_allowed(faulty: str, nothing_left: object) -> None:
    rng = np.random.default_rng(0)
    for name in ("tiny", faulty):
        with pybridge.make_vec(name, num_envs=2) as env:
            batch = env.reset()
            flat = [FlatActions(role) for role in env.schema.roles]
            for _ in range(30):
                actions = {}
                for one in flat:
                    shape = (*batch.acts[one.role.name].shape, one.size)
                    actions[one.role.name] = one.decode(rng.normal(size=shape) * 2, batch.action_masks[one.role.name])
                batch = env.step(actions)  # raises if something is not allowed


def test_zero_means_neutral(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1) as env:
        env.reset()
        worker, manager = env.schema.role("worker"), env.schema.role("manager")
        assert FlatActions(worker).decode(np.zeros(3), np.ones(3, np.uint8)) == pytest.approx(1 / 3)
        assert FlatActions(worker).decode(np.zeros(3), np.array([1, 0, 1], np.uint8)) == pytest.approx([0.5, 0, 0.5])
        assert FlatActions(manager).decode(np.zeros(3), np.ones(3, np.uint8)) == [manager.actions[0].default]
        assert FlatActions(manager).decode([0, 0, 1.0], np.array([1, 1, 0], np.uint8)) == [1]
        with pytest.raises(pybridge.ActionError, match="worker: number 1 for link_share_ratio is nan"):
            FlatActions(worker).decode([0, np.nan, 0], np.ones(3, np.uint8))
        with pytest.raises(pybridge.ActionError, match="expected 3"):
            FlatActions(worker).decode([0, 0], np.ones(3, np.uint8))


def test_no_episode_is_thrown_away_between_two_resets(nothing_left: object) -> None:
    with FlatEnv("tiny", seed=5, params={"num_steps": 2}) as env:
        seen = []
        for _ in range(3):
            _, info = env.reset()
            seen.append((info["seed"], info["time_s"]))
            truncated = False
            while not truncated:
                *_, truncated, info = env.step(np.zeros(6))
                seen.append((info["seed"], round(info["time_s"], 1)))
    assert seen == [(seed, time_s) for seed in (5, 6, 7) for time_s in (0, 0.1, 0.2)]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (np.zeros(5), r"shape \(5,\), expected \(6,\)"),
        (np.zeros((1, 6)), r"shape \(1, 6\), expected \(6,\)"),
        (None, "shape|numbers"),
        (["fast"] * 6, "no array of numbers"),
        ([0, 0, 0, 0, np.nan, 0], "worker_0: number 1 for link_share_ratio is nan"),
    ],
)
def test_a_wrong_flat_action_is_refused_before_anything_moves(action: object, words: str, nothing_left: object) -> None:
    with FlatEnv("tiny") as env:
        env.reset()
        with pytest.raises(pybridge.ActionError, match=words):
            env.step(action)  # type: ignore[arg-type]
        assert env.step(np.zeros(6))[4]["time_s"] == pytest.approx(0.1)


def test_a_role_as_a_vector_of_environments(nothing_left: object) -> None:
    with RoleVectorEnv("echo", "agent", num_simulators=2, params={"num_agents": 3, "num_steps": 4}) as env:
        assert env.num_envs == 6
        observations, _ = env.reset(seed=5)
        assert env.observation_space.contains(observations)
        level = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]
        for step in range(4):
            observations, rewards, terminated, truncated, infos = env.step(level)
            assert rewards == pytest.approx(level[:, 0])
            assert not terminated.any()
            assert truncated.all() == (step == 3)
        assert infos["_final_obs"].all()
        assert infos["final_obs"][4] == pytest.approx(np.full(8, level[4, 0]))
        assert not observations.any(), "the new episode has heard nothing yet"


def test_a_managers_step_is_an_epoch(nothing_left: object) -> None:
    with (
        RoleVectorEnv("tiny", "manager", num_simulators=1, params={"epoch_steps": 5, "num_steps": 12}) as managers,
        pybridge.make_vec("tiny", num_envs=1, params={"epoch_steps": 5, "num_steps": 12}) as plain,
    ):
        managers.reset(seed=3)
        plain.reset(seed=3)
        actions = {"manager": np.ones((1, 1, 1), np.float32), "worker": np.full((1, 1, 3), 1 / 3, np.float32)}
        for length in (5, 5, 2):
            _, rewards, _, truncated, _ = managers.step(np.array([[0, 1, 0]], np.float32))
            expected = sum(plain.step(actions).rewards["manager"][0, 0] for _ in range(length))
            assert rewards[0] == pytest.approx(expected)
            assert truncated[0] == (length == 2)


def test_simulators_of_a_role_have_seeds_of_their_own_and_final_infos_name_them(nothing_left: object) -> None:
    with RoleVectorEnv("tiny", "worker", num_simulators=2, seed=[4, 9], params={"num_steps": 1}) as env:
        env.reset()
        for seeds in ([4, 9], [6, 11]):
            infos = env.step(np.zeros((2, 3), np.float32))[4]
            assert infos["_final_info"].all()
            assert infos["final_info"]["seed"].tolist() == seeds
            assert (infos["final_info"]["metrics"]["carried_bps"] > 0).all()
        env.reset(seed=[1, 1])
        infos = env.step(np.zeros((2, 3), np.float32))[4]
        assert infos["final_info"]["seed"].tolist() == [1, 1]
        with pytest.raises(ValueError, match="found None, expected a whole number"):
            env.reset(seed=[1, None])


def test_infos_tell_whose_action_counts_when_simulators_are_out_of_step(nothing_left: object) -> None:
    params = [{"epoch_steps": 4, "num_steps": 8}, {"epoch_steps": 4, "num_steps": 6}]
    with RoleVectorEnv("tiny", "manager", num_simulators=2, params=params) as env:
        seen = [env.reset()[1]["acts"].tolist()]
        for _ in range(3):
            seen.append(env.step(np.zeros((2, 3), np.float32))[4]["acts"].tolist())
    assert seen == [[True, True], [True, True], [False, True], [True, False]]


def test_an_unknown_role_leaves_nothing(nothing_left: object) -> None:
    with pytest.raises(KeyError, match="worker"):
        RoleVectorEnv("tiny", "workers", num_simulators=1)
