# SPDX-License-Identifier: GPL-2.0-only
"""A study on the tiny scenario with real simulators, and what a run is good for afterwards."""

import csv
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import pybridge
from agents import checkpoint, replay, watch
from agents.cli import app
from agents.config import ConfigError
from agents.episodes import Episode
from agents.evidence import workers
from agents.evidence.plan import FOLDER, figures, read_plan
from agents.evidence.study import study
from agents.rollouts.base import RunnerError


def invoke(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "tiny"
    invoke("study", "tiny", "--plan", "smoke", "--out", out)
    return out


@pytest.fixture(scope="module")
def run(folder):
    return folder / "runs" / "mappo-seed1"


def test_a_study_leaves_tables_and_a_page_without_scripts(folder):
    results = {row["policy"]: row for row in rows(folder / "results.csv")}
    assert {"mappo (greedy)", "mappo (sampled)", "random", "model-predictive"} <= results.keys()
    assert results["mappo (greedy)"]["runs"] == "2"
    for row in results.values():
        low, value, high = (float(row[f"utility_iqm{end}"]) for end in ("_ci95_low", "", "_ci95_high"))
        assert low <= value <= high
    assert float(results["random"]["improvement_of_reference"]) > 0.5
    assert [row["policy"] for row in rows(folder / "ablations.csv")] == ["mappo (greedy)", "no-prior (greedy)"]
    assert {row["variant"] for row in rows(folder / "curves.csv")} == {"mappo", "no-prior"}
    page = (folder / "index.html").read_text()
    assert "<script" not in page
    for name in re.findall(r"src='([^']+)'", page) + re.findall(r"href='([^']+)'", page):
        assert (folder / name).exists(), name


def test_a_study_goes_on_with_what_is_missing(folder):
    kept = {file: file.stat().st_mtime_ns for file in folder.glob("runs/*/checkpoint.pt")}
    lost = folder / "episodes" / "random.csv"
    before = lost.read_text()
    lost.unlink()
    output = invoke("study", "tiny", "--plan", "smoke", "--out", folder, "--resume")
    assert re.findall(r"evaluating (\S+): (\S+)", output) == [("1/1", "random")]
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    columns = [[row[name] for name in ("seed", "utility")] for row in csv.DictReader(before.splitlines())]
    assert [[row["seed"], row["utility"]] for row in rows(lost)] == columns


def test_the_report_can_be_written_anew(folder):
    before = (folder / "index.html").read_text()
    (folder / "index.html").unlink()
    (folder / "results.csv").unlink()
    invoke("study", "tiny", "--plan", "smoke", "--out", folder, "--report")
    assert (folder / "index.html").read_text() == before
    assert (folder / "results.csv").exists()


def test_a_study_is_not_overwritten_nor_mixed_with_another(folder, tmp_path):
    with pytest.raises(ConfigError, match="go on with --resume"):
        invoke("study", "tiny", "--plan", "smoke", "--out", folder)
    other = tmp_path / "other.toml"
    other.write_text("steps = 10\n[algorithms]\nmappo = []\n")
    with pytest.raises(ConfigError, match="another study: steps = 800 in its plan, and not 10"):
        invoke("study", "tiny", "--plan", other, "--out", folder, "--resume")
    with pytest.raises(ConfigError, match="of the scenario tiny, and not echo"):
        invoke("study", "echo", "--plan", "smoke", "--out", folder, "--resume")
    smoke = (FOLDER / "smoke.toml").read_text()
    other.write_text(smoke.replace("mappo = []", 'mappo = ["worker.gamma=0.5"]'))
    with pytest.raises(ConfigError, match=r"mappo has the settings .*, and not .*worker\.gamma=0\.5"):
        invoke("study", "tiny", "--plan", other, "--out", folder, "--resume")


def test_a_study_grows_by_seeds_and_variants(tmp_path):
    plan = tmp_path / "plan.toml"
    text = (
        'steps = 100\ntraining_seeds = [1]\nepisodes = 2\nbaselines = ["random"]\nsampled = false\n'
        'settings = ["rollout_steps=50", "segment_rollouts=1"]\n[algorithms]\nmappo = []\n'
    )
    plan.write_text(text)
    invoke("study", "tiny", "--plan", plan, "--out", tmp_path / "out")
    first = (tmp_path / "out" / "episodes" / "mappo-seed1-greedy.csv").read_bytes()
    plan.write_text(text.replace("[1]", "[1, 2]") + 'ippo = ["algorithm=ippo"]\n')
    output = invoke("study", "tiny", "--plan", plan, "--out", tmp_path / "out", "--resume")
    assert re.findall(r"training (\S+): (.+)", output) == [
        ("1/3", "mappo, seed 2"),
        ("2/3", "ippo, seed 1"),
        ("3/3", "ippo, seed 2"),
    ]
    assert (tmp_path / "out" / "episodes" / "mappo-seed1-greedy.csv").read_bytes() == first
    results = {row["policy"]: row["runs"] for row in rows(tmp_path / "out" / "results.csv")}
    assert results["mappo (greedy)"] == results["ippo (greedy)"] == "2"
    plan.write_text(text + 'ippo = ["algorithm=ippo"]\n')
    with pytest.raises(ConfigError, match=r"mappo has the seeds \[1, 2\] in its plan, and not \[1\]"):
        invoke("study", "tiny", "--plan", plan, "--out", tmp_path / "out", "--resume")
    plan.write_text(text.replace("[1]", "[1, 2]"))
    with pytest.raises(ConfigError, match="its plan has a variant ippo"):
        invoke("study", "tiny", "--plan", plan, "--out", tmp_path / "out", "--resume")


def test_a_variant_that_this_version_does_not_know_is_left_out_and_named(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'steps = 100\ntraining_seeds = [1]\nepisodes = 2\nbaselines = ["random"]\nsampled = false\n'
        'settings = ["rollout_steps=50", "segment_rollouts=1"]\n'
        '[algorithms]\nmappo = []\nother = ["warp_speed=9"]\n'
    )
    page = study("tiny", read_plan(str(plan)), tmp_path / "out", Console(quiet=True))
    left_out = json.loads((tmp_path / "out" / "left-out.json").read_text())
    assert list(left_out) == ["other"]
    assert left_out["other"].startswith("warp_speed: no such setting")
    assert "warp_speed" in page.read_text()
    assert not list((tmp_path / "out").glob("runs/other*"))


@pytest.mark.slow
def test_runs_side_by_side_or_on_a_cluster_learn_what_they_learn_one_by_one(tmp_path, cluster):
    file = tmp_path / "plan.toml"
    file.write_text(
        'steps = 200\ntraining_seeds = [1, 2]\nepisodes = 2\nbaselines = ["random"]\nsampled = false\n'
        'settings = ["rollout_steps=50", "segment_rollouts=1"]\n'
        '[algorithms]\nmappo = []\nother = ["algorithm=none-such"]\n'
    )
    plan = read_plan(str(file))
    ways = {"here": {}, "side by side": {"jobs": 2}, "cluster": {"ray_address": cluster.address}}
    for way, options in ways.items():
        study("tiny", plan, tmp_path / way, Console(quiet=True), **options)
        assert list(json.loads((tmp_path / way / "left-out.json").read_text())) == ["other"]
        for seed in (1, 2):
            assert (tmp_path / way / "runs" / f"mappo-seed{seed}" / "done.json").exists()
    for seed in (1, 2):
        here, *others = (rows(tmp_path / way / "episodes" / f"mappo-seed{seed}-greedy.csv") for way in ways)
        for other in others:
            assert [row["utility"] for row in here] == [row["utility"] for row in other]


def test_what_a_cluster_cannot_do_is_refused(tmp_path, cluster):
    def work(cores, folder):
        units = [workers.Unit("nothing", partial(print, "nothing"))]
        with workers.on_cluster(Console(quiet=True), cluster.address, cores, folder) as do:
            return list(do("doing", units))

    with pytest.raises(RunnerError, match="found nodes with up to 2 cores, expected 3"):
        work(3, tmp_path)
    with pytest.raises(RunnerError, match=f"does not see {tmp_path}/none: name an --out that all nodes"):
        work(2, tmp_path / "none")
    with pytest.raises(RunnerError, match="no Ray cluster answers"):
        invoke("study", "tiny", "--plan", "smoke", "--out", tmp_path / "out", "--ray-address", "127.0.0.1:1")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="a cluster does as many runs as fit"):
        invoke("study", "tiny", "--plan", "smoke", "--jobs", 2, "--ray-address", cluster.address)


