# SPDX-License-Identifier: GPL-2.0-only
"""Statistics for comparisons of few training runs on many held-out episodes.

Scores of a policy are an array [R, N]: R training runs (1 for a heuristic), N held-out seeds, the same for all.
Runs and seeds are crossed: a seed that is hard is hard for all. Intervals are percentile intervals of a bootstrap over
both: each resample draws the training runs of each policy anew, and held-out seeds once for all runs of all policies.
With few runs they are too narrow (see `mean_gain`). A statistic is over the last two axes, so that it takes all
resamples [B, R, N] at once. Measures follow Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical
Precipice", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from agents.arrays import Array

RESAMPLES = 5000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def cells(self, name: str) -> dict[str, float]:
        """As cells of a table's row: `name`, `name_ci95_low` and `name_ci95_high`."""
        return {name: self.value, f"{name}_ci95_low": self.low, f"{name}_ci95_high": self.high}

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str) -> Self:
        """From the `cells` of a row."""
        return cls(row[name], row[f"{name}_ci95_low"], row[f"{name}_ci95_high"])


def mean(scores: Array) -> Array:
    """Mean of scores [..., R, N]: [...]."""
    return np.asarray(scores.mean(axis=(-2, -1)))


def interquartile_mean(scores: Array) -> Array:
    """Mean of the middle half of scores [..., R, N]: [...]; of n, floor(n / 4) are left out at either end."""
    ordered = np.sort(scores.reshape(*scores.shape[:-2], -1))
    cut = ordered.shape[-1] // 4
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def improvement(ours: Array, theirs: Array) -> Array:
    """Probability that a run of ours [..., R, N] beats one of theirs [..., S, N] on a seed: [...]; ties count half."""
    mine, other = ours[..., :, None, :], theirs[..., None, :, :]
    more, equal = (won.mean(axis=(-3, -2, -1)) for won in (mine > other, mine == other))
    return np.asarray(more + equal / 2)


def gain(ours: Array, theirs: Array) -> Array:
    """Difference of the interquartile means of ours [..., R, N] and theirs [..., S, N]: [...]."""
    return interquartile_mean(ours) - interquartile_mean(theirs)


def mean_gain(ours: Array, theirs: Array) -> Array:
    """Difference of the means of ours [..., R, N] and theirs [..., S, N]: [...]; runs that failed count in full.

    Where runs differ, 95 % intervals of it from three runs each hold the truth in 83 to 87 of 100 cases only.
    """
    return mean(ours) - mean(theirs)


def jain(values: Array) -> float:
    """Fairness of an allocation, 1/n..1 (Jain, Chiu and Hawe 1984); 1 if all are 0."""
    values = np.asarray(values, dtype=np.float64)
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / (len(values) * squares) if squares > 0 else 1.0


def profile(scores: Array, levels: Array) -> Array:
    """Part of the scores that lie above each level: a performance profile."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    return np.asarray(1 - np.searchsorted(ordered, levels, side="right") / len(ordered))


def estimate(scores: Array, statistic: Callable[[Array], Array] = interquartile_mean, *, seed: int = 0) -> Estimate:
    """A statistic of scores [R, N] with its interval; a draw of seeds serves all runs."""
    (drawn,) = _resamples([scores], seed)
    return _estimate(statistic(scores), statistic(drawn))


def compare(
    ours: Array, theirs: Array, statistic: Callable[[Array, Array], Array] = improvement, *, seed: int = 0
) -> Estimate:
    """A statistic of two policies [R, N] and [S, N] with its interval; a draw of seeds serves both."""
    return compare_over_tasks([(ours, theirs)], statistic, seed=seed)


def compare_over_tasks(
    pairs: Sequence[tuple[Array, Array]],
    statistic: Callable[[Array, Array], Array] = improvement,
    *,
    strata: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Estimate:
    """Mean over tasks of a statistic of two policies, [R, N] and [S, N] on each.

    `strata`: for each task what its held-out seeds belong to, such as its scenario; a draw of seeds serves all tasks of
    a stratum. Each task is one of its own if absent. Training runs are drawn apart for each task.
    """
    by_stratum: dict[Hashable, list[tuple[Array, Array]]] = {}
    for stratum, pair in zip(range(len(pairs)) if strata is None else strata, pairs, strict=True):
        by_stratum.setdefault(stratum, []).append(pair)
    found, resampled = [], []
    for number, tasks in enumerate(by_stratum.values()):
        drawn = _resamples([scores for pair in tasks for scores in pair], seed + number)
        found += [statistic(ours, theirs) for ours, theirs in tasks]
        resampled += [statistic(ours, theirs) for ours, theirs in zip(drawn[::2], drawn[1::2], strict=True)]
    return _estimate(np.mean(found, axis=0), np.mean(resampled, axis=0))


def closed_gap(ours: Array, theirs: Array, ceiling: Array, *, seed: int = 0) -> Estimate:
    """Part of the way from theirs [S, N] to a ceiling [1, N] that ours [R, N] have gone, by means.

    A draw of seeds serves all three; the ceiling has to lie above the mean of theirs.
    """

    def part(mine: Array, other: Array, best: Array) -> Array:
        return np.asarray(mean_gain(mine, other) / mean_gain(best, other))

    policies = (ours, theirs, ceiling)
    return _estimate(part(*policies), part(*_resamples(policies, seed)))


def _resamples(policies: Sequence[Array], seed: int) -> list[Array]:
    """Of policies [R, N] with R of their own, resamples [B, R, N]: runs are drawn apart, seeds are the same for all."""
    num_seeds = _common_seeds(policies)
    rng = np.random.default_rng(seed)
    seeds = rng.integers(num_seeds, size=(RESAMPLES, 1, num_seeds))
    return [scores[rng.integers(len(scores), size=(RESAMPLES, len(scores), 1)), seeds] for scores in policies]


def _estimate(value: Array, drawn: Array) -> Estimate:
    """A value with the interval of its resamples [B]."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(low), float(high))


def _two_axes(scores: Array) -> None:
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores have shape {scores.shape}, expected [training runs, held-out seeds]")


def _common_seeds(policies: Sequence[Array]) -> int:
    for scores in policies:
        _two_axes(scores)
    found: set[int] = {scores.shape[1] for scores in policies}
    if len(found) > 1:
        numbers = " and ".join(map(str, sorted(found)))
        raise ValueError(f"scores are of {numbers} seeds, expected the same seeds for all")
    return found.pop()
