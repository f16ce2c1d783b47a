# SPDX-License-Identifier: GPL-2.0-only
"""What travels between the learner and its runners: orders and weights one way, fragments the other.

All of it is plain values and NumPy arrays, so that it goes through a pipe and to another machine alike.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.arrays import Array
from agents.learner.buffers import Decisions, beside, chain

if TYPE_CHECKING:
    from agents.config import TrainConfig

State = dict[str, Any]


def _view(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


copyreg.pickle(MappingProxyType, lambda view: (_view, (dict(view),)))  # a schema has some, and travels too


@dataclass(frozen=True)
class Weights:
    """What a runner needs to act like the learner.

    Attributes:
        version: rounds of updates that they have been through.
        policies: by role, from `RoleLearner.policy_state`.
        observer: observation statistics.
        multipliers: of the constraints, by name.
    """

    version: int
    policies: dict[str, State]
    observer: State
    multipliers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """One fragment that is wanted.

    Attributes:
        config: of the run.
        segment: where it belongs; a runner that is elsewhere begins new episodes, seeded by it.
        round: number of the fragment within the run; a runner's answers to others are too late.
        closes: what is unfinished at its end is truncated.
        attempt: how often the runner has been started anew in this segment.
    """

    config: TrainConfig
    segment: int
    round: int
    closes: bool
    attempt: int = 0


@dataclass
class Tally:
    """Sums over the steps and environments of one or more fragments; rates are made of it when it is logged."""

    steps: int = 0  # times environments
    rewards: dict[str, float] = field(default_factory=dict)  # by role, mean over its agents
    terms: dict[str, Array] = field(default_factory=dict)  # by role [K], mean over its agents
    metrics: Array = field(default_factory=lambda: np.zeros(0))  # [M]
    episode_utilities: list[float] = field(default_factory=list)  # of the episodes that ended
    failures: list[str] = field(default_factory=list)  # simulators that died, one text each
    simulate_s: float = 0.0
    act_s: float = 0.0

    @staticmethod
    def total(parts: Sequence[Tally]) -> Tally:
        """The sum of several runners' tallies; times are those of the slowest."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return Tally(
            steps=sum(part.steps for part in parts),
            rewards={name: sum(part.rewards[name] for part in parts) for name in first.rewards},
            terms={name: np.sum([part.terms[name] for part in parts], axis=0) for name in first.terms},
            metrics=np.sum([part.metrics for part in parts], axis=0),
            episode_utilities=[utility for part in parts for utility in part.episode_utilities],
            failures=[text for part in parts for text in part.failures],
            simulate_s=max(part.simulate_s for part in parts),
            act_s=max(part.act_s for part in parts),
        )


@dataclass(frozen=True)
class Fragment:
    """What a runner sampled: `rollout_steps` steps of each of its environments.

    Attributes:
        runner: its number.
        round: of the order that it answers.
        version: of the weights that decided.
        decisions: by role, those that are complete.
        observer: observation statistics with those of the fragment in them.
    """

    runner: int
    round: int
    version: int
    decisions: dict[str, Decisions]
    observer: State
    tally: Tally


class DecisionPool:
    """Complete decisions of one role that wait for an update, by runner.

    Of a role that decides seldom or does not learn, most fragments bring none. A first empty one is kept, since it
    tells how many environments its runner has; no other is.
    """

    def __init__(self, min_decisions: int) -> None:
        """An update needs `min_decisions` per environment."""
        self.min_decisions = min_decisions
        self.parts: dict[int, list[Decisions]] = {}

    def add(self, runner: int, decisions: Decisions) -> None:
        """Add those of a fragment; fragments of one runner come in order."""
        parts = self.parts.setdefault(runner, [])
        if not parts or decisions.valid.any():
            parts.append(decisions)

    @property
    def ready(self) -> bool:
        """Whether there are enough."""
        parts = [part for runner in self.parts.values() for part in runner]
        num_envs = sum(runner[0].valid.shape[1] for runner in self.parts.values())
        return sum(int(part.valid.sum()) for part in parts) >= max(1, self.min_decisions * int(num_envs))

    def take(self) -> Decisions:
        """All of them, [K, E, ...] with the environments of all runners side by side."""
        runners = [chain(self.parts[runner]) for runner in sorted(self.parts)]
        self.parts.clear()
        return beside(runners)

    def state_dict(self) -> dict[int, list[State]]:
        """The decisions in hand (between updates managers have some)."""
        return {
            runner: [{item.name: getattr(part, item.name) for item in dataclasses.fields(part)} for part in parts]
            for runner, parts in self.parts.items()
        }

    def load_state_dict(self, state: dict[int, list[State]]) -> None:
        """Restore a `state_dict`; earlier ones have no `left`, and more empty parts."""
        self.parts = {}
        for runner, parts in state.items():
            for part in parts:
                self.add(runner, Decisions(**({"left": part["dead"]} | part)))


def merge_statistics(base: State, grown: Sequence[State]) -> State:
    """Observation statistics of `base` with all that each of `grown` (which began as `base`) has seen since.

    One that grew is returned as it is; several are merged as by Chan et al. (1979).
    """
    if len(grown) == 1:
        return grown[0]
    return {role: _merge(base[role], [state[role] for state in grown]) for role in base}


def _merge(base: State, grown: Sequence[State]) -> State:
    count, mean, spread = base["count"], base["mean"], base["variance"] * base["count"]
    for state in grown:
        num = state["count"] - base["count"]
        if num == 0:
            continue
        own_mean = (state["mean"] * state["count"] - base["mean"] * base["count"]) / num
        gap = own_mean - base["mean"]
        own_spread = state["variance"] * state["count"] - base["variance"] * base["count"]
        own_spread = np.maximum(own_spread - gap**2 * (base["count"] * num / state["count"]), 0.0)
        delta, total = own_mean - mean, count + num
        spread = spread + own_spread + delta**2 * (count * num / total)
        mean = mean + delta * (num / total)
        count = total
    return {"count": count, "mean": mean, "variance": spread / count if count else base["variance"]}
