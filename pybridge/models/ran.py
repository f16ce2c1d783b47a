# SPDX-License-Identifier: GPL-2.0-only
"""Formulas of the radio access: block sizes, error rates, path loss, link budgets."""

from __future__ import annotations

from collections.abc import Sequence

from pybridge import _core
from pybridge.models.arguments import of_their_kind

_ran = _core.models.ran


@of_their_kind
def tbs_bits(
    num_prbs: int,
    mcs: int,
    mcs_table: int,
    num_symbols: int = 14,
    dmrs_res_per_prb: int = 12,
    overhead_res_per_prb: int = 0,
    num_layers: int = 1,
) -> int:
    """Transport block size, bits. TS 38.214, 5.1.3.2.

    Args:
        overhead_res_per_prb: xOverhead: 0, 6, 12 or 18.
    """
    return int(_ran.tbs_bits(num_prbs, mcs, mcs_table, num_symbols, dmrs_res_per_prb, overhead_res_per_prb, num_layers))


@of_their_kind
def mcs_parameters(mcs: int, mcs_table: int) -> tuple[int, float]:
    """Modulation order (bits per symbol) and code rate. TS 38.214, 5.1.3.1, tables 1 to 3."""
    parameters: tuple[int, float] = _ran.mcs_parameters(mcs, mcs_table)
    return parameters


@of_their_kind
def peak_rate_bps(
    num_prbs: int,
    numerology: int,
    num_layers: int,
    modulation_order: int,
    overhead_ratio: float,
    code_rate: float = 948 / 1024,
    scaling: float = 1.0,
) -> float:
    """Peak data rate of one carrier. TS 38.306, 4.1.2.

    Args:
        scaling: the capability scalingFactor: 1, 0.8, 0.75 or 0.4.
    """
    return float(
        _ran.peak_rate_bps(num_prbs, numerology, num_layers, modulation_order, overhead_ratio, code_rate, scaling)
    )


@of_their_kind
def bler(sinr_db: float, mcs: int, mcs_table: int, code_block_bits: int) -> float:
    """Probability that a code block of 24 to 8448 bits is lost in white noise.

    By the normal approximation of finite-length coding over BICM, less what a decoder loses.
    """
    return float(_ran.bler(sinr_db, mcs, mcs_table, code_block_bits))


@of_their_kind
def pathloss_db(
    model: str,
    line_of_sight: bool,
    distance_2d_m: float,
    base_height_m: float,
    ue_height_m: float,
    frequency_hz: float,
) -> float:
    """Mean path loss of "UMa", "UMi" or "RMa". TR 38.901, Table 7.4.1-1.

    The environment's effective height is 1 m, streets are 20 m wide and buildings 5 m high. RMa ends at 30 GHz.
    Distances are 10 m to 5 km (RMa in line of sight: 10 km), users 1.5 m to 22.5 m high (RMa: 1 m to 10 m), base
    stations of RMa 10 m to 150 m.
    """
    return float(_ran.pathloss_db(model, line_of_sight, distance_2d_m, base_height_m, ue_height_m, frequency_hz))


@of_their_kind
def ntn_loss(
    environment: str, line_of_sight: bool, elevation_deg: float, altitude_m: float, frequency_hz: float
) -> dict[str, float]:
    """`fspl_db`, `clutter_db`, `gas_db` and `scintillation_db` to a satellite. TR 38.811, 6.6.

    Args:
        environment: "DenseUrban", "Urban", "Suburban" or "Rural".
    """
    parts: dict[str, float] = _ran.ntn_loss(environment, line_of_sight, elevation_deg, altitude_m, frequency_hz)
    return parts


@of_their_kind
def cnr_db(
    eirp_dbm: float,
    g_over_t_db_per_k: float,
    slant_range_m: float,
    frequency_hz: float,
    bandwidth_hz: float,
    atmospheric_db: float = 0,
    shadow_margin_db: float = 0,
    scintillation_db: float = 0,
    polarization_db: float = 0,
    additional_db: float = 0,
) -> float:
    """Carrier-to-noise ratio of a link budget. TR 38.821, 6.1.3.1."""
    return float(
        _ran.cnr_db(
            eirp_dbm,
            g_over_t_db_per_k,
            slant_range_m,
            frequency_hz,
            bandwidth_hz,
            atmospheric_db,
            shadow_margin_db,
            scintillation_db,
            polarization_db,
            additional_db,
        )
    )


@of_their_kind
def num_prbs(bandwidth_hz: float, numerology: int, frequency_range_2: bool = False) -> int:
    """PRBs of a carrier. TS 38.101-1 and 38.101-2, Table 5.3.2-1."""
    return int(_ran.num_prbs(bandwidth_hz, numerology, frequency_range_2))


@of_their_kind
def largest_remainder(shares: Sequence[float], total: int) -> list[int]:
    """Shares as whole units that sum to `total`."""
    units: list[int] = _ran.largest_remainder(list(shares), total)
    return units
