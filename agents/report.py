# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a run, and its page of results. Every function takes plain data and writes one file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx
import numpy as np
from cycler import cycler
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from agents.arrays import Array
    from pybridge import Scene

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


def legend_below(axes: Axes) -> None:
    """A legend under a picture, where it hides nothing."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(fontsize=8, loc="outside lower center", ncols=4)


def read_curve(file: Path) -> dict[str, Array]:
    """Columns of a run's rollouts.csv."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def learning_curve(
    file: Path,
    env_steps: Array,
    utility: Array,
    *,
    reached: float | None = None,
    references: Mapping[str, float] | None = None,
) -> None:
    """Utility during training: each rollout, their running mean and standard deviation, and other policies' levels.

    reached: utility of the trained policy, greedily.
    """
    width = max(1, min(len(utility) // 5, 15))
    windows = [utility[max(0, i - width + 1) : i + 1] for i in range(len(utility))]
    mean = np.array([window.mean() for window in windows])
    deviation = np.array([window.std() for window in windows])
    with picture(file, "Learning curve") as axes:
        axes.scatter(env_steps, utility, s=8, alpha=0.35, linewidths=0, label="one rollout")
        axes.plot(env_steps, mean, linewidth=2, color=COLOURS[0], label=f"mean of {width} ± deviation")
        axes.fill_between(env_steps, mean - deviation, mean + deviation, alpha=0.2, color=COLOURS[0], linewidth=0)
        if reached is not None:
            axes.plot(
                env_steps[-1],
                reached,
                "*",
                color=COLOURS[0],
                markersize=13,
                markeredgecolor="white",
                label="trained, greedy",
            )
        shifts = cycle((0, 5))  # of the dashes: of two levels that lie on each other both are seen
        for colour, shift, (name, level) in zip(cycle(COLOURS[1:]), shifts, (references or {}).items(), strict=False):
            axes.axhline(level, color=colour, linestyle=(shift, (5, 5)), linewidth=1.2, label=name)
        axes.set_xlabel("environment steps")
        axes.set_ylabel("utility per step")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        legend_below(axes)


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
        legend_below(axes)


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
        legend_below(axes)


MARKERS = {"gnb": ("^", 110), "ue": ("o", 22), "endpoint": ("s", 60), "relay": ("D", 60)}


def scene_picture(file: Path, title: str, scene: Scene) -> None:
    """The town with its cells and users, the satellite's way over it, and the graph of quantum links: what there is."""
    panels = [_draw_town, _draw_region] if scene.places else []
    panels += [_draw_keys] if scene.sites else []
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0 * len(panels), 5.0), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontweight="bold")
        for draw, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
            draw(axes, scene)
        figure.savefig(file)


NORTH_EAST = np.array([0.76, 0.65])


def _name(axes: Axes, name: str, place: Array, side: Array) -> None:
    """Beside a place [2], on the `side` of that direction: over lines, and under markers, of which it hides none."""
    east, north = side
    axes.annotate(
        name,
        (place[0], place[1]),
        textcoords="offset points",
        xytext=(9 * east, 9 * north),
        ha="center" if abs(east) < 0.5 else "left" if east > 0 else "right",
        va="center" if abs(north) < 0.3 else "bottom" if north > 0 else "top",
        fontsize=8,
        zorder=1.5,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )


def _widest_gap(place: Array, neighbours: Sequence[Array]) -> Array:
    """Direction [2] in the middle of the widest angle between the lines from a place to its neighbours."""
    if not neighbours:
        return np.array([1.0, 0.0])
    angles = np.sort([np.arctan2(*(neighbour - place)[::-1]) for neighbour in neighbours])
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    middle = angles[gaps.argmax()] + gaps.max() / 2
    return np.array([np.cos(middle), np.sin(middle)])


