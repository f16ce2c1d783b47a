# SPDX-License-Identifier: GPL-2.0-only
"""`qntn watch`: a training run in the terminal, from the files that it writes. The run need not know."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agents import checkpoint
from agents.arrays import Array
from agents.config import from_dict
from agents.training import CURVE

BARS = "▁▂▃▄▅▆▇█"
QUIET_S = 120.0
"""A run that has written nothing for so long is taken for stopped."""

MOST_FIGURES = 24
"""A frame is to fit a screen."""


def watch(run: Path, console: Console, *, once: bool = False, every_s: float = 1.0) -> None:
    """Show the run until it ends or the user interrupts; `once`: one frame.

    Raises:
        CheckpointError: the folder is no run.
    """
    first = frame(run, console.width)
    if once or not console.is_terminal:
        console.print(first)
        return
    with Live(first, console=console, refresh_per_second=4) as live:
        try:
            while state_of(run) == "running":
                time.sleep(every_s)  # the pace of the display; nothing is waited for
                live.update(frame(run, console.width))
        except KeyboardInterrupt:
            return


def state_of(run: Path) -> str:
    """finished, running or stopped: by what it has written, and when.

    A finished run has all its rollouts; of `total_steps` it lacks what runners did that missed a round.
    """
    recipe = checkpoint.read_recipe(run)
    config = from_dict(recipe["config"])
    curve = read_rows(run / CURVE)
    if curve and len(curve["env_steps"]) >= config.num_segments * config.segment_rollouts:
        return "finished"
    files = [run / checkpoint.RECIPE, run / CURVE]
    last = max(file.stat().st_mtime for file in files if file.exists())
    return "running" if time.time() - last < QUIET_S else "stopped"


def frame(run: Path, width: int = 100) -> Group:
    """The run as it stands."""
    recipe = checkpoint.read_recipe(run)
    config = from_dict(recipe["config"])
    curve = read_rows(run / CURVE)
    total = config.total_steps
    state = state_of(run)
    head = Table.grid(padding=(0, 2))
    colour = {"finished": "green", "running": "cyan", "stopped": "yellow"}[state]
    head.add_row(Text(state, style=f"bold {colour}"), f"{recipe['scenario']}, seed {config.seed}", str(run))
    if not curve:
        return Group(head, Text("no rollout yet"))
    steps, wall_s = int(curve["env_steps"][-1]), float(curve["wall_s"][-1])
    rate = steps / wall_s if wall_s > 0 else 0.0
    left = f"{(total - steps) / rate / 60:.1f} min left" if rate and state == "running" else ""
    progress = Table.grid(padding=(0, 2))
    progress.add_row(
        ProgressBar(total=total, completed=steps, width=max(10, min(40, width - 60))),
        f"{steps:,}/{total:,} steps",
        f"{rate:,.0f} steps/s",
        left,
    )
    utility = curve["utility/step"]
    line = Text(sparkline(utility, max(10, width - 46)), style="cyan")
    line.append(
        f"  utility {utility[-1]:.3f}, best mean of {min(10, len(utility))}: {best_mean(utility):.3f}", style="bold"
    )
    return Group(head, progress, Panel(line, title="utility of each rollout", title_align="left"), _figures(curve))


def _figures(curve: dict[str, Array]) -> Table:
    """First and last ten rollouts of every figure that the run logs."""
    table = Table("figure", "first 10", "last 10", "trend", box=None, header_style="bold", pad_edge=False)
    table.columns[0].overflow = "fold"  # names that differ at their end
    for column in (1, 2):
        table.columns[column].justify = "right"
    shown = [name for name in curve if name.split("/")[0] in ("reward", "metric", "term")]
    order = {"reward": 0, "metric": 1, "term": 2}
    for name in sorted(shown, key=lambda one: order[one.split("/")[0]])[:MOST_FIGURES]:
        values = curve[name]
        first, last = (f"{part.mean():.4g}" for part in (values[:10], values[-10:]))
        table.add_row(name.removeprefix("metric/"), first, last, sparkline(values, 24))
    if len(shown) > MOST_FIGURES:
        table.add_row("", "", "", f"{len(shown) - MOST_FIGURES} more in {CURVE}", style="dim")
    spent = {name: float(curve[name][-10:].mean()) for name in curve if name.startswith("time/")}
    if sum(spent.values()) > 0:
        parts = ", ".join(
            f"{name[5:].removesuffix('_s')} {part / sum(spent.values()):.0%}" for name, part in spent.items()
        )
        table.add_row("time", "", "", parts)
    return table


def sparkline(values: Array, width: int) -> str:
    """Values as bars of eight heights, means of neighbours where there are more than `width`."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) > width:
        values = np.array([part.mean() for part in np.array_split(values, width)])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high <= low:
        return BARS[0] * len(values)
    return "".join(BARS[int(7.999 * (value - low) / (high - low))] for value in np.nan_to_num(values, nan=low))


def best_mean(values: Array, width: int = 10) -> float:
    """Greatest mean of `width` neighbours, or of all if there are fewer."""
    width = min(width, len(values))
    return float(np.convolve(values, np.full(width, 1 / width), mode="valid").max())


def read_rows(file: Path) -> dict[str, Array]:
    """Columns of rollouts.csv; a last line that is being written is left out."""
    if not file.exists():
        return {}
    with file.open(newline="") as stream:
        rows: list[dict[str, Any]] = [row for row in csv.DictReader(stream) if None not in row.values()]
    whole = []
    for row in rows:
        try:
            whole.append({name: float(value) for name, value in row.items()})
        except ValueError:  # cut within a number
            break
    return {name: np.array([row[name] for row in whole]) for name in whole[0]} if whole else {}
