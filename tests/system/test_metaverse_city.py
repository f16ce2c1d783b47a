# SPDX-License-Identifier: GPL-2.0-only
"""metaverse-city as a whole: deterministic, conforming, and a place where decisions matter."""

from __future__ import annotations

import numpy as np
import pytest
from scenario_checks import agrees_on_transports, conforms

import pybridge
from agents import utility_alone
from agents.episodes import run_episodes
from agents.normalise import Array
from agents.policies import EqualShare, ProportionalToDemand, RandomPolicy, make_heuristic
from pybridge import ActionField, Batch, Role

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


@pytest.mark.slow
@pytest.mark.parametrize("resource", ["cpu_share_ratio", "prb_share_ratio"])
@pytest.mark.parametrize("starved", ["xr", "xurllc", "embb"])
def test_a_slice_that_gets_nothing_satisfies_nobody(resource: str, starved: str, nothing_left: object) -> None:
    """What waits for ever must count as missed: a policy could else starve a slice and keep its quality."""

    class Starving(ProportionalToDemand):
        def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
            if field.name != resource:
                return super().wish(role, field, batch, rng)
            return np.array([label != starved for label in field.labels], dtype=float)

    with pybridge.make_vec("metaverse-city", num_envs=1, params=SHORT) as env:
        names = [metric.name for metric in env.schema.metrics]
        (episode,) = run_episodes(env, Starving(env.schema), seeds_from=1, episodes=1)
    late = episode.metrics[len(episode.metrics) // 2 :]  # what was under way at first may still arrive
    assert late[:, names.index(f"satisfied_ratio.{starved}")].mean() < 0.01
    assert late[:, names.index(f"quality_ratio.{starved}")].mean() < 0.01


@pytest.mark.slow
def test_slices_alone_get_more_than_slices_together(nothing_left: object) -> None:
    with pybridge.make_vec("metaverse-city", num_envs=1, params=SHORT) as env:
        (alone,) = utility_alone.by_seed(env, seeds_from=1, episodes=1)
        (together,) = run_episodes(env, make_heuristic("proportional-fair", env.schema), seeds_from=1, episodes=1)
        utility = env.schema.utility
        names = [metric.name for metric in env.schema.metrics]
    parts = {name: value for name, value in alone.items() if name in utility}
    assert parts.keys() == utility.keys()
    assert alone["utility_alone"] == pytest.approx(sum(utility[name] * value for name, value in parts.items()))
    assert alone["utility_alone"] > together.utility
    for name in (name for name in utility if name.startswith("quality_ratio")):
        assert parts[name] > together.metrics[:, names.index(name)].mean() - 0.02
