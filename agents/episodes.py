# SPDX-License-Identifier: GPL-2.0-only
"""Whole episodes of a policy on given seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Array
from agents.policies import Policy

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments


@dataclass(frozen=True)
class Episode:
    """One finished episode.

    Attributes:
        utility: mean over the steps of the weighted metrics.
        time_s: [T] simulated time at the end of each step, from the episode's start.
        metrics: [T, metrics] of each step.
        terms: by role, [T, A, terms] of each step.
    """

    seed: int
    utility: float
    time_s: Array
    metrics: Array
    terms: dict[str, Array]


def run_episodes(
    env: Environments,
    policy: Policy,
    *,
    seeds_from: int,
    episodes: int,
    on_step: Callable[[int], None] = lambda finished: None,
) -> list[Episode]:
    """Episodes with the seeds `seeds_from` .. `seeds_from + episodes - 1`, in this order.

    `on_step` is told after each step how many of them have finished.
    """
    rng = np.random.default_rng(seeds_from)
    wanted = set(range(seeds_from, seeds_from + episodes))
    weights = env.schema.utility_weights
    step_s = env.schema.step_ns * 1e-9
    finished: dict[int, Episode] = {}
    batch = env.reset(seed=seeds_from)
    seeds = batch.seeds.copy()
    rows: list[list[Array]] = [[] for _ in seeds]
    terms: list[dict[str, list[Array]]] = [{role: [] for role in batch.terms} for _ in seeds]
    while wanted - finished.keys():
        batch = env.step(policy.act(batch, rng))
        for index, row in enumerate(rows):
            row.append(batch.metrics[index].copy())
            for role, of_role in batch.terms.items():
                terms[index][role].append(of_role[index].copy())
        for index in map(int, np.flatnonzero(batch.terminated | batch.truncated)):
            metrics = np.array(rows[index])
            seed = int(seeds[index])
            if seed in wanted:
                utility = float((metrics @ weights).mean())
                time_s = step_s * np.arange(1, len(metrics) + 1)
                by_role = {role: np.array(values) for role, values in terms[index].items()}
                finished[seed] = Episode(seed, utility, time_s, metrics, by_role)
            rows[index].clear()
            for kept in terms[index].values():
                kept.clear()
            seeds[index] = batch.seeds[index]
        on_step(len(finished))
    return [finished[seed] for seed in sorted(finished)]
