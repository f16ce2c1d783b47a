# SPDX-License-Identifier: GPL-2.0-only
"""Ours against the reference, by quantity: the table of ns3-scratch/ran/README.md is what comes out here."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_table import Quantities, holds

from pybridge.models import orbit, ran

ROOT = Path(__file__).resolve().parents[2]


def rows(name: str) -> list[dict[str, str]]:
    with (ROOT / "tests/reference/ran" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def block_sizes() -> Iterator[tuple[str, float, float]]:
    for row in rows("tbs_38214.csv"):
        ours = ran.tbs_bits(
            int(row["n_prb"]),
            int(row["mcs"]),
            int(row["mcs_table"][1]),
            int(row["n_symb"]),
            int(row["n_dmrs_re_per_prb"]),
            int(row["n_oh"]),
            int(row["layers"]),
        )
        yield f"{row['n_prb']} PRBs, MCS {row['mcs']} of table {row['mcs_table'][1]}", ours, float(row["TBS_bits"])


def peak_rates() -> Iterator[tuple[str, float, float]]:
    for row in rows("peak_rate_38306.csv"):
        ours = ran.peak_rate_bps(
            int(row["n_prb"]), int(row["mu"]), int(row["layers"]), int(row["Qm"]), float(row["overhead"])
        )
        yield row["case"], round(ours * 1e-6, 3), float(row["peak_Mbps_f1_R948_1024"])


def path_losses() -> Iterator[tuple[str, float, float]]:
    for row in rows("tr38901_pathloss.csv"):
        ours = ran.pathloss_db(
            row["model"],
            row["cond"] == "LOS",
            float(row["d2d_m"]),
            float(row["h_bs_m"]),
            float(row["h_ut_m"]),
            float(row["freq_ghz"]) * 1e9,
        )
        yield f"{row['model']} {row['cond']}, {row['d2d_m']} m, {row['freq_ghz']} GHz", ours, float(row["formula_db"])


def link_budgets() -> Iterator[tuple[str, float, float]]:
    for row in rows("tr38821_cnr_recomputed.csv"):
        published = row["CNR_published_dB(verified public copy only)"]
        if published:
            ours = ran.cnr_db(
                float(row["EIRP_dBm"]),
                float(row["rx_G_T_dB_K"]),
                float(row["slant_km"]) * 1e3,
                float(row["freq_GHz"]) * 1e9,
                float(row["BW_MHz"]) * 1e6,
                float(row["atm_dB"]),
                float(row["shadow_margin_dB"]),
                float(row["scint_dB"]),
                float(row["polarization_dB"]),
                float(row["additional_dB"]),
            )
            yield f"{row['case']} {row['dir']}", ours, float(published)


def block_errors() -> Iterator[tuple[str, float, float]]:
    """Es/N0 at BLER 0.1, dB."""
    for row in rows("bler_anchors_sionna.csv"):
        bits = int(row["code_block_size"])
        if row["at_BLER10"]:
            low, high = -20.0, 40.0
            while high - low > 1e-4:
                middle = (low + high) / 2
                lost = ran.bler(middle, int(row["mcs"]), int(row["mcs_table"]), bits) > 0.1
                low, high = (middle, high) if lost else (low, middle)
            yield f"MCS {row['mcs']} of table {row['mcs_table']}, {bits} bits", high, float(row["at_BLER10"])


QUANTITIES: Quantities = {
    "transport block size, TS 38.214": (block_sizes, "bit", 0),
    "peak rate, TS 38.306": (peak_rates, "Mb/s", 0.001),
    "path loss, TR 38.901": (path_losses, "dB", 0.001),
    "carrier to noise, TR 38.821": (link_budgets, "dB", 0.2),
    "Es/N0 at BLER 0.1, link-level simulation": (block_errors, "dB", 0.7),
}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_ours_is_as_near_to_the_reference_as_the_table_says(quantity: str) -> None:
    holds(QUANTITIES, quantity, ROOT / "ns3-scratch/ran/README.md")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ran.tbs_bits(276, 5, 1), "num_prbs: found 276"),
        (lambda: ran.tbs_bits(10, 28, 2), "mcs: found 28"),
        (lambda: ran.tbs_bits(10, 5, 4), "mcs_table: found 4"),
        (lambda: ran.tbs_bits(10, 5, 1, num_symbols=15), "num_symbols: found 15"),
        (lambda: ran.tbs_bits(10, 5, 1, num_layers=0), "num_layers: found 0"),
        (lambda: ran.mcs_parameters(29, 3), "mcs: found 29"),
        (lambda: ran.bler(10, 5, 1, 0), "code_block_bits: found 0"),
        (lambda: ran.bler(10, 5, 1, 23), "code_block_bits: found 23, expected 24 .. 8448"),
        (lambda: ran.bler(10, 5, 1, 8449), "code_block_bits: found 8449"),
        (lambda: ran.pathloss_db("RMa", False, 5001, 35, 1.5, 7e8), "distance_2d_m: found 5001, expected 10 .. 5000"),
        (lambda: ran.pathloss_db("UMa", True, 100, 25, 1.4, 2e9), "ue_height_m: found 1.4, expected 1.5 .. 22.5"),
        (lambda: ran.bler(math.nan, 5, 1, 1000), "sinr_db: found nan"),
        (lambda: ran.peak_rate_bps(0, 1, 1, 6, 0.14), "num_prbs: found 0"),
        (lambda: ran.peak_rate_bps(273, 5, 1, 6, 0.14), "numerology: found 5"),
        (lambda: ran.peak_rate_bps(273, 1, 9, 6, 0.14), "num_layers: found 9"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 7, 0.14), "modulation_order: found 7"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 6, 1.0), "overhead_ratio: found 1"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 6, 0.14, code_rate=1.2), "code_rate: found 1.2"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 6, 0.14, scaling=0), "scaling: found 0"),
        (lambda: ran.pathloss_db("RMa", True, math.nan, 35, 1.5, 2e9), "distance_2d_m: found"),
        (lambda: ran.cnr_db(math.nan, 10, 1e6, 2e9, 30e6), "eirp_dbm: found"),
        (lambda: ran.cnr_db(60, 10, 1e6, 2e9, 0), "bandwidth_hz: found 0"),
        (lambda: ran.pathloss_db("UMi", True, 100, -3, 1.5, 2e9), "base_height_m: found -3"),
        (lambda: ran.pathloss_db("UMi", True, 100, 10, 1.5, 2e12), "frequency_hz: found"),
        (lambda: ran.ntn_loss("Rural", True, -5, 600e3, 2e9), "elevation_deg: found -5"),
        (lambda: ran.ntn_loss("Sea", True, 30, 600e3, 2e9), "expected DenseUrban, Urban, Suburban or Rural"),
        (lambda: ran.cnr_db(60, 10, -1, 2e9, 30e6), "slant_range_m: found -1"),
        (lambda: ran.tbs_bits(-5, 5, 1), "num_prbs: found -5, expected 1 .. 275"),
        (lambda: ran.tbs_bits(10, -1, 1), "mcs: found -1, expected 0 .. 28 of table 1"),
        (lambda: ran.tbs_bits(10, 5, 300), "mcs_table: found 300"),
        (lambda: ran.mcs_parameters(-1, 1), "mcs: found -1, expected 0 .. 28 of table 1"),
        (lambda: ran.mcs_parameters(1, -1), "mcs_table: found -1, expected 1, 2 or 3"),
        (lambda: ran.largest_remainder([1], -4), "total: found -4"),
        (lambda: ran.tbs_bits(10, 5, 1, dmrs_res_per_prb=-1), "dmrs_res_per_prb: found -1"),
        (lambda: ran.tbs_bits(10, 5, 1, overhead_res_per_prb=5), "overhead_res_per_prb: found 5, expected 0, 6, 12"),
        (lambda: ran.peak_rate_bps(273, -1, 1, 6, 0.14), "numerology: found -1"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 6, math.nan), "overhead_ratio: found nan"),
        (lambda: ran.peak_rate_bps(273, 1, 1, 6, 0.14, scaling=0.5), "scaling: found 0.5, expected 1, 0.8, 0.75 or"),
        (lambda: ran.bler(math.inf, 5, 1, 1000), "sinr_db: found inf"),
        (lambda: ran.bler(10, 5, 1, -24), "code_block_bits: found -24"),
        (lambda: ran.pathloss_db("UMi", True, 0, 10, 1.5, 2e9), "distance_2d_m: found 0"),
        (lambda: ran.pathloss_db("UMi", True, 100, math.inf, 1.5, 2e9), "base_height_m: found inf"),
        (lambda: ran.pathloss_db("UMi", True, 100, 10, math.inf, 2e9), "ue_height_m: found inf"),
        (lambda: ran.pathloss_db("RMa", True, 100, 35, 1.5, 31e9), "frequency_hz: found 31000000000, .* 30e9"),
        (lambda: ran.pathloss_db("UMa", True, 9, 25, 1.5, 2e9), "distance_2d_m: found 9, expected 10 .. 5000"),
        (lambda: ran.pathloss_db("UMi", False, 5001, 10, 1.5, 2e9), "distance_2d_m: found 5001, expected 10 .. 5000"),
        (lambda: ran.pathloss_db("RMa", True, 10001, 35, 1.5, 2e9), "distance_2d_m: found 10001, expected 10 .. 10000"),
        (lambda: ran.pathloss_db("UMa", True, 100, 25, 23, 2e9), "ue_height_m: found 23, expected 1.5 .. 22.5"),
        (lambda: ran.pathloss_db("RMa", True, 100, 35, 11, 2e9), "ue_height_m: found 11, expected 1 .. 10"),
        (lambda: ran.pathloss_db("RMa", True, 100, 9, 1.5, 2e9), "base_height_m: found 9, expected 10 .. 150"),
        (lambda: ran.ntn_loss("Rural", True, math.nan, 600e3, 2e9), "elevation_deg: found nan"),
        (lambda: ran.ntn_loss("Rural", True, 30, 0, 2e9), "altitude_m: found 0"),
        (lambda: ran.cnr_db(60, 10, 1e6, math.inf, 30e6), "frequency_hz: found inf"),
        (lambda: ran.cnr_db(60, 10, 1e6, 2e9, 30e6, scintillation_db=math.nan), "scintillation_db: found nan"),
        (lambda: ran.num_prbs(40e6, -1), "bandwidth_hz: found 4e\\+07.* numerology -1"),
        (lambda: ran.num_prbs(100e6, 0), "bandwidth_hz: found 1e\\+08"),
        (lambda: ran.largest_remainder([1, -1], 4), "shares: found -1"),
    ],
)
def test_the_field_the_value_and_the_range_are_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


ARGUMENTS: dict[Callable[..., object], dict[str, Any]] = {
    ran.tbs_bits: {"num_prbs": 10, "mcs": 5, "mcs_table": 1, "num_layers": 2},
    ran.mcs_parameters: {"mcs": 5, "mcs_table": 1},
    ran.peak_rate_bps: {
        "num_prbs": 10,
        "numerology": 1,
        "num_layers": 1,
        "modulation_order": 6,
        "overhead_ratio": 0.14,
    },
    ran.bler: {"sinr_db": 3.0, "mcs": 5, "mcs_table": 1, "code_block_bits": 100},
    ran.pathloss_db: {
        "model": "UMa",
        "line_of_sight": True,
        "distance_2d_m": 100.0,
        "base_height_m": 25.0,
        "ue_height_m": 1.5,
        "frequency_hz": 2e9,
    },
    ran.ntn_loss: {
        "environment": "Urban",
        "line_of_sight": True,
        "elevation_deg": 30.0,
        "altitude_m": 600e3,
        "frequency_hz": 2e9,
    },
    ran.cnr_db: {
        "eirp_dbm": 60.0,
        "g_over_t_db_per_k": 1.0,
        "slant_range_m": 1e6,
        "frequency_hz": 2e9,
        "bandwidth_hz": 1e6,
        "additional_db": 1.0,
    },
    ran.num_prbs: {"bandwidth_hz": 40e6, "numerology": 1, "frequency_range_2": False},
    orbit.slant_range_m: {"altitude_m": 600e3, "elevation_deg": 30.0},
    orbit.one_way_delay_s: {"altitude_m": 600e3, "elevation_deg": 30.0},
    orbit.doppler_hz: {"altitude_m": 600e3, "elevation_deg": 30.0, "frequency_hz": 2e9},
    orbit.orbital_period_s: {"altitude_m": 600e3},
    orbit.elevation_deg: {
        "ground_latitude_deg": 1.0,
        "ground_longitude_deg": 1.0,
        "ground_altitude_m": 0.0,
        "satellite_latitude_deg": 1.0,
        "satellite_longitude_deg": 2.0,
        "satellite_altitude_m": 600e3,
    },
}


@pytest.mark.parametrize("formula", ARGUMENTS)
def test_an_argument_of_the_wrong_kind_is_named_with_its_value(formula: Callable[..., object]) -> None:
    good = ARGUMENTS[formula]
    formula(**good)
    for name in good:
        for wrong in (None, [1], "three", 1j, math.nan, math.inf, 10**400):
            with pytest.raises(ValueError, match=f"{name}: found .*, expected "):
                formula(**{**good, name: wrong})
    with pytest.raises(TypeError, match="missing"):
        formula()


def test_numbers_of_numpy_are_numbers() -> None:
    assert ran.tbs_bits(np.int64(10), np.int32(5), np.uint8(1)) == ran.tbs_bits(10, 5, 1)
    assert ran.bler(np.float32(3), 5, 1, 100) == ran.bler(3.0, 5, 1, 100)


def test_an_unknown_name_comes_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="did you mean 'UMa'"):
        ran.pathloss_db("uma", True, 100, 25, 1.5, 2e9)
    with pytest.raises(ValueError, match="did you mean 'DenseUrban'"):
        ran.ntn_loss("dense urban", True, 30, 600e3, 2e9)
    with pytest.raises(ValueError, match="did you mean 'delta'"):
        orbit.walker_shell("detla", 53, 10, 2, 0, 6e5)  # type: ignore[arg-type]
