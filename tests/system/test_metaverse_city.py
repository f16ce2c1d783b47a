# SPDX-License-Identifier: GPL-2.0-only
"""metaverse-city as a whole: deterministic, conforming, and a place where decisions matter."""

from __future__ import annotations

import numpy as np
import pytest
from scenario_checks import agrees_on_transports, conforms

import pybridge
from agents.arrays import Array
from agents.bounds import alone
from agents.episodes import run_episodes
from agents.policies import EqualShare, ProportionalToDemand, RandomPolicy, make_heuristic
from pybridge import ActionField, Batch, Role
from pybridge.errors import ParameterError

SHORT = {"episode_s": 6}


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"leo_qkd": 1, "leo_pass_s": 3, "key_delivery": "etsi_014"}])
def test_conformance(params: dict[str, float | str], nothing_left: object) -> None:
    conforms("metaverse-city", {**SHORT, **params})


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"leo_qkd": 1, "leo_pass_s": 3, "key_delivery": "etsi_004"}])
def test_transports_agree_byte_for_byte(params: dict[str, float | str], nothing_left: object) -> None:
    agrees_on_transports("metaverse-city", {**SHORT, **params})


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
def test_critics_are_told_what_comes_when(nothing_left: object) -> None:
    params = {"episode_s": 12, "rush_s": 3, "leo_pass_s": 5, "rush_ratio": 5}
    with pybridge.make_vec("metaverse-city", num_envs=1, params=params) as env:
        (events,) = env.schema.watchers
        visible = env.schema.role("cell").observation("num_ues").span
        embb = env.schema.role("provider").observation("offered_bps").offset + 2
        told, served, offered = [], [], []
        policy, rng = EqualShare(env.schema), np.random.default_rng(1)
        batch = env.reset(seed=4)
        while not told or not batch.truncated.any():
            told.append(batch.observations[events.name][0, 0].copy())
            served.append(batch.observations["cell"][0, 3, visible].sum())  # users of the satellite
            offered.append(batch.observations["provider"][0, 1, embb : embb + 12 : 3].sum())
            batch = env.step(policy.act(batch, rng))
    column = {field.name: np.array(told)[:, field.offset] for field in events.observations}
    assert np.allclose(np.diff(column["rush_begins_s"]), -0.1, atol=1e-3)
    assert np.allclose(column["rush_ends_s"] - column["rush_begins_s"], 3, atol=1e-3)
    up = (column["pass_begins_s"] < -0.2) & (column["pass_ends_s"] > 0.2)
    assert 40 <= up.sum() <= 50
    assert np.array(served)[up].all()
    assert not np.array(served)[(column["pass_begins_s"] > 0.2) | (column["pass_ends_s"] < -0.2)].any()
    busy = (column["rush_begins_s"] < -1) & (column["rush_ends_s"] > 0)
    assert np.array(offered)[busy].mean() > 2 * np.array(offered)[column["rush_begins_s"] > 0].mean()


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
        (apart,) = alone.by_seed(env, seeds_from=1, episodes=1)
        (together,) = run_episodes(env, make_heuristic("proportional-fair", env.schema), seeds_from=1, episodes=1)
        utility = env.schema.utility
        names = [metric.name for metric in env.schema.metrics]
    parts = {name: value for name, value in apart.items() if name in utility}
    assert parts.keys() == utility.keys()
    assert apart["utility_alone"] == pytest.approx(sum(utility[name] * value for name, value in parts.items()))
    assert apart["utility_alone"] > together.utility
    for name in (name for name in utility if name.startswith("quality_ratio")):
        assert parts[name] > together.metrics[:, names.index(name)].mean() - 0.02


