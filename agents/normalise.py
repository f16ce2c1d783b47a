# SPDX-License-Identifier: GPL-2.0-only
"""Running statistics: of observations (all the past counts alike) and of returns (the recent past counts more)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class RunningNormaliser:
    """Mean and variance of `size` features over everything seen, merged batch by batch (Chan et al., 1979)."""

    def __init__(self, size: int, clip: float = 5.0) -> None:
        """Start with mean 0, variance 1; normalised values are clipped to [-clip, clip]."""
        self.clip = clip
        self.count = 0.0
        self.mean = np.zeros(size)
        self.variance = np.ones(size)

    def update(self, values: Array) -> None:
        """Add `values` [..., D]."""
        rows = values.reshape(-1, self.mean.size).astype(np.float64)
        count = len(rows)
        mean = np.add.reduce(rows) / count  # what `mean` and `sum` do, without their wrappers: this runs in every step
        total = self.count + count
        delta = mean - self.mean
        spread = self.variance * self.count + np.add.reduce((rows - mean) ** 2)
        self.variance = (spread + delta**2 * (self.count * count / total)) / total
        self.mean = self.mean + delta * (count / total)
        self.count = total

    def __call__(self, values: Array) -> Array:
        """Normalise `values` [..., D] to float32 [..., D]; a feature that never changed becomes 0."""
        scaled = (values - self.mean) / np.sqrt(self.variance + 1e-8)
        return np.minimum(np.maximum(scaled, -self.clip), self.clip).astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs."""
        return {"count": self.count, "mean": self.mean, "variance": self.variance}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.count = float(state["count"])
        self.mean = np.array(state["mean"], dtype=np.float64)
        self.variance = np.array(state["variance"], dtype=np.float64)


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
