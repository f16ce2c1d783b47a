# SPDX-License-Identifier: GPL-2.0-only
"""Lower bounds on what a key network costs, exactly solved.

`relay_placement` is the mixed-integer program behind tests/reference/qkd/milp-bounds.json: which edges to open, with
how many QKD pairs in parallel, so that every demand has its key rate, at the least cost of equipment and fibre. Any
deployment that serves all demands under the same prices and rates costs at least that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pybridge.errors import ParameterError
from pybridge.models import qkd
from pybridge.schema import suggest

if TYPE_CHECKING:
    from pybridge.catalogue import Scenario

MAX_PAIRS = 64
"""QKD pairs that an edge may have in parallel."""

PULSE_RATE_HZ = 1e9
ATTENUATION_DB_PER_KM = 0.2
RECEIVER_EFFICIENCY = 0.10
DARK_COUNT_PROBABILITY = 6e-7
MISALIGNMENT = 0.005
MU, NU = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class DeviceCosts:
    """Prices of equipment in one currency, as `data/qkd/cost-sets.json` has them."""

    transmitter: float
    receiver: float
    key_manager: float
    security: float
    multiplexer: float
    fibre_per_km: float

    @classmethod
    def from_mapping(cls, prices: Mapping[str, float], where: str = "costs") -> Self:
        """Reads prices by name.

        Raises:
            ParameterError: a price is missing, unknown or below 0.
        """
        known = [field.name for field in fields(cls)]
        for name, value in prices.items():
            if name not in known:
                raise ParameterError(f"{where}: unknown price {name!r}{suggest(name, known)}")
            if not value >= 0:
                raise ParameterError(f"{where}: {name} is {value}, expected 0 or more")
        if missing := [name for name in known if name not in prices]:
            raise ParameterError(f"{where}: no {', '.join(missing)}")
        return cls(**prices)


@dataclass(frozen=True, slots=True)
class Placement:
    """The cheapest deployment that serves all demands.

    Attributes:
        cost: in the currency of the prices; the bound.
        dual_bound: what the solver has proven; equal to `cost` but for rounding.
        relaxed_cost: without integrality; a weaker bound.
        pairs: QKD pairs in parallel, by edge.
        spans: spans of an edge, so QKD links one after the other in each pair, by edge.
        rates_bps: secret rate of one pair of an edge.
        used_bps: key that flows over an edge, both ways.
        sites: nodes with an open edge.
    """

    cost: float
    dual_bound: float
    relaxed_cost: float
    pairs: tuple[int, ...]
    spans: tuple[int, ...]
    rates_bps: tuple[float, ...]
    used_bps: tuple[float, ...]
    sites: tuple[str, ...]

    @property
    def inline_relays(self) -> int:
        """Trusted relays between the spans of open edges; pairs in parallel share them."""
        return sum(m - 1 for w, m in zip(self.pairs, self.spans, strict=True) if w)


Edge = tuple[str, str, float]
Demand = tuple[str, str, float]


@cache
def span_rate_bps(length_km: float) -> float:
    """Secret bit/s of one QKD pair over a fibre: vacuum + weak decoy BB84 at 1e9 pulses/s, 0 if there is no key."""
    transmittance = qkd.fibre_transmittance(length_km, ATTENUATION_DB_PER_KM, RECEIVER_EFFICIENCY)
    rate = qkd.vacuum_weak_key_rate(MU, NU, transmittance, DARK_COUNT_PROBABILITY, MISALIGNMENT)
    return max(0.0, rate * PULSE_RATE_HZ)


def relay_placement(
    edges: Sequence[Edge],
    demands: Sequence[Demand],
    costs: DeviceCosts | Mapping[str, float],
    max_span_km: float,
) -> Placement:
    """Solve the placement of relays and QKD pairs exactly (HiGHS, no gap).

    Args:
        edges: (node, node, length in km); two may join the same nodes.
        demands: (source, target, key rate in bit/s).
        costs: prices of equipment.
        max_span_km: an edge of length l is cut into ceil(l / max_span_km) spans with a trusted relay between two.

    Raises:
        ParameterError: an input is out of range, or no deployment can serve the demands.
    """
    prices = costs if isinstance(costs, DeviceCosts) else DeviceCosts.from_mapping(costs)
    _require(edges, demands, max_span_km)
    program = _Program(edges, demands, prices, max_span_km)
    solution, relaxed = program.solve(integral=True), program.solve(integral=False)
    pairs = tuple(round(value) for value in solution.x[program.pairs_at : program.pairs_at + len(edges)])
    used = program.used_bps(solution.x)
    return Placement(
        cost=program.cost_of(pairs),
        dual_bound=float(solution.mip_dual_bound),
        relaxed_cost=float(relaxed.fun),
        pairs=pairs,
        spans=tuple(program.spans),
        rates_bps=tuple(program.rates),
        used_bps=tuple(used),
        sites=tuple(sorted({node for (a, b, _), w in zip(edges, pairs, strict=True) if w for node in (a, b)})),
    )


def deployment_cost(
    edges: Sequence[Edge], pairs: Sequence[int], costs: DeviceCosts | Mapping[str, float], max_span_km: float
) -> float:
    """What a deployment costs: `pairs[e]` QKD pairs on edge e, none where it is closed."""
    prices = costs if isinstance(costs, DeviceCosts) else DeviceCosts.from_mapping(costs)
    site = prices.key_manager + prices.security
    total, nodes = 0.0, set()
    for (a, b, length_km), w in zip(edges, pairs, strict=True):
        if w:
            nodes |= {a, b}
            spans = _spans(length_km, max_span_km)
            total += w * _pair_cost(prices, spans, length_km)
            total += (spans - 1) * site + prices.fibre_per_km * length_km
    return total + len(nodes) * site


def rows(edges: Sequence[Edge], placement: Placement) -> list[dict[str, Any]]:
    """The edges of a deployment for a table: what is built, and how much of it is used."""
    return [
        {
            "edge": f"{a}-{b}",
            "length_km": length,
            "spans": placement.spans[e],
            "pairs": placement.pairs[e],
            "pair_rate_bps": round(placement.rates_bps[e], 1),
            "used_bps": round(placement.used_bps[e], 1),
        }
        for e, (a, b, length) in enumerate(edges)
    ]


def scenario_problem(scenario: Scenario, data: Path) -> dict[str, Any]:
    """What the section [bound] of a scenario's parameter file asks, as arguments of `relay_placement`.

    Args:
        data: the folder with networks.json and cost-sets.json.

    Raises:
        ParameterError: there is no such section, or it names something that does not exist.
    """
    section = scenario.bound
    if not section:
        raise ParameterError(f"{scenario.name} has no section [bound] with network, cost_set, max_span_km and demands")
    where = f"{scenario.name}.toml: [bound]"
    known = ("network", "cost_set", "max_span_km", "demands")
    for name in section:
        if name not in known:
            raise ParameterError(f"{where}: unknown entry {name!r}{suggest(name, known)}")
    if missing := [name for name in known if name not in section]:
        raise ParameterError(f"{where}: no {', '.join(missing)}")
    network = _entry(data / "networks.json", section["network"], where)
    prices = cost_set(data, section["cost_set"])
    demands = []
    for text in section["demands"]:
        words = str(text).split()
        try:
            source, target, rate = words
            demands.append((source, target, float(rate)))
        except ValueError as error:
            raise ParameterError(f"{where}: demand {text!r}, expected 'SOURCE TARGET BITS_PER_SECOND'") from error
    return {
        "edges": [(link["a"], link["b"], float(link["length_km"])) for link in network["links"]],
        "demands": demands,
        "costs": prices,
        "max_span_km": float(section["max_span_km"]),
    }


def cost_set(data: Path, name: str) -> DeviceCosts:
    """The reserved prices of a set of `cost-sets.json`.

    Raises:
        ParameterError: there is no such set; the nearest is named.
    """
    return DeviceCosts.from_mapping(_entry(data / "cost-sets.json", name, "cost set")["reserved"], f"cost set {name}")


def cost_set_label(data: Path, name: str) -> str:
    """Name of a cost set to show; carries "(unverified)" where it applies."""
    entry = _entry(data / "cost-sets.json", name, "cost set")
    return f"{name} (unverified)" if entry["status"] == "unverified" else name


def cost_set_unit(data: Path, name: str) -> str:
    """The unit of a cost set's prices, such as `USD`."""
    return str(_entry(data / "cost-sets.json", name, "cost set")["unit"])


