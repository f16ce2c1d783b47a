# SPDX-License-Identifier: GPL-2.0-only
"""metaverse-city as a whole: deterministic, conforming, and a place where decisions matter."""

from __future__ import annotations

import numpy as np
import pytest
from scenario_checks import agrees_on_transports, conforms

import pybridge
from agents.episodes import run_episodes
from agents.policies import EqualShare, RandomPolicy

SHORT = {"episode_s": 6}


@pytest.mark.slow
def test_conformance(nothing_left: object) -> None:
    conforms("metaverse-city", SHORT)


@pytest.mark.slow
def test_transports_agree_byte_for_byte(nothing_left: object) -> None:
    agrees_on_transports("metaverse-city", SHORT)


@pytest.mark.slow
def test_roles_fields_and_bounds_are_as_described(nothing_left: object) -> None:
    with pybridge.make_vec("metaverse-city", num_envs=1) as env:
        assert {role.name: role.period for role in env.schema.roles} == {
            "qkd_operator": 50,
            "provider": 50,
            "cell": 1,
            "key_router": 1,
        }
        policy, rng = RandomPolicy(env.schema), np.random.default_rng(1)
        batch = env.reset(seed=2)
        for _ in range(200):
            for role in env.schema.roles:
                values = batch.observations[role.name]
                assert np.isfinite(values).all()
                for field in role.observations:
                    part = values[..., field.span]
                    assert (part >= field.low - 1e-6).all(), f"{role.name}.{field.name} {part.min()} < {field.low}"
                    assert (part <= field.high * (1 + 1e-6) + 1e-6).all(), f"{role.name}.{field.name} {part.max()}"
                assert batch.action_masks[role.name].any(axis=-1).all()
            batch = env.step(policy.act(batch, rng))


@pytest.mark.slow
@pytest.mark.parametrize("num_ues", [3, 60])
def test_it_runs_from_few_to_many_users(num_ues: int, nothing_left: object) -> None:
    with pybridge.make_vec("metaverse-city", num_envs=1, params={**SHORT, "num_ues": num_ues}) as env:
        episodes = run_episodes(env, EqualShare(env.schema), seeds_from=1, episodes=1)
    assert np.isfinite(episodes[0].metrics).all()
