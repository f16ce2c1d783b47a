# SPDX-License-Identifier: GPL-2.0-only
"""rural-leo as a whole: deterministic, conforming, satellites that come and go, typed errors before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scenario_checks import agrees_on_transports, conforms

import pybridge
from agents.episodes import run_episodes
from agents.policies import EqualShare, RandomPolicy, make_heuristic
from pybridge import ephemeris
from pybridge.schema import Value

DATA = Path(__file__).resolve().parents[2] / "ns3-scratch/data/tle"
SHORT: dict[str, Value] = {"episode_s": 6}
TEMPE: dict[str, Value] = {"gateway_latitude_deg": 33.4, "gateway_longitude_deg": -111.9}


def metrics_of(params: Mapping[str, Value], policy: str = "proportional-to-demand", seed: int = 1) -> dict[str, float]:
    """The mean of each metric over one episode."""
    with pybridge.make_vec("rural-leo", num_envs=1, params=dict(params)) as env:
        episode = run_episodes(env, make_heuristic(policy, env.schema), seeds_from=seed, episodes=1)[0]
        names = [metric.name for metric in env.schema.metrics]
        return dict(zip(names, map(float, episode.metrics.mean(axis=0)), strict=True))


@pytest.mark.slow
def test_conformance(nothing_left: object) -> None:
    conforms("rural-leo", SHORT)


@pytest.mark.slow
def test_transports_agree_byte_for_byte(nothing_left: object) -> None:
    agrees_on_transports("rural-leo", SHORT)


@pytest.mark.slow
def test_roles_fields_and_bounds_are_as_described(nothing_left: object) -> None:
    with pybridge.make_vec("rural-leo", num_envs=1) as env:
        assert {role.name: (role.num_agents, role.period) for role in env.schema.roles} == {
            "provider": (2, 50),
            "cell": (6, 1),
        }
        policy, rng = RandomPolicy(env.schema), np.random.default_rng(1)
        batch = env.reset(seed=2)
        for _ in range(150):
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
@pytest.mark.parametrize("constellation", ["file", "walker"])
def test_users_are_handed_over_between_satellites(constellation: str, nothing_left: object) -> None:
    found = metrics_of({"constellation": constellation}, seed=4)
    assert found["satellite_handovers"] * 400 >= 1  # mean of 400 steps; users stay until theirs sets
    assert found["handovers"] >= found["satellite_handovers"]
    assert found["satellite_ues"] > 3
    assert found["leo_elevation_deg"] > 10
    served = [found[f"num_ues.leo_{i}"] for i in range(4)]
    assert sum(value > 0 for value in served) >= 2
    assert sum(served) == pytest.approx(found["satellite_ues"])


@pytest.mark.slow
def test_decisions_matter(nothing_left: object) -> None:
    def utility(policy: str) -> float:
        found = metrics_of({}, policy)
        weights = {"quality_ratio.xr": 0.4, "quality_ratio.xurllc": 0.3, "quality_ratio.embb": 0.3}
        return sum(weight * found[name] for name, weight in weights.items())

    best = utility("proportional-to-demand")
    assert best > utility("equal-share") + 0.05
    assert best > utility("random") + 0.1


@pytest.mark.slow
def test_a_far_gateway_is_reached_over_other_satellites_by_gnbs_on_board_alone(nothing_left: object) -> None:
    near, far = metrics_of(SHORT), metrics_of({**SHORT, **TEMPE})
    assert near["isl_hops"] < 1 < far["isl_hops"]
    # no way to Arizona is shorter than light along the ground: 7700 km
    assert far["leo_delay_ms"] > 7.7e6 / 299_792_458 * 1e3 > near["leo_delay_ms"]
    with pytest.raises(pybridge.ParameterError, match=r"ue_1: found outside every cell.*move the gateway"):
        metrics_of({**SHORT, **TEMPE, "payload": "transparent"})
    assert metrics_of({**SHORT, "payload": "transparent"})["satellite_ues"] > 3


@pytest.mark.slow
@pytest.mark.parametrize("num_ues", [3, 60])
def test_it_runs_from_few_to_many_users(num_ues: int, nothing_left: object) -> None:
    with pybridge.make_vec("rural-leo", num_envs=1, params={**SHORT, "num_ues": num_ues}) as env:
        episodes = run_episodes(env, EqualShare(env.schema), seeds_from=1, episodes=1)
    assert np.isfinite(episodes[0].metrics).all()


def test_a_user_outside_every_cell_is_named(nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match=r"ue_1: found outside every cell, 4\d\d km from gnb_0"):
        metrics_of({**SHORT, "remote_distance_m": 450e3})


def test_a_shell_that_there_is_not_is_refused() -> None:
    with pytest.raises(pybridge.ParameterError, match="satellites of a Walker shell: found 7, .* its planes, 3"):
        metrics_of({**SHORT, "constellation": "walker", "walker_satellites": 7, "walker_planes": 3})


def test_a_file_of_ones_own_and_what_is_wrong_with_it(tmp_path: Path, nothing_left: object) -> None:
    file = tmp_path / "own.csv"
    tles = [tle for tle in ephemeris.read_tles(DATA / "iridium-2018-01-20.tle") if tle.operational]
    start = datetime(2018, 1, 21, 6, tzinfo=UTC)
    ephemeris.write_ephemeris(file, tles, start, duration_s=1200, step_s=60)
    own: dict[str, Value] = {**SHORT, "ephemeris_file": str(file)}
    assert metrics_of(own)["satellite_ues"] > 3

    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:5] + lines[6:]))
    with pytest.raises(pybridge.ParameterError, match="line 6: IRIDIUM 10: time_s: found a gap from 180 to 300 s"):
        metrics_of(own)
    ephemeris.write_ephemeris(file, tles, start, duration_s=480, step_s=60)
    with pytest.raises(pybridge.ParameterError, match="make a longer file or lower episode_s"):
        metrics_of({**own, "episode_s": 600})
    ephemeris.write_ephemeris(file, tles[:3], start, duration_s=1200, step_s=60)
    with pytest.raises(pybridge.ParameterError, match="found 3 satellites, expected at least 4"):
        metrics_of(own)
    with pytest.raises(pybridge.ParameterError, match=r"none\.csv: cannot be read"):
        metrics_of({**own, "ephemeris_file": str(tmp_path / "none.csv")})
