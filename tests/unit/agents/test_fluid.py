# SPDX-License-Identifier: GPL-2.0-only
"""The fluid model of metaverse-city on cases worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from agents.bounds.fluid import fits, serve

UTILITY = {"quality_ratio.xr": 0.4, "quality_ratio.xurllc": 0.3, "quality_ratio.embb": 0.2, "xurllc_otp_ratio": 0.1}
SLICES = ("xr", "xurllc", "embb")


def schema():
    field = SimpleNamespace(labels=SLICES)
    return SimpleNamespace(utility=UTILITY, role=lambda name: SimpleNamespace(actions=[field]))


def step(offered, capacity=1000.0, cpu=0.0):
    """One provider, one cell."""
    return {
        "offered_bps": np.array([[offered]], dtype=float),
        "capacity_bps": np.full((1, 3), capacity),
        "cpu_demand": np.full((1, 3), cpu),
    }


def test_with_room_for_all_everything_is_served():
    assert serve(schema(), step([10, 10, 10]), np.ones(1)) == pytest.approx(1.0)


def test_a_slice_that_nobody_uses_misses_nothing_but_has_no_pad():
    assert serve(schema(), step([10, 0, 10]), np.ones(1)) == pytest.approx(0.9)


def test_a_cell_that_is_too_small_serves_what_is_worth_most():
    # 100 bit/s for 80 of each: the first 40 % of XR (0.0079 a bit), then xURLLC (0.005 a bit) with the other 68
    expected = 0.4 * 0.4**0.5 + 0.4 * 68 / 80
    assert serve(schema(), step([80, 80, 80], capacity=100), np.ones(1)) == pytest.approx(expected)


def test_a_server_that_is_too_small_binds_as_a_cell_does():
    # each slice would fill the server: 40 % of XR, and xURLLC with the other 60 %
    assert serve(schema(), step([10, 10, 10], cpu=1.0), np.ones(1)) == pytest.approx(0.4 * 0.4**0.5 + 0.4 * 0.6)
    assert serve(schema(), step([0, 10, 0], cpu=2.0), np.ones(1)) == pytest.approx(0.4 / 2 + 0.4 + 0.2)


def test_without_key_nothing_is_served():
    assert serve(schema(), step([10, 10, 10]), np.zeros(1)) == pytest.approx(0)
    # half the key: of XR the parts of 40, 30 and 30 % are halved each
    assert serve(schema(), step([0, 10, 0]), np.full(1, 0.5)) == pytest.approx(0.5 * 0.4 + 0.6)


def test_other_scenarios_have_no_such_bound():
    assert not fits(SimpleNamespace(roles=()))
