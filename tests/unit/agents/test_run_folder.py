# SPDX-License-Identifier: GPL-2.0-only
"""A training run on disk: exact continuation, damaged files, recipes."""

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_env import PERIOD, SliceBudget
from rich.console import Console

from agents import checkpoint, watch
from agents.config import ConfigError
from agents.evidence.folder import write_rows
from agents.policies import make_heuristic
from agents.settings import read
from agents.trained import TrainedPolicy
from agents.training import CURVE, UPDATES, train

ROLLOUT = 23  # no multiple of the planner's period: decisions stay open over updates
SETTINGS = [
    f"rollout_steps={ROLLOUT}",
    "segment_rollouts=3",
    "num_envs=2",
    "manager.min_decisions=18",
    "worker.epochs=2",
    "backend=inline",
]
SEGMENT = 3 * 2 * ROLLOUT


def start(run, *, segments, settings=(), make_env=lambda name, n, params, transport: SliceBudget(n), **options):
    if not options.get("resume"):
        settings = read(None, [*SETTINGS, *settings], steps=segments * SEGMENT)
    else:
        settings = {"steps": segments * SEGMENT}
    train("toy", run, params={}, settings=settings, console=Console(quiet=True), make_env=make_env, **options)
    return checkpoint.load(run)


def assert_same(a, b, where="checkpoint"):
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{index}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b, err_msg=where)
    else:
        assert a == b, where


def curve(run):
    """Rows of rollouts.csv without the columns that hold wall time."""
    with (run / CURVE).open() as file:
        return [{k: v for k, v in row.items() if not k.startswith(("time/", "wall_s"))} for row in csv.DictReader(file)]


@pytest.mark.parametrize("terminates", [False, True])
def test_a_resumed_run_equals_one_that_never_stopped(tmp_path, terminates):
    def make_env(name, n, params, transport):
        return SliceBudget(n, terminates=terminates)

    whole = start(tmp_path / "whole", segments=4, make_env=make_env)
    half = start(tmp_path / "parts", segments=4, stop_after_segments=1, make_env=make_env)
    assert half["pools"]["planner"][0][0]["valid"].any()  # decisions that wait for an update go along
    parts = start(tmp_path / "parts", segments=4, resume=True, make_env=make_env)
    assert whole["env_steps"] == 4 * SEGMENT
    assert whole["roles"]["planner"]["optimiser"]["state"][0]["step"] > 0
    assert_same(whole, parts)
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")


def test_a_longer_run_equals_a_short_one_continued(tmp_path):
    constant = ["final_lr_ratio=1.0"]
    whole = start(tmp_path / "whole", segments=2, settings=constant)
    start(tmp_path / "parts", segments=1, settings=constant)
    assert_same(whole, start(tmp_path / "parts", segments=2, resume=True))


def test_managers_keep_decisions_between_updates(tmp_path):
    state = start(tmp_path, segments=1, settings=["manager.min_decisions=1000"])
    parts = state["pools"]["planner"][0]
    assert sum(part["valid"].sum(axis=0) for part in parts).min() >= 3 * ROLLOUT // PERIOD
    assert parts[-1]["last"][parts[-1]["valid"].sum(axis=0) - 1, [0, 1]].all()  # closed by the segment's end
    assert state["pools"]["cell"] == {}


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path):
    start(tmp_path, segments=2)
    latest = tmp_path / checkpoint.LATEST
    latest.write_bytes(latest.read_bytes()[:1000])
    assert checkpoint.load(tmp_path)["env_steps"] == SEGMENT
    resumed = start(tmp_path, segments=2, resume=True)
    assert resumed["env_steps"] == 2 * SEGMENT
    (tmp_path / checkpoint.LATEST).unlink()
    (tmp_path / checkpoint.PREVIOUS).unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt is missing"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_death_while_saving_leaves_a_good_checkpoint(tmp_path, monkeypatch, call):
    for number in (1, 2):
        checkpoint.save(tmp_path, {"number": number})
    calls = []
    with monkeypatch.context() as patch:

        def dies(function):
            def counted(*args):
                calls.append(function)
                if len(calls) > call:
                    raise KeyboardInterrupt
                return function(*args)

            return counted

        patch.setattr(os, "fsync", dies(os.fsync))
        patch.setattr(Path, "replace", dies(Path.replace))
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(tmp_path, {"number": 3})
    assert checkpoint.load(tmp_path)["number"] == 2
    checkpoint.save(tmp_path, {"number": 4})
    assert checkpoint.load(tmp_path)["number"] == 4


def test_a_run_that_is_killed_again_and_again_equals_one_that_never_was(tmp_path):
    """A process of its own forks before it has used PyTorch, which makes each life short."""
    program = f"""
import os, random, signal, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_run_folder import SEGMENT, checkpoint, curve, start

run, rng, kills = Path({str(tmp_path / "killed")!r}), random.Random(7), 0
while True:
    child = os.fork()
    if not child:
        start(run, segments=6, resume=(run / checkpoint.RECIPE).exists())
        os._exit(0)
    if kills < 10:
        time.sleep(rng.uniform(0.02, 0.8))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WIFSIGNALED(status), status
    kills += 1
    begun = (run / "rollouts.csv").exists()
    lines = (run / "rollouts.csv").read_text().splitlines()[1:-1] if begun else []
    done = [int(line.split(",")[0]) for line in lines]
    kept = checkpoint.load(run)["env_steps"] if checkpoint.exists(run) else 0
    assert not done or done[-1] - kept <= SEGMENT, (done, kept)
print(kills)
"""
    siege = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert siege.returncode == 0, siege.stderr
    assert int(siege.stdout) >= 2
    assert_same(start(tmp_path / "whole", segments=6), checkpoint.load(tmp_path / "killed"))
    assert curve(tmp_path / "whole") == curve(tmp_path / "killed")


