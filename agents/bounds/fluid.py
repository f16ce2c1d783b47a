# SPDX-License-Identifier: GPL-2.0-only
"""What utility metaverse-city could have on an analytic fluid model. It bounds the model, not the simulation.

The model is a linear program for each second of an episode. What providers offer to cells and slices, the work that it
makes, and what a cell carries are those that were observed in the same episode under model-predictive; users, weather
and satellite do not depend on decisions. A cell carries for all slices, at all times, what it carried for the best of
them at the best time, as small packets that leave PRBs half empty say little of what is possible. A program chooses
which part of each flow is served, under the capacities of cells and edge servers, and gives each part the quality of
the best admission level. There are no bursts, deadlines, queues, errors or delays. All that is served of xURLLC may be
under one-time pad.

Relays are chosen once for an episode, by trying all sets at the lower of their two prices. A relation whose ends they
do not connect serves the part of its traffic that it had key for under never-on. `utility_no_cost` is the same with all
relays for nothing: no policy of the model reaches more, even if it switches relays.
"""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.arrays import Array
from agents.baselines.relays import demands_of, served_by
from agents.policies import make_heuristic

if TYPE_CHECKING:
    from agents.baselines.shares import ShareByModel
    from pybridge import Batch, Schema, VectorEnv

EVERY = 10
"""Steps between two programs."""

XR_PARTS = ((0.4, 0.4**0.5), (0.3, 0.7**0.5 - 0.4**0.5), (0.3, 1 - 0.7**0.5))
"""XR admitted at 0.4, 0.7, 1.0 is worth the root of it: parts of the load and what they add (qntn::XrSource)."""

WHOLE = ((1.0, 1.0),)


def fits(schema: Schema) -> bool:
    """Whether the scenario is metaverse-city, or has all of its roles, fields and demands."""
    roles = {role.name: role for role in schema.roles}
    if not {"qkd_operator", "provider", "cell", "key_router"} <= roles.keys():
        return False
    return len(demands_of(schema)) == roles["key_router"].num_agents


def by_seed(env: VectorEnv, *, seeds_from: int, episodes: int) -> list[dict[str, float]]:
    """One row for each held-out seed: utility_fixed_relays and utility_no_cost, means over the episode."""
    need = _key_of(env, "always-on", seeds_from, episodes)
    have = _key_of(env, "never-on", seeds_from, episodes)
    rows = []
    for seed, steps in sorted(_observe(env, seeds_from, episodes).items()):
        keyed = np.minimum(1.0, have[seed] / np.maximum(need[seed], 1.0))
        fixed, free = _best(env.schema, steps, keyed)
        rows.append({"seed": float(seed), "utility_fixed_relays": fixed, "utility_no_cost": free})
    return rows


def _best(schema: Schema, steps: list[dict[str, Array]], keyed: Array) -> tuple[float, float]:
    relays = [name for name, kind in schema.scene.sites.items() if kind == "relay"]
    demands = demands_of(schema)
    weight = sum(value for name, value in schema.utility.items() if name.startswith("deployment_cost"))
    step_s = schema.step_ns * 1e-9
    best, free = -np.inf, -np.inf
    for chosen in chain.from_iterable(combinations(range(len(relays)), size) for size in range(len(relays) + 1)):
        opened = frozenset(relays[index] for index in chosen)
        connected = np.array([served_by(schema, opened, [ends]) == 1 for ends in demands])
        part = np.where(connected, 1.0, keyed)
        service = float(np.mean([serve(schema, step, part) for step in steps]))
        price = np.mean([np.minimum(step["reserved"], step["on_demand"]) for step in steps], axis=0)
        best = max(best, service + weight * step_s * float(price[list(chosen)].sum()))
        free = max(free, service)
    return best, free


