# SPDX-License-Identifier: GPL-2.0-only
"""Published key networks: pools run out when and where they did, keys move when a link is attacked, bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pybridge
from agents.cli import app
from agents.policies import EqualShare
from pybridge.catalogue import native_folder
from pybridge.errors import ParameterError


def episode(name: str, act: Callable[[Any, Any], None] = lambda actions, step: None, **params: Any) -> Iterator[dict]:
    """Metrics of every step of an episode of a heuristic; `act` may change the actions."""
    with pybridge.make_vec(name, num_envs=1, params=params) as env:
        batch = env.reset()
        names = [metric.name for metric in env.schema.metrics]
        policy, rng = EqualShare(env.schema), np.random.default_rng(0)
        step_s = env.schema.step_ns * 1e-9
        step = 0
        while True:
            actions = policy.act(batch, rng)
            act(actions, step)
            batch = env.step(actions)
            step += 1
            yield dict(zip(names, batch.metrics[0].tolist(), strict=True)) | {"time_s": step * step_s}
            if batch.terminated[0] or batch.truncated[0]:
                return


README = Path(__file__).resolve().parents[2] / "ns3-scratch" / "qkd" / "README.md"


def test_secoqc_s_routes_run_out_one_after_the_other() -> None:
    rows = list(episode("secoqc"))
    first_on = {}
    for row in rows:
        first_on.setdefault(row["path.FOR-BRT"], row["time_s"] / 60)
    assert len(first_on) == 3
    _, second, third = sorted(first_on.values())
    blocked = next(row["time_s"] / 60 for row in rows if row["blocked_requests.FOR-BRT"] > 0)
    # 3.5 MiB above the floor at 8192 bit/s are 59.7 minutes, published: about an hour. Tags take a little of it.
    assert second == pytest.approx(59.7, abs=1.5)
    # 4 MiB are 68.3 minutes; published: until minute 144. The difference is key made meanwhile, about 900 bit/s, of
    # which the data say nothing; at the measured 3100 bit/s the route would have lasted far longer.
    assert third - second == pytest.approx(68.3, abs=2)
    # 1.8 MiB are 30.7 minutes; published: 31. Then there is no route.
    assert blocked - third == pytest.approx(30.7, abs=1.5)
    assert rows[-1]["served_ratio"] < 1
    text = README.read_text()
    for line in (
        f"| SECOQC, route 1 (ERD-BRT) ends | minute {second:.1f} | about an hour |",
        f"| route 2 (SIE-BRT) ends | minute {third:.1f} | 144 |",
        f"| route 3 (ERD-GUD) ends | minute {blocked:.1f} | 175 |",
        f"| route 3 (ERD-GUD) lasts | {blocked - third:.1f} minutes | 31 |",
    ):
        assert line in text, f"ns3-scratch/qkd/README.md needs {line}"
    for name in ("ERD-BRT", "SIE-BRT", "ERD-GUD"):
        assert rows[-1][f"pool_bits.{name}"] >= 2 * 8 * 1024 * 1024 - 1e6  # the floor, less the tags it is there for
        assert rows[-1][f"pool_state.{name}"] != 0


def test_secoqc_with_three_tenths_of_the_measured_rates() -> None:
    rows = list(episode("secoqc", generation_ratio=0.3, episode_s=15900.0))
    first_on: dict[float, float] = {}
    for row in rows:
        first_on.setdefault(row["path.FOR-BRT"], row["time_s"] / 60)
    _, second, third, fourth = sorted(first_on.values())
    text = " ".join(README.read_text().split())
    assert f"route 1 ends in minute {second:.1f} and route 2 in minute {third:.1f}" in text
    assert f"route 3 then lasts to minute {fourth:.0f} and not 175" in text


def test_tokyo_moves_its_key_when_a_link_is_attacked() -> None:
    with pybridge.make_vec("tokyo", num_envs=1) as env:
        assert env.schema.scene.sites.keys() >= {"K1", "K2", "O1", "O2"}
    rows = list(episode("tokyo", episode_s=300.0))
    before = [row for row in rows if 10 < row["time_s"] < 200]
    after = [row for row in rows if row["time_s"] > 215]
    assert {row["path.K1-O2"] for row in before} == {1.0}
    assert {row["path.K1-O2"] for row in after} == {0.0}
    assert rows[0]["served_ratio"] == rows[-1]["served_ratio"] == 1
    relayed = {
        name: after[-1][f"relay_bits.{name}"] - after[0][f"relay_bits.{name}"] for name in ("K1-K2", "K1-O1", "O1-O2")
    }
    assert relayed["K1-K2"] == 0
    assert relayed["K1-O1"] == relayed["O1-O2"] > 0
    assert after[-1]["qber.K1-K2"] > 0.11
    assert after[-1]["generated_bits.K1-K2"] == after[0]["generated_bits.K1-K2"]


def test_faults_by_hand() -> None:
    cut_k1_k2 = 2

    def cut(actions: Any, step: int) -> None:
        actions["fault"][...] = 0  # one number for each link, then one for each site
        if step >= 20:
            actions["fault"][..., 1] = cut_k1_k2

    rows = list(episode("tokyo", cut, episode_s=60.0, faults="", fault_agent=1))
    assert rows[15]["path.K1-O2"] == 1
    assert rows[-1]["path.K1-O2"] == 0


def test_the_same_seed_leaves_the_same_trace() -> None:
    assert list(episode("tokyo", episode_s=30.0)) == list(episode("tokyo", episode_s=30.0))


def test_without_messages_too() -> None:
    rows = list(episode("tokyo", episode_s=30.0, classical_rate_bps=0.0))
    assert rows[-1]["messages"] == 0
    assert rows[-1]["served_ratio"] == 1


def test_finite_blocks_make_less_key() -> None:
    made = {}
    for length in ("asymptotic", "finite"):
        params = {
            "key_length": length,
            "block_bits": 10_000_000,
            "episode_s": 120.0,
            "faults": "",
            "pool_max_mib": 1000.0,
        }
        rows = list(episode("tokyo", **params))
        made[length] = rows[-1]["generated_bits.K3-K2"] - rows[0]["generated_bits.K3-K2"]
    assert 0 < made["finite"] < made["asymptotic"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"demands": "K1 O9 1000"}, "no site 'O9'; did you mean 'O1'"),
        ({"demands": ""}, "demands: found none"),
        ({"demands": "K1 O2 1; O2 K1 1"}, "appear twice"),
        ({"demands": "K1 O2"}, "2 words, expected SOURCE TARGET BITS_PER_SECOND"),
        ({"demands": "K1 O2 fast"}, "found 'fast', expected a number"),
        ({"pool_min_mib": 50.0}, "expected min <= threshold <= max"),
        ({"dark_count_probability": 1.5}, "dark_count_probability: found 1.5"),
        ({"receiver_efficiency": 2.0}, "receiver_efficiency: found 2"),
        ({"misalignment": -0.1}, "misalignment: found -0.1"),
        ({"mu": 0.1, "nu": 0.5}, "nu is 0.5.*expected below mu"),
        ({"faults": "atack K1-K2 1 2 1"}, "did you mean 'attack'"),
        ({"faults": "cut K1-Q 1 2"}, "no link 'K1-Q'"),
        ({"routing": "shortest"}, "expected one of"),
        ({"relation_pool_bits": 1000}, "at least a second of demand K1-O2"),
        ({"pool_initial_links_mib": "K1-K3 5"}, "with a link such as"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words), pybridge.make_vec("tokyo", num_envs=1, params=params):
        pass


def test_a_demand_without_a_path_is_refused() -> None:
    with (
        pytest.raises(ParameterError, match="no path of links between K1 and K1"),
        pybridge.make_vec("tokyo", num_envs=1, params={"demands": "K1 K1 10"}),
    ):
        pass


def test_a_demand_across_two_separate_networks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = native_folder()
    for folder in ("bin", "scenarios", "data/qkd"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib").symlink_to(stock / "lib")
    shutil.copy(stock / "bin" / "tokyo", tmp_path / "bin")
    shutil.copy(stock / "scenarios" / "tokyo.toml", tmp_path / "scenarios")
    links = [{"a": a, "b": b, "length_km": 10} for a, b in (("K1", "K2"), ("O1", "O2"))]
    networks = {"tokyo_2010": {"source": "two islands", "links": links}}
    (tmp_path / "data" / "qkd" / "networks.json").write_text(json.dumps(networks))
    monkeypatch.setenv("QNTN_SCENARIO_PATH", str(tmp_path))
    with (
        pytest.raises(ParameterError, match="demands: no path of links between K1 and O2"),
        pybridge.make_vec("tokyo", num_envs=1, params={"demands": "K1 O2 10"}),
    ):
        pass
    rows = list(episode("tokyo", demands="K1 K2 10", faults="", episode_s=10.0))  # within one island it runs
    assert rows[-1]["time_s"] == 10


@pytest.mark.parametrize("name", ["metaverse-city", "secoqc", "tokyo"])
def test_bound_of_a_scenario(name: str) -> None:
    result = CliRunner().invoke(app, ["bound", name, "--json"], catch_exceptions=False)
    row = json.loads(result.stdout)[0]
    assert row["cost_usd"] >= row["relaxed_cost_usd"] > 0
    assert row["cost_unit"] == "USD (normalised)"
    assert row["cost_set"] == "A (unverified)"
    assert any(edge["pairs"] for edge in row["edges"])
    assert "USD (normalised) with cost set A" in CliRunner().invoke(app, ["bound", name], catch_exceptions=False).stdout


def test_the_city_s_keys_by_messages() -> None:
    steps = list(episode("metaverse-city", episode_s=5.0, key_messages=1))
    without = list(episode("metaverse-city", episode_s=5.0))
    assert len(steps) == len(without) == 50
    assert steps != without
    assert steps == list(episode("metaverse-city", episode_s=5.0, key_messages=1))


def test_pictures_of_a_key_network(tmp_path: Path) -> None:
    command = ["key-pictures", "secoqc", "--out", str(tmp_path), "--param", "episode_s=900"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == [
        "cost-by-demand.png",
        "key-by-cause.png",
        "pool-levels.png",
        "rate-by-distance.png",
        "rate-by-elevation.png",
        "requests.png",
    ]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in tmp_path.iterdir())


def test_bench_of_a_small_network() -> None:
    command = ["bench", "qkd", "--kmes", "6", "--simulated-s", "180", "--json"]
    [row] = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert row["kmes"] == 6
    assert row["simulated_s"] == 120
    assert row["messages"] > 0
    assert 0 < row["peak_mb"] < 200
    assert 0 <= row["served_ratio"] <= 1