def _entry(file: Path, name: str, where: str) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = json.loads(file.read_text())
    if name not in entries:
        raise ParameterError(f"{where}: {file.name} has no {name!r}{suggest(name, entries)}")
    return entries[name]


def _require(edges: Sequence[Edge], demands: Sequence[Demand], max_span_km: float) -> None:
    if not (math.isfinite(max_span_km) and max_span_km > 0):
        raise ParameterError(f"max_span_km is {max_span_km}, expected above 0")
    nodes: dict[str, set[str]] = {}
    for a, b, length_km in edges:
        if a == b:
            raise ParameterError(f"edge {a}-{b} ends where it begins")
        if not (math.isfinite(length_km) and length_km >= 0):
            raise ParameterError(f"edge {a}-{b}: length is {length_km} km, expected 0 or more")
        nodes.setdefault(a, set()).add(b)
        nodes.setdefault(b, set()).add(a)
    for source, target, rate_bps in demands:
        where = f"demand {source}-{target}"
        for node in (source, target):
            if node not in nodes:
                raise ParameterError(f"{where}: no site {node!r}{suggest(node, nodes)}")
        if source == target:
            raise ParameterError(f"{where} ends where it begins")
        if not (math.isfinite(rate_bps) and rate_bps >= 0):
            raise ParameterError(f"{where}: rate is {rate_bps} bit/s, expected 0 or more")
        reached, frontier = {source}, [source]
        while frontier:
            new = nodes[frontier.pop()] - reached
            reached |= new
            frontier.extend(new)
        if target not in reached:
            raise ParameterError(f"{where}: no path of edges between its ends")


