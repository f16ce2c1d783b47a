# SPDX-License-Identifier: GPL-2.0-only
"""Geometry of satellites above a spherical Earth of 6371 km."""

from __future__ import annotations

from pybridge import _core

_orbit = _core.models.orbit


def slant_range_m(altitude_m: float, elevation_deg: float) -> float:
    """Distance to a satellite seen at an elevation of 0 to 90 degrees. TR 38.811, Eq. 6.6-3."""
    return float(_orbit.slant_range_m(altitude_m, elevation_deg))


def one_way_delay_s(altitude_m: float, elevation_deg: float) -> float:
    """Time of light over the slant range."""
    return float(_orbit.one_way_delay_s(altitude_m, elevation_deg))


def doppler_hz(altitude_m: float, elevation_deg: float, frequency_hz: float) -> float:
    """Doppler shift of a circular orbit through the zenith, ground at rest. TR 38.811, 5.3.4.3.2."""
    return float(_orbit.doppler_hz(altitude_m, elevation_deg, frequency_hz))


def orbital_period_s(altitude_m: float) -> float:
    """Period of a circular orbit."""
    return float(_orbit.orbital_period_s(altitude_m))


def elevation_deg(
    ground_latitude_deg: float,
    ground_longitude_deg: float,
    ground_altitude_m: float,
    satellite_latitude_deg: float,
    satellite_longitude_deg: float,
    satellite_altitude_m: float,
) -> float:
    """Elevation of a satellite, -90 to 90 degrees; negative below the horizon."""
    return float(
        _orbit.elevation_deg(
            ground_latitude_deg,
            ground_longitude_deg,
            ground_altitude_m,
            satellite_latitude_deg,
            satellite_longitude_deg,
            satellite_altitude_m,
        )
    )