def _draw_town(axes: Axes, scene: Scene) -> None:
    """What stands near the base stations; users farther away are counted in the legend."""
    towers = [place for place in scene.places if place.kind != "ue"] or list(scene.places)
    low = np.array([min(p.x_m for p in towers), min(p.y_m for p in towers)]) / 1e3 - 0.4
    high = np.array([max(p.x_m for p in towers), max(p.y_m for p in towers)]) / 1e3 + 0.4
    for index, kind in enumerate(dict.fromkeys(place.kind for place in scene.places)):
        places = np.array([(place.x_m / 1e3, place.y_m / 1e3) for place in scene.places if place.kind == kind])
        inside = ((places >= low) & (places <= high)).all(axis=1)
        away = f", {(~inside).sum()} far out" if not inside.all() else ""
        marker, size = MARKERS.get(kind, ("o", 40))
        axes.scatter(
            places[inside, 0],
            places[inside, 1],
            marker=marker,
            s=size,
            color=COLOURS[index],
            label=f"{kind} ({len(places)}{away})",
            zorder=2,
        )
    for place in towers:
        _name(axes, place.name, np.array([place.x_m, place.y_m]) / 1e3, NORTH_EAST)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_box_aspect((high[1] - low[1]) / (high[0] - low[0]))
    axes.set_title("town, at the start", loc="left")
    axes.set_xlabel("east [km]")
    axes.set_ylabel("north [km]")
    axes.legend(fontsize=8, loc="upper right")


def _draw_region(axes: Axes, scene: Scene) -> None:
    axes.scatter([0], [0], marker="^", s=90, color=COLOURS[0], label="town", zorder=2)
    users = np.array([(place.x_m / 1e3, place.y_m / 1e3) for place in scene.places if place.kind == "ue"])
    if len(users):
        axes.scatter(users[:, 0], users[:, 1], s=12, color=COLOURS[1], label="ue", zorder=2)
    for index, track in enumerate(scene.tracks):
        east, north = np.array(track.x_m) / 1e3, np.array(track.y_m) / 1e3
        colour = COLOURS[3 + index]
        axes.plot(east, north, color=colour, linewidth=1.5, label=f"{track.name}, ground track", zorder=1)
        axes.annotate(
            "",
            (east[-1], north[-1]),
            (east[-2], north[-2]),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.5},
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.1)
    axes.set_title("region, during the episode", loc="left")
    axes.set_xlabel("east [km]")
    axes.set_ylabel("north [km]")
    axes.legend(fontsize=8, loc="best")


def _draw_keys(axes: Axes, scene: Scene) -> None:
    where = _layout(scene)
    neighbours: dict[str, list[Array]] = {name: [] for name in where}
    for span in scene.spans:
        (x0, y0), (x1, y1) = where[span.site_a], where[span.site_b]
        neighbours[span.site_a].append(where[span.site_b])
        neighbours[span.site_b].append(where[span.site_a])
        axes.plot([x0, x1], [y0, y1], color=COLOURS[4], linewidth=1.6, zorder=1)
        axes.annotate(
            f"{span.length_km:g} km",
            ((x0 + x1) / 2, (y0 + y1) / 2),
            fontsize=7,
            color=COLOURS[4],
            ha="center",
            va="center",
            zorder=1.2,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    for index, kind in enumerate(dict.fromkeys(scene.sites.values())):
        names = [name for name, of in scene.sites.items() if of == kind]
        marker, size = MARKERS.get(kind, ("o", 40))
        places = np.array([where[name] for name in names])
        axes.scatter(
            places[:, 0], places[:, 1], marker=marker, s=size, color=COLOURS[index], label=f"{kind} site", zorder=2
        )
        for name, place in zip(names, places, strict=True):
            _name(axes, name, place, _widest_gap(place, neighbours[name]))
    axes.set_title("quantum links, laid out by the roots of their lengths", loc="left")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.15)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.legend(fontsize=8, loc="best")


def _layout(scene: Scene) -> dict[str, Array]:
    """Places [2] for the sites, as far apart as the roots of the path lengths between them where the plane allows."""
    graph = networkx.Graph()
    graph.add_nodes_from(scene.sites)
    graph.add_weighted_edges_from((span.site_a, span.site_b, np.sqrt(span.length_km)) for span in scene.spans)
    layout: dict[str, Array] = networkx.kamada_kawai_layout(graph)
    return layout


def markdown_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Rows as a Markdown table; `columns` maps a key to its heading."""

    def text(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(columns.values()) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    lines += ["| " + " | ".join(text(row[key]) for key in columns) + " |" for row in rows]
    return "\n".join(lines)