def test_a_run_carries_its_recipe(tmp_path):
    start(tmp_path, segments=1, settings=["role.cell.lr=1e-4"])
    recipe = json.loads((tmp_path / checkpoint.RECIPE).read_text())
    assert recipe["scenario"] == "toy"
    assert recipe["config"]["roles"]["cell"]["lr"] == 1e-4
    assert recipe["config"]["seed"] == 1
    assert recipe["params"] == {"episode_steps": 40}
    assert recipe["versions"]["torch"] == torch.__version__
    assert "git_revision" in recipe


def test_a_run_is_not_overwritten_and_a_resumed_one_keeps_its_settings(tmp_path):
    start(tmp_path, segments=1)
    with pytest.raises(checkpoint.CheckpointError, match="--resume"):
        start(tmp_path, segments=1)
    with pytest.raises(ConfigError, match="only --steps"):
        train("toy", tmp_path, params={}, settings={"seed": 2}, resume=True, console=Console(quiet=True))


def test_what_a_killed_run_wrote_after_its_checkpoint_is_dropped(tmp_path):
    start(tmp_path, segments=2, stop_after_segments=1)
    before = curve(tmp_path)
    lines = (tmp_path / CURVE).read_text().splitlines()
    cut = lines[-1].replace(str(SEGMENT), str(SEGMENT + 46), 1)
    (tmp_path / CURVE).write_text("\n".join([*lines, cut, "1"]))  # one more rollout, and the start of another
    start(tmp_path, segments=2, resume=True)
    after = curve(tmp_path)
    assert after[: len(before)] == before
    assert [int(row["env_steps"]) for row in after] == [2 * ROLLOUT * k for k in range(1, 7)]


def test_updates_have_a_table_of_their_own_that_a_killed_run_leaves_whole(tmp_path):
    def table():
        with (tmp_path / UPDATES).open() as file:
            return list(csv.DictReader(file))

    start(tmp_path, segments=2, stop_after_segments=1)
    before = table()
    assert {row["role"] for row in before} >= {"cell"}
    assert float(before[0]["entropy"]) != 0
    last = (tmp_path / UPDATES).read_text().splitlines()[-1]
    with (tmp_path / UPDATES).open("a") as file:
        file.write(last.replace(str(SEGMENT), str(SEGMENT + 46), 1))  # one more update, before it died
    start(tmp_path, segments=2, resume=True)
    steps = [int(row["env_steps"]) for row in table() if row["role"] == "cell"]
    assert table()[: len(before)] == before
    assert steps == [2 * ROLLOUT * k for k in range(1, 7)]


@pytest.mark.parametrize("prior", ["", "equal-share"])
def test_the_prior_of_a_heuristic_is_what_a_new_policy_does_and_a_resumed_one_goes_on_with(tmp_path, prior):
    settings = [f"worker.prior_policy={prior}", "worker.lr=1e-9", "manager.lr=1e-9"]
    whole = start(tmp_path / "whole", segments=2, settings=settings)
    start(tmp_path / "parts", segments=2, settings=settings, stop_after_segments=1)
    assert_same(start(tmp_path / "parts", segments=2, resume=True), whole)

    env = SliceBudget(1)
    batch = env.reset(seed=10_000)
    policy = TrainedPolicy(env.schema, tmp_path / "whole", num_envs=1)
    shares = policy.act(batch, np.random.default_rng(0))["cell"][0, 0, :3]
    heuristic = make_heuristic(prior or "proportional-to-demand", env.schema)
    assert shares == pytest.approx(heuristic.act(batch, np.random.default_rng(0))["cell"][0, 0, :3], abs=0.02)


def test_a_changed_scenario_is_refused(tmp_path):
    start(tmp_path, segments=1)

    class Changed(SliceBudget):
        def __init__(self, num_envs):
            super().__init__(num_envs)
            planner, cell = self.schema.roles
            self.schema = replace(self.schema, roles=(planner, replace(cell, num_agents=3)))

    with pytest.raises(checkpoint.CheckpointError, match="role cell: num_agents was 2 in training, is 3 now"):
        TrainedPolicy(Changed(1).schema, tmp_path, num_envs=1)


def test_a_run_in_which_a_runner_missed_a_round_ends_as_finished(tmp_path):
    start(tmp_path, segments=2)
    with (tmp_path / CURVE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[1:]:  # the second round went on without one of two environments
        row["env_steps"] = str(int(row["env_steps"]) - ROLLOUT)
    long_ago = time.time() - 2 * watch.QUIET_S
    for kept, state in ((rows, "finished"), (rows[:-1], "stopped")):
        write_rows(tmp_path / CURVE, kept)
        for file in (CURVE, checkpoint.RECIPE):
            os.utime(tmp_path / file, (long_ago, long_ago))
        assert watch.state_of(tmp_path) == state