def _spans(length_km: float, max_span_km: float) -> int:
    return max(1, math.ceil(length_km / max_span_km - 1e-9))


def _pair_cost(prices: DeviceCosts, spans: int, length_km: float) -> float:
    """One QKD pair on an edge, which takes three channels of fibre: quantum, timing and classical."""
    devices = prices.transmitter + prices.receiver + 2 * prices.multiplexer
    return spans * devices + 3 * prices.fibre_per_km * length_km


class _Program:
    """The matrices. Columns: flows [D, E, 2] as a part of the demand, pairs [E], open edges [E], used nodes [V]."""

    def __init__(
        self, edges: Sequence[Edge], demands: Sequence[Demand], prices: DeviceCosts, max_span_km: float
    ) -> None:
        self.edges, self.demands, self.prices, self.max_span_km = edges, demands, prices, max_span_km
        self.nodes = sorted({node for a, b, _ in edges for node in (a, b)})
        self.spans = [_spans(length, max_span_km) for _, _, length in edges]
        self.rates = [span_rate_bps(length / spans) for (_, _, length), spans in zip(edges, self.spans, strict=True)]
        self.pairs_at = 2 * len(demands) * len(edges)
        self.open_at = self.pairs_at + len(edges)
        self.node_at = self.open_at + len(edges)
        self.size = self.node_at + len(self.nodes)

    def flow(self, d: int, e: int, back: int) -> int:
        return 2 * (d * len(self.edges) + e) + back

    def cost_of(self, pairs: Sequence[int]) -> float:
        return deployment_cost(self.edges, pairs, self.prices, self.max_span_km)

    def used_bps(self, x: Any) -> list[float]:
        return [
            float(
                sum(
                    rate * (x[self.flow(d, e, 0)] + x[self.flow(d, e, 1)])
                    for d, (_, _, rate) in enumerate(self.demands)
                )
            )
            for e in range(len(self.edges))
        ]

    def solve(self, *, integral: bool) -> Any:
        """Raises: ParameterError if the demands cannot be served."""
        from scipy.optimize import Bounds, milp

        prices, site = self.prices, self.prices.key_manager + self.prices.security
        objective = np.zeros(self.size)
        upper = np.ones(self.size)
        integrality = np.zeros(self.size)
        for e, (_, _, length) in enumerate(self.edges):
            objective[self.pairs_at + e] = _pair_cost(prices, self.spans[e], length)
            objective[self.open_at + e] = (self.spans[e] - 1) * site + prices.fibre_per_km * length
            upper[self.pairs_at + e] = MAX_PAIRS if self.rates[e] > 0 else 0
        objective[self.node_at :] = site
        integrality[self.pairs_at :] = integral
        result = milp(
            objective,
            integrality=integrality,
            bounds=Bounds(0, upper),
            constraints=self._constraints(),
            options={"mip_rel_gap": 0.0},
        )
        if result.x is None:
            raise ParameterError(
                f"no deployment serves all {len(self.demands)} demands with {MAX_PAIRS} pairs an edge and spans of at "
                f"most {self.max_span_km:g} km ({result.message}); lower a rate or max_span_km"
            )
        return result

    def _constraints(self) -> Any:
        from scipy.optimize import LinearConstraint
        from scipy.sparse import coo_array

        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        low: list[float] = []
        high: list[float] = []

        def add(terms: Sequence[tuple[int, float]], lowest: float, highest: float) -> None:
            for column, value in terms:
                rows.append(len(low))
                columns.append(column)
                values.append(value)
            low.append(lowest)
            high.append(highest)

        for d, (source, target, _) in enumerate(self.demands):
            for node in self.nodes:
                terms = []
                for e, (a, b, _) in enumerate(self.edges):
                    if node in (a, b):
                        out = 0 if node == a else 1
                        terms += [(self.flow(d, e, out), 1.0), (self.flow(d, e, 1 - out), -1.0)]
                surplus = float(node == source) - float(node == target)
                add(terms, surplus, surplus)
        for e, (a, b, _) in enumerate(self.edges):
            pairs, opened = self.pairs_at + e, self.open_at + e
            load = []
            for d, (_, _, rate) in enumerate(self.demands):
                both = [(self.flow(d, e, 0), 1.0), (self.flow(d, e, 1), 1.0)]
                load += [(column, rate / max(self.rates[e], 1.0)) for column, _ in both]
                add([*both, (opened, -1.0)], -np.inf, 0)
            add([*load, (pairs, -self.rates[e] / max(self.rates[e], 1.0))], -np.inf, 0)
            add([(opened, 1.0), (pairs, -1.0)], -np.inf, 0)
            add([(pairs, 1.0), (opened, -float(MAX_PAIRS))], -np.inf, 0)
            for node in (a, b):
                add([(opened, 1.0), (self.node_at + self.nodes.index(node), -1.0)], -np.inf, 0)
        matrix = coo_array((values, (rows, columns)), shape=(len(low), self.size)).tocsr()
        return LinearConstraint(matrix, low, high)
