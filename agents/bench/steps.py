# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench steps`: how fast scenarios step, with a heuristic deciding."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import pybridge
from agents.policies import EqualShare


def steps(names: Sequence[str], num_steps: int) -> list[dict[str, Any]]:
    """Rows: a scenario, transport and number of simulators, with rates over `num_steps` steps of each simulator.

    Autoresets are part of the time; coming up is `first_state_ms`.
    """
    return [
        _measure(name, transport, num_envs, num_steps)
        for name in names
        for transport in ("shm", "zmq")
        for num_envs in (1, 2)
    ]


def _measure(name: str, transport: pybridge.Transport, num_envs: int, num_steps: int) -> dict[str, Any]:
    began = time.perf_counter()
    with pybridge.make_vec(name, num_envs=num_envs, seed=1, transport=transport) as env:
        batch = env.reset()
        ready = time.perf_counter()
        policy, rng = EqualShare(env.schema), np.random.default_rng(0)
        for _ in range(num_steps):
            batch = env.step(policy.act(batch, rng))
        seconds = time.perf_counter() - ready
        rate = num_envs * num_steps / seconds
        return {
            "scenario": name,
            "transport": transport,
            "simulators": num_envs,
            "first_state_ms": round((ready - began) * 1e3, 1),
            "env_steps_per_s": round(rate, 1),
            "simulated_s_per_s": round(rate * env.schema.step_ns * 1e-9, 1),
        }
