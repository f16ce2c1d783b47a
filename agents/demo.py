# SPDX-License-Identifier: GPL-2.0-only
"""`qntn demo`: a short heuristic run, training, evaluation, and a folder with a table and pictures."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from agents import evaluate as evaluation
from agents import report
from agents import run as single
from agents.episodes import Episode
from agents.policies import make_heuristic
from agents.settings import read, run_settings
from agents.tables import print_table
from agents.trained import TrainedPolicy
from agents.training import CURVE, make_vec, train

if TYPE_CHECKING:
    from agents.training import MakeEnv
    from pybridge import Schema, VectorEnv

DELAYS = r"[._]?delay\w*_ms[._]?"  # in the names of the metrics that the pictures show: delay of each slice
POOLS = r"[._]?(key_)?(pool|fill)\w*_ratio[._]?"  # and fill of each key pool


@dataclass(frozen=True)
class Budget:
    """How much the demonstration does.

    Attributes:
        train_s: training ends near this time; its steps follow from the measured speed.
        max_steps: or after this many environment steps, if that is sooner.
        episodes: held-out episodes for each policy.
        params: scenario parameters.
        overrides: training settings, as for `qntn train --set`.
    """

    train_s: float
    max_steps: int
    episodes: int
    params: Mapping[str, Any]
    overrides: Sequence[str] = ()


FULL = Budget(train_s=400.0, max_steps=300_000, episodes=20, params={})
SMALL = Budget(
    train_s=35.0,
    max_steps=20_000,
    episodes=3,
    params={},
    overrides=("rollout_steps=100", "segment_rollouts=5", "manager.min_decisions=4"),
)
OF_THE_OTHERS = ("gain", "gain_ci95_low", "gain_ci95_high", "won_ratio")  # columns against the first policy
NUM_ENVS = 2
SEED = 1
LEARNER_SHARE = 0.35  # of training time that is not simulation, for the estimate of the steps


def demo(scenario: str, out: Path, budget: Budget, console: Console, *, make_env: MakeEnv = make_vec) -> Path:
    """Do all of it and return the folder of results; what an earlier demonstration left in it is replaced."""
    began = time.perf_counter()
    run = out / "run"
    shutil.rmtree(run, ignore_errors=True)

    console.rule("[bold]1/4 one episode of equal share")
    with make_env(scenario, 1, budget.params, "shm") as env:
        called = time.perf_counter()
        recording = single.record(env, make_heuristic("equal-share", env.schema), SEED, console)
        rate = len(recording.metrics) / (time.perf_counter() - called)
        for table in single.kpi_tables(env.schema, recording.metrics):
            console.print(table)
        recording.write_csv(out / "equal-share-steps.csv")

    steps = min(budget.max_steps, int(rate * NUM_ENVS * (1 - LEARNER_SHARE) * budget.train_s))
    settings = read(None, budget.overrides, steps=steps, seed=SEED, num_envs=NUM_ENVS)
    settings["steps"] = run_settings(settings).total_steps  # the step size falls with them: as many, the same run
    console.rule(f"[bold]2/4 training for {settings['steps']:,} steps")
    train(
        scenario,
        run,
        params=budget.params,
        settings=settings,
        console=console,
        make_env=make_env,
    )

    console.rule(f"[bold]3/4 evaluation on {budget.episodes} held-out seeds")
    with make_env(scenario, NUM_ENVS, budget.params, "shm") as env:
        policies = [TrainedPolicy(env.schema, run, num_envs=NUM_ENVS), *evaluation.baselines(env)]
        with console.status("evaluating") as status:
            results = evaluation.evaluate(
                env,
                policies,
                episodes=budget.episodes,
                on_progress=lambda policy, done: status.update(f"evaluating {policy}: {done}/{budget.episodes}"),
            )
        rows = evaluation.summarise(env, results)
        console.print(evaluation.title(rows), highlight=False)
        print_table(evaluation.table(rows), console)
        evaluation.write_csv(out / "evaluation.csv", rows)
        evaluation.write_csv(out / "episodes.csv", evaluation.episode_rows(env, results))
        console.rule("[bold]4/4 pictures")
        pictures = draw(env, out, run, rows, results)
    steps_done = int(report.read_curve(run / CURVE)["env_steps"][-1])
    write_page(out, scenario, rows, pictures, steps_done, time.perf_counter() - began)
    console.print(f"results: {out / 'results.md'}", soft_wrap=True)
    return out


def draw(
    env: VectorEnv,
    out: Path,
    run: Path,
    rows: Sequence[evaluation.Row],
    results: Mapping[str, Sequence[Episode]],
) -> dict[str, Path]:
    """The pictures that the scenario's metrics allow, by caption."""
    pictures = {"Learning curve": out / "learning-curve.png", "Utility by policy": out / "utility.png"}
    curve = report.read_curve(run / CURVE)
    references = {row["policy"]: row["utility"] for row in rows[1:]}
    report.learning_curve(
        pictures["Learning curve"],
        curve["env_steps"],
        curve["utility/step"],
        reached=rows[0]["utility"],
        references=references,
    )
    report.utility_by_policy(pictures["Utility by policy"], rows)
    if env.schema.scene.places or env.schema.scene.sites:
        pictures["Map"] = out / "map.png"
        report.scene_picture(pictures["Map"], env.schema.scenario, env.schema.scene)
    what, delays = of_each(env.schema, DELAYS)
    if delays:
        pictures["Delay"] = out / "delay.png"
        means = {
            policy: {
                name: float(np.mean([episode.metrics[:, index].mean() for episode in episodes]))
                for name, index in delays.items()
            }
            for policy, episodes in results.items()
        }
        meaning = env.schema.metrics[next(iter(delays.values()))].help
        title = meaning[:1].upper() + meaning[1:]
        report.grouped_bars(pictures["Delay"], title, f"{what.partition('_')[0]} [ms]", means)
    _, pools = of_each(env.schema, POOLS)
    if pools:
        pictures["Key pools under the trained policy"] = out / "pools.png"
        episode = results[rows[0]["policy"]][0]
        report.levels_over_time(
            pictures["Key pools under the trained policy"],
            f"Key pools, trained policy, seed {episode.seed}",
            "fill ratio",
            episode.time_s,
            {name: episode.metrics[:, index] for name, index in pools.items()},
            maximum=1.05,
        )
    return pictures


