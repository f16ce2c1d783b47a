# SPDX-License-Identifier: GPL-2.0-only
"""`qntn replay`: one episode of a trained policy, with every number in a table and the map as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import networkx
import numpy as np
from matplotlib import rc_context
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.arrays import Array
from agents.policies import Policy
from agents.report import COLOURS, MARKERS, STYLE
from agents.run import write_steps

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from pybridge import Batch, Schema, VectorEnv

FRAMES = 50
FRAMES_PER_S = 6
GREY = COLOURS[4]


@dataclass(frozen=True)
class Trace:
    """An episode in full.

    Attributes:
        columns: names of the columns of `rows`: time_s, metrics, then by agent what it saw, did and got.
        rows: [T, columns].
    """

    seed: int
    utility: float
    columns: list[str]
    rows: Array

    def column(self, name: str) -> Array:
        """[T] of a column."""
        return np.asarray(self.rows[:, self.columns.index(name)])

    def write_csv(self, file: Path) -> None:
        """One line per step."""
        write_steps(file, self.columns, self.rows)


def trace(env: VectorEnv, policy: Policy, seed: int) -> Trace:
    """Run the episode with `seed` in an environment of its own.

    A row holds what was seen before the step, what was decided (the last decision, for those who do not act), and the
    terms, rewards and metrics of the step.
    """
    schema = env.schema
    rng = np.random.default_rng(seed)
    batch = env.reset(seed=seed)
    decided = {role.name: np.zeros((role.num_agents, role.action_size)) for role in schema.everyone}
    rows: list[Array] = []
    utilities: list[float] = []
    ended = False
    step_s = schema.step_ns * 1e-9
    while not ended:
        seen = {role.name: batch.observations[role.name][0].copy() for role in schema.everyone}
        actions = policy.act(batch, rng)
        for name, action in actions.items():
            acts = batch.acts[name][0] > 0
            decided[name][acts] = action[0][acts]
        batch = env.step(actions)
        ended = bool(batch.terminated[0] or batch.truncated[0])
        utilities.append(float(batch.metrics[0] @ schema.utility_weights))
        row = [step_s * (len(rows) + 1), utilities[-1], *batch.metrics[0]]
        rows.append(np.concatenate([row, *_values(schema, batch, seen, decided)]))
    return Trace(seed, float(np.mean(utilities)), list(_columns(schema)), np.array(rows))


def _columns(schema: Schema) -> Iterator[str]:
    yield from ("time_s", "utility", *(metric.name for metric in schema.metrics))
    for role in schema.everyone:
        for agent in role.agent_ids:
            for kind, fields in (("observation", role.observations), ("action", role.actions), ("term", role.terms)):
                for field in fields:
                    names = [""] if field.size == 1 else [f"[{index}]" for index in range(field.size)]
                    yield from (f"{agent}.{kind}.{field.name}{name}" for name in names)
    yield from (f"{agent}.reward" for agent in schema.agent_ids)


def _values(schema: Schema, batch: Batch, seen: dict[str, Array], decided: dict[str, Array]) -> Iterator[Array]:
    for role in schema.everyone:
        for agent in range(role.num_agents):
            yield seen[role.name][agent]
            yield decided[role.name][agent]
            yield batch.terms[role.name][0][agent]
    yield from (batch.rewards[role.name][0] for role in schema.roles)


def animate(file: Path, schema: Schema, episode: Trace, title: str) -> None:
    """A GIF: the map with load and users of each cell, the key network with its relays, and utility over time.

    Users who do not move in the scenario's scene stand where they were at the start. A scenario without a map gets the
    curves alone.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    num_steps = len(episode.rows)
    steps = np.unique(np.linspace(0, num_steps - 1, min(FRAMES, num_steps)).astype(int))
    scene = schema.scene
    with rc_context(STYLE | {"figure.dpi": 75}):
        figure = Figure(figsize=(11.0, 7.0) if scene.places else (8.0, 4.0))
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
        painters: list[_Town | _Keys | _Curves] = []
        if scene.places:
            grid = figure.add_gridspec(
                2, 2, height_ratios=(1.7, 1), left=0.07, right=0.97, top=0.9, bottom=0.08, hspace=0.3, wspace=0.16
            )
            painters.append(_Town(figure.add_subplot(grid[0, 0]), schema, episode))
            if scene.sites:
                painters.append(_Keys(figure.add_subplot(grid[0, 1]), schema, episode))
            below = [figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])]
        else:
            grid = figure.add_gridspec(1, 2, left=0.09, right=0.97, top=0.86, bottom=0.14)
            below = [figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])]
        quality = [name for name in episode.columns if name.startswith("satisfied_ratio.")]
        fills = [name for name in episode.columns if name.startswith("key_fill_ratio.")]
        others = [metric.name for metric in schema.metrics][:4]
        painters.append(_Curves(below[0], episode, ["utility"], "utility per step"))
        painters.append(
            _Curves(below[1], episode, fills or quality or others, "fill of key pools" if fills else "metrics")
        )

        def paint(step: int) -> list[Artist]:
            for painter in painters:
                painter.show(int(step))
            return []

        animation = FuncAnimation(figure, paint, frames=steps, init_func=list, blit=False, cache_frame_data=False)
        animation.save(file, writer=PillowWriter(fps=FRAMES_PER_S))


