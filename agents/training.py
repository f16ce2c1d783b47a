# SPDX-License-Identifier: GPL-2.0-only
"""A training run: its folder, progress, logs and checkpoints."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

import pybridge
from agents import checkpoint
from agents.config import PLACES, ConfigError, Toml, TrainConfig, from_dict, to_dict
from agents.learner.mappo import HierarchicalMappo, RolloutReport
from agents.learner.rewards import check_constraints
from agents.rollouts import backends
from agents.run import episode_steps
from agents.settings import resolve, run_settings
from agents.trained import check_shapes, fingerprint

if TYPE_CHECKING:
    from pybridge import Schema, VectorEnv
    from pybridge.schema import Value
    from pybridge.simulator import Transport

    MakeEnv = Callable[[str, int, Mapping[str, Value], Transport], VectorEnv]

CURVE = "rollouts.csv"
UPDATES = "updates.csv"
FAILURES = "failures.log"


def make_vec(scenario: str, num_envs: int, params: Mapping[str, Value], transport: Transport) -> VectorEnv:
    """The environments of a run (tests put others in their place)."""
    return pybridge.make_vec(scenario, num_envs=num_envs, params=params, transport=transport)


def check_trainable(settings: Toml, schema: Schema) -> None:
    """What `train` would refuse of these settings, for those who have much to do before it.

    Raises:
        ConfigError: the scenario cannot be trained with them.
    """
    config = resolve(settings, schema.roles, schema.scenario)
    check_constraints(schema, config.constraint)
    backends.shares(config)


def train(
    scenario: str,
    run: Path,
    *,
    params: Mapping[str, Value],
    settings: Toml,
    resume: bool = False,
    transport: Transport = "shm",
    stop_after_segments: int | None = None,
    console: Console,
    make_env: MakeEnv = make_vec,
    on_rollout: Callable[[RolloutReport], None] = lambda report: None,
) -> int:
    """Train, or go on with a stopped run; returns how many environment steps it has done beyond those before.

    A continuation equals a run that was never stopped, bit for bit, if `steps`, on which the learning rate depends, is
    the same.

    Args:
        scenario: its name; that of `run` if it goes on.
        run: folder for run.json, checkpoints, rollouts.csv, updates.csv and TensorBoard's events.
        params: scenario parameters in place of defaults.
        settings: from `config.read`.
        resume: go on from the last checkpoint of `run`, with its parameters and settings, of which only `steps` and
            `PLACES` may be given anew.
        transport: between Python and the simulators.
        stop_after_segments: end early at a checkpoint, as an interrupt would.
        console: for the progress.
        make_env: opens the environments.
        on_rollout: is told of every rollout.

    Raises:
        ConfigError, CheckpointError: before anything is written; also if another process trains in `run`.
    """
    torch.set_num_threads(1)  # the simulators need the cores, and small networks gain nothing from more
    with checkpoint.locked(run):
        state = None
        if resume:
            if settings.keys() - {"steps", *PLACES} or params:
                raise ConfigError(
                    "--resume goes on with the run's own settings; only --steps and where the runners are "
                    f"({', '.join(sorted(PLACES))}) may be given with it"
                )
            recipe = checkpoint.read_recipe(run)
            if checkpoint.exists(run):  # else it was stopped before the first
                state = checkpoint.load(run)
            if recipe["scenario"] != scenario:
                raise ConfigError(
                    f"{run} is a run of {recipe['scenario']}, not of {scenario}; name that, or another --run"
                )
            params = recipe["params"]
            then, config = from_dict(recipe["config"]), from_dict(recipe["config"] | settings)
            _check_places(then, config)
        elif checkpoint.exists(run):
            raise checkpoint.CheckpointError(f"{run} has a checkpoint; go on with --resume, or name another --run")
        else:
            config = run_settings(settings)
        with backends.start(partial(_open, make_env, scenario, dict(params), transport), config) as runners:
            schema = runners.schema
            if not resume:
                config = resolve(settings, schema.roles, schema.scenario)
            learner = HierarchicalMappo(runners, config)
            if state is not None:
                check_shapes(schema, state, run)
                with checkpoint.fitting(run, recipe):
                    learner.load_state_dict(state)
                if config.steps != then.steps and config.num_segments <= learner.segments:
                    raise ConfigError(f"--steps {config.steps}: {run} has done {learner.env_steps}; name more to go on")
            recipe = {
                "scenario": scenario,
                "params": schema.params,
                "utility": dict(schema.utility),
                "config": to_dict(config),
                "command": sys.argv,
            }
            checkpoint.write_recipe(run, recipe)
            _warn_of_long_episodes(episode_steps(schema), config, console)
            before = learner.env_steps
            _run_segments(learner, run, console, stop_after_segments, on_rollout)
            return learner.env_steps - before


def _open(
    make_env: MakeEnv, scenario: str, params: Mapping[str, Value], transport: Transport, num_envs: int
) -> VectorEnv:
    return make_env(scenario, num_envs, params, transport)


def _check_places(then: TrainConfig, now: TrainConfig) -> None:
    """Stop where a resumed run would learn something else because of where its runners are.

    Raises:
        ConfigError: they go from `inline` to another back end or the other way while `overlap` is on.
    """
    if then.overlaps != now.overlaps:
        raise ConfigError(
            f"--resume --backend {now.backend}: the run began with the back end {then.backend} and overlap = true, "
            "with which runners apart from the learner (local, ray) act with weights one update old and inline does "
            "not; stay with that, or train anew with --set overlap=false, which learns the same with every back end"
        )


def _warn_of_long_episodes(steps: int | None, config: TrainConfig, console: Console) -> None:
    """Say so if episodes of so many steps never reach their end, since they begin anew with each segment."""
    reach = config.rollout_steps * config.segment_rollouts
    if steps is not None and steps > reach:
        console.print(
            f"[yellow]warning:[/yellow] episodes have {steps} steps, but begin anew after rollout_steps * "
            f"segment_rollouts = {config.rollout_steps} * {config.segment_rollouts} = {reach}: nothing is learned of "
            f"their last {steps - reach}. Raise segment_rollouts to {-(-steps // config.rollout_steps)} or more.",
            soft_wrap=True,
            highlight=False,
        )


def _run_segments(
    learner: HierarchicalMappo,
    run: Path,
    console: Console,
    stop_after: int | None,
    tell: Callable[[RolloutReport], None],
) -> None:
    config = learner.config
    last = config.num_segments if stop_after is None else min(config.num_segments, learner.segments + stop_after)
    with Recorder(run, learner.env_steps) as recorder, TrainingProgress(config, learner.env_steps, console) as shown:

        def on_rollout(report: RolloutReport) -> None:
            recorder.write(report)
            shown.update(report)
            tell(report)

        while learner.segments < last:
            learner.train_segment(on_rollout)
            checkpoint.save(run, learner.state_dict() | {"fingerprint": fingerprint(learner.schema)})
            shown.checkpointed()


class Rows:
    """A CSV that grows by rows with a column `env_steps`; its columns are those of the first row."""

    def __init__(self, file: Path, env_steps: int) -> None:
        """Go on after `env_steps`: what an interrupted run wrote beyond its checkpoint is dropped."""
        self.kept: list[dict[str, str]] = []
        if env_steps and file.exists():
            with file.open(newline="") as stream:
                whole = (row for row in csv.DictReader(stream) if None not in row.values())  # the last may be cut
                self.kept = [row for row in whole if int(row["env_steps"]) <= env_steps]
        self.stream = file.open("w", newline="")
        self.table: csv.DictWriter[str] | None = None
        for row in self.kept:
            self.write(row)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        if self.table is None:
            self.table = csv.DictWriter(self.stream, list(row))
            self.table.writeheader()
        self.table.writerow(row)
        self.stream.flush()


class Recorder:
    """Writes each rollout to TensorBoard and to rollouts.csv, and updates to updates.csv; a context manager."""

    def __init__(self, run: Path, env_steps: int) -> None:
        """Go on after `env_steps`, see `Rows`."""
        self.started = time.perf_counter()
        self.run = run
        self.earlier_s = 0.0
        self.failures = self.dropped = 0
        self.rollouts, self.updates = Rows(run / CURVE, env_steps), Rows(run / UPDATES, env_steps)
        if self.rollouts.kept:
            last = self.rollouts.kept[-1]
            self.earlier_s = float(last["wall_s"])
            self.failures, self.dropped = (int(last.get(key, 0)) for key in ("failures", "dropped_fragments"))
        self.board = SummaryWriter(str(run / "tensorboard"), purge_step=env_steps + 1)

    def write(self, report: RolloutReport) -> None:
        """Log one rollout."""
        wall_s = self.earlier_s + time.perf_counter() - self.started
        episode = float(np.mean(report.episode_utilities)) if report.episode_utilities else None
        figures = {
            "utility/step": report.utility,
            **{f"reward/{role}": value for role, value in report.rewards.items()},
            **{f"term/{term}": value for term, value in report.terms.items()},
            **{f"metric/{metric}": value for metric, value in report.metrics.items()},
        }
        updates = {f"update/{role}/{k}": v for role, update in report.updates.items() for k, v in update.items()}
        figures |= {f"constraint/{name}": value for name, value in report.multipliers.items()}
        times = {
            "time/simulate_s": report.simulate_s,
            "time/act_s": report.act_s,
            "time/update_s": report.update_s,
            "time/wait_s": report.wait_s,
        }
        self._count(report)
        counts = {"failures": self.failures, "dropped_fragments": self.dropped}
        self.rollouts.write({"env_steps": report.env_steps, "wall_s": round(wall_s, 2), **figures, **counts, **times})
        for role, update in report.updates.items():
            if update:
                self.updates.write({"env_steps": report.env_steps, "role": role, **update})
        scalars = figures | updates | counts | times | ({} if episode is None else {"utility/episode": episode})
        for name, value in scalars.items():
            self.board.add_scalar(name, value, report.env_steps)

    def _count(self, report: RolloutReport) -> None:
        """Count failures, and keep what was said of them."""
        self.failures += len(report.failures)
        self.dropped += report.dropped
        if report.failures:
            with (self.run / FAILURES).open("a") as file:
                for text in report.failures:
                    file.write(f"before environment step {report.env_steps}: {text}\n")

    def __enter__(self) -> Recorder:
        """Nothing to do."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close all files."""
        for rows in (self.rollouts, self.updates):
            rows.stream.close()
        self.board.close()


