# SPDX-License-Identifier: GPL-2.0-only
"""What every scenario of services has to hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pettingzoo.test import parallel_api_test, parallel_seed_test

import pybridge
from agents.policies import RandomPolicy
from pybridge.schema import Value

STEPS = 60


def conforms(scenario: str, params: Mapping[str, Value]) -> None:
    """PettingZoo's own tests of interface and seeds."""
    with pybridge.make(scenario, params=params) as env:
        parallel_api_test(env, num_cycles=80)
    parallel_seed_test(lambda: pybridge.make(scenario, params=params), num_cycles=5)


def agrees_on_transports(scenario: str, params: Mapping[str, Value]) -> None:
    """The same seed and actions give the same bytes by shared memory and by messages."""
    traces = []
    for transport in ("shm", "zmq"):
        with pybridge.make_vec(scenario, num_envs=1, seed=9, transport=transport, params=params) as env:
            policy, rng = RandomPolicy(env.schema), np.random.default_rng(3)
            batch = env.reset()
            trace = []
            for _ in range(STEPS):
                batch = env.step(policy.act(batch, rng))
                parts = (batch.observations, batch.action_masks, batch.acts, batch.terms)
                trace.append([array.tobytes() for part in parts for array in part.values()] + [batch.metrics.tobytes()])
            traces.append(trace)
    assert traces[0] == traces[1]
