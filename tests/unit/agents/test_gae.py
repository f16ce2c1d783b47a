# SPDX-License-Identifier: GPL-2.0-only
"""Advantages and semi-Markov decisions against numbers worked by hand."""

import numpy as np
import pytest
from fake_env import SliceBudget

from agents.learner.buffers import DecisionBuffer, gae
from agents.learner.mappo import HierarchicalMappo
from agents.settings import read, resolve


def column(*values):
    return np.array(values, dtype=float).reshape(-1, 1, 1)


def test_gae_equals_hand_numbers():
    # delta = r + 0.5 V' - V = (1 + 1 - 1, 0 + 1.5 - 2, 2 + 0 - 3) = (1, -0.5, -1); gamma lambda = 0.25
    advantages = gae(
        column(1, 0, 2), np.full((3, 1), 0.5), column(1, 2, 3), column(2, 3, 0), np.zeros((3, 1, 1), bool), 0.5
    )
    assert advantages.ravel() == pytest.approx([1 + 0.25 * (-0.5 - 0.25), -0.5 - 0.25, -1])


def test_gae_stops_at_the_end_of_an_episode():
    last = np.array([[[False]], [[True]], [[False]]])
    advantages = gae(column(1, 1, 7), np.full((3, 1), 0.5), column(0, 0, 0), column(0, 4, 0), last, 1.0)
    assert advantages.ravel() == pytest.approx([1 + 0.5 * 3, 1 + 0.5 * 4, 7])


def test_decisions_of_different_length_are_discounted_by_their_own():
    last = np.zeros((2, 1, 1), bool)
    advantages = gae(column(0, 0), np.array([[0.9**3], [0.9]]), column(0, 0), column(0, 10), last, 1)
    assert advantages.ravel() == pytest.approx([0.9**4 * 10, 9])


@pytest.fixture
def manager():
    """Buffer of the planner role for one environment, gamma 0.5; own views and states have one number."""
    role = SliceBudget(1).schema.role("planner")
    return DecisionBuffer(role, 1, 1, num_outputs=3, num_envs=1, capacity=8, gamma=0.5)


def decide(buffer, number):
    seen = np.full((1, 1, 1), number, np.float32)
    buffer.decide(np.array([0]), own=seen, state=seen[0], active=np.ones((1, 1)), log_probs=float(number))


def step(buffer, *rewards):
    for reward in rewards:
        buffer.reward(np.array([[reward]], float))


def take(buffer, number, due):
    own = np.full((1, 1, 1), number, np.float32)
    return buffer.take(own, own[0], np.array([due]))


def test_a_manager_collects_the_discounted_rewards_of_its_epoch(manager):
    decide(manager, 1)
    step(manager, 1, 2, 4)
    decide(manager, 2)
    step(manager, 8)
    data = take(manager, 3, due=True)
    assert data.rewards.ravel() == pytest.approx([1 + 0.5 * 2 + 0.25 * 4, 8])
    assert data.discounts.ravel() == pytest.approx([0.125, 0.5])
    assert data.next_own.ravel() == pytest.approx([2, 3])  # the second bootstraps from what is seen now
    assert manager.num_complete(np.array([True])) == [0]


def test_an_open_decision_waits_for_the_next_update(manager):
    decide(manager, 1)
    step(manager, 1)
    decide(manager, 2)
    step(manager, 1)
    data = take(manager, 9, due=False)
    assert data.own.ravel() == pytest.approx([1])
    assert data.next_own.ravel() == pytest.approx([2])
    step(manager, 2)
    data = take(manager, 3, due=True)
    assert (data.own.item(), data.rewards.item(), data.discounts.item()) == (2, 2, 0.25)
    assert data.log_probs.item() == 2


@pytest.mark.parametrize("terminated", [False, True])
def test_the_last_decision_of_an_episode_bootstraps_from_the_final_state(manager, terminated):
    decide(manager, 1)
    step(manager, 1, 2)
    manager.end(0, np.array([[7]]), np.array([8]), terminated=terminated)
    step(manager, 100)  # belongs to nobody
    decide(manager, 5)
    step(manager, 3)
    data = take(manager, 6, due=True)
    assert data.rewards.ravel() == pytest.approx([2, 3])
    assert data.next_own.ravel() == pytest.approx([7, 6])
    assert data.next_state.ravel() == pytest.approx([8, 6])
    assert data.last.ravel().tolist() == [True, False]
    assert data.terminated.ravel().tolist() == [terminated, False]


def test_environments_that_decide_at_different_times_do_not_mix():
    role = SliceBudget(1).schema.role("planner")
    buffer = DecisionBuffer(role, 1, 1, num_outputs=3, num_envs=2, capacity=8, gamma=1.0)

    def decide_in(env, number):
        seen = np.full((1, 1, 1), number, np.float32)
        buffer.decide(np.array([env]), own=seen, state=seen[0], active=np.ones((1, 1)), log_probs=0.0)

    decide_in(0, 1)
    decide_in(1, 2)
    buffer.reward(np.array([[1.0], [10.0]]))
    decide_in(1, 3)
    buffer.reward(np.array([[1.0], [10.0]]))
    own = np.array([[[4.0]], [[5.0]]], np.float32)
    data = buffer.take(own, own[:, 0], np.array([True, False]))
    assert data.valid.tolist() == [[True, True]]
    assert data.rewards[0].ravel().tolist() == [2, 10]
    assert data.next_own[0].ravel().tolist() == [4, 3]
    assert buffer.num_complete(np.array([False, False])).tolist() == [0, 0]
    assert buffer.num_complete(np.array([False, True])).tolist() == [0, 1]


@pytest.mark.parametrize("terminated", [False, True])
def test_only_an_end_by_the_clock_keeps_the_value_of_the_final_state(monkeypatch, manager, terminated):
    env = SliceBudget(1)
    learner = HierarchicalMappo(env, resolve(read(None, ["num_envs=1"]), env.schema.roles)).learners["planner"]
    monkeypatch.setattr(learner, "_values", lambda own, _, memory: (own[..., 0].astype(float), memory))
    decide(manager, 1)
    step(manager, 2)
    manager.end(0, np.array([[8]]), np.array([0]), terminated=terminated)
    targets = learner.targets(take(manager, 3, due=True))
    assert targets.old_values.item() == 1
    assert targets.returns.item() == 2 + (0 if terminated else 0.5 * 8)