LEO_QKD_BITS = [f"leo_qkd_bits.{site}" for site in ("QUIJOTE", "DISTRITO", "QUINTO")]
LEO_QKD_SERVED = [f"leo_qkd_served.{site}" for site in ("QUIJOTE", "DISTRITO", "QUINTO")]
PASSING = {"episode_s": 20, "leo_pass_s": 10, "leo_qkd_dwell_s": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("key_messages", [0, 1])
def test_the_satellite_makes_key_while_it_is_up_one_station_at_a_time(key_messages: int, nothing_left: object) -> None:
    params = {**PASSING, "leo_qkd": 1, "key_messages": key_messages}
    with pybridge.make_vec("metaverse-city", num_envs=1, params=params) as env:
        names = [metric.name for metric in env.schema.metrics]
        policy, rng = EqualShare(env.schema), np.random.default_rng(0)
        batch = env.reset(seed=2)
        rows = []
        for _ in range(199):
            batch = env.step(policy.act(batch, rng))
            rows.append(dict(zip(names, batch.metrics[0].tolist(), strict=True)))
    # The radio looks at the satellite at other instants than its optics, up to a step apart.
    up = np.array([row["leo_elevation_deg"] >= 50 for row in rows])
    made = np.array([[row[name] for name in LEO_QKD_BITS] for row in rows])
    served = np.array([[row[name] for name in LEO_QKD_SERVED] for row in rows])
    before, after = np.roll(up, 1), np.roll(up, -1)
    assert 99 <= up.sum() <= 101, "the pass lasts 10 s"
    assert (~up[[0, -1]]).all(), "it rises and sets within the episode"
    steady = (up == before) & (up == after)
    assert (served.sum(axis=1) <= 1).all()
    assert (served.sum(axis=1) == up)[steady].all()
    assert (made[steady & ~up] == 0).all()
    assert (made.sum(axis=0) > 0).all()


@pytest.mark.slow
def test_key_by_messages_serves_as_key_at_once_does_but_later(nothing_left: object) -> None:
    seen = {}
    for delivery in ("direct", "etsi_014", "etsi_004"):
        with pybridge.make_vec("metaverse-city", num_envs=1, params={"episode_s": 8, "key_delivery": delivery}) as env:
            names = [metric.name for metric in env.schema.metrics]
            policy = make_heuristic("proportional-fair", env.schema)
            (episode,) = run_episodes(env, policy, seeds_from=1, episodes=1)
        means = dict(zip(names, episode.metrics.mean(axis=0), strict=True))
        seen[delivery] = means | {"utility": episode.utility}
    direct = seen.pop("direct")
    for delivery, means in seen.items():
        assert means["utility"] == pytest.approx(direct["utility"], abs=0.05), delivery
        assert means["utility"] != direct["utility"]
        assert means["key_delivered_bits"] > 0.5 * direct["key_delivered_bits"]
        assert means["xurllc_otp_ratio"] > 0.5 * direct["xurllc_otp_ratio"] > 0


@pytest.mark.slow
def test_without_key_from_the_satellite_the_schema_is_as_ever(nothing_left: object) -> None:
    def shapes(leo_qkd: int) -> tuple[dict[str, dict[str, int]], set[str], dict[str, str]]:
        with pybridge.make_vec("metaverse-city", num_envs=1, params={**PASSING, "leo_qkd": leo_qkd}) as env:
            fields = {
                role.name: {field.name: field.span.stop - field.span.start for field in role.observations}
                for role in env.schema.roles
            }
            return fields, {metric.name for metric in env.schema.metrics}, dict(env.schema.scene.sites)

    off, on = shapes(0), shapes(1)
    assert off[0]["qkd_operator"]["link_fill_ratio"] == 9
    assert on[0]["qkd_operator"]["link_fill_ratio"] == 12
    on[0]["qkd_operator"]["link_fill_ratio"] = 9
    assert off[0] == on[0]
    assert on[1] - off[1] == {*LEO_QKD_BITS, *LEO_QKD_SERVED}
    assert on[2] == {**off[2], "LEO_0": "satellite"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("leo_qkd", 2),
        ("leo_qkd_dwell_s", 0),
        ("leo_qkd_divergence_urad", 0),
        ("leo_qkd_jitter_urad", -1),
        ("leo_qkd_receiver_m", 11),
        ("leo_qkd_utc_hour", 25),
    ],
)
def test_bad_values_of_the_satellite_s_key_are_named(name: str, value: float, nothing_left: object) -> None:
    with pytest.raises(ParameterError, match=name):
        pybridge.make_vec("metaverse-city", num_envs=1, params={name: value})


def test_a_pass_that_no_orbit_has_is_refused(nothing_left: object) -> None:
    with pytest.raises(ParameterError, match="a pass of 300 s above 50 degrees: .* expected a shorter"):
        pybridge.make_vec("metaverse-city", num_envs=1, params={"leo_pass_s": 300})