class _Town:
    """Cells whose colour is their load and whose size is the number of their users; the satellite on its way."""

    def __init__(self, axes: Axes, schema: Schema, episode: Trace) -> None:
        self.axes, self.episode = axes, episode
        scene = schema.scene
        self.cells = [place for place in scene.places if f"prb_utilisation_ratio.{place.name}" in episode.columns]
        users = np.array([(p.x_m, p.y_m) for p in scene.places if p.kind == "ue"]).reshape(-1, 2) / 1e3
        centre = np.array([(p.x_m, p.y_m) for p in self.cells or scene.places]) / 1e3
        low, high = centre.min(axis=0) - 0.5, centre.max(axis=0) + 0.5
        inside = ((users >= low) & (users <= high)).all(axis=1)
        axes.scatter(
            users[inside, 0],
            users[inside, 1],
            s=18,
            color=COLOURS[1],
            label=f"{inside.sum()} users at the start",
            zorder=2,
        )
        if (~inside).any():
            axes.plot([], [], " ", label=f"{(~inside).sum()} users far out")
        self.dots = axes.scatter(
            centre[:, 0],
            centre[:, 1],
            s=200,
            c=np.zeros(len(centre)),
            cmap="viridis_r",
            vmin=0,
            vmax=1,
            marker="^",
            zorder=3,
        )
        axes.figure.colorbar(self.dots, ax=axes, label="PRBs in use", shrink=0.85, pad=0.02)
        self.labels = [
            axes.annotate(place.name, point, textcoords="offset points", xytext=(10, 8), fontsize=8, zorder=4)
            for place, point in zip(self.cells or scene.places, centre, strict=True)
        ]
        self.sky = axes.text(0.02, 0.03, "", transform=axes.transAxes, fontsize=8, color=COLOURS[3])
        self.tracks = scene.tracks
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.set_xlabel("east [km]")
        axes.set_ylabel("north [km]")
        axes.legend(fontsize=8, loc="upper right")

    def show(self, step: int) -> None:
        """One moment."""
        episode = self.episode
        self.axes.set_title(f"town, {episode.column('time_s')[step]:.1f} s", loc="left", fontsize=10)
        if self.cells:
            load = np.array([episode.column(f"prb_utilisation_ratio.{cell.name}")[step] for cell in self.cells])
            self.dots.set_array(load)
            for place, label in zip(self.cells, self.labels, strict=True):
                name = f"num_ues.{place.name}"
                users = f", {episode.column(name)[step]:.0f} users" if name in episode.columns else ""
                label.set_text(f"{place.name}{users}")
            sizes = [
                120 + 60 * episode.column(f"num_ues.{cell.name}")[step]
                if f"num_ues.{cell.name}" in episode.columns
                else 200
                for cell in self.cells
            ]
            self.dots.set_sizes(np.array(sizes))
        if self.tracks:
            track = self.tracks[0]
            at = min(len(track.x_m) - 1, round(step / max(1, len(episode.rows) - 1) * (len(track.x_m) - 1)))
            text = f"{track.name} above {track.x_m[at] / 1e3:+.0f} km east, {track.y_m[at] / 1e3:+.0f} km north"
            if f"num_ues.{track.name}" in episode.columns:
                text += f", {episode.column(f'num_ues.{track.name}')[step]:.0f} users"
            self.sky.set_text(text)


