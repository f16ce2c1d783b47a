# SPDX-License-Identifier: GPL-2.0-only
"""What the learner makes of rewards: constraints take from them, cooperation shares them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agents.arrays import Array
from agents.config import ConfigError
from pybridge.schema import suggest

if TYPE_CHECKING:
    from pybridge import Batch, Role, Schema


class Penalty(NamedTuple):
    """What a constraint takes from rewards: `multiplier` for each `unit` of its cost."""

    multiplier: float
    unit: float


def shaped(batch: Batch, schema: Schema, role: Role, penalties: Mapping[str, Penalty], cooperation: float) -> Array:
    """Rewards [E, A] that a role learns from.

    With constraints, (r - sum_j m_j c_j / u_j) / (1 + sum_j m_j), over the constraints that concern the role: c_j is a
    metric of the network or a term of the role, m_j and u_j are its penalty. The denominator keeps the scale (Stooke,
    Achiam, Abbeel, 2020). Then each agent gets (1 - w) of its own and w of the mean over the role's agents.
    """
    rewards = np.asarray(batch.rewards[role.name], dtype=np.float64)
    total = 0.0
    for name, (multiplier, unit) in penalties.items():
        cost = _cost(batch, schema, role, name)
        if cost is not None:
            rewards = rewards - multiplier * cost / unit
            total += multiplier
    if total:
        rewards = rewards / (1.0 + total)
    if cooperation:
        rewards = (1.0 - cooperation) * rewards + cooperation * rewards.mean(axis=1, keepdims=True)
    return rewards


def _cost(batch: Batch, schema: Schema, role: Role, name: str) -> Array | None:
    """Of a constraint in the last step, [E, 1] or [E, A]; None if it is a term of another role."""
    owner, slash, term = name.rpartition("/")
    if not slash:
        index = [metric.name for metric in schema.metrics].index(name)
        return batch.metrics[:, index, None]
    if owner != role.name:
        return None
    return np.asarray(batch.terms[owner][..., [item.name for item in role.terms].index(term)])


def check_constraints(schema: Schema, constraint: Mapping[str, float]) -> None:
    """Stop at a constraint on what the scenario does not have.

    Raises:
        ConfigError: with the nearest name.
    """
    known = [metric.name for metric in schema.metrics]
    known += [f"{role.name}/{term.name}" for role in schema.roles for term in role.terms]
    for name in constraint:
        if name not in known:
            raise ConfigError(f"constraint.{name}: no such metric or term{suggest(name, known)}")


def price_of_anarchy(cooperative: Array, selfish: Array) -> float:
    """Mean welfare under full cooperation over that under selfishness, of arrays [episodes]; at least 1 in theory.

    Koutsoupias and Papadimitriou (1999) define it with the worst equilibrium; a learner finds one of them.

    Raises:
        ValueError: welfare that is not positive has no such ratio; shift or rescale it first.
    """
    best, worst = float(np.mean(cooperative)), float(np.mean(selfish))
    if best <= 0 or worst <= 0:
        raise ValueError(f"price of anarchy: welfare {best:g} and {worst:g}; both must be above 0")
    return best / worst
