# SPDX-License-Identifier: GPL-2.0-only
"""Geometry of satellites above a spherical Earth of 6371 km, and the ways of packets over them.

Places and positions are ECEF, which turns with the Earth: x towards 0 N 0 E, z towards the north pole, metres.
`ecef` makes them of latitude and longitude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Literal

from pybridge import _core
from pybridge.errors import EphemerisError
from pybridge.models.arguments import of_their_kind

_orbit = _core.models.orbit

Point = tuple[float, float, float]
Pattern = Literal["delta", "star"]
Payload = Literal["transparent", "regenerative"]


@of_their_kind
def slant_range_m(altitude_m: float, elevation_deg: float) -> float:
    """Distance to a satellite seen at an elevation of 0 to 90 degrees. TR 38.811, Eq. 6.6-3."""
    return float(_orbit.slant_range_m(altitude_m, elevation_deg))


@of_their_kind
def one_way_delay_s(altitude_m: float, elevation_deg: float) -> float:
    """Time of light over the slant range."""
    return float(_orbit.one_way_delay_s(altitude_m, elevation_deg))


@of_their_kind
def doppler_hz(altitude_m: float, elevation_deg: float, frequency_hz: float) -> float:
    """Doppler shift of a circular orbit through the zenith, ground at rest. TR 38.811, 5.3.4.3.2."""
    return float(_orbit.doppler_hz(altitude_m, elevation_deg, frequency_hz))


@of_their_kind
def orbital_period_s(altitude_m: float) -> float:
    """Period of a circular orbit."""
    return float(_orbit.orbital_period_s(altitude_m))


@of_their_kind
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


@of_their_kind
def ecef(latitude_deg: float, longitude_deg: float, altitude_m: float = 0.0) -> Point:
    """A place on or above the sphere, ECEF, m."""
    return tuple(_orbit.ecef(latitude_deg, longitude_deg, altitude_m))


@dataclass(frozen=True, slots=True)
class Pass:
    """A stretch of time, s, in which a satellite stands high enough over a place."""

    rise_s: float
    culmination_s: float
    set_s: float
    max_elevation_deg: float


class Trajectory:
    """Where a satellite or platform is over time; made by the functions below, not by hand."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def position_m(self, time_s: float) -> Point:
        """ECEF.

        Raises:
            EphemerisError: a time that an ephemeris file does not have.
        """
        try:
            return tuple(self._native.position(time_s))
        except ValueError as error:
            raise EphemerisError(str(error)) from None

    def velocity_mps(self, time_s: float) -> Point:
        """Relative to the turning Earth, ECEF, m/s."""
        return tuple(self._native.velocity(time_s))

    def elevation_deg(self, ground: Point, time_s: float) -> float:
        """Above the horizontal plane of a place (ECEF, m), -90 to 90 degrees."""
        return float(self._native.elevation_deg(ground, time_s))

    def doppler_hz(self, ground: Point, time_s: float, frequency_hz: float) -> float:
        """Doppler shift at a place (ECEF, m), first order in v/c; positive while the satellite comes nearer."""
        return float(self._native.doppler_hz(ground, time_s, frequency_hz))

    def passes(
        self, ground: Point, min_elevation_deg: float, from_s: float, to_s: float, step_s: float = 20.0
    ) -> list[Pass]:
        """Passes over a place (ECEF, m) between two times, within a millisecond.

        A pass may be shorter than `step_s`, the time between two looks; one that is under way is cut.
        """
        return [Pass(*values) for values in self._native.passes(ground, min_elevation_deg, from_s, to_s, step_s)]


@of_their_kind
def circular_orbit(altitude_m: float, inclination_deg: float, raan_deg: float, phase_deg: float) -> Trajectory:
    """A circular orbit; at time 0 it is `phase_deg` past its ascending node, at longitude `raan_deg`."""
    return Trajectory(_orbit.circular_orbit(altitude_m, inclination_deg, raan_deg, phase_deg))


@of_their_kind
def geostationary(longitude_deg: float) -> Trajectory:
    """A satellite 35786 km above the equator."""
    return Trajectory(_orbit.geostationary(longitude_deg))


@of_their_kind
def platform(
    latitude_deg: float,
    longitude_deg: float,
    altitude_m: float,
    circle_radius_m: float = 0.0,
    speed_mps: float = 0.0,
) -> Trajectory:
    """A platform in the stratosphere, still or in a level circle around its place."""
    return Trajectory(_orbit.platform(latitude_deg, longitude_deg, altitude_m, circle_radius_m, speed_mps))


def walker_shell(
    pattern: Pattern,
    inclination_deg: float,
    num_satellites: int,
    num_planes: int,
    phasing: int,
    altitude_m: float,
    raan_deg: float = 0.0,
) -> list[Trajectory]:
    """All satellites of a Walker shell i:t/p/f, plane by plane.

    Raises:
        ValueError: `num_planes` does not divide `num_satellites`, or `phasing` is not below it.
    """
    native = _orbit.walker_shell(pattern, inclination_deg, num_satellites, num_planes, phasing, altitude_m, raan_deg)
    return [Trajectory(satellite) for satellite in native]


def read_ephemeris(path: str | PathLike[str]) -> Mapping[str, Trajectory]:
    """The satellites of a CSV file with time_s, satellite, x_m, y_m, z_m, by name; `qntn ephemeris` makes such files.

    Raises:
        EphemerisError: the file is not right; says in which line, what was found and what to do.
    """
    try:
        return {name: Trajectory(native) for name, native, _, _ in _orbit.read_ephemeris(fspath(path))}
    except ValueError as error:
        raise EphemerisError(str(error)) from None


def plus_grid(pattern: Pattern, num_satellites: int, num_planes: int, phasing: int) -> list[tuple[int, int]]:
    """Inter-satellite links of a Walker shell: two in the plane, one to each plane beside; none over a star's seam."""
    return [tuple(link) for link in _orbit.plus_grid(pattern, num_satellites, num_planes, phasing)]


def find_plus_grid(satellites: Sequence[Trajectory], time_s: float) -> list[tuple[int, int]]:
    """The same for satellites whose planes are not known: told apart by their nodes, nearest pairs beside."""
    return [tuple(link) for link in _orbit.find_plus_grid([s._native for s in satellites], time_s)]


def isl_route(
    satellites: Sequence[Trajectory], links: Sequence[tuple[int, int]], start: int, end: int, time_s: float
) -> tuple[list[int], float] | None:
    """The fastest way between two satellites and its delay, s; None where the Earth is in every way."""
    route = _orbit.isl_route([s._native for s in satellites], list(links), start, end, time_s)
    return None if route is None else (list(route[0]), float(route[1]))


def path_delay_s(
    satellites: Sequence[Trajectory],
    links: Sequence[tuple[int, int]],
    serving: int,
    gateways: Sequence[tuple[Point, float]],
    payload: Payload,
    user: Point,
    time_s: float,
) -> dict[str, float] | None:
    """One-way delay between a user and the best gateway, in parts: service_s, feeder_s, isl_s.

    Args:
        links: between satellites; none: the serving satellite must see a gateway.
        serving: index of the satellite that serves the user.
        gateways: place (ECEF, m) and least elevation (degrees) of each.

    Returns:
        None while no gateway can be reached.

    Raises:
        ValueError: a transparent payload with links, or no gateway.
    """
    parts = _orbit.path_delay(
        [s._native for s in satellites], list(links), serving, list(gateways), payload, user, time_s
    )
    return None if parts is None else dict(zip(("service_s", "feeder_s", "isl_s"), map(float, parts), strict=True))