class _Keys:
    """The key network; relays are filled while they are deployed."""

    def __init__(self, axes: Axes, schema: Schema, episode: Trace) -> None:
        self.axes, self.episode = axes, episode
        scene = schema.scene
        graph = networkx.Graph()
        graph.add_nodes_from(scene.sites)
        graph.add_weighted_edges_from((span.site_a, span.site_b, np.sqrt(span.length_km)) for span in scene.spans)
        where = networkx.kamada_kawai_layout(graph)
        for span in scene.spans:
            axes.plot(*np.array([where[span.site_a], where[span.site_b]]).T, color=GREY, linewidth=1.4, zorder=1)
        ends = [name for name, kind in scene.sites.items() if kind != "relay"]
        self.relays = [name for name, kind in scene.sites.items() if kind == "relay"]
        squares = np.array([where[name] for name in ends]).reshape(-1, 2)
        axes.scatter(squares[:, 0], squares[:, 1], marker="s", s=45, color=COLOURS[0], zorder=2)
        self.states = _relay_columns(schema, len(self.relays))
        places = np.array([where[name] for name in self.relays]).reshape(-1, 2)
        marker, size = MARKERS["relay"]
        self.dots = axes.scatter(
            places[:, 0], places[:, 1], marker=marker, s=size + 50, edgecolors=COLOURS[3], linewidths=1.6, zorder=3
        )
        for name in scene.sites:
            axes.annotate(name, where[name], textcoords="offset points", xytext=(7, 7), fontsize=7, zorder=4)
        colours = {"off": "white", "reserved": COLOURS[3], "on_demand": COLOURS[5]}
        self.labels, self.colours = _relay_labels(schema, len(self.relays)), colours
        for label in self.labels:
            axes.scatter(
                [], [], marker=marker, s=size, color=colours.get(label, GREY), edgecolors=COLOURS[3], label=label
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.margins(0.14)
        if self.labels:
            axes.legend(fontsize=8, loc="lower left", title="relay", title_fontsize=8)

    def show(self, step: int) -> None:
        """One moment."""
        cost = "deployment_cost_usd"
        paid = f", {self.episode.column(cost)[step]:.2f} USD a step" if cost in self.episode.columns else ""
        self.axes.set_title(f"key network{paid}", loc="left", fontsize=10)
        if self.states:
            chosen = [self.labels[int(self.episode.column(column)[step])] for column in self.states]
            self.dots.set_facecolor([self.colours.get(label, GREY) for label in chosen])


def _relay_columns(schema: Schema, num_relays: int) -> list[str]:
    for role in schema.roles:
        for field in role.actions:
            if "off" in field.labels and field.size == num_relays:
                name = f"{role.agent_ids[0]}.action.{field.name}"
                return [name] if num_relays == 1 else [f"{name}[{index}]" for index in range(num_relays)]
    return []


def _relay_labels(schema: Schema, num_relays: int) -> tuple[str, ...]:
    for role in schema.roles:
        for field in role.actions:
            if "off" in field.labels and field.size == num_relays:
                return field.labels
    return ()


class _Curves:
    """Lines over the whole episode, and where it stands."""

    def __init__(self, axes: Axes, episode: Trace, names: list[str], title: str) -> None:
        time_s = episode.column("time_s")
        for index, name in enumerate(names):
            values = episode.column(name)
            label = name.partition(".")[2] or name
            axes.plot(time_s, values, linewidth=1.2, label=label, color=COLOURS[index % len(COLOURS)])
        self.now = axes.axvline(time_s[0], color="black", linewidth=1)
        self.time_s = time_s
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("simulated time [s]")
        axes.set_xlim(0, float(time_s[-1]))
        if len(names) > 1:
            axes.legend(fontsize=6.5, ncols=2, loc="lower right", frameon=True, framealpha=0.85, edgecolor="none")

    def show(self, step: int) -> None:
        """One moment."""
        self.now.set_xdata([self.time_s[step], self.time_s[step]])
