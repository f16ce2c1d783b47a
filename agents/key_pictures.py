# SPDX-License-Identifier: GPL-2.0-only
"""`qntn key-pictures`: what a key network does in an episode, what its links could do, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents import report
from agents.bounds import key_network
from agents.policies import EqualShare
from pybridge.errors import ParameterError
from pybridge.models import orbit, qkd

if TYPE_CHECKING:
    from agents.arrays import Array
    from pybridge import VectorEnv
    from pybridge.catalogue import Scenario

PULSE_RATE_HZ = 1e9
MU, NU = 0.5, 0.1
DARK_COUNT_PROBABILITY = 6e-7
MISALIGNMENT = 0.005
ALTITUDE_M = 500e3
CAUSES = ("relay_bits", "authentication_bits", "pool_bits")


def pictures(env: VectorEnv, scenario: Scenario, out: Path, seed: int = 1) -> list[Path]:
    """Draw everything about a key scenario into a folder.

    Args:
        env: one environment of `scenario`, made with its parameter detailed = 1.

    Returns:
        The files.
    """
    time_s, metrics = record(env, seed)
    drawn = [pool_levels(out, time_s, metrics), requests(out, time_s, metrics), key_by_cause(out, metrics)]
    drawn += [rate_by_distance(out), rate_by_elevation(out)]
    if scenario.bound:
        from pybridge.catalogue import native_folder

        data = native_folder() / "data" / "qkd"
        problem = key_network.scenario_problem(scenario, data)
        drawn.append(cost_by_demand(out, problem, key_network.cost_set_label(data, scenario.bound["cost_set"])))
    return drawn


def record(env: VectorEnv, seed: int = 1) -> tuple[Array, dict[str, Array]]:
    """One episode of equal share: time in s [T] and every metric [T]."""
    batch = env.reset(seed=seed)
    policy, rng = EqualShare(env.schema), np.random.default_rng(0)
    rows = [batch.metrics[0].copy()]
    while not (batch.terminated[0] or batch.truncated[0]):
        batch = env.step(policy.act(batch, rng))
        rows.append(batch.metrics[0].copy())
    columns = np.array(rows).T
    names = [metric.name for metric in env.schema.metrics]
    return np.arange(len(rows)) * env.schema.step_ns * 1e-9, dict(zip(names, columns, strict=True))


def pool_levels(out: Path, time_s: Array, metrics: Mapping[str, Array]) -> Path:
    """Key in the pool of each link over time."""
    levels = {
        name.removeprefix("pool_bits."): bits / 8 / 2**20 for name, bits in metrics.items() if _of(name, "pool_bits")
    }
    report.levels_over_time(out / "pool-levels.png", "Key pools of the links", "stored key [MiB]", time_s, levels)
    return out / "pool-levels.png"


def requests(out: Path, time_s: Array, metrics: Mapping[str, Array]) -> Path:
    """Requests for key: served, waiting and blocked, over time."""
    levels = {
        "served, so far": metrics["served_requests"],
        "waiting": metrics["queued_requests"],
        "blocked, so far": metrics["refused_requests"],
    }
    report.levels_over_time(out / "requests.png", "Requests for key", "requests", time_s, levels)
    return out / "requests.png"


def key_by_cause(out: Path, metrics: Mapping[str, Array]) -> Path:
    """What became of the key of each link, by cause."""
    links = [name.partition(".")[2] for name in metrics if _of(name, "pool_bits")]
    values = {
        label: {link: float(metrics[f"{cause}.{link}"][-1]) / 1e6 for link in links}
        for cause, label in zip(CAUSES, ("relay", "authentication", "still stored"), strict=True)
    }
    report.grouped_bars(out / "key-by-cause.png", "Key of the links, by cause", "Mbit", values)
    return out / "key-by-cause.png"


def rate_by_distance(out: Path) -> Path:
    """Secret rate and QBER over fibre, vacuum + weak decoy, in the limit of long statistics."""
    distance_km = np.linspace(0, 200, 101)
    etas = [qkd.fibre_transmittance(float(km), 0.2, 0.1) for km in distance_km]
    _rates(out / "rate-by-distance.png", "Fibre, 0.2 dB/km, 1 GHz", "distance [km]", distance_km, etas)
    return out / "rate-by-distance.png"


def rate_by_elevation(out: Path) -> Path:
    """The same for a downlink from 500 km: 10 urad beam, 1 urad jitter, 0.6 m telescope, receiver efficiency 0.5."""
    elevation_deg = np.linspace(5, 90, 86)
    etas = [
        qkd.satellite_transmittance(orbit.slant_range_m(ALTITUDE_M, float(e)), 10e-6, 0.6, 1e-6, float(e), 0.5)
        for e in elevation_deg
    ]
    _rates(out / "rate-by-elevation.png", "Downlink from 500 km, 1 GHz", "elevation [deg]", elevation_deg, etas)
    return out / "rate-by-elevation.png"


def cost_by_demand(out: Path, problem: Mapping[str, Any], cost_set: str) -> Path:
    """Least cost of a network that serves the scenario's demands times a factor, with and without whole devices."""
    factors: list[float] = []
    placements: list[key_network.Placement] = []
    for factor in (0.1, 1.0, 10.0, 30.0, 100.0, 300.0, 1000.0):
        demands = [(a, b, rate * factor) for a, b, rate in problem["demands"]]
        try:
            placements.append(key_network.relay_placement(**(dict(problem) | {"demands": demands})))
        except ParameterError:  # more than all edges can carry
            break
        factors.append(factor)
    with report.picture(out / "cost-by-demand.png", f"Least cost of deployment, cost set {cost_set}") as axes:
        axes.plot(factors, [p.cost for p in placements], marker="o", label="whole devices")
        axes.plot(factors, [p.relaxed_cost for p in placements], marker="s", linestyle="--", label="relaxed")
        axes.set_xscale("log")
        axes.set_xlabel("demand, times the scenario's")
        axes.set_ylabel("cost")
        axes.legend(fontsize=8)
    return out / "cost-by-demand.png"


def _rates(file: Path, title: str, label: str, x: Array, etas: list[float]) -> None:
    link = (DARK_COUNT_PROBABILITY, MISALIGNMENT)
    rate = np.array([max(0.0, qkd.vacuum_weak_key_rate(MU, NU, eta, *link)) for eta in etas]) * PULSE_RATE_HZ
    qber = np.array([qkd.signal_gain_and_qber(MU, eta, *link)[1] for eta in etas])
    with report.picture(file, title) as axes:
        axes.semilogy(x, np.where(rate > 0, rate, np.nan), color=report.COLOURS[0])
        axes.set_xlabel(label)
        axes.set_ylabel("secret key [bit/s]", color=report.COLOURS[0])
        right = axes.twinx()
        right.plot(x, qber, color=report.COLOURS[1], linestyle="--")
        right.set_ylabel("QBER", color=report.COLOURS[1])
        right.set_ylim(0, 0.5)
        right.grid(visible=False)


def _of(name: str, kind: str) -> bool:
    return name.partition(".")[0] == kind