KILLED_STUDY = """
import multiprocessing, pathlib, signal, sys
from rich.console import Console
from agents.evidence.study import study
from agents.evidence.plan import FOLDER, figures, read_plan
from agents.training import make_vec

def make_env(*args):
    if multiprocessing.parent_process() is None:
        return make_vec(*args)
    print("a run", flush=True)
    signal.pause()

if __name__ == "__main__":
    study("tiny", read_plan(sys.argv[1]), pathlib.Path(sys.argv[2]), Console(quiet=True), jobs=2, make_env=make_env)
"""


def test_runs_side_by_side_end_with_the_study(tmp_path, nothing_left):
    plan, script = tmp_path / "plan.toml", tmp_path / "killed.py"
    plan.write_text("steps = 400\ntraining_seeds = [1, 2]\n[algorithms]\nmappo = []\n")
    script.write_text(KILLED_STUDY)
    command = [sys.executable, str(script), str(plan), str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, start_new_session=True) as process:
        try:
            for _ in range(2):  # two runs have started
                assert select.select([process.stdout], [], [], 60)[0]
                assert process.stdout.readline()
            process.kill()
            # its output ends with the last process that has it: the runs, and Python's keeper of their semaphores
            assert select.select([process.stdout], [], [], 10)[0]
            assert process.stdout.read(1) == b""
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.toml")])
def test_plans_are_readable(name):
    plan = read_plan(name)
    assert plan.reference.name == "mappo"
    assert len({variant.name for variant in plan.variants}) == len(plan.variants)


