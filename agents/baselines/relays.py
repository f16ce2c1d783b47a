# SPDX-License-Identifier: GPL-2.0-only
"""Which key relays are deployed: all, none, or the smallest set that connects every demand.

What can be switched off is a choice with the label "off". All else is decided as by proportional-to-demand.
"""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING

import networkx
import numpy as np

from agents.arrays import Array
from agents.policies import ProportionalToDemand, register

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role, Schema

OFF = "off"


@register
class AlwaysOn(ProportionalToDemand):
    """Every relay has its default state, reserved."""

    name = "always-on"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if OFF in field.labels:
            return np.full(field.size, float(field.default))
        return super().wish(role, field, batch, rng)


@register
class NeverOn(ProportionalToDemand):
    """Every relay stays off."""

    name = "never-on"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if OFF in field.labels:
            return np.full(field.size, float(field.labels.index(OFF)))
        return super().wish(role, field, batch, rng)


@register
class SetCover(ProportionalToDemand):
    """The fewest relays that connect the ends of every demand of the scenario's [bound]; the others stay off.

    Of sets of one size the first in the order of the sites is taken. Where the scenario states no demands, all are on.
    """

    name = "set-cover"

    def __init__(self, schema: Schema) -> None:
        """Solves the cover by enumeration."""
        super().__init__(schema)
        self.relays = [name for name, kind in schema.scene.sites.items() if kind == "relay"]
        self.chosen = relay_cover(schema, demands_of(schema))

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if OFF in field.labels and field.size == len(self.relays):
            off = field.labels.index(OFF)
            return np.array([field.default if relay in self.chosen else off for relay in self.relays], dtype=float)
        return super().wish(role, field, batch, rng)


def demands_of(schema: Schema) -> list[tuple[str, str]]:
    """Pairs of sites between which the scenario's parameter file asks for key; empty if it does not say."""
    import pybridge

    try:
        demands = pybridge.scenario(schema.scenario).bound.get("demands", ())
    except pybridge.QntnError:  # a scenario that was not built here
        return []
    return [(words[0], words[1]) for words in (str(text).split() for text in demands)]


def relay_cover(schema: Schema, demands: list[tuple[str, str]]) -> frozenset[str]:
    """The smallest set of relay sites whose opening leaves a path between the ends of each demand.

    Endpoints always forward key. Demands that no set connects are left out.
    """
    relays = [name for name, kind in schema.scene.sites.items() if kind == "relay"]
    if not demands:
        return frozenset(relays)
    most = served_by(schema, frozenset(relays), demands)
    subsets = chain.from_iterable(combinations(relays, size) for size in range(len(relays) + 1))
    return next(opened for opened in map(frozenset, subsets) if served_by(schema, opened, demands) == most)


def served_by(schema: Schema, opened: frozenset[str], demands: list[tuple[str, str]]) -> int:
    """How many demands have a path between their ends that avoids relays which are not open."""
    graph = networkx.Graph((span.site_a, span.site_b) for span in schema.scene.spans)
    inner = graph.subgraph([node for node in graph if schema.scene.sites.get(node) != "relay" or node in opened])
    return sum(all(end in inner for end in ends) and networkx.has_path(inner, *ends) for ends in demands)
