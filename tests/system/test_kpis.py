# SPDX-License-Identifier: GPL-2.0-only
"""Key figures of the radio: what a scenario writes, and what `qntn kpis` shows of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pybridge
from agents.cli import app
from agents.episodes import run_episodes
from agents.kpi_pictures import read, record
from agents.policies import EqualShare
from pybridge.schema import Value

SHORT: Mapping[str, dict[str, Value]] = {
    "metaverse-city": {"episode_s": 3},
    "rural-leo": {"episode_s": 3},
    "disaster": {"episode_s": 3, "outages": "gnb_0 1.5 3", "outage_shift_s": 0},
}
SLICES = {
    "metaverse-city": {"xr", "xurllc", "embb"},
    "rural-leo": {"xr", "xurllc", "embb"},
    "disaster": {"voice", "video", "public"},
}


@pytest.mark.parametrize("name", SHORT)
def test_a_scenario_writes_key_figures_of_slices_providers_cells_and_users(
    name: str, tmp_path: Path, nothing_left: object
) -> None:
    kpis = read(record(name, tmp_path, "equal-share", 1, SHORT[name]))
    by_group = {of: [kpi for kpi in kpis if kpi.of == of] for of in ("slice", "provider", "cell", "ue")}
    assert {kpi.name for kpi in by_group["slice"]} == SLICES[name]
    providers = set() if name == "disaster" else {"msp_0", "msp_1"}
    assert {kpi.name for kpi in by_group["provider"]} == providers
    assert {"gnb_0", "gnb_1"} <= {kpi.name for kpi in by_group["cell"]}
    assert len(by_group["ue"]) >= 3
    down = [kpi for kpi in kpis if kpi.direction == "down"]
    packets = {of: sum(kpi.figures["packets"] for kpi in down if kpi.of == of) for of in ("slice", "ue")}
    assert packets["slice"] == packets["ue"] > 1000
    for kpi in kpis:
        assert 0 <= kpi.figures["satisfied_ratio"] <= 1
        assert kpi.figures["delay_p50_s"] <= kpi.figures["delay_p99_s"] <= kpi.figures["delay_p999_s"]
        assert kpi.figures["violations"] <= kpi.figures["packets"]
    if name != "disaster":
        shares = [sum(kpi.figures["throughput_bps"] for kpi in by_group[of]) for of in ("slice", "provider", "ue")]
        assert shares == pytest.approx([shares[0]] * 3, rel=1e-4)


def test_users_of_a_cell_that_fails_are_not_satisfied(tmp_path: Path, nothing_left: object) -> None:
    satisfied = {}
    for outages in ("", "gnb_0 1.2 3, gnb_1 1.2 3, gnb_2 1.2 3"):
        params = SHORT["disaster"] | {"outages": outages, "satellite": 0, "village_ues": 0}
        kpis = read(record("disaster", tmp_path, "equal-share", 2, params))
        satisfied[outages] = next(kpi for kpi in kpis if kpi.name == "voice").figures["satisfied_ratio"]
    calm, failing = satisfied.values()
    assert calm > 0.5
    assert failing < 0.2


def test_the_next_episode_s_simulator_leaves_key_figures_alone(tmp_path: Path, nothing_left: object) -> None:
    params = SHORT["metaverse-city"] | {"kpi_csv": str(tmp_path / "kpis.csv")}
    with pybridge.make_vec("metaverse-city", num_envs=1, params=params) as env:
        run_episodes(env, EqualShare(env.schema), seeds_from=4, episodes=1)
        written = read(tmp_path / "kpis.csv")
    with pybridge.make_vec("metaverse-city", num_envs=1, params=params) as env:
        env.reset(seed=9)  # has built its first state, and written nothing
    assert read(tmp_path / "kpis.csv") == written


def test_key_figures_change_nothing_of_the_episode(tmp_path: Path, nothing_left: object) -> None:
    found = []
    for file in ("", str(tmp_path / "kpis.csv")):
        params = SHORT["metaverse-city"] | {"kpi_csv": file}
        with pybridge.make_vec("metaverse-city", num_envs=1, params=params) as env:
            found.append(run_episodes(env, EqualShare(env.schema), seeds_from=4, episodes=1)[0].metrics.tobytes())
    assert found[0] == found[1]


def test_a_file_that_cannot_be_written_is_an_error_of_the_parameter(tmp_path: Path, nothing_left: object) -> None:
    missing = tmp_path / "missing" / "kpis.csv"
    with (
        pytest.raises(pybridge.QntnError, match=r"kpi_csv: found '.*missing/kpis\.csv', expected a file"),
        pybridge.make_vec("disaster", num_envs=1, params={"kpi_csv": str(missing)}) as env,
    ):
        env.reset()


def test_the_command_prints_a_table_and_draws(tmp_path: Path) -> None:
    command = ["kpis", "disaster", "--out", str(tmp_path), "--param", "episode_s=2"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    for row in ("voice", "public", "gnb_2", "satisfied"):
        assert row in result.output
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {"kpis.csv", "satisfied-users.png", "delays.png", "cells.png"}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in tmp_path.glob("*.png"))


def test_a_scenario_without_a_radio_is_told(tmp_path: Path) -> None:
    with pytest.raises(pybridge.QntnError, match="secoqc has no radio"):
        record("secoqc", tmp_path, "equal-share", 1, {})


def test_the_command_prints_rows_for_programs(tmp_path: Path) -> None:
    command = ["kpis", "disaster", "--out", str(tmp_path), "--param", "episode_s=2", "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    rows = json.loads(result.stdout)
    assert {row["of"] for row in rows} == {"slice", "cell", "ue"}
    assert [row["delay_p50_s"] for row in rows] == [kpi.figures["delay_p50_s"] for kpi in read(tmp_path / "kpis.csv")]
