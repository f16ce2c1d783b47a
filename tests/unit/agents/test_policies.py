# SPDX-License-Identifier: GPL-2.0-only
"""Heuristics: what they choose, and that masks bind them."""

import numpy as np
import pytest
from fake_env import SliceBudget, action_fields

from agents.policies import EqualShare, ProportionalToDemand, RandomPolicy, Static, make_heuristic, repair


@pytest.fixture
def env():
    return SliceBudget(3)


def test_equal_share_divides_among_the_allowed(env):
    batch = env.reset(seed=1)
    actions = EqualShare(env.schema).act(batch, np.random.default_rng(0))
    allowed = batch.action_masks["cell"][..., :3]
    assert actions["cell"][..., :3] == pytest.approx(allowed / allowed.sum(-1, keepdims=True))
    assert actions["planner"][0, 0].tolist() == [0.5, 0.5, 1.0]  # the middle of 0..2


def test_proportional_follows_the_demand(env):
    batch = env.reset(seed=1)
    actions = ProportionalToDemand(env.schema).act(batch, np.random.default_rng(0))
    demand = batch.observations["cell"][..., :3]
    assert actions["cell"][..., :3] == pytest.approx(demand / demand.sum(-1, keepdims=True), abs=1e-6)


def test_proportional_takes_choice_0_where_nobody_asks(env):
    (field,) = action_fields(
        {"name": "relay", "kind": "categorical", "size": 3, "num_choices": 3, "default": 2, "demand": "demand"}
    )
    role = env.schema.role("cell")
    batch = env.reset(seed=1)
    wish = ProportionalToDemand(env.schema).wish(role, field, batch, np.random.default_rng(0))
    assert wish.tolist() == np.where(batch.observations["cell"][..., :3] > 0, 2, 0).tolist()


def test_random_uses_all_that_is_allowed_and_nothing_else(env):
    policy, rng = RandomPolicy(env.schema), np.random.default_rng(0)
    batch, modes = env.reset(seed=1), set()
    for _ in range(60):  # the environment stops at a forbidden action
        actions = policy.act(batch, rng)
        modes |= set(actions["cell"][..., 3].ravel().tolist())
        batch = env.step(actions)
    assert modes == {0.0, 1.0, 2.0}


def test_roles_that_do_not_act_are_left_out(env):
    policy, rng = EqualShare(env.schema), np.random.default_rng(0)
    batch = env.step(policy.act(env.reset(seed=1), rng))
    assert list(policy.act(batch, rng)) == ["cell"]


def test_a_forbidden_choice_falls_back_to_the_default_then_to_the_first_allowed():
    (field,) = action_fields({"name": "x", "kind": "categorical", "size": 1, "num_choices": 3, "default": 1})
    wish = np.full((1, 3, 1), 2)
    mask = np.array([[[1, 1, 1], [1, 1, 0], [1, 0, 0]]], np.uint8)
    assert repair(field, wish, mask).ravel().tolist() == [2, 1, 0]


def test_shares_of_forbidden_parts_go_to_the_allowed_ones():
    (field,) = action_fields({"name": "x", "kind": "simplex", "size": 3})
    wish = np.array([[[0.6, 0.3, 0.1], [1.0, 0.0, 0.0]]])
    mask = np.array([[[0, 1, 1], [0, 1, 1]]], np.uint8)
    assert repair(field, wish, mask) == pytest.approx(np.array([[[0, 0.75, 0.25], [0, 0.5, 0.5]]]))


def test_a_rest_of_rounding_below_zero_is_no_share():
    (field,) = action_fields({"name": "x", "kind": "simplex", "size": 3})
    share = repair(field, np.array([[[0.6, -1e-25, 0.4]]]), np.ones((1, 1, 3), np.uint8))
    assert share.min() == 0
    assert share.sum() == pytest.approx(1)


def test_static_repeats_itself(env):
    values = {
        ("planner", "budget"): np.array([[0.2, 0.8]]),
        ("planner", "power"): np.array([[1.5]]),
        ("cell", "share"): np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0]]),
        ("cell", "mode"): np.array([[1], [2]]),
    }
    batch = env.reset(seed=1)
    actions = Static(env.schema, values).act(batch, np.random.default_rng(0))
    assert actions["planner"][0, 0] == pytest.approx([0.2, 0.8, 1.5])
    assert (actions["cell"][:, 1, 3] == 2).all()
    assert not actions["cell"][:, 1, 2].any()


def test_an_unknown_policy_is_named(env):
    with pytest.raises(ValueError, match="no policy 'equal'; there are: random, equal-share"):
        make_heuristic("equal", env.schema)
