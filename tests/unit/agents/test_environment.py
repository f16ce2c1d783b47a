# SPDX-License-Identifier: GPL-2.0-only
"""PettingZoo environments in the learner's form: roles, masks, ends, and agents that leave."""

import numpy as np
import pytest
from fake_env import SliceBudget
from gymnasium import spaces
from parallel_envs import Leavers, LongPenalty, ManyKinds, UnequalEnds

from agents.episodes import run_episodes
from agents.learner.buffers import DecisionBuffer
from agents.learner.mappo import HierarchicalMappo
from agents.rollouts.environment import ParallelVector, departures
from agents.rollouts.fragments import Order, Weights
from agents.rollouts.runner import EnvRunner
from agents.settings import read, resolve
from agents.trained import ActorPolicy

DO = {
    "walker": np.array([[[2.0], [0.0]]] * 2, np.float32),
    "guard": np.array([[[0.5, 4.0]]] * 2, np.float32),
}


def test_roles_and_fields_follow_from_the_spaces():
    schema = ParallelVector(Leavers, 1).schema
    walker, guard = schema.roles
    assert (walker.name, walker.num_agents, walker.observation_size, walker.mask_size) == ("walker", 2, 2, 3)
    assert [(f.kind, f.num_choices) for f in walker.actions] == [("categorical", 3)]
    assert (guard.name, guard.observation_size, guard.mask_size) == ("guard", 3, 0)
    assert [(f.kind, f.low, f.high) for f in guard.actions] == [("box", -1, 1), ("box", 0, 5)]


def test_what_agents_see_and_do_arrives_in_the_form_of_the_spaces():
    env = ParallelVector(Leavers, 2)
    batch = env.reset(seed=7)
    assert [inner.seed for inner in env.envs] == batch.seeds.tolist() == [7, 8]
    assert batch.observations["guard"][0, 0].tolist() == [1, 0, 0]  # one-hot of the first of 1, 2, 3
    assert batch.observations["walker"][1].tolist() == [[0, 0], [0, 1]]
    assert batch.action_masks["walker"][0, 1].tolist() == [1, 0, 1]
    env.step(DO)
    taken = env.envs[1].taken[0]
    assert (taken["walker_0"], taken["walker_1"]) == (1, -1)
    assert taken["guard_0"].tolist() == [0.5, 4.0]


def test_agents_leave_one_by_one_and_the_clock_ends_the_episode():
    env = ParallelVector(Leavers, 2)
    batch = env.reset(seed=1)
    died, left, acts, rewards = [], [], [], []
    for _ in range(4):
        batch = env.step(DO)
        died.append(departures(batch, "walker").died[0].tolist())
        left.append(departures(batch, "walker").left[0].tolist())
        acts.append(batch.acts["walker"][0].tolist())
        rewards.append(batch.rewards["walker"][0].tolist())
    assert died == left == [[True, False], [False, True], [False, False], [False, False]]
    assert [value.tolist() for value in departures(batch, "guard")] == [[[True]] * 2, [[False]] * 2]  # the clock
    assert acts == [[0, 1], [0, 0], [0, 0], [1, 1]]  # the last is the next episode
    assert rewards == [[10, 1], [0, 10], [0, 0], [0, 0]]
    assert batch.truncated.all()
    assert not batch.terminated.any()
    assert batch.metrics.ravel().tolist() == pytest.approx([-1 / 3] * 2)
    assert batch.final_observations["guard"][0].tolist() == [[0, 1, 0]]  # seen at time 4; 1 + 4 % 3 = 2
    assert batch.seeds.tolist() == [3, 4]


def test_an_episode_is_terminated_when_all_that_were_left_terminate():
    env = ParallelVector(ManyKinds, 1)
    batch = env.reset(seed=1)
    assert batch.action_masks["a"][0].tolist() == [[0, 1, 1, 1, 0]] * 2
    batch = env.step({"a": np.array([[[1, 0], [1, 1]]], np.float32)})
    assert batch.terminated.tolist() == [True]
    assert batch.truncated.tolist() == [False]
    assert batch.final_observations["a"][0].tolist() == [[0] * 4] * 2
    assert batch.observations["a"][0].tolist() == [[1] * 4] * 2


