# SPDX-License-Identifier: GPL-2.0-only
"""How key is routed: by hops, or by what is left on each path. All else is decided as by proportional-to-demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Array
from agents.policies import ProportionalToDemand, register

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role


@register
class ShortestPath(ProportionalToDemand):
    """Key takes the open path with the fewest hops; the first of several."""

    name = "shortest-path"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        hops = path_figure(role, field, batch, "path_hops")
        if hops is None:
            return super().wish(role, field, batch, rng)
        return best_open(role, batch, -np.where(hops > 0, hops, np.inf))


@register
class LargestResidualKey(ProportionalToDemand):
    """Key takes the open path that could relay most of it now."""

    name = "largest-residual-key"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        usable = path_figure(role, field, batch, "path_usable_bits")
        if usable is None:
            return super().wish(role, field, batch, rng)
        return best_open(role, batch, usable)


def path_figure(role: Role, field: ActionField, batch: Batch, name: str) -> Array | None:
    """[E, A, paths] an observation about the candidate paths, if `field` chooses among them and the role sees it."""
    if field.name != "path":
        return None
    if not {name, "path_open"} <= {observation.name for observation in role.observations}:
        return None
    return np.asarray(batch.observations[role.name][..., role.observation(name).span], dtype=np.float64)


def best_open(role: Role, batch: Batch, score: Array) -> Array:
    """[E, A, 1] the open path with the best score; a forbidden choice is repaired later."""
    is_open = batch.observations[role.name][..., role.observation("path_open").span] > 0
    return np.asarray(np.where(is_open, score, -np.inf).argmax(axis=-1, keepdims=True), dtype=np.float64)
