# SPDX-License-Identifier: GPL-2.0-only
"""disaster as a whole: gNBs fail, a platform and a satellite take over, decisions matter, wrong input is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenario_checks import agrees_on_transports, conforms

import pybridge
from agents.episodes import run_episodes
from agents.policies import EqualShare, ProportionalToDemand

SHORT = {"episode_s": 6, "outages": "gnb_0 2 5", "outage_shift_s": 0}


def metric_rows(params: dict[str, Any], seed: int = 1) -> dict[str, np.ndarray]:
    """Metrics of each step of an episode with equal shares, by name."""
    with pybridge.make_vec("disaster", num_envs=1, seed=seed, params=params) as env:
        episode = run_episodes(env, EqualShare(env.schema), seeds_from=seed, episodes=1)[0]
        return {metric.name: episode.metrics[:, i] for i, metric in enumerate(env.schema.metrics)}


@pytest.mark.slow
def test_conformance(nothing_left: object) -> None:
    conforms("disaster", SHORT)


@pytest.mark.slow
def test_transports_agree_byte_for_byte(nothing_left: object) -> None:
    agrees_on_transports("disaster", SHORT)


@pytest.mark.slow
def test_a_platform_takes_over_from_a_gnb_that_fails_and_gives_back(nothing_left: object) -> None:
    # the only other cell is the platform: its users come by link failure a second after the outage
    outages = ", ".join(f"gnb_{i} 4 12" for i in range(3))
    params = {"outages": outages, "outage_shift_s": 0, "satellite": 0, "village_ues": 0, "episode_s": 20}
    rows = metric_rows(params)
    at = {second: 10 * (second - 1) for second in range(1, 21)}  # the first row is of 1.1 s
    ground = rows["num_ues.gnb_0"] + rows["num_ues.gnb_1"] + rows["num_ues.gnb_2"]
    assert ground[at[3]] > 10
    assert rows["available.gnb_0"][at[5]] == 0
    assert ground[at[5] : at[12] - 2].max() <= ground[at[3]]
    assert ground[at[6] : at[12] - 2].max() == 0  # T310 is over
    assert rows["num_ues.haps_0"][at[7]] >= 15
    assert rows["radio_link_failures"][at[4] : at[6]].sum() >= ground[at[3]]
    assert ground[at[14]] > 10  # and back again
    assert rows["handovers"][at[12] : at[14]].sum() > 10
    assert rows["satisfied_ratio.voice"][at[4] + 2 : at[5]].max() < 0.5  # nobody notices for a second
    assert rows["satisfied_ratio.voice"][at[7] : at[11]].mean() > 0.9


@pytest.mark.slow
def test_decisions_matter(nothing_left: object) -> None:
    utilities = {}
    with pybridge.make_vec("disaster", num_envs=1) as env:
        for policy in (EqualShare(env.schema), ProportionalToDemand(env.schema)):
            episodes = run_episodes(env, policy, seeds_from=1, episodes=1)
            utilities[type(policy).__name__] = episodes[0].utility
    assert utilities["EqualShare"] > utilities["ProportionalToDemand"] + 0.1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"outages": "gnb_3 2 5"}, 'found cell "gnb_3", expected one of gnb_0, gnb_1, gnb_2, haps_0, leo_0'),
        ({"outages": "gnb_0 5 2"}, 'found "gnb_0 5 2", expected a cell, its start and a later end'),
        ({"outages": "haps_0 2 5", "haps": 0}, 'found cell "haps_0"'),
        ({"outages": "gnb_0 2 5, gnb_0 4 6"}, "two of gnb_0 overlap"),
        ({"satellite": 0}, r"user 20: found at \(.*\), outside every cell; expected within 5000 m of gnb_0"),
    ],
)
def test_wrong_input_is_named_before_anything_runs(params: dict[str, Any], message: str, nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match=message):
        pybridge.make_vec("disaster", num_envs=1, params=params)
