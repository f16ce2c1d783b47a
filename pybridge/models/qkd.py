# SPDX-License-Identifier: GPL-2.0-only
"""Formulas of quantum key distribution. Transmittances are linear; rates are bits per pulse."""

from __future__ import annotations

from collections.abc import Sequence

from pybridge import _core

_qkd = _core.models.qkd


def fibre_transmittance(length_km: float, attenuation_db_per_km: float, receiver_efficiency: float) -> float:
    """Transmittance of a fibre with its receiver."""
    return float(_qkd.fibre_transmittance(length_km, attenuation_db_per_km, receiver_efficiency))


def signal_gain_and_qber(
    mu: float, transmittance: float, dark_count_probability: float, misalignment: float
) -> tuple[float, float]:
    """Gain and QBER of pulses of `mu` photons before two threshold detectors."""
    gain_and_qber: tuple[float, float] = _qkd.signal_gain_and_qber(
        mu, transmittance, dark_count_probability, misalignment
    )
    return gain_and_qber


def decoy_key_rate(
    mu: float,
    transmittance: float,
    dark_count_probability: float,
    misalignment: float,
    error_correction_efficiency: float = 1.16,
    sifting_ratio: float = 0.5,
) -> float:
    """Key rate of BB84 with infinitely many decoy intensities; negative means no key."""
    return float(
        _qkd.decoy_key_rate(
            mu, transmittance, dark_count_probability, misalignment, error_correction_efficiency, sifting_ratio
        )
    )


def vacuum_weak_key_rate(
    mu: float,
    nu: float,
    transmittance: float,
    dark_count_probability: float,
    misalignment: float,
    error_correction_efficiency: float = 1.16,
    sifting_ratio: float = 0.5,
) -> float:
    """Key rate with vacuum and one weak decoy intensity. Ma et al., PRA 72, 012326 (2005)."""
    return float(
        _qkd.vacuum_weak_key_rate(
            mu, nu, transmittance, dark_count_probability, misalignment, error_correction_efficiency, sifting_ratio
        )
    )


def finite_key_length(
    block_size: float,
    intensities: Sequence[float],
    intensity_probabilities: Sequence[float],
    basis_probability: float,
    transmittance: float,
    dark_count_probability: float,
    afterpulse_probability: float,
    misalignment: float,
    error_correction_efficiency: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    cap_single_photon_errors: bool = False,
) -> int:
    """Key bits of a block, three intensities. Lim et al., PRA 89, 022307 (2014), misprints corrected.

    With `cap_single_photon_errors` the errors of single photons (Eq. 4) are at most all errors of the test basis. That
    holds for every block and is not in the paper; SatQuMA does it.
    """
    return int(
        _qkd.finite_key_length(
            block_size,
            list(intensities),
            list(intensity_probabilities),
            basis_probability,
            transmittance,
            dark_count_probability,
            afterpulse_probability,
            misalignment,
            error_correction_efficiency,
            epsilon_secrecy,
            epsilon_correctness,
            cap_single_photon_errors,
        )
    )


def satellite_transmittance(
    range_m: float,
    divergence_rad: float,
    receiver_diameter_m: float,
    pointing_jitter_rad: float,
    elevation_deg: float,
    receiver_efficiency: float,
) -> float:
    """Mean transmittance of an optical downlink with its receiver and atmosphere."""
    return float(
        _qkd.satellite_transmittance(
            range_m, divergence_rad, receiver_diameter_m, pointing_jitter_rad, elevation_deg, receiver_efficiency
        )
    )


def qber_with_eavesdropper(qber: float, intercepted_fraction: float) -> float:
    """QBER when a fraction of the pulses is intercepted and sent again."""
    return float(_qkd.qber_with_eavesdropper(qber, intercepted_fraction))