def serve(schema: Schema, step: dict[str, Array], keyed: Array) -> float:
    """Greatest utility without costs of one step.

    Args:
        schema: for the weights of the utility and the labels of the slices.
        step: offered_bps [P, C, S], capacity_bps [C, S] of a whole cell, cpu_demand [P, S] of a whole server.
        keyed: [P * C] part of a relation's traffic that there is key for.
    """
    from scipy.optimize import linprog

    offered, capacity, cpu = step["offered_bps"], step["capacity_bps"], step["cpu_demand"]
    labels = schema.role("cell").actions[0].labels
    num_providers, num_cells, _ = offered.shape
    value: list[float] = []
    room: list[float] = []
    loads: list[Array] = []
    fixed = 0.0
    for s, label in enumerate(labels):
        weight = schema.utility.get(f"quality_ratio.{label}", 0.0)
        pad = schema.utility.get(f"{label}_otp_ratio", 0.0)
        total = offered[..., s].sum()
        if total <= 0:
            fixed += weight  # no burst ended: none was missed
            continue
        for p, c in np.ndindex(num_providers, num_cells):
            own = offered[p, c, s]
            if own <= 0:
                continue
            for size, worth in XR_PARTS if label == "xr" else WHOLE:
                load = np.zeros(num_cells + num_providers + num_providers * num_cells)
                load[c] = size * own / capacity[c, s]
                load[num_cells + p] = size * cpu[p, s] * own / max(offered[p, :, s].sum(), 1.0)
                value.append(own / total * (weight * worth + pad * size))
                room.append(float(keyed[p * num_cells + c]))
                loads.append(load)
    if not value:
        return fixed
    num_rows = num_cells + num_providers
    found = linprog(
        -np.array(value), np.array(loads)[:, :num_rows].T, np.ones(num_rows), bounds=[(0, limit) for limit in room]
    )
    return fixed - float(found.fun)


def _observe(env: VectorEnv, seeds_from: int, episodes: int) -> dict[int, list[dict[str, Array]]]:
    """What the model is fed with, each EVERY steps of each episode."""
    policy: Any = make_heuristic("model-predictive", env.schema)
    rng = np.random.default_rng(seeds_from)
    wanted = set(range(seeds_from, seeds_from + episodes))
    finished: dict[int, list[dict[str, Array]]] = {}
    batch = env.reset(seed=seeds_from)
    open_: list[list[dict[str, Array]]] = [[] for _ in batch.seeds]
    seeds, count = batch.seeds.copy(), np.zeros(len(batch.seeds), dtype=int)
    while wanted - finished.keys():
        actions = policy.act(batch, rng)
        for index in range(len(seeds)):
            if count[index] % EVERY == EVERY - 1:
                open_[index].append(_facts(env.schema, batch, policy, index))
        batch = env.step(actions)
        count += 1
        for index in map(int, np.flatnonzero(batch.terminated | batch.truncated)):
            if int(seeds[index]) in wanted:
                most = np.max([step["capacity_bps"].max(axis=1) for step in open_[index]], axis=0)
                for step in open_[index]:
                    step["capacity_bps"] = np.broadcast_to(most[:, None], step["capacity_bps"].shape)
                finished[int(seeds[index])] = open_[index]
            open_[index], count[index] = [], 0
            seeds[index] = batch.seeds[index]
    return finished


def _facts(schema: Schema, batch: Batch, policy: ShareByModel, index: int) -> dict[str, Array]:
    def seen(role: str, name: str) -> Array:
        return np.array(batch.observations[role][index][:, schema.role(role).observation(name).span], dtype=np.float64)

    num_cells = schema.role("cell").num_agents
    model = policy.models["cell", schema.role("cell").actions[0].name]
    assert model.capacity_bps is not None  # it has just observed
    offered = seen("provider", "offered_bps")
    operator = {name.name: name for name in schema.role("qkd_operator").observations}
    reserved = next(name for name in operator if name.startswith("reserved_price"))
    on_demand = next(name for name in operator if name.startswith("on_demand_price"))
    return {
        "offered_bps": offered.reshape(len(offered), num_cells, -1),
        "capacity_bps": model.capacity_bps[index].copy(),
        "cpu_demand": seen("provider", "cpu_demand_ratio"),
        "reserved": seen("qkd_operator", reserved)[0],
        "on_demand": seen("qkd_operator", on_demand)[0],
    }


def _key_of(env: VectorEnv, policy: str, seeds_from: int, episodes: int) -> dict[int, Array]:
    """Bits that each relation delivered in an episode under a policy."""
    from agents.episodes import run_episodes

    places = [i for i, metric in enumerate(env.schema.metrics) if metric.name.startswith("delivered_bits.")]
    found = run_episodes(env, make_heuristic(policy, env.schema), seeds_from=seeds_from, episodes=episodes)
    return {episode.seed: episode.metrics[:, places].sum(axis=0) for episode in found}