def of_each(schema: Schema, pattern: str) -> tuple[str, dict[str, int]]:
    """What is measured and where, by whom: ("delay_p50_ms", {"xr": 4, "embb": 6}).

    The names of these metrics are `pattern` and somebody's name, in either order. If there are several, such as
    delay_p50_ms and delay_p99_ms, the first one counts.
    """
    places: dict[str, dict[str, int]] = {}
    for index, metric in enumerate(schema.metrics):
        found = re.search(pattern, metric.name)
        if found:
            who = metric.name.replace(found.group(), "", 1)
            places.setdefault(found.group().strip("._"), {})[who or metric.name] = index
    return next(iter(places.items()), ("", {}))


def write_page(
    out: Path,
    scenario: str,
    rows: Sequence[evaluation.Row],
    pictures: Mapping[str, Path],
    steps: int,
    seconds: float,
) -> None:
    """Write results.md."""
    columns = {
        "policy": "policy",
        "utility": "utility",
        "utility_ci95_low": "95 % from",
        "utility_ci95_high": "to",
        "gain": "trained gains",
        "gain_ci95_low": "95 % from",
        "gain_ci95_high": "to",
        "won_ratio": "won ratio",
    }
    lines = [
        f"# qntn demo: {scenario}",
        "",
        f"{steps:,} environment steps of hierarchical MAPPO, then "
        f"{rows[0]['episodes']} held-out episodes for each policy, in {seconds / 60:.1f} minutes. "
        "Differences are paired by seed; intervals are BCa bootstraps.",
        "",
        report.markdown_table([{**rows[0], **dict.fromkeys(OF_THE_OTHERS, "")}, *rows[1:]], columns),
        "",
        *(f"![{caption}]({file.name})\n" for caption, file in pictures.items()),
        "Files: `evaluation.csv` (this table and every metric), `episodes.csv` (each episode), `run/` (configuration, "
        "checkpoints, TensorBoard).",
    ]
    (out / "results.md").write_text("\n".join(lines) + "\n")
