# SPDX-License-Identifier: GPL-2.0-only
"""The least cost of a key network: against solved instances, against enumeration, and what it refuses."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from agents.bounds import key_network
from agents.bounds.key_network import Demand, Edge
from pybridge.catalogue import Scenario
from pybridge.errors import ParameterError

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "ns3-scratch" / "data" / "qkd"
REFERENCE = json.loads((ROOT / "tests/reference/qkd/milp-bounds.json").read_text())
PRICES = key_network.DeviceCosts(1500, 2250, 1200, 150, 300, 1)
TOY = [("A", "B", 80.0), ("B", "C", 80.0), ("A", "C", 240.0)]


def nsfnet() -> list[Edge]:
    links = json.loads((DATA / "networks.json").read_text())["nsfnet_fusion"]["links"]
    return [(link["a"], link["b"], link["length_km"]) for link in links]


def instance(name: str) -> tuple[list[Edge], list[Demand]]:
    if name.startswith("toy3"):
        return TOY, [("A", "C", 5e3)]
    pairs = ["0-13", "1-9", "2-12", "3-8", "4-11", "5-10", "6-13", "7-2", "9-0", "11-5"]
    return nsfnet(), [(*pair.split("-"), 1e4) for pair in pairs]  # type: ignore[misc]


@pytest.mark.parametrize("key", REFERENCE)
def test_bounds_of_the_reference(key: str) -> None:
    costs, graph, span = key.split("|")
    expected = REFERENCE[key]
    edges, demands = instance(graph)
    found = key_network.relay_placement(edges, demands, key_network.cost_set(DATA, costs[0]), float(span[1:]))
    assert found.cost == pytest.approx(expected["milp"], rel=1e-9)
    assert found.dual_bound == pytest.approx(expected["milp_dual_bound"], rel=1e-6)
    assert found.relaxed_cost == pytest.approx(expected["lp_relax"], rel=1e-6)
    assert sum(w > 0 for w in found.pairs) == expected["pairs"]
    assert found.inline_relays == round(expected["inline_TRN"])
    assert len(found.sites) == expected["nodes"]


def test_rates_of_a_span() -> None:
    for length_km, rate_bps in ((40.0, 2001548), (80.0, 314269), (100.0, 123228)):
        assert key_network.span_rate_bps(length_km) == pytest.approx(rate_bps, abs=0.5)


def serves(edges: list[Edge], demands: list[Demand], pairs: tuple[int, ...], span_km: float) -> bool:
    """Whether flows for all demands fit, by a linear program of its own: one column for each demand and direction."""
    nodes = sorted({node for a, b, _ in edges for node in (a, b)})
    arcs = [(a, b, e) for e, (a, b, _) in enumerate(edges)] + [(b, a, e) for e, (a, b, _) in enumerate(edges)]
    size = len(demands) * len(arcs)
    balance, wanted = np.zeros((len(demands) * len(nodes), size)), np.zeros(len(demands) * len(nodes))
    load, room = np.zeros((len(edges), size)), np.zeros(len(edges))
    for d, (source, target, rate) in enumerate(demands):
        for i, (a, b, e) in enumerate(arcs):
            balance[d * len(nodes) + nodes.index(a), d * len(arcs) + i] += 1
            balance[d * len(nodes) + nodes.index(b), d * len(arcs) + i] -= 1
            load[e, d * len(arcs) + i] = 1
        wanted[d * len(nodes) + nodes.index(source)] = rate
        wanted[d * len(nodes) + nodes.index(target)] = -rate
    for e, (_, _, length) in enumerate(edges):
        spans = int(np.ceil(length / span_km))
        room[e] = pairs[e] * key_network.span_rate_bps(length / spans)
    return bool(linprog(np.zeros(size), load, room, balance, wanted).success)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.sampled_from([30.0, 60.0, 90.0, 150.0]), min_size=5, max_size=5),
    rates=st.lists(st.sampled_from([1e4, 2e5, 6e5]), min_size=1, max_size=2),
)
def test_no_deployment_that_serves_all_demands_is_cheaper(lengths: list[float], rates: list[float]) -> None:
    ends = [("A", "B"), ("B", "C"), ("C", "D"), ("A", "D"), ("B", "D")]
    edges = [(a, b, length) for (a, b), length in zip(ends, lengths, strict=True)]
    demands = [("A", "C", rates[0]), ("D", "B", rates[-1])][: len(rates)]
    bound = key_network.relay_placement(edges, demands, PRICES, 80)
    assert serves(edges, demands, bound.pairs, 80)
    costs = [
        key_network.deployment_cost(edges, pairs, PRICES, 80)
        for pairs in itertools.product(range(3), repeat=5)
        if key_network.deployment_cost(edges, pairs, PRICES, 80) < bound.cost - 1e-6
        and serves(edges, demands, pairs, 80)
    ]
    assert not costs, f"{min(costs)} is below the bound {bound.cost}"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: key_network.relay_placement(TOY, [("A", "Z", 1e3)], PRICES, 80), "no site 'Z'"),
        (lambda: key_network.relay_placement([*TOY, ("X", "Y", 5)], [("A", "X", 1)], PRICES, 80), "no path of edges"),
        (lambda: key_network.relay_placement(TOY, [("A", "C", -1.0)], PRICES, 80), "rate is -1"),
        (lambda: key_network.relay_placement(TOY, [("A", "C", 1e9)], PRICES, 80), "lower a rate"),
        (lambda: key_network.relay_placement(TOY, [("A", "C", 1.0)], PRICES, 0), "max_span_km is 0"),
        (lambda: key_network.relay_placement([("A", "A", 1.0)], [], PRICES, 80), "ends where it begins"),
        (lambda: key_network.cost_set(DATA, "a"), "has no 'a'; there are: A, B, C"),
        (lambda: key_network.DeviceCosts.from_mapping({"transmiter": 1.0}), "did you mean 'transmitter'"),
    ],
)
def test_bad_input_is_refused_by_name(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        call()


def a_scenario(bound: dict[str, object]) -> Scenario:
    return Scenario("mine", Path("mine"), "", "", {}, {}, {}, bound=bound)


def test_the_problem_of_a_scenario() -> None:
    section = {"network": "tokyo_2010", "cost_set": "A", "max_span_km": 80, "demands": ["K1 O2 1000"]}
    problem = key_network.scenario_problem(a_scenario(section), DATA)
    found = key_network.relay_placement(**problem)
    assert [row["edge"] for row in key_network.rows(problem["edges"], found) if row["pairs"]] == ["K1-O1", "O1-O2"]
    assert key_network.cost_set_label(DATA, "A") == "A (unverified)"
    for wrong, words in (
        ({}, "no section"),
        (section | {"network": "tokio_2010"}, "did you mean 'tokyo_2010'"),
        (section | {"demands": ["K1 O2"]}, "expected 'SOURCE TARGET BITS_PER_SECOND'"),
        (section | {"max_km": 1}, "unknown entry 'max_km'"),
    ):
        with pytest.raises(ParameterError, match=words):
            key_network.scenario_problem(a_scenario(wrong), DATA)