def test_a_variant_may_have_training_seeds_of_its_own(tmp_path):
    file = tmp_path / "plan.toml"
    text = (
        "steps = 10\ntraining_seeds = [1, 2]\n[algorithms]\nmappo = []\nippo = []\n[ablations]\na = []\nb = []\n"
        "[seeds]\nablations = [3]\nippo = [4]\nb = [5, 6]\n"
    )
    file.write_text(text)
    plan = read_plan(str(file))
    assert {variant.name: variant.seeds for variant in plan.variants} == {
        "mappo": (1, 2),
        "ippo": (4,),
        "a": (3,),
        "b": (5, 6),
    }
    file.write_text(text + "ipo = [7]\n")
    with pytest.raises(ConfigError, match="seeds.ipo: no such group or variant; did you mean 'ippo'"):
        read_plan(str(file))


def test_a_plan_with_a_mistake_is_refused(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("steps = 10\nepisods = 3\n[algorithms]\nmappo = []\n")
    with pytest.raises(ConfigError, match="did you mean 'episodes'"):
        read_plan(str(file))
    file.write_text("steps = 10\nceilings = ['hindsite']\n[algorithms]\nmappo = []\n")
    with pytest.raises(ConfigError, match="no such ceiling; did you mean 'hindsight'"):
        read_plan(str(file))
    with pytest.raises(ConfigError, match="no study plan 'quik'; did you mean 'quick'"):
        read_plan("quik")


def test_figures_of_an_episode_by_hand():
    names = ["delay_p50_ms.xr", "xr_satisfied_ratio.a", "xr_satisfied_ratio.b", "deployment_cost_usd"]
    names.append("key_delivered_bits")

    class Named:
        metrics = [type("Metric", (), {"name": name})() for name in names]

    steps = np.array([[0.0, 1.0, 0.5, 2.0, 1e6], [8.0, 1.0, 0.0, 4.0, 2e6]])
    found = figures(Named(), Episode(7, 0.5, np.arange(2), steps, {}))
    assert found["delay_p50_ms.xr"] == 8  # the step without a burst does not count
    assert found["jain_ratio"] == pytest.approx((1 + 0.25) ** 2 / (2 * (1 + 0.0625)))
    assert found["key_cost_usd_per_delivered_mbit"] == pytest.approx(6 / 3)


def test_watch_prints_a_frame(run):
    output = invoke("watch", run, "--once")
    assert "finished" in output
    assert "800/800 steps" in output
    assert "backlog_ratio" in output


def test_watch_names_its_figures_in_full_and_counts_what_it_leaves_out():
    curve = {f"metric/{'a_figure_with_a_long_name' * 2}.{i}": np.arange(12.0) for i in range(watch.MOST_FIGURES + 3)}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(watch._figures(curve))
    lines = console.export_text().splitlines()
    names = "".join(line[: lines[0].index("first")].strip() for line in lines[1:])
    for name in list(curve)[: watch.MOST_FIGURES]:
        assert name.removeprefix("metric/") in names
    assert "3 more in rollouts.csv" in lines[-1]


def test_a_rollout_that_is_being_written_is_not_shown(run, tmp_path):
    whole = (run / "rollouts.csv").read_text()
    cut = tmp_path / "rollouts.csv"
    cut.write_text(whole[: len(whole) - 40])
    assert len(watch.read_rows(cut)["env_steps"]) == len(watch.read_rows(run / "rollouts.csv")["env_steps"]) - 1


def test_sparklines_rise_with_the_values():
    assert watch.sparkline(np.arange(8), 8) == watch.BARS
    assert watch.sparkline(np.ones(3), 8) == watch.BARS[0] * 3
    assert len(watch.sparkline(np.arange(100), 10)) == 10


def test_replay_leaves_every_number_and_a_film(run, tmp_path, monkeypatch):
    monkeypatch.setattr(replay, "FRAMES", 4)
    invoke("replay", run, "--seed", 7, "--out", tmp_path)
    table = rows(tmp_path / "trace.csv")
    assert len(table) == 100
    shares = [float(table[30][f"worker_0.action.link_share_ratio[{part}]"]) for part in range(3)]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    again = tmp_path / "again"
    invoke("replay", run, "--seed", 7, "--out", again)
    assert (again / "trace.csv").read_bytes() == (tmp_path / "trace.csv").read_bytes()
    with Image.open(tmp_path / "replay.gif") as film:
        assert film.n_frames > 1


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_an_exported_policy_acts_alike(kind, run, tmp_path):
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    file = tmp_path / f"policy.{kind}"
    output = invoke("export", run, "--format", kind, "--out", file, "--steps", 60)
    assert "acts as the policy does on 60 steps" in output
    assert file.stat().st_size > 1000


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_what_starts_from_a_heuristic_is_exported_with_its_advice_as_an_input(kind, tmp_path):
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    settings = ["rollout_steps=50", "segment_rollouts=1", "num_envs=1", "backend=inline", "manager.min_decisions=1"]
    settings += ["worker.prior_policy=equal-share", "manager.prior_policy=equal-share"]
    settings += ["worker.prior=2", "manager.prior=2"]
    words = [word for setting in settings for word in ("--set", setting)]
    invoke("train", "tiny", "--steps", 50, "--run", tmp_path / "run", *words)
    output = invoke("export", tmp_path / "run", "--format", kind, "--out", tmp_path / "policy", "--steps", 60)
    assert "acts as the policy does on 60 steps" in output


def test_an_export_that_acts_otherwise_is_refused(run, tmp_path, monkeypatch):
    from agents import export

    monkeypatch.setattr(export, "_share_prior", lambda demand: torch.zeros_like(demand) + torch.arange(3.0))
    with pytest.raises(export.ExportError, match="acts otherwise"):
        invoke("export", run, "--out", tmp_path / "policy.pt")
    assert not list(Path(tmp_path).iterdir())


def test_an_algorithm_without_a_divergence_shows_its_progress():
    from types import SimpleNamespace

    from agents.config import TrainConfig
    from agents.training import TrainingProgress

    with TrainingProgress(TrainConfig(), 0, Console(quiet=True)) as shown:
        shown.update(SimpleNamespace(env_steps=100, utility=0.5, updates={"cell": {"entropy": 1.0}}))
    assert shown.figures["entropy"] == "1.000"
    assert "kl" not in shown.figures


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("episodes = 0", "episodes = 0: expected 1 or more"),
        ("steps = 1.5", "steps = 1.5: expected int"),
        ("training_seeds = 3", "training_seeds = 3: expected list of int"),
        ("training_seeds = [-1]", "training_seeds = -1: expected 0 or more"),
        ("training_seeds = []", "training_seeds = []: expected 1 or more values"),
        ('settings = "num_envs=2"', "settings = 'num_envs=2': expected list of str"),
        ("sampled = 1", "sampled = 1: expected bool"),
        ('baselines = ["equal-shar"]', "baselines: 'equal-shar': no such baseline; did you mean 'equal-share'"),
        ("params = 3", "params = 3: expected a table"),
        ("algorithms = 3", "algorithms = 3: expected a table"),
        ("algorithms.mappo = 3", "algorithms.mappo = 3: expected list of str"),
        ("ablations.mappo = []", "found 2 variants 'mappo', expected each name once"),
        ("seeds.mappo = ['x']", "seeds.mappo = 'x': expected int"),
        ("cooperation.weight = [1]", "cooperation.weight: no such key; did you mean 'weights'"),
        ("cooperation.weights = [2]", "cooperation.weights = 2: expected 0 to 1"),
        ("cooperation.weights = [1]", "cooperation.settings = None: expected list of str"),
        ("steps = ", "line 1, column 9); expected TOML"),
    ],
)
def test_every_value_of_a_plan_is_checked(line, message, tmp_path):
    file = tmp_path / "plan.toml"
    lines = {"steps": "steps = 10", "algorithms": "algorithms.mappo = []"}
    lines[re.match(r"\w+", line)[0]] = line
    file.write_text("\n".join(lines.values()) + "\n")
    with pytest.raises(ConfigError, match=rf"plan\.toml: .*{re.escape(message)}"):
        read_plan(str(file))