class TrainingProgress:
    """A progress bar on a terminal; elsewhere a line at each checkpoint. A context manager."""

    def __init__(self, config: TrainConfig, env_steps: int, console: Console) -> None:
        """Starts at `env_steps`."""
        self.config, self.console = config, console
        self.began, self.began_steps, self.env_steps = time.perf_counter(), env_steps, env_steps
        self.figures: dict[str, str] = {}
        total = config.total_steps
        self.bar = Progress(
            TextColumn("[bold]train"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} steps"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task: TaskID = self.bar.add_task("train", total=total, completed=env_steps, figures="")
        self.total = total

    def update(self, report: RolloutReport) -> None:
        """Show one rollout."""
        self.env_steps = report.env_steps
        rate = (self.env_steps - self.began_steps) / (time.perf_counter() - self.began)
        self.figures |= {"rate": f"{rate:,.0f}/s", "utility": f"{report.utility:.3f}"}
        for name in ("kl", "entropy"):
            values = [update[name] for update in report.updates.values() if name in update]
            if values:
                self.figures[name] = f"{np.mean(values):.3f}"
        self.bar.update(self.task, completed=self.env_steps, figures=self._text())

    def checkpointed(self) -> None:
        """Say so where there is no bar."""
        if not self.console.is_terminal:
            rate = (self.env_steps - self.began_steps) / (time.perf_counter() - self.began)
            left = (self.total - self.env_steps) / rate
            text = f"train {self.env_steps:,}/{self.total:,} steps  {self._text()}  {left:.0f} s left"
            self.console.print(text, soft_wrap=True, highlight=False)

    def _text(self) -> str:
        return "  ".join(f"{name} {value}" for name, value in self.figures.items())

    def __enter__(self) -> TrainingProgress:
        """Show the bar."""
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave it as it is."""
        self.bar.stop()
