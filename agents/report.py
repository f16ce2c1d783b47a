# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a run, and its page of results. Every function takes plain data and writes one file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cycler import cycler
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from agents.normalise import Array

COLOURS = ("#0b6e99", "#d9822b", "#5c8a3a", "#a23b72", "#6b6b6b", "#c7b42c", "#3d348b", "#7f5539", "#2a9d8f")
STYLE: Any = {
    "figure.dpi": 150,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.frameon": False,
}


@contextmanager
def picture(file: Path, title: str, size: tuple[float, float] = (7.0, 4.0)) -> Iterator[Axes]:
    """Axes in qntn's style; saved to `file` when the block ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.set_title(title, loc="left", fontweight="bold")
        yield axes
        figure.savefig(file)


def read_curve(file: Path) -> dict[str, Array]:
    """Columns of a run's rollouts.csv."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def learning_curve(
    file: Path, env_steps: Array, utility: Array, *, references: Mapping[str, float] | None = None
) -> None:
    """Utility during training: each rollout, their running mean and standard deviation, and other policies' levels."""
    width = max(1, min(len(utility) // 5, 15))
    windows = [utility[max(0, i - width + 1) : i + 1] for i in range(len(utility))]
    mean = np.array([window.mean() for window in windows])
    deviation = np.array([window.std() for window in windows])
    with picture(file, "Learning curve") as axes:
        axes.scatter(env_steps, utility, s=8, alpha=0.35, linewidths=0, label="one rollout")
        axes.plot(env_steps, mean, linewidth=2, color=COLOURS[0], label=f"mean of {width} ± deviation")
        axes.fill_between(env_steps, mean - deviation, mean + deviation, alpha=0.2, color=COLOURS[0], linewidth=0)
        for colour, (name, level) in zip(COLOURS[1:], (references or {}).items(), strict=False):
            axes.axhline(level, color=colour, linestyle="--", linewidth=1.2, label=name)
        axes.set_xlabel("environment steps")
        axes.set_ylabel("utility per step")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        axes.legend(loc="best", fontsize=8)


def utility_by_policy(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of `evaluate.summarise`: mean utility with its 95 % interval."""
    with picture(file, f"Utility, {rows[0]['episodes']} held-out episodes", (7.0, 1.2 + 0.5 * len(rows))) as axes:
        for index, row in enumerate(rows):
            error = [[row["utility"] - row["utility_ci95_low"]], [row["utility_ci95_high"] - row["utility"]]]
            colour = COLOURS[0] if index == 0 else COLOURS[4]
            axes.errorbar(row["utility"], index, xerr=error, fmt="o", color=colour, capsize=4, markersize=7)
            axes.annotate(
                f"{row['utility']:.3f}",
                (row["utility"], index),
                textcoords="offset points",
                xytext=(0, 8),
                ha="center",
                fontsize=8,
                color=colour,
            )
        axes.set_yticks(range(len(rows)), [row["policy"] for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.set_xlabel("utility (mean and 95 % interval)")


def grouped_bars(file: Path, title: str, unit: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """Bars by group (say a slice), one per policy: {policy: {group: value}}."""
    groups = list(next(iter(values.values())))
    width = 0.8 / len(values)
    with picture(file, title) as axes:
        for index, (policy, by_group) in enumerate(values.items()):
            places = np.arange(len(groups)) + (index - (len(values) - 1) / 2) * width
            axes.bar(places, [by_group[group] for group in groups], width * 0.92, label=policy)
        axes.set_xticks(range(len(groups)), groups)
        axes.set_ylabel(unit)
        axes.grid(axis="x", visible=False)
        axes.legend(fontsize=8)


def levels_over_time(
    file: Path, title: str, unit: str, time_s: Array, levels: Mapping[str, Array], *, maximum: float | None = None
) -> None:
    """Lines over simulated time, such as the fill of key pools: {name: [T]}."""
    with picture(file, title) as axes:
        for name, level in levels.items():
            axes.plot(time_s, level, linewidth=1.4, label=name)
        axes.set_xlabel("simulated time [s]")
        axes.set_ylabel(unit)
        axes.set_ylim(0, maximum)
        axes.set_xlim(0, float(time_s[-1]))
        axes.legend(fontsize=8, ncols=max(1, len(levels) // 6 + 1))


@dataclass(frozen=True)
class MapPoint:
    """Something on the map, with its place in metres east and north of the origin. `kind` chooses the marker."""

    name: str
    x_m: float
    y_m: float
    kind: str = "gnb"  # gnb, ue, site, relay


MARKERS = {"gnb": ("^", 90), "ue": (".", 30), "site": ("s", 45), "relay": ("D", 45)}


def map_picture(
    file: Path,
    title: str,
    points: Sequence[MapPoint],
    *,
    links: Sequence[tuple[str, str]] = (),
    track_m: Array | None = None,
    cell_radius_m: float = 0.0,
) -> None:
    """Places, QKD links between named points, and the ground track [T, 2] of a satellite."""
    where = {point.name: (point.x_m / 1e3, point.y_m / 1e3) for point in points}
    with picture(file, title, (7.0, 6.0)) as axes:
        for index, (a, b) in enumerate(links):
            label = "QKD link" if index == 0 else None
            axes.plot(*zip(where[a], where[b], strict=True), color=COLOURS[3], linewidth=1.3, label=label, zorder=1)
        if track_m is not None and len(track_m) > 1:
            east, north = np.asarray(track_m).T / 1e3
            axes.plot(east, north, color=COLOURS[5], linewidth=1.5, linestyle="--", label="satellite track", zorder=1)
            axes.annotate("", (east[-1], north[-1]), (east[-2], north[-2]), arrowprops={"arrowstyle": "->"})
        for index, kind in enumerate(dict.fromkeys(point.kind for point in points)):
            chosen = [point for point in points if point.kind == kind]
            marker, size = MARKERS.get(kind, ("o", 40))
            places = np.array([where[point.name] for point in chosen])
            axes.scatter(places[:, 0], places[:, 1], marker=marker, s=size, color=COLOURS[index], label=kind, zorder=2)
            if kind == "ue":
                continue
            for point in chosen:
                axes.annotate(
                    point.name, where[point.name], textcoords="offset points", xytext=(5, 5), fontsize=7, zorder=3
                )
                if kind == "gnb" and cell_radius_m:
                    axes.add_patch(Circle(where[point.name], cell_radius_m / 1e3, alpha=0.08, color=COLOURS[index]))
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel("east [km]")
        axes.set_ylabel("north [km]")
        axes.legend(fontsize=8, loc="best")


def markdown_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Rows as a Markdown table; `columns` maps a key to its heading."""

    def text(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(columns.values()) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    lines += ["| " + " | ".join(text(row[key]) for key in columns) + " |" for row in rows]
    return "\n".join(lines)
