# SPDX-License-Identifier: GPL-2.0-only
"""The formulas in Python are the simulation's own, and refuse what the standards do not define."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from pybridge.models import orbit, qkd, ran

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_transport_block_sizes_of_the_reference() -> None:
    for row in rows("ran/tbs_38214.csv"):
        size = ran.tbs_bits(
            int(row["n_prb"]),
            int(row["mcs"]),
            int(row["mcs_table"][1]),
            num_symbols=int(row["n_symb"]),
            dmrs_res_per_prb=int(row["n_dmrs_re_per_prb"]),
            overhead_res_per_prb=int(row["n_oh"]),
            num_layers=int(row["layers"]),
        )
        assert size == int(row["TBS_bits"])


def test_geometry_of_the_reference() -> None:
    for row in rows("orbit/geometry.csv"):
        altitude_m, elevation_deg = float(row["alt_km"]) * 1e3, float(row["elev_deg"])
        assert orbit.slant_range_m(altitude_m, elevation_deg) == pytest.approx(float(row["slant_km"]) * 1e3, abs=1)
        assert orbit.one_way_delay_s(altitude_m, elevation_deg) == pytest.approx(
            float(row["one_way_ms"]) * 1e-3, abs=1e-6
        )


def test_path_loss_and_link_budgets_of_the_reference() -> None:
    for row in rows("ran/tr38901_pathloss.csv"):
        loss = ran.pathloss_db(
            row["model"],
            row["cond"] == "LOS",
            float(row["d2d_m"]),
            float(row["h_bs_m"]),
            float(row["h_ut_m"]),
            float(row["freq_ghz"]) * 1e9,
        )
        assert loss == pytest.approx(float(row["formula_db"]), abs=0.01)
    budget = ran.cnr_db(78.8, -31.6, 1075.1e3, 2e9, 30e6, atmospheric_db=0.1, shadow_margin_db=3, scintillation_db=2.2)
    assert budget == pytest.approx(6.6, abs=0.2)  # SC9 of TR 38.821


def test_worked_examples() -> None:
    assert ran.mcs_parameters(27, 2) == (8, 948 / 1024)
    assert ran.num_prbs(40e6, 1) == 106
    assert ran.largest_remainder([0.5, 0.3, 0.2], 10) == [5, 3, 2]
    assert ran.bler(-5.0, 20, 1, 8448) == pytest.approx(1.0)
    assert ran.bler(30.0, 20, 1, 8448) == pytest.approx(0.0, abs=1e-12)
    assert set(ran.ntn_loss("Rural", True, 30, 600e3, 2e9)) == {
        "fspl_db",
        "clutter_db",
        "gas_db",
        "scintillation_db",
    }
    assert orbit.elevation_deg(0, 0, 0, 0, 15.8361, 600e3) == pytest.approx(10, abs=1e-3)
    assert qkd.fibre_transmittance(50, 0.2, 0.1) == pytest.approx(0.01)
    assert qkd.qber_with_eavesdropper(0.02, 1.0) == pytest.approx(0.26)
    gain, qber = qkd.signal_gain_and_qber(0.5, 0.045, 8.5e-7, 0.033)
    assert gain == pytest.approx(0.022250424983060513, rel=1e-9)
    assert qber == pytest.approx(0.03303654056869832, rel=1e-9)
    assert qkd.decoy_key_rate(0.5, 0.045, 8.5e-7, 0.033, 1.0, 1.0) == pytest.approx(0.006132788453173971, rel=1e-9)
    assert math.isfinite(qkd.vacuum_weak_key_rate(0.5, 0.1, 0.01, 6e-7, 0.005))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ran.tbs_bits(10, 29, 1), "mcs: found 29"),
        (lambda: ran.tbs_bits(0, 3, 1), "num_prbs: found 0"),
        (lambda: ran.pathloss_db("UMa", True, -1, 25, 1.5, 2e9), "distance_2d_m: found -1"),
        (lambda: ran.pathloss_db("uma", True, 10, 25, 1.5, 2e9), "expected UMa, UMi or RMa"),
        (lambda: ran.num_prbs(41e6, 1), "bandwidth_hz"),
        (lambda: orbit.slant_range_m(600e3, 100), "elevation_deg: found 100"),
        (lambda: qkd.signal_gain_and_qber(0.5, 1.5, 0, 0), "transmittance"),
        (lambda: qkd.signal_gain_and_qber(0.5, 0.5, 2, 0), "dark"),
    ],
)
def test_what_is_not_defined_is_refused_by_name(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
