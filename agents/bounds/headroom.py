# SPDX-License-Identifier: GPL-2.0-only
"""How much decisions matter in a scenario: heuristics against the best static policy that a coarse search finds.

The search starts from equal share and changes one thing at a time, for all agents of a role alike and then agent by
agent: a choice to each of its values, a share by factors 3 and 1/3, a number to the quarters of its range. It keeps
what raises the mean utility. Search and report use the same seeds: the result says what a static policy could have had
there, not what it would have elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from agents.arrays import Array
from agents.episodes import run_episodes
from agents.evaluate import BASELINES
from agents.policies import Policy, Static, make_heuristic, neutral

if TYPE_CHECKING:
    from pybridge import ActionField, Role, Schema, VectorEnv

Values = dict[tuple[str, str], Array]


@dataclass(frozen=True)
class Headroom:
    """Result of a study.

    Attributes:
        utility: mean over the seeds, by policy; "static" is the best static one.
        best: its decisions, arrays [A, size] by (role, action field).
        tried: static policies that were simulated.
    """

    utility: dict[str, float]
    best: Values
    tried: int


def study(
    env: VectorEnv,
    *,
    seeds_from: int,
    seeds: int,
    max_static: int,
    on_progress: Callable[[str, float], None] = lambda policy, utility: None,
) -> Headroom:
    """Measure the heuristics, then search until nothing helps or `max_static` static policies have been tried."""

    def measure(policy: Policy) -> float:
        episodes = run_episodes(env, policy, seeds_from=seeds_from, episodes=seeds)
        mean = float(np.mean([episode.utility for episode in episodes]))
        on_progress(policy.name, mean)
        return mean

    utility = {name: measure(make_heuristic(name, env.schema)) for name in BASELINES}
    best = start(env.schema)
    best_utility = measure(Static(env.schema, best))
    tried, improved = 1, True
    while improved:
        improved = False
        for change in changes(env.schema):
            if tried >= max_static:
                break
            candidate = change(best)
            if all(np.allclose(candidate[key], best[key]) for key in best):
                continue
            candidate_utility = measure(Static(env.schema, candidate))
            tried += 1
            if candidate_utility > best_utility:
                best, best_utility, improved = candidate, candidate_utility, True
    return Headroom(utility | {"static": best_utility}, best, tried)


def start(schema: Schema) -> Values:
    """Equal share as a static policy."""
    return {
        (role.name, field.name): np.tile(neutral(field), (role.num_agents, 1))
        for role in schema.roles
        for field in role.actions
    }


def changes(schema: Schema) -> Iterator[Callable[[Values], Values]]:
    """The moves of a pass: first those of whole roles, then those of single agents."""
    for whole in (True, False):
        for role in schema.roles:
            if not whole and role.num_agents == 1:
                continue
            for agents in [slice(None)] if whole else [slice(i, i + 1) for i in range(role.num_agents)]:
                for field in role.actions:
                    for part in range(field.size):
                        yield from _changes_of(role, field, agents, part)


def _changes_of(role: Role, field: ActionField, agents: slice, part: int) -> Iterator[Callable[[Values], Values]]:
    options: Iterable[float]
    if field.kind == "simplex":
        options = (3.0, 1 / 3)  # factors
    elif field.kind == "categorical":
        options = range(field.num_choices)
    else:
        options = np.linspace(field.low, field.high, 5)
    for option in options:
        yield partial(_changed, key=(role.name, field.name), where=(agents, part), kind=field.kind, option=option)


def _changed(values: Values, *, key: tuple[str, str], where: tuple[slice, int], kind: str, option: float) -> Values:
    array = values[key].copy()
    if kind == "simplex":
        array[where] *= option
        array /= array.sum(axis=1, keepdims=True)
    else:
        array[where] = option
    return values | {key: array}


def rows(headroom: Headroom) -> list[dict[str, Any]]:
    """One row per policy; `left_percent` is the part of the best static's utility that it leaves."""
    best = headroom.utility["static"]
    return [
        {"policy": name, "utility": utility, "left_percent": 100 * (best - utility) / abs(best) if best else 0.0}
        for name, utility in headroom.utility.items()
    ]


def as_table(headroom: Headroom, seeds: Sequence[int]) -> Table:
    """The result for the terminal."""
    table = Table(
        title=f"mean utility on seeds {seeds[0]}..{seeds[-1]}",
        caption=f"best static of {headroom.tried} tried; it was searched on these same seeds",
    )
    table.add_column("policy")
    table.add_column("utility", justify="right")
    table.add_column("leaves of the best static", justify="right")
    for row in rows(headroom):
        table.add_row(row["policy"], f"{row['utility']:.4f}", f"{row['left_percent']:.1f} %")
    return table


def describe(schema: Schema, values: Values) -> list[str]:
    """What a static policy decides where it differs from equal share, a line per agent and field."""
    lines = []
    for role in schema.roles:
        for field in role.actions:
            for agent, array in zip(role.agent_ids, values[role.name, field.name], strict=True):
                if np.allclose(array, neutral(field)):
                    continue
                if field.kind == "categorical" and field.labels:
                    text = " ".join(field.labels[int(choice)] for choice in array)
                else:
                    text = " ".join(f"{number:.3g}" for number in array)
                lines.append(f"{agent} {field.name}: {text}")
    return lines
