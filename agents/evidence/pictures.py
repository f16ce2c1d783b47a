# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a study. Every function takes plain data and writes one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.arrays import Array
from agents.evidence.statistics import Estimate
from agents.report import COLOURS, STYLE, legend_below, picture

GREY = COLOURS[4]


def curves(
    file: Path, by_variant: Mapping[str, Sequence[tuple[Array, Array]]], levels: Mapping[str, float], title: str
) -> None:
    """Utility during training, mean over the training seeds and their range; other policies' levels as dashes.

    `by_variant`: for each training run its environment steps [T] and utilities [T].
    """
    with picture(file, title, (8.0, 4.6)) as axes:
        for index, (name, runs) in enumerate(by_variant.items()):
            length = min(len(steps) for steps, _ in runs)
            steps = runs[0][0][:length]
            smooth = np.array([_smooth(utility[:length]) for _, utility in runs])
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(steps, smooth.mean(axis=0), color=colour, linewidth=2, label=name)
            if len(runs) > 1:
                axes.fill_between(steps, smooth.min(axis=0), smooth.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        for index, (name, level) in enumerate(levels.items()):
            axes.axhline(level, color=GREY, linestyle=(0, (6, 2) if index == 0 else (1, 2)), linewidth=1.3, label=name)
        axes.set_xlabel("environment steps")
        axes.set_ylabel("utility per step")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        legend_below(axes)


def _smooth(values: Array) -> Array:
    width = max(1, min(len(values) // 8, 10))
    return np.array([values[max(0, i - width + 1) : i + 1].mean() for i in range(len(values))])


def dots(
    file: Path,
    title: str,
    panels: Mapping[str, Mapping[str, Estimate]],
    *,
    kinds: Mapping[str, str],
    unit: str = "",
    lines: Mapping[str, float] | None = None,
) -> None:
    """A figure with interval for each policy, one panel for each key of `panels`, policies in the order of the first.

    `kinds`: policy -> what decides its colour. `lines`: vertical lines with a name.
    """
    names = list(next(iter(panels.values())))
    colours = {kind: COLOURS[index] for index, kind in enumerate(sorted({kinds[name] for name in names}))}
    with rc_context(STYLE):
        figure = Figure(figsize=(2.4 + 2.9 * max(2, len(panels)), 1.5 + 0.3 * len(names)), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
        all_axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
        for axes, (panel, values) in zip(all_axes, panels.items(), strict=True):
            for row, name in enumerate(names):
                found = values.get(name)
                if found is None or not np.isfinite(found.value):
                    continue
                colour = colours[kinds[name]]
                axes.plot([found.low, found.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
                axes.plot(found.value, row, "o", color=colour, markersize=6)
            for name, place in (lines or {}).items():
                axes.axvline(place, color=GREY, linestyle="--", linewidth=1)
                axes.annotate(
                    name, (place, len(names) - 0.5), fontsize=7, color=GREY, ha="right", va="bottom", rotation=90,
                    xytext=(-2, 0), textcoords="offset points",
                )  # fmt: skip
            axes.set_title(panel, loc="left", fontsize=10)
            axes.set_xlabel(unit)
            axes.set_ylim(len(names) - 0.4, -0.9)
            axes.margins(x=0.08)
        all_axes[0].set_yticks(range(len(names)), names)
        for kind, colour in colours.items():
            all_axes[-1].plot([], [], "o", color=colour, label=kind)
        figure.legend(*all_axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8)
        figure.savefig(file)


def profiles(file: Path, levels: Array, by_policy: Mapping[str, Array]) -> None:
    """Part of the episodes whose utility lies above each level, by policy."""
    with picture(file, "Performance profiles", (8.0, 4.2)) as axes:
        for index, (name, part) in enumerate(by_policy.items()):
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(levels, part, label=name, color=colour, linewidth=1.8, linestyle="-" if index < 9 else "--")
        axes.set_xlabel("utility u")
        axes.set_ylabel("part of episodes above u")
        axes.set_ylim(0, 1.02)
        axes.legend(fontsize=8, loc="lower left")


def anarchy(file: Path, by_weight: Mapping[float, Estimate], agents: str) -> None:
    """Utility over the cooperation weight."""
    weights = sorted(by_weight)
    with picture(file, "Price of anarchy", (7.0, 4.0)) as axes:
        found = [by_weight[weight] for weight in weights]
        axes.plot(weights, [one.value for one in found], "o-", color=COLOURS[0], linewidth=2)
        axes.fill_between(
            weights, [one.low for one in found], [one.high for one in found], color=COLOURS[0], alpha=0.18, linewidth=0
        )
        axes.set_xlabel(f"cooperation weight (0: each of the {agents} for itself, 1: all for the mean)")
        axes.set_ylabel("utility (IQM, 95 % interval)")
        axes.set_xticks(weights)
