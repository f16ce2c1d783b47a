# SPDX-License-Identifier: GPL-2.0-only
"""What utility metaverse-city would have if no slice stood in another's way, measured in the simulation.

Each slice is run alone: every cell and every server gives it all that they have, and the others nothing. Its quality
there is what radio, servers, deadlines and key leave of it when nothing is shared; one-time pad likewise, by a run in
which only xURLLC uses it. The sum of these parts, each times its weight in the utility, less the price of the relays,
is a ceiling that no policy can be expected to reach, since a quality is taken from a run that starves the others. It is
no bound in the strict sense: interference and the key that a run leaves over are not the same in two runs, and relays
are open in one of three ways, of which the best is taken for each seed: all reserved, those that pay (as by
greedy-marginal-utility), and those that pay with the time of their set-up bridged on demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.baselines.shares import GreedyMarginalUtility
from agents.episodes import run_episodes

if TYPE_CHECKING:
    from agents.arrays import Array
    from agents.policies import Heuristic
    from pybridge import ActionField, Batch, Role, Schema, VectorEnv

RELAYS = ("reserved", "paying", "bridged")
AES, PAD = "aes", "otp_xurllc"


class Deployed(GreedyMarginalUtility):
    """The heuristic, with relays in one of the ways of RELAYS."""

    name = "deployed"

    def __init__(self, schema: Schema, relays: str) -> None:
        """`relays`: one of RELAYS."""
        super().__init__(schema)
        self.relays = relays

    def deploy(self, role: Role, field: ActionField, batch: Batch) -> Array:
        """See the head of this file."""
        if self.relays == "reserved":
            return np.full(field.size, float(field.default))
        wanted: Array = super().deploy(role, field, batch)
        if self.relays == "paying":
            return np.asarray(wanted)
        closed = batch.observations[role.name][..., role.observation("site_open").span] == 0
        return np.asarray(np.where(closed & (wanted == field.default), field.labels.index("on_demand"), wanted))


class Alone(Deployed):
    """All radio and computing for one slice; key and spectrum budgets as by the heuristic."""

    name = "alone"

    def __init__(self, schema: Schema, relays: str, label: str, cipher: str) -> None:
        """`label` of the slice; `cipher`: AES or PAD."""
        super().__init__(schema, relays)
        self.label, self.cipher = label, cipher

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if field.kind == "simplex" and self.label in field.labels:
            return np.asarray(np.eye(field.size)[field.labels.index(self.label)])
        if PAD in field.labels:
            return np.full(field.size, float(field.labels.index(self.cipher)))
        return super().wish(role, field, batch, rng)


def by_seed(env: VectorEnv, *, seeds_from: int, episodes: int) -> list[dict[str, float]]:
    """One row for each held-out seed: `utility_alone`, and the parts of it under the best deployment of relays."""
    schema = env.schema
    names = [metric.name for metric in schema.metrics]
    costs = [name for name in schema.utility if name.startswith("deployment_cost")]
    best: dict[int, dict[str, float]] = {}
    for relays in RELAYS:
        runs: list[tuple[Heuristic, list[str]]] = [
            (Alone(schema, relays, label, AES), [f"quality_ratio.{label}"])
            for label in schema.role("cell").actions[0].labels
        ]
        runs.append((Alone(schema, relays, "xurllc", PAD), ["xurllc_otp_ratio"]))
        runs.append((Deployed(schema, relays), costs))
        rows: dict[int, dict[str, float]] = {}
        for policy, wanted in runs:
            places = [names.index(name) for name in wanted]
            for episode in run_episodes(env, policy, seeds_from=seeds_from, episodes=episodes):
                means = episode.metrics[:, places].mean(axis=0)
                rows.setdefault(episode.seed, {}).update(zip(wanted, map(float, means), strict=True))
        for seed, row in rows.items():
            total = sum(schema.utility[name] * value for name, value in row.items())
            if seed not in best or total > best[seed]["utility_alone"]:
                best[seed] = {"seed": float(seed), "utility_alone": total, **row}
    return [best[seed] for seed in sorted(best)]
