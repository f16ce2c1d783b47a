# SPDX-License-Identifier: GPL-2.0-only
"""Running statistics: of observations (all the past counts alike) and of returns (the recent past counts more)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.arrays import Array


def side_by_side(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Where parts of these sizes lie in one vector."""
    ends = np.cumsum([0, *sizes.values()]).tolist()
    return {name: slice(start, stop) for name, start, stop in zip(sizes, ends[:-1], ends[1:], strict=True)}


class RunningNormaliser:
    """Mean and variance of features over everything seen, merged batch by batch (Chan et al., 1979).

    A *group* is a role: rows (agents) of the same features, which share statistics. All groups lie side by side in one
    vector of N numbers, group by group and row by row: this runs in every step, and numpy's calls are what costs.

    Attributes:
        mean, variance: [F] of each feature, group by group.
    """

    def __init__(self, groups: Mapping[str, tuple[int, int]], clip: float = 5.0) -> None:
        """`groups`: rows and features by name. Starts with mean 0, variance 1; normalises into [-clip, clip]."""
        self.clip = clip
        self.places = side_by_side({name: features for name, (_, features) in groups.items()})
        self.rows = np.concatenate([np.full(features, float(rows)) for rows, features in groups.values()])  # [F]
        tiles = zip(self.places.values(), groups.values(), strict=True)
        self.feature = np.concatenate([np.tile(np.arange(at.start, at.stop), rows) for at, (rows, _) in tiles])  # [N]
        self.features = self.feature  # [E N], as soon as E is known
        self.count = np.zeros(len(self.rows))
        self.mean = np.zeros(len(self.rows))
        self.variance = np.ones(len(self.rows))

    def update(self, values: Array) -> None:
        """Add `values` [E, N], float64."""
        if len(self.features) != values.size:
            self.features = np.tile(self.feature, len(values))
        count = self.rows * len(values)
        mean = np.bincount(self.features, values.ravel()) / count
        total = self.count + count
        delta = mean - self.mean
        distances = values - mean[self.feature]
        spread = self.variance * self.count + np.bincount(self.features, (distances * distances).ravel())
        self.variance = (spread + delta**2 * (self.count * count / total)) / total
        self.mean = self.mean + delta * (count / total)
        self.count = total

    def __call__(self, values: Array) -> Array:
        """Normalise `values` [E, N] to float32 [E, N]; a feature that never changed becomes 0."""
        scaled = (values - self.mean[self.feature]) / np.sqrt(self.variance + 1e-8)[self.feature]
        clipped: Array = np.minimum(np.maximum(scaled, -self.clip), self.clip)
        return clipped.astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """By group, count of rows, mean and variance [D]: everything that `load_state_dict` needs."""
        return {
            name: {"count": float(self.count[at.start]), "mean": self.mean[at], "variance": self.variance[at]}
            for name, at in self.places.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        of_groups = [state[name] for name in self.places]
        self.count = np.repeat([group["count"] for group in of_groups], [len(group["mean"]) for group in of_groups])
        self.mean, self.variance = (np.concatenate([group[key] for group in of_groups]) for key in ("mean", "variance"))


class ValueNormaliser:
    """Exponentially weighted mean and deviation of returns, debiased like Adam's moments.

    The critic predicts normalised returns, so that its loss has the same scale whatever the reward's unit.
    """

    def __init__(self, decay: float = 0.98) -> None:
        """`decay`: weight of the past against one batch."""
        self.decay = decay
        self.weight = 0.0
        self.first = 0.0
        self.second = 0.0

    def update(self, returns: Array) -> None:
        """Add one batch of returns, of any shape."""
        self.weight = self.decay * self.weight + (1 - self.decay)
        self.first = self.decay * self.first + (1 - self.decay) * float(np.mean(returns))
        self.second = self.decay * self.second + (1 - self.decay) * float(np.mean(np.square(returns)))

    @property
    def mean(self) -> float:
        """Debiased mean; 0 before the first batch."""
        return self.first / self.weight if self.weight else 0.0

    @property
    def deviation(self) -> float:
        """Debiased standard deviation, at least 1e-4; 1 before the first batch."""
        if not self.weight:
            return 1.0
        return float(np.sqrt(max(self.second / self.weight - self.mean**2, 1e-8)))

    def normalise(self, returns: Array) -> Array:
        """Returns in units of their deviation, around 0."""
        return (returns - self.mean) / self.deviation

    def denormalise(self, values: Array) -> Array:
        """Inverse of `normalise`."""
        return values * self.deviation + self.mean

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs."""
        return {"weight": self.weight, "first": self.first, "second": self.second}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.weight, self.first, self.second = (float(state[key]) for key in ("weight", "first", "second"))
