# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench learner`: the learner on a public task, cooperative navigation (`simple_spread_v3` of the package mpe2).

Three agents shall cover three landmarks within 25 steps without bumping into each other. The figure is the *greedy
return*: reward summed over an episode, mean over the agents, under the most likely actions, mean over held-out seeds.
Random actions have -26, standing still -24, an optimal assignment that is computed -9; tests/reference/marl holds what
a public implementation of MAPPO reaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents.arrays import Array
from agents.episodes import run_episodes
from agents.evaluate import FIRST_HELD_OUT_SEED
from agents.learner.mappo import HierarchicalMappo
from agents.rollouts.environment import ParallelVector
from agents.settings import read, resolve
from agents.trained import ActorPolicy

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

CYCLES = 25
NUM_ENVS = 8
EPISODES = 320  # greedy ones, after training
RAW_STEPS = 2000  # of the bare environment, for its own speed
SETTINGS = (
    f"num_envs={NUM_ENVS}",
    f"rollout_steps={CYCLES}",
    "segment_rollouts=8",
    "final_lr_ratio=0.3",
    "worker.lr=7e-4",
    "worker.gamma=0.99",
    "worker.entropy=0.01",
    "worker.epochs=5",
    "worker.minibatches=2",
    "worker.target_kl=1.0",  # clipping is enough here
    "worker.prior=0",
)
Row = dict[str, Any]


def simple_spread() -> ParallelEnv[Any, Any, Any]:
    """The task, by PettingZoo's own conversion to the parallel interface, without its wrappers that check calls.

    Raises:
        RuntimeError: mpe2 is not installed.
    """
    try:
        from mpe2.simple_spread.simple_spread import raw_env
    except ImportError:
        raise RuntimeError("qntn bench learner needs mpe2: pip install 'qntn[bench]'") from None
    from pettingzoo.utils.conversions import aec_to_parallel

    return aec_to_parallel(raw_env(N=3, max_cycles=CYCLES))


def learner(
    steps: int,
    seeds: int,
    overrides: Iterable[str] = (),
    on_progress: Callable[[int, int], None] = lambda seed, env_steps: None,
) -> list[Row]:
    """One row for each of the seeds 1..`seeds`, after `steps` environment steps or a little more (whole segments).

    `steps_per_s` counts training alone: environments, inference and updates, on one thread. `raw_steps_per_s` is the
    bare environment's own speed with given actions, measured before and after, because a busy machine slows both.
    """
    torch.set_num_threads(1)
    return [_train_and_judge(steps, seed, tuple(overrides), on_progress) for seed in range(1, seeds + 1)]


def raw_steps_per_s(num_steps: int = RAW_STEPS) -> float:
    """Steps per second of one bare environment, resets among them."""
    env = simple_spread()
    actions = np.random.default_rng(0).integers(5, size=(num_steps, 3))
    env.reset(seed=0)
    began = time.perf_counter()
    for row in actions:
        if not env.agents:
            env.reset()
        env.step(dict(zip(env.agents, row, strict=True)))
    seconds = time.perf_counter() - began
    env.close()
    return num_steps / seconds


def greedy_returns(learned: HierarchicalMappo, episodes: int = EPISODES) -> Array:
    """Returns [episodes] of the most likely actions on held-out seeds."""
    with ParallelVector(simple_spread, NUM_ENVS) as env:
        policy = ActorPolicy.of(learned, num_envs=NUM_ENVS)
        done = run_episodes(env, policy, seeds_from=FIRST_HELD_OUT_SEED, episodes=episodes)
    return np.array([episode.metrics[:, 0].sum() for episode in done])


def _train_and_judge(steps: int, seed: int, overrides: tuple[str, ...], on_progress: Callable[[int, int], None]) -> Row:
    raw = [raw_steps_per_s()]
    settings = read(None, [*SETTINGS, *overrides], steps=steps, seed=seed)
    with ParallelVector(simple_spread, int(settings["num_envs"])) as env:
        learned = HierarchicalMappo(env, resolve(settings, env.schema.roles))
        began, began_cpu = time.perf_counter(), time.process_time()
        while learned.segments < learned.config.num_segments:
            learned.train_segment()
            on_progress(seed, learned.env_steps)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    raw.append(raw_steps_per_s())
    returns = greedy_returns(learned)
    rate, raw_rate = learned.env_steps / seconds, float(np.mean(raw))
    return {
        "seed": seed,
        "steps": learned.env_steps,
        "greedy_return": round(float(returns.mean()), 3),
        "greedy_return_sem": round(float(returns.std(ddof=1) / np.sqrt(len(returns))), 3),
        "steps_per_s": round(rate, 1),
        "steps_per_cpu_s": round(learned.env_steps / cpu_seconds, 1),
        "raw_steps_per_s": round(raw_rate, 1),
        "ratio_to_raw": round(rate / raw_rate, 3),
    }