def test_a_study_is_checked_before_its_folder_is_claimed(tmp_path):
    def refused(text, kind, message, scenario="tiny"):
        file = tmp_path / "plan.toml"
        file.write_text(text)
        with pytest.raises(kind, match=message):
            study(scenario, read_plan(str(file)), tmp_path / "out", Console(quiet=True))
        assert not (tmp_path / "out").exists()

    head = 'steps = 100\nbaselines = ["random"]\n[algorithms]\n'
    refused(head + "mappo = []\n", pybridge.ScenarioNotFound, "tinny", "tinny")
    for setting, message in (
        ("worker.gamma=2", "mappo, which all others are compared with: worker.gamma = 2: expected 0 to 1"),
        ("num_runners=9", r"num_runners = 9: expected 1 to num_envs = 2"),
        ("backend=loca", "backend = 'loca': expected one of"),
        ("constraint.blokked=1", "constraint.blokked: no such metric"),
        ("worker.heuristic=equal-shar", r"heuristic = 'equal-shar': no such policy; did you mean 'equal-share'"),
        ("curriculum=[0.3]", "expected two parts of the run"),
    ):
        refused(f'{head}mappo = ["{setting}"]\n', ConfigError, message)


def test_a_study_goes_on_in_one_process_at_a_time(folder):
    with checkpoint.locked(folder), pytest.raises(checkpoint.CheckpointError, match="take another --out, or wait"):
        invoke("study", "tiny", "--plan", "smoke", "--out", folder, "--resume")
