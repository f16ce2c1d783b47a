# SPDX-License-Identifier: GPL-2.0-only
"""One episode of a policy, watched: `qntn run`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agents.episodes import Episode, run_episodes
from agents.evaluate import Row, write_csv
from agents.policies import make_heuristic

if TYPE_CHECKING:
    from pybridge import Schema, VectorEnv


def watch(env: VectorEnv, policy_name: str, seed: int, console: Console) -> Episode:
    """Run the episode with the given seed in `env` (one environment), with a line that counts its steps."""
    steps = 0
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24, pulse_style="cyan"),
        TextColumn("{task.fields[simulated]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task(f"{env.schema.scenario}, {policy_name}, seed {seed}", total=None, simulated="")

        def on_step(finished: int) -> None:
            nonlocal steps
            steps += 1
            progress.update(task, simulated=f"{steps * env.schema.step_ns * 1e-9:.1f} s simulated")

        policy = make_heuristic(policy_name, env.schema)
        return run_episodes(env, policy, seeds_from=seed, episodes=1, on_step=on_step)[0]


def step_rows(schema: Schema, episode: Episode) -> list[Row]:
    """One row per step: the simulated time at its end, its utility and every metric."""
    names = [metric.name for metric in schema.metrics]
    return [
        {"time_s": round(float(time_s), 9), "utility": float(values @ schema.utility_weights)}
        | dict(zip(names, map(float, values), strict=True))
        for time_s, values in zip(episode.time_s, episode.metrics, strict=True)
    ]


def kpi_rows(schema: Schema, episode: Episode) -> list[dict[str, Any]]:
    """One row per metric: mean, least and greatest over the steps, unit, and what it counts in the utility."""
    return [
        {
            "metric": metric.name,
            "mean": float(values.mean()),
            "min": float(values.min()),
            "max": float(values.max()),
            "unit": metric.unit,
            "utility_weight": schema.utility.get(metric.name, 0.0),
            "help": metric.help,
        }
        for metric, values in zip(schema.metrics, episode.metrics.T, strict=True)
    ]


def kpi_table(schema: Schema, episode: Episode, title: str) -> Table:
    """`kpi_rows` for the terminal."""
    table = Table(title=title, caption=f"utility {episode.utility:.4f} over {len(episode.metrics)} steps")
    table.add_column("metric")
    for column in ("mean", "min", "max"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("what it is", overflow="fold")
    for row in kpi_rows(schema, episode):
        figures = (f"{row[key]:,.4g}" for key in ("mean", "min", "max"))
        table.add_row(row["metric"], *figures, row["unit"], row["help"])
    return table


def save_steps(schema: Schema, episode: Episode, file: Path) -> None:
    """Write `step_rows` as CSV."""
    write_csv(file, step_rows(schema, episode))


def matching(schema: Schema, pattern: str) -> dict[str, int]:
    """Places of the metrics whose name matches a regular expression; keys are the names without their unit."""
    found = {}
    for index, metric in enumerate(schema.metrics):
        if re.search(pattern, metric.name):
            found[re.sub(r"_(ms|s|ratio|bits|bps)$", "", metric.name)] = index
    return found


def mean_of(episodes: list[Episode], index: int) -> float:
    """Mean of one metric over the steps of all episodes."""
    return float(np.mean([episode.metrics[:, index].mean() for episode in episodes]))
