# SPDX-License-Identifier: GPL-2.0-only
"""Learning, evaluation, headroom and the demonstration on the slice-budget problem."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from fake_env import SliceBudget, fields
from PIL import Image
from rich.console import Console

from agents import demo, report
from agents.bounds import headroom
from agents.episodes import Episode, run_episodes
from agents.evaluate import baselines, bootstrap, evaluate, summarise
from agents.evidence.statistics import Estimate
from agents.policies import EqualShare
from agents.settings import read
from agents.trained import TrainedPolicy
from agents.training import train
from pybridge import Place, Scene, Span


def make_env(name, num_envs, params, transport):
    return SliceBudget(num_envs)


def test_the_interval_of_a_mean_covers_it_and_narrows():
    rng = np.random.default_rng(1)
    few, many = (bootstrap(rng.normal(3, 1, count)) for count in (20, 500))
    assert few.low < few.value < few.high and few.low < 3 < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / np.sqrt(500), rel=0.15)
    assert bootstrap(np.array([2.0, 2.0])) == Estimate(2.0, 2.0, 2.0)


@pytest.mark.parametrize("num_envs", [1, 2, 3])
def test_an_episode_depends_on_its_seed_alone(num_envs):
    alone = run_episodes(SliceBudget(1), EqualShare(SliceBudget(1).schema), seeds_from=50, episodes=4)
    env = SliceBudget(num_envs)
    together = run_episodes(env, EqualShare(env.schema), seeds_from=50, episodes=4)
    assert [episode.seed for episode in together] == [50, 51, 52, 53]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.metrics, other.metrics)
        assert one.utility == pytest.approx((one.metrics @ env.schema.utility_weights).mean())
        assert one.time_s[-1] == pytest.approx(4.0)


def test_managers_and_workers_learn(tmp_path):
    settings = read(
        None, ["worker.prior=0.0", "manager.prior=0.0", "rollout_steps=100", "backend=inline"], steps=12_000
    )
    train("toy", tmp_path, params={}, settings=settings, console=Console(quiet=True), make_env=make_env)
    env = SliceBudget(2)
    policies = [TrainedPolicy(env.schema, tmp_path, num_envs=2), *baselines(env)]
    results = evaluate(env, policies, episodes=10)
    rows = {row["policy"]: row for row in summarise(env, results)}
    for name in ("random", "equal-share", "proportional-to-demand"):
        assert rows[name]["gain_ci95_low"] > 0.2
        assert rows[name]["won_ratio"] == 1.0
    trained, equal = rows["trained"], rows["equal-share"]
    assert trained["mode_ratio"] > 0.9  # workers: masked choices by context
    assert trained["served_ratio"] > equal["served_ratio"] + 0.02  # shares and budgets
    assert abs(trained["fill_ratio.pool_0"] - 0.75) < 0.15  # managers: power 1.5 of 2, from epochs' rewards alone


def test_a_tie_is_half_a_win():
    env = SliceBudget(1)
    utilities = {"first": [1.0, 2.0, 3.0, 4.0], "other": [0.0, 2.0, 3.0, 5.0]}
    steps = np.zeros((1, len(env.schema.metrics)))
    results = {
        name: [Episode(seed, utility, np.arange(1.0), steps, {}) for seed, utility in enumerate(of_policy)]
        for name, of_policy in utilities.items()
    }
    assert [row["won_ratio"] for row in summarise(env, results)] == [0.5, (1 + 0.5 + 0.5 + 0) / 4]


def test_headroom_finds_the_better_static_choices():
    env = SliceBudget(2)
    found = headroom.study(env, seeds_from=1, seeds=2, max_static=40)
    assert found.tried <= 40
    assert found.best["cell", "mode"].min() >= 1  # choice 0 is never right
    rows = {row["policy"]: row for row in headroom.rows(found)}
    best, equal = rows["static"]["utility"], rows["equal-share"]["utility"]
    assert best > equal
    assert rows["static"]["left_percent"] == 0
    assert rows["equal-share"]["left_percent"] == pytest.approx(100 * (best - equal) / best)
    assert any(line.startswith("cell_0 mode: ") for line in headroom.describe(env.schema, found.best))


@pytest.mark.parametrize(
    "names",
    [("delay_p50_ms.xr", "delay_p99_ms.xr", "delay_p50_ms.embb"), ("xr_delay_p50_ms", "eur", "embb_delay_p50_ms")],
)
def test_pictures_find_the_metrics_of_each_slice(names):
    schema = replace(SliceBudget(1).schema, metrics=fields(*((name, 1) for name in names)))
    assert demo.of_each(schema, demo.DELAYS) == ("delay_p50_ms", {"xr": 0, "embb": 2})
    assert demo.of_each(schema, demo.POOLS) == ("", {})


def test_the_demonstration_leaves_a_table_and_pictures(tmp_path):
    settings = ("rollout_steps=40", "segment_rollouts=2", "worker.epochs=1")
    budget = replace(demo.SMALL, max_steps=300, overrides=settings)
    demo.demo("toy", tmp_path, budget, Console(quiet=True), make_env=make_env)
    page = (tmp_path / "results.md").read_text()
    for name in ("learning-curve.png", "utility.png", "delay.png", "pools.png"):
        assert f"({name})" in page
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    seeds = {policy: [row["seed"] for row in rows if row["policy"] == policy] for policy in ("trained", "random")}
    assert seeds["trained"] == seeds["random"] == ["10000", "10001", "10002"]
    with (tmp_path / "equal-share-steps.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 40


def test_a_map_has_a_panel_for_what_there_is_and_no_other(tmp_path):
    town = (Place("gnb_0", "gnb", 0.0, 0.0), Place("ue_0", "ue", 50.0, 20.0))
    keys = {"sites": {"A": "endpoint", "B": "relay"}, "spans": (Span("A", "B", 10.0),)}
    widths = []
    for scene in (Scene(**keys), Scene(places=town), Scene(places=town, **keys)):
        report.scene_picture(tmp_path / "map.png", "toy", scene)
        with Image.open(tmp_path / "map.png") as picture:
            widths.append(picture.width)
    assert widths == [widths[0], 2 * widths[0], 3 * widths[0]]
