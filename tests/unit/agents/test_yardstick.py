# SPDX-License-Identifier: GPL-2.0-only
"""The public task is the one that the reference figures are of, and the learner learns it."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mpe2")

from agents.bench import yardstick
from agents.episodes import run_episodes
from agents.policies import EqualShare, RandomPolicy
from agents.rollouts.environment import ParallelVector

REFERENCE = Path(__file__).parents[2] / "reference" / "marl" / "simple_spread.csv"


def reference():
    """Mean and standard error by policy, of the rows without a number of steps."""
    with REFERENCE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["env_steps"]]
    return {row["policy"]: (float(row["return_mean"]), float(row["sem_or_note"])) for row in rows}


@pytest.mark.parametrize(("name", "policy"), [("random", RandomPolicy), ("noop", EqualShare)])
def test_returns_of_fixed_policies_are_those_of_the_reference(name, policy):
    with ParallelVector(yardstick.simple_spread, 8) as env:
        episodes = run_episodes(env, policy(env.schema), seeds_from=10_000, episodes=120)
    returns = np.array([episode.metrics[:, 0].sum() for episode in episodes])
    assert {len(episode.metrics) for episode in episodes} == {yardstick.CYCLES}
    mean, sem = reference()[name]
    assert abs(returns.mean() - mean) < 3 * np.hypot(sem, returns.std() / np.sqrt(len(returns)))


def test_rows_tell_seed_steps_return_and_speed():
    rows = yardstick.learner(800, 2, ["segment_rollouts=2"])
    assert [(row["seed"], row["steps"]) for row in rows] == [(1, 800), (2, 800)]
    assert rows[0]["greedy_return"] != rows[1]["greedy_return"]
    for row in rows:
        assert -500 < row["greedy_return"] < 0
        assert 0 < row["steps_per_s"] < row["raw_steps_per_s"]
