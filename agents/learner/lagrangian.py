# SPDX-License-Identifier: GPL-2.0-only
"""Multipliers of constraints, steered by a PID controller (Stooke, Achiam, Abbeel, 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.learner.rewards import Penalty


def unit(limit: float) -> float:
    """In which a constraint's cost counts: its limit; a limit of 0 counts costs as they are."""
    return limit if limit > 0 else 1.0


def penalties(multipliers: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, Penalty]:
    """What constraints take from rewards, by name."""
    return {name: Penalty(multiplier, unit(limits[name])) for name, multiplier in multipliers.items()}


class PidLagrangian:
    """One multiplier >= 0 for each constraint "mean cost <= limit".

    m = max(0, Kp e + I + Kd max(0, c - c_before)), with the excess e = c - limit and its sum I = max(0, I + Ki e). All
    costs are in units of the limit (`unit`), here and where they are taken from rewards (`penalties`), so that neither
    gains nor the course of a run depend on the unit that a cost is measured in.
    """

    def __init__(self, limits: Mapping[str, float], gains: tuple[float, ...]) -> None:
        """`limits` by name; `gains`: Kp, Ki and Kd, per rollout."""
        self.limits = dict(limits)
        self.proportional, self.integral, self.derivative = gains
        self.sums = dict.fromkeys(self.limits, 0.0)
        self.before: dict[str, float] = {}
        self.multipliers = dict.fromkeys(self.limits, 0.0)

    def update(self, costs: Mapping[str, float]) -> None:
        """Move on by the mean costs of one rollout."""
        for name, limit in self.limits.items():
            excess = (costs[name] - limit) / unit(limit)
            self.sums[name] = max(0.0, self.sums[name] + self.integral * excess)
            rise = max(0.0, costs[name] - self.before.get(name, costs[name])) / unit(limit)
            self.before[name] = costs[name]
            wanted = self.proportional * excess + self.sums[name] + self.derivative * rise
            self.multipliers[name] = max(0.0, wanted)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs."""
        return {"sums": dict(self.sums), "before": dict(self.before), "multipliers": dict(self.multipliers)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.sums, self.before = dict(state["sums"]), dict(state["before"])
        self.multipliers = dict(state["multipliers"])