def test_the_dead_bootstrap_from_nothing_and_what_comes_later_does_not_reach_them(monkeypatch):
    fake = SliceBudget(1)
    learner = HierarchicalMappo(fake, resolve(read(None, ["num_envs=1"]), fake.schema.roles)).learners["cell"]
    monkeypatch.setattr(learner, "_values", lambda own, _, memory: (own[..., 0].astype(float), memory))
    buffer = DecisionBuffer(learner.role, 1, 1, num_outputs=1, num_envs=1, capacity=8, gamma=0.5)
    for value, rewards, died in ((4, (1, 1), (True, False)), (2, (0, 3), (False, False))):
        own = np.full((1, 2, 1), value, np.float32)
        buffer.decide(np.array([0]), own=own, state=own[0, :1], active=np.ones((1, 2)), log_probs=0.0)
        buffer.reward(np.array([rewards], float), np.array([died]), np.array([died]))
    own = np.full((1, 2, 1), 8, np.float32)
    _, advantages = learner._advantages(buffer.take(own, own[:, 0], np.array([True])))
    # survivor: delta_1 = 3 + 0.5 * 8 - 2 = 5; delta_0 = 1 + 0.5 * 2 - 4 = -2; gamma lambda = 0.5 * 0.95
    assert advantages[0, 0].tolist() == pytest.approx([1 - 4, -2 + 0.475 * 5])
    assert advantages[1, 0, 1] == pytest.approx(5)


@pytest.mark.parametrize(
    ("how", "settings", "dead", "advantages"),
    [
        ("cut", [], [], [0, 0]),
        ("cut", ["worker.bootstrap_truncated=false"], [1], [-9 * 0.9 * 0.95, -9]),
        ("mixed", [], [9], [-9 * (0.9 * 0.95) ** 9, -9]),
    ],
)
def test_an_agent_that_is_cut_off_keeps_its_last_value_and_one_that_terminates_has_none(
    monkeypatch, how, settings, dead, advantages
):
    """With a reward of 1 at each step and a discount of 0.9 the value is 10 everywhere, and each advantage 0."""
    monkeypatch.setattr(UnequalEnds, "how", how)
    env = ParallelVector(UnequalEnds, 1)
    common = ["num_envs=1", "rollout_steps=10", "worker.prior=0", "worker.gamma=0.9", "worker.gae_lambda=0.95"]
    config = resolve(read(None, [*common, *settings]), env.schema.roles)
    run = HierarchicalMappo(env, config)
    learner = run.learners["a"]
    monkeypatch.setattr(learner, "_values", lambda own, _, memory: (np.full(own.shape[:-1], 10.0), memory))
    weights = Weights(0, {"a": learner.policy_state()}, run.observer.state_dict())
    run.pools["a"].add(0, EnvRunner(env, config).sample(Order(config, 0, 0, closes=True), weights).decisions["a"])
    data = run.pools["a"].take()
    _, found = learner._advantages(data)
    acts = 2 if how == "cut" else 10
    assert data.active[:, 0, 0].tolist() == [step < acts for step in range(10)]
    assert np.flatnonzero(data.dead[:, 0, 0]).tolist() == dead
    assert found[[0, acts - 1], 0, 0] == pytest.approx(advantages)
    if not settings:
        assert found[:, 0, 1] == pytest.approx(np.zeros(10))


@pytest.mark.parametrize("make", [Leavers, ManyKinds, UnequalEnds])
def test_the_learner_trains_on_it(make):
    settings = ["num_envs=2", "rollout_steps=6", "segment_rollouts=2", "steps=24", "worker.prior=0"]
    env = ParallelVector(make, 2)
    run = HierarchicalMappo(env, resolve(read(None, settings), env.schema.roles))
    updates = []
    run.train_segment(lambda report: updates.append(report.updates))
    assert run.env_steps == 24
    for update in updates:
        assert update.keys() == {role.name for role in env.schema.roles}
        assert all(np.isfinite(list(figures.values())).all() for figures in update.values())


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("action_space", spaces.Box(-np.inf, np.inf, (1,), np.float32)),
        ("action_space", spaces.Text(3)),
        ("observation_space", spaces.MultiDiscrete([2, 2])),
        ("observation_space", spaces.Dict({"position": spaces.Discrete(2)})),
    ],
)
def test_a_space_that_does_not_fit_is_refused(monkeypatch, name, space):
    monkeypatch.setattr(ManyKinds, name, lambda self, agent: space)
    with pytest.raises(ValueError, match="expected|needs finite bounds"):
        ParallelVector(ManyKinds, 1)


def test_a_long_task_with_negative_rewards_is_learned():
    settings = ["num_envs=8", "rollout_steps=50", "segment_rollouts=30", "steps=12000", "worker.gamma=0.99"]
    env = ParallelVector(LongPenalty, 8)
    run = HierarchicalMappo(env, resolve(read(None, [*settings, "worker.prior=0"]), env.schema.roles))
    run.train_segment()
    episodes = run_episodes(env, ActorPolicy.of(run, num_envs=8), seeds_from=10_000, episodes=8)
    assert np.mean([episode.utility for episode in episodes]) > -0.02  # guessing: -0.75
