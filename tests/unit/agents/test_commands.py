# SPDX-License-Identifier: GPL-2.0-only
"""The commands of `qntn` about learning, on the tiny scenario with real simulators."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from agents import checkpoint
from agents.cli import app, main
from agents.evaluate import BASELINES
from agents.settings import read
from agents.training import train

SHORT = ("rollout_steps=50", "segment_rollouts=2", "num_envs=2", "manager.min_decisions=3")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    sets = [word for setting in SHORT for word in ("--set", setting)]
    command = ["train", "tiny", "--steps", "400", "--param", "num_flows=2", "--run", str(folder), *sets]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert re.search(r"train 400/400 steps .*rate .*utility .*kl .*entropy", result.output)
    return folder


def test_train_leaves_a_run(run):
    assert checkpoint.load(run)["env_steps"] == 400
    assert checkpoint.read_recipe(run)["params"]["num_flows"] == 2
    assert list((run / "tensorboard").iterdir())


def test_train_takes_another_algorithm_and_names_the_folder_after_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = [word for setting in SHORT for word in ("--set", setting)]
    command = ["train", "tiny", "--algorithm", "happo", "--steps", "200", *sets]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    assert checkpoint.read_recipe(tmp_path / "runs" / "tiny-happo-seed1")["config"]["algorithm"] == "happo"


def test_evaluate_prints_rows(run):
    result = CliRunner().invoke(app, ["evaluate", str(run), "--episodes", "3", "--json"], catch_exceptions=False)
    rows = {row["policy"]: row for row in json.loads(result.stdout)}
    assert list(rows) == ["trained", *BASELINES]
    for row in rows.values():
        assert row["utility_ci95_low"] <= row["utility"] <= row["utility_ci95_high"]
        assert row["gain"] == pytest.approx(rows["trained"]["utility"] - row["utility"])
    assert (run / "evaluation.csv").exists()
    assert len((run / "episodes.csv").read_text().splitlines()) == 1 + len(rows) * 3


@pytest.mark.parametrize("width", [40, 200])
def test_evaluate_shows_all_figures_on_a_narrow_terminal(run, width):
    command = ["evaluate", str(run), "--episodes", "2"]
    output = CliRunner(env={"COLUMNS": str(width)}).invoke(app, command, catch_exceptions=False).stdout
    number = r"-?\d\.\d{4}"
    for name in BASELINES:
        gains = rf"[+-]{number} +[+-]{number} \.\. [+-]{number} +\d+%"
        assert re.search(rf"^ *{name} +{number} +{gains} *$", output, re.MULTILINE), output


def test_headroom_prints_rows():
    command = ["headroom", "tiny", "--seeds", "2", "--max-static", "4", "--json"]
    rows = {row["policy"]: row for row in json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)}
    assert rows["random"]["left_percent"] > rows["equal-share"]["left_percent"] >= 0
    assert rows["static"]["left_percent"] == 0


def test_run_writes_every_step(tmp_path):
    file = tmp_path / "steps.csv"
    command = ["run", "tiny", "--policy", "proportional-to-demand", "--seed", "3", "--csv", str(file), "--json"]
    rows = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert {row["metric"] for row in rows} >= {"carried_bps", "backlog_ratio"}
    assert len(file.read_text().splitlines()) == 101
    assert json.loads((tmp_path / "steps.recipe.json").read_text())["policy"] == "proportional-to-demand"


def test_mistakes_are_told_in_a_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["qntn", "train", "tiny", "--run", str(tmp_path / "r"), "--set", "stepps=3"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: stepps: no such setting; did you mean 'steps'?\n"
    assert not (tmp_path / "r").exists()


def test_a_resumed_run_of_a_real_scenario_equals_one_that_never_stopped(tmp_path):
    def start(folder, **options):
        settings = {"steps": 800} if options.get("resume") else read(None, SHORT, steps=800)
        train("tiny", tmp_path / folder, params={}, settings=settings, console=Console(quiet=True), **options)
        return checkpoint.load(tmp_path / folder)

    whole = start("whole")
    start("parts", stop_after_segments=2)
    parts = start("parts", resume=True)
    for role in ("manager", "worker"):
        for network in ("actor", "critic"):
            for name, weights in whole["roles"][role][network].items():
                assert torch.equal(weights, parts["roles"][role][network][name]), f"{role} {network} {name}"
        np.testing.assert_array_equal(whole["observer"][role]["mean"], parts["observer"][role]["mean"])
    assert torch.equal(whole["generator"], parts["generator"])
