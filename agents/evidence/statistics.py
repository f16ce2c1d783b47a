# SPDX-License-Identifier: GPL-2.0-only
"""Statistics for comparisons of few training runs on many held-out episodes.

Scores of a policy are an array [R, N]: R training runs (1 for a heuristic), N held-out seeds, the same for all.
Intervals are percentile intervals of a bootstrap in two stages: each resample draws the training runs anew, and then,
stratified by run, the held-out seeds; policies that are compared share the draw of seeds. Measures follow Agarwal et
al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: Array) -> float:
    """Mean of the middle half of all scores; of n, floor(n / 4) are left out at either end."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def improvement(ours: Array, theirs: Array) -> float:
    """Probability that a run of ours [R, N] beats a run of theirs [S, N] on a seed; a tie counts one half."""
    _same_seeds(ours, theirs)
    more = (ours[:, None, :] > theirs[None, :, :]).mean()
    equal = (ours[:, None, :] == theirs[None, :, :]).mean()
    return float(more + equal / 2)


def jain(values: Array) -> float:
    """Fairness of an allocation, 1/n..1 (Jain, Chiu and Hawe 1984); 1 if all are 0."""
    values = np.asarray(values, dtype=np.float64)
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / (len(values) * squares) if squares > 0 else 1.0


def profile(scores: Array, levels: Array) -> Array:
    """Part of the scores that lie above each level: a performance profile."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    return np.asarray(1 - np.searchsorted(ordered, levels, side="right") / len(ordered))


def estimate(
    scores: Array,
    statistic: Callable[[Array], float] = interquartile_mean,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """A statistic of scores [R, N] with its interval."""
    _two_axes(scores)
    rng = np.random.default_rng(seed)
    drawn = [statistic(scores[rows[:, None], columns]) for rows, columns in _draws(rng, resamples, *scores.shape)]
    return Estimate(statistic(scores), *_interval(drawn))


def compare(
    ours: Array, theirs: Array, statistic: Callable[[Array, Array], float] = improvement, *, seed: int = 0
) -> Estimate:
    """A statistic of two policies [R, N] and [S, N] with its interval; a draw of seeds serves both."""
    return compare_over_tasks([(ours, theirs)], statistic, seed=seed)


def compare_over_tasks(
    pairs: Sequence[tuple[Array, Array]], statistic: Callable[[Array, Array], float] = improvement, *, seed: int = 0
) -> Estimate:
    """Mean over tasks of a statistic of two policies, [R, N] and [S, N] on each; tasks are strata, drawn apart."""
    draws = [_shared_draws(ours, theirs, seed + task) for task, (ours, theirs) in enumerate(pairs)]

    def mean(of_each: Iterable[tuple[Array, Array]]) -> float:
        return float(np.mean([statistic(ours, theirs) for ours, theirs in of_each]))

    drawn = [mean((ours, theirs) for ours, theirs, _ in together) for together in zip(*draws, strict=True)]
    return Estimate(mean(pairs), *_interval(drawn))


def gain(ours: Array, theirs: Array) -> float:
    """Difference of the interquartile means; a statistic for `compare`."""
    return interquartile_mean(ours) - interquartile_mean(theirs)


def closed_gap(ours: Array, theirs: Array, ceiling: Array, *, seed: int = 0) -> Estimate:
    """Part of the way from theirs [S, N] to a ceiling [1, N] that ours [R, N] have gone, by means.

    A draw of seeds serves all three; the ceiling has to lie above the mean of theirs.
    """
    _same_seeds(ours, ceiling)

    def part(mine: Array, other: Array, best: Array) -> float:
        return float((mine.mean() - other.mean()) / (best.mean() - other.mean()))

    drawn = [part(mine, other, ceiling[:, columns]) for mine, other, columns in _shared_draws(ours, theirs, seed)]
    return Estimate(part(ours, theirs, ceiling), *_interval(drawn))


def _shared_draws(ours: Array, theirs: Array, seed: int) -> Iterator[tuple[Array, Array, Array]]:
    """Resamples of both, whose rows are drawn apart and whose columns are the same, and these columns [N]."""
    _same_seeds(ours, theirs)
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        columns: Array = rng.integers(ours.shape[1], size=(ours.shape[1],))
        mine, other = (rng.integers(len(scores), size=len(scores)) for scores in (ours, theirs))
        yield ours[mine][:, columns], theirs[other][:, columns], columns


def _draws(rng: np.random.Generator, resamples: int, runs: int, seeds: int) -> Iterator[tuple[Array, Array]]:
    """Rows [R] and, for each of them, columns [R, N]."""
    for _ in range(resamples):
        yield rng.integers(runs, size=runs), rng.integers(seeds, size=(runs, seeds))


def _interval(drawn: list[float]) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _two_axes(scores: Array) -> None:
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores have shape {scores.shape}, expected [training runs, held-out seeds]")


def _same_seeds(ours: Array, theirs: Array) -> None:
    _two_axes(ours)
    _two_axes(theirs)
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"scores are of {ours.shape[1]} and {theirs.shape[1]} seeds, expected the same seeds for both")
