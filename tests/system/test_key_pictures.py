# SPDX-License-Identifier: GPL-2.0-only
"""What the pictures of a key network show: axes with units, one line for each thing, and the numbers of the episode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

import pybridge
from agents import key_pictures, report
from agents.bounds import key_network
from pybridge.catalogue import native_folder
from pybridge.models import qkd

Drawn = dict[str, Axes]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Axes of each picture by file name, filled as they are drawn."""
    axes_of: Drawn = {}
    original = report.picture

    @contextmanager
    def picture(file: Path, title: str, size: tuple[float, float] = (7.0, 4.0)) -> Iterator[Axes]:
        with original(file, title, size) as axes:
            yield axes
        axes_of[file.name] = axes

    monkeypatch.setattr(report, "picture", picture)
    return axes_of


def lines(axes: Axes) -> dict[str, np.ndarray]:
    """y of each line of the legend."""
    return {str(line.get_label()): np.asarray(line.get_ydata(), float) for line in axes.get_lines()}


def legend(axes: Axes) -> list[str]:
    """Labels of the picture's one legend, in the axes or below them."""
    below = axes.get_figure(root=True).legends
    inside = axes.get_legend()
    (found,) = [*below, *([inside] if inside is not None else [])]
    return [text.get_text() for text in found.get_texts()]


def test_pools_and_requests_are_those_of_the_episode(drawn: Drawn, tmp_path: Path) -> None:
    with pybridge.make_vec("secoqc", num_envs=1, params={"detailed": 1, "episode_s": 900.0}) as env:
        time_s, metrics = key_pictures.record(env)
    key_pictures.pool_levels(tmp_path, time_s, metrics)
    key_pictures.requests(tmp_path, time_s, metrics)
    key_pictures.key_by_cause(tmp_path, metrics)

    pools = drawn["pool-levels.png"]
    assert (pools.get_xlabel(), pools.get_ylabel()) == ("simulated time [s]", "stored key [MiB]")
    links = [name.removeprefix("pool_bits.") for name in metrics if name.startswith("pool_bits.")]
    assert len(links) == 8
    assert sorted(lines(pools)) == sorted(legend(pools)) == sorted(links)
    for line in pools.get_lines():
        np.testing.assert_array_equal(line.get_xdata(), time_s)
        np.testing.assert_allclose(line.get_ydata(), metrics[f"pool_bits.{line.get_label()}"] / (8 * 1024 * 1024))
    assert lines(pools)["ERD-BRT"][0] == pytest.approx(5.5, abs=0.02)  # the fill that secoqc.toml gives it
    assert lines(pools)["ERD-BRT"][-1] < 4.7  # a quarter of an hour at 8192 bit/s later

    asked = drawn["requests.png"]
    assert (asked.get_xlabel(), asked.get_ylabel()) == ("simulated time [s]", "requests")
    for label, name in (
        ("served, so far", "served_requests"),
        ("waiting", "queued_requests"),
        ("blocked, so far", "refused_requests"),
    ):
        np.testing.assert_array_equal(lines(asked)[label], metrics[name])
    assert lines(asked)["served, so far"][-1] > 800

    causes = drawn["key-by-cause.png"]
    assert causes.get_ylabel() == "Mbit"
    assert [tick.get_text() for tick in causes.get_xticklabels()] == links
    assert legend(causes) == ["relay", "authentication", "still stored"]
    for bars, cause in zip(causes.containers, key_pictures.CAUSES, strict=True):
        heights = [bar.get_height() for bar in bars.patches]
        np.testing.assert_allclose(heights, [metrics[f"{cause}.{link}"][-1] / 1e6 for link in links])


def test_rates_and_qber_are_those_of_the_formulas(drawn: Drawn, tmp_path: Path) -> None:
    key_pictures.rate_by_distance(tmp_path)
    key_pictures.rate_by_elevation(tmp_path)
    for name, label in (("rate-by-distance.png", "distance [km]"), ("rate-by-elevation.png", "elevation [deg]")):
        left, right = drawn[name].figure.axes
        assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == (label, "secret key [bit/s]", "QBER")
        assert left.get_yscale() == "log"
        assert len(left.get_lines()) == len(right.get_lines()) == 1
    left, right = drawn["rate-by-distance.png"].figure.axes
    km, rate = np.asarray(left.get_lines()[0].get_data(), float)
    assert list(km[[0, 25]]) == [0, 50]
    eta = qkd.fibre_transmittance(50, 0.2, 0.1)
    assert rate[25] == pytest.approx(1e9 * qkd.vacuum_weak_key_rate(0.5, 0.1, eta, 6e-7, 0.005))
    assert np.isnan(rate[-1])  # 200 km are too far; a logarithmic axis has no place for 0
    qber = np.asarray(right.get_lines()[0].get_ydata(), float)
    assert qber[25] == pytest.approx(qkd.signal_gain_and_qber(0.5, eta, 6e-7, 0.005)[1])
    assert np.all(np.diff(qber) > 0)
    _, by_elevation = np.asarray(drawn["rate-by-elevation.png"].figure.axes[0].get_lines()[0].get_data(), float)
    known = by_elevation[~np.isnan(by_elevation)]
    assert len(known) > 40
    assert np.all(np.diff(known) > 0)


def test_cost_is_that_of_the_bound(drawn: Drawn, tmp_path: Path) -> None:
    scenario = pybridge.scenario("secoqc")
    problem = key_network.scenario_problem(scenario, native_folder() / "data" / "qkd")
    key_pictures.cost_by_demand(tmp_path, problem, "A (unverified)")
    axes = drawn["cost-by-demand.png"]
    assert "A (unverified)" in axes.get_title(loc="left")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("demand, times the scenario's", "cost", "log")
    assert legend(axes) == ["whole devices", "relaxed"]
    factors = list(axes.get_lines()[0].get_xdata())
    least = key_network.relay_placement(**problem)
    assert lines(axes)["whole devices"][factors.index(1.0)] == pytest.approx(least.cost)
    assert lines(axes)["relaxed"][factors.index(1.0)] == pytest.approx(least.relaxed_cost)
    assert np.all(lines(axes)["whole devices"] >= lines(axes)["relaxed"] - 1e-6)
