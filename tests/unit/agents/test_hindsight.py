# SPDX-License-Identifier: GPL-2.0-only
"""What cells would reach in hindsight: the choice by hand, and the figure on real simulators."""

import numpy as np
import pytest

import pybridge
from agents.bounds import hindsight
from agents.bounds.hindsight import LEVELS, least_lost
from agents.episodes import run_episodes
from agents.policies import make_heuristic


def needs(*shares):
    """Slices that miss everything below a share and nothing from it on, [S, levels]."""
    return np.array([[0.0 if level >= share else 1.0 for level in LEVELS] for share in shares])


def test_slices_that_fit_lose_nothing():
    assert least_lost(np.array([3.0, 2.0, 1.0]), needs(0.6, 0.1, 0.3)) == 0.0


def test_a_carrier_that_is_too_small_serves_what_weighs_most():
    assert least_lost(np.array([3.0, 2.0, 1.0]), needs(0.6, 0.3, 0.3)) == 1.0
    assert least_lost(np.array([1.0, 2.0, 3.0]), needs(0.6, 0.3, 0.3)) == 1.0
    assert least_lost(np.array([1.0, 2.0, 3.0]), needs(0.9, 0.6, 0.3)) == 1.0


def test_each_step_and_cell_is_divided_by_itself():
    missed = np.stack([needs(0.9, 0.05), needs(0.05, 0.9), needs(0.9, 0.2)], axis=-1)
    np.testing.assert_array_equal(least_lost(np.array([3.0, 2.0]), missed), [0.0, 0.0, 2.0])


def test_foresight_is_worth_something_in_the_city():
    with pybridge.make_vec("metaverse-city", num_envs=1, params={"episode_s": 3.0}) as env:
        (row,) = hindsight.by_seed(env, seeds_from=10_000, episodes=1)
        (played,) = run_episodes(env, make_heuristic("proportional-fair", env.schema), seeds_from=10_000, episodes=1)
        quality = sum(weight for name, weight in env.schema.utility.items() if name.startswith("quality_ratio"))
        weights = env.schema.utility
    assert played.utility < row["utility_hindsight"] < 1.0
    assert 0.0 < row["quality"] < quality
    assert row["utility_hindsight"] == pytest.approx(
        row["quality"]
        + weights["xurllc_otp_ratio"] * row["xurllc_otp_ratio"]
        + weights["deployment_cost_usd"] * row["deployment_cost_usd"]
    )
