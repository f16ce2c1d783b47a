# SPDX-License-Identifier: GPL-2.0-only
"""What utility metaverse-city would have if cells knew what comes, measured in the simulation.

Each slice is simulated with each share of LEVELS of every cell, held for the whole episode, while the other slices
divide the rest. So for each cell and step there is what its users of a slice missed with each share, beside the traffic
and the interference of all others. For each cell and step the division of the carrier is then chosen that loses least,
knowing the outcome. A policy decides before the frames of a step are made and before their blocks are decoded, so none
can be expected to reach it.

It is measured, not proved: what a share changes in the next step is left out, as is what a cell's own load changes for
its neighbours, and the luck of a single decoding counts as foresight. Key, relays and providers are favourable: the
slices run under AES-256, which spends least key, all bursts of xURLLC that get through under one-time pad when nothing
stands in their way count as padded, and relays are open in the way of `alone.RELAYS` that is best for the
heuristic's shares, at the price that they have there. Providers decide as proportional-fair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.baselines.shares import fair_shares
from agents.bounds.alone import AES, PAD, RELAYS, Alone, Deployed
from agents.episodes import run_episodes

if TYPE_CHECKING:
    from agents.arrays import Array
    from agents.episodes import Episode
    from pybridge import ActionField, Batch, Role, Schema, VectorEnv

LEVELS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of a cell that are tried for each slice."""


class Held(Deployed):
    """One share for one slice in all cells, without one-time pad; all else as by proportional-fair."""

    name = "held"

    def __init__(self, schema: Schema, relays: str, label: str = "", share: float = 0.0) -> None:
        """`label` of the slice; without one, cells and key routers too do as proportional-fair."""
        super().__init__(schema, relays)
        self.label, self.share = label, share

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if role.name == "cell" and self.label in field.labels:
            rest = (1.0 - self.share) / (field.size - 1)
            return np.where(np.arange(field.size) == field.labels.index(self.label), self.share, rest)
        if self.label and PAD in field.labels:
            return np.full(field.size, float(field.labels.index(AES)))
        return super().wish(role, field, batch, rng)

    def divide(
        self, field: ActionField, offered: Array, queue: Array, capacity: Array, rng: np.random.Generator
    ) -> Array:
        """As by proportional-fair."""
        return fair_shares((offered + queue / self.step_s) / capacity)


def by_seed(env: VectorEnv, *, seeds_from: int, episodes: int) -> list[dict[str, float]]:
    """One row for each held-out seed: `utility_hindsight`, and its parts."""
    schema = env.schema
    role = schema.role("cell")
    labels = role.actions[0].labels

    def run(policy: Deployed) -> list[Episode]:
        return run_episodes(env, policy, seeds_from=seeds_from, episodes=episodes)

    ways = {relays: run(Held(schema, relays)) for relays in RELAYS}
    relays = max(ways, key=lambda way: float(np.mean([episode.utility for episode in ways[way]])))
    padded = run(Alone(schema, relays, "xurllc", PAD))
    terms = [term.name for term in role.terms]

    def missed_with(label: str, share: float) -> Array:
        """[N, T, C] of that slice."""
        place = terms.index(f"{label}_missed_ratio")
        return np.array([episode.terms["cell"][..., place] for episode in run(Held(schema, relays, label, share))])

    missed = np.array([[missed_with(label, share) for share in LEVELS] for label in labels])  # [S, levels, N, T, C]
    weights = np.array([schema.utility[f"quality_ratio.{label}"] for label in labels])
    names = [metric.name for metric in schema.metrics]
    (cost,) = (name for name in schema.utility if name.startswith("deployment_cost"))
    rows = []
    for index, episode in enumerate(ways[relays]):
        lost = least_lost(weights, missed[:, :, index]).sum(axis=-1).mean()
        row = {
            "quality": float(weights.sum() - lost),
            "xurllc_otp_ratio": float(padded[index].metrics[:, names.index("xurllc_otp_ratio")].mean()),
            cost: float(episode.metrics[:, names.index(cost)].mean()),
        }
        utility = row["quality"] + sum(schema.utility[name] * row[name] for name in ("xurllc_otp_ratio", cost))
        rows.append({"seed": float(episode.seed), "utility_hindsight": utility, **row})
    return rows


def least_lost(weights: Array, missed: Array) -> Array:
    """Least weighted loss over all divisions of one carrier, [...].

    Args:
        weights: [S] of the slices.
        missed: [S, len(LEVELS), ...] part of all bursts that a slice missed with a share of LEVELS.
    """
    grid = np.stack(np.meshgrid(*[np.arange(len(LEVELS))] * len(weights), indexing="ij")).reshape(len(weights), -1)
    whole = np.array(LEVELS)[grid].sum(axis=0) <= 1.0 + 1e-9
    best = np.full(missed.shape[2:], np.inf)
    for levels in grid[:, whole].T:
        chosen = missed[np.arange(len(weights)), levels]  # [S, ...]
        best = np.minimum(best, np.tensordot(weights, chosen, axes=1))
    return best
