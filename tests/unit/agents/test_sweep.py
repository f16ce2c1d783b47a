# SPDX-License-Identifier: GPL-2.0-only
"""A sweep: every combination, each a run of its own."""

from __future__ import annotations

import csv
import json
import re
import sys
import warnings

import pytest
from fake_env import SliceBudget
from typer.testing import CliRunner

import pybridge
from agents import checkpoint
from agents.cli import app
from agents.config import ConfigError
from agents.sweep import TABLE, by_setting, parse_grid, ranked, sweep

SMALL = ["rollout_steps=20", "segment_rollouts=2", "num_envs=2"]


def test_values_are_read_as_in_toml():
    assert parse_grid("worker.lr=1e-4,3e-4") == ("worker.lr", [1e-4, 3e-4])
    assert parse_grid("worker.actor_hidden=[64, 64],[32]") == ("worker.actor_hidden", [[64, 64], [32]])
    assert parse_grid("backend=inline,local") == ("backend", ["inline", "local"])
    assert parse_grid("overlap=true,false") == ("overlap", [True, False])
    for text in ("worker.lr", "worker.lr=", "=3"):
        with pytest.raises(ConfigError, match="expected key=value,value"):
            parse_grid(text)


def test_settings_are_checked_before_anything_starts(tmp_path):
    with pytest.raises(ConfigError, match="rollout_stepps: no such setting; did you mean 'rollout_steps'"):
        sweep("toy", ["rollout_stepps=1,2"], tmp_path)
    with pytest.raises(ConfigError, match="--samples"):
        sweep("toy", ["seed=1,2"], tmp_path)
    with pytest.raises(ConfigError, match=re.escape("role.cel: no such role; did you mean 'cell'")):
        sweep("toy", ["role.cel.lr=1e-4,3e-4"], tmp_path, make_env=lambda *_: SliceBudget(1))
    with pytest.raises(ConfigError, match="worker.gamma = 2: expected 0 to 1"):
        sweep("toy", ["worker.gamma=0.9,2"], tmp_path, make_env=lambda *_: SliceBudget(1))
    with pytest.raises(pybridge.ScenarioNotFound, match="tinny"):
        sweep("tinny", ["worker.gamma=0.9,0.8"], tmp_path)


UTILITIES = {(1e-4, 1): 0.9, (1e-4, 2): 0.1, (3e-4, 1): 0.6, (3e-4, 2): 0.7, (1e-3, 1): 0.2, (1e-3, 2): 0.3}


def runs():
    """One setting has the luckiest seed, another is better on average."""
    about = {"worker.actor_hidden": [64, 64], "env_steps": 80, "run": "folder"}
    return [{"worker.lr": lr, "seed": seed, "utility": utility} | about for (lr, seed), utility in UTILITIES.items()]


def test_a_setting_counts_by_its_mean_over_seeds():
    assert by_setting(runs()[::-1]) == [
        {"worker.lr": lr, "worker.actor_hidden": [64, 64], "seeds": 2, "utility": mean, "least": least, "most": most}
        for lr, mean, least, most in ((3e-4, 0.65, 0.6, 0.7), (1e-4, 0.5, 0.1, 0.9), (1e-3, 0.25, 0.2, 0.3))
    ]
    order = [(row["worker.lr"], row["seed"]) for row in ranked(runs()[::-1])]
    assert order == [(3e-4, 1), (3e-4, 2), (1e-4, 1), (1e-4, 2), (1e-3, 1), (1e-3, 2)]


def test_the_command_prints_settings_and_as_json_runs(monkeypatch, tmp_path):
    def talkative(*args, **kwargs):
        print("a banner", file=sys.stdout)  # noqa: T201 - as Ray Tune does
        return ranked(runs())

    monkeypatch.setattr("agents.sweep.sweep", talkative)
    words = ["sweep", "toy", "--grid", "worker.lr=1e-4,3e-4,1e-3", "--out", str(tmp_path)]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert [line.split()[0] for line in shown.splitlines() if "[64, 64]" in line] == ["0.0003", "0.0001", "0.001"]
    assert "policies that still explore" in shown
    printed = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert printed == ranked(runs())


@pytest.mark.slow
def test_every_combination_becomes_a_run(tmp_path, ray_alone):
    import ray

    out = tmp_path / "sweep"
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # Ray's own
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            rows = sweep(
                "toy",
                ["worker.lr=0.0,3e-3"],
                out,
                seeds=1,
                steps=80,
                overrides=SMALL,
                make_env=lambda name, num_envs, params, transport: SliceBudget(num_envs),
            )
        finally:
            ray.shutdown()
    assert sorted((row["worker.lr"], row["seed"]) for row in rows) == [(0.0, 1), (3e-3, 1)]
    assert rows == ranked(rows)
    with (out / TABLE).open() as file:
        assert len(list(csv.DictReader(file))) == 2
    for row in rows:
        recipe = checkpoint.read_recipe(out / row["run"].rsplit("/", 1)[1])
        assert recipe["config"]["seed"] == row["seed"]
        assert recipe["config"]["roles"]["cell"]["lr"] == row["worker.lr"]
        assert checkpoint.load(out / row["run"].rsplit("/", 1)[1])["env_steps"] == row["env_steps"] == 80
