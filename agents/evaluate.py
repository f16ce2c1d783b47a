# SPDX-License-Identifier: GPL-2.0-only
"""Comparison of policies on the same held-out seeds, with bootstrap intervals of the paired differences."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from agents.arrays import Array
from agents.episodes import Episode, run_episodes
from agents.evidence.statistics import Estimate, improvement
from agents.policies import Policy, make_heuristic

if TYPE_CHECKING:
    from pybridge import VectorEnv

FIRST_HELD_OUT_SEED = 10_000
BASELINES = ("random", "equal-share", "proportional-to-demand", "proportional-fair", "model-predictive")
Row = dict[str, Any]


def bootstrap(values: Array) -> Estimate:
    """The mean of `values` [N] with its 95 % interval (BCa bootstrap, Efron 1987; 9,999 resamples, fixed seed).

    Values that are all alike, or only one, are their own interval.
    """
    mean = float(np.mean(values, dtype=np.float64))
    if len(values) < 2 or np.ptp(values) == 0:
        return Estimate(mean, mean, mean)
    rng = np.random.default_rng(0)
    interval = stats.bootstrap((values,), np.mean, confidence_level=0.95, method="BCa", rng=rng).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high))


def evaluate(
    env: VectorEnv,
    policies: Sequence[Policy],
    *,
    episodes: int,
    seeds_from: int = FIRST_HELD_OUT_SEED,
    on_progress: Callable[[str, int], None] = lambda name, finished: None,
) -> dict[str, list[Episode]]:
    """The same episodes under each policy; `on_progress(policy name, episodes finished)` after each step."""
    results = {}
    for policy in policies:
        on_step = partial(on_progress, policy.name)
        results[policy.name] = run_episodes(env, policy, seeds_from=seeds_from, episodes=episodes, on_step=on_step)
    return results


def baselines(env: VectorEnv) -> list[Policy]:
    """The heuristics that every evaluation shows."""
    return [make_heuristic(name, env.schema) for name in BASELINES]


def summarise(env: VectorEnv, results: Mapping[str, Sequence[Episode]]) -> list[Row]:
    """One row per policy; differences are paired by seed, first policy minus this one.

    `won_ratio` is the part of the seeds on which the first policy is better; ties count half. Metrics are means over
    the episodes' steps, under their own names.
    """
    first = np.array([episode.utility for episode in next(iter(results.values()))])
    rows = []
    for name, episodes in results.items():
        utility = np.array([episode.utility for episode in episodes])
        means = np.mean([episode.metrics.mean(axis=0) for episode in episodes], axis=0)
        rows.append(
            {
                "policy": name,
                "episodes": len(episodes),
                **bootstrap(utility).cells("utility"),
                **bootstrap(first - utility).cells("gain"),
                "won_ratio": float(improvement(first[None], utility[None])),
            }
            | dict(zip((metric.name for metric in env.schema.metrics), map(float, means), strict=True))
        )
    return rows


def write_csv(file: Path, rows: Sequence[Row]) -> None:
    """One line per row, columns from the first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def episode_rows(env: VectorEnv, results: Mapping[str, Sequence[Episode]]) -> list[Row]:
    """One row per policy and episode, for a CSV that others can analyse."""
    names = [metric.name for metric in env.schema.metrics]
    return [
        {"policy": policy, "seed": episode.seed, "steps": len(episode.metrics), "utility": episode.utility}
        | dict(zip(names, map(float, episode.metrics.mean(axis=0)), strict=True))
        for policy, episodes in results.items()
        for episode in episodes
    ]


def title(rows: Sequence[Row]) -> str:
    """Of `table`."""
    return f"utility over {rows[0]['episodes']} held-out episodes"


def table(rows: Sequence[Row]) -> list[Row]:
    """The utility part of `summarise` for the terminal."""
    first = rows[0]["policy"]
    shown = []
    for row in rows:
        gain = ("", "", "")
        if row["policy"] != first:
            interval = f"{row['gain_ci95_low']:+.4f} .. {row['gain_ci95_high']:+.4f}"
            gain = (f"{row['gain']:+.4f}", interval, f"{row['won_ratio']:.0%}")
        gains = dict(zip((f"{first}_gains", "95 %_interval", "wins"), gain, strict=True))
        shown.append({"policy": row["policy"], "utility": f"{row['utility']:.4f}", **gains})
    return shown
