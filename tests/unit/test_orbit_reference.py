# SPDX-License-Identifier: GPL-2.0-only
"""Ours against the reference, by quantity: the table of ns3-scratch/orbit/README.md is what comes out here."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sgp4
from reference_table import Points, Quantities, holds
from sgp4.api import Satrec

from pybridge import EphemerisError, ephemeris
from pybridge.models import orbit

ROOT = Path(__file__).resolve().parents[2]
POLE = orbit.ecef(90, 0)
"""There the Earth's turning does not matter, as in the tables."""


def rows(name: str) -> list[dict[str, str]]:
    with (ROOT / "tests/reference/orbit" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def places() -> Iterator[tuple[str, float, float, dict[str, str]]]:
    for row in rows("geometry.csv"):
        altitude_m, elevation_deg = float(row["alt_km"]) * 1e3, float(row["elev_deg"])
        yield f"{row['alt_km']} km, {row['elev_deg']} degrees", altitude_m, elevation_deg, row


def slant_ranges() -> Points:
    for where, altitude_m, elevation_deg, row in places():
        yield where, orbit.slant_range_m(altitude_m, elevation_deg), float(row["slant_km"]) * 1e3


def delays() -> Points:
    for where, altitude_m, elevation_deg, row in places():
        yield where, orbit.one_way_delay_s(altitude_m, elevation_deg) * 1e6, float(row["one_way_ms"]) * 1e3


def positions_seen() -> Points:
    """Elevation of a platform at the table's central angle."""
    for where, altitude_m, elevation_deg, row in places():
        angle_deg = float(row["earth_central_angle_deg"])
        yield where, orbit.elevation_deg(10, 20, 0, 10 + angle_deg, 20, altitude_m), elevation_deg


def doppler_shifts() -> Points:
    """Of the formula and of a pass over the pole, in percent of the table's greatest of that altitude."""
    for where, altitude_m, elevation_deg, row in places():
        for frequency_ghz in (2, 20, 30):
            if row[f"doppler_kHz_{frequency_ghz}GHz"]:
                reference = float(row[f"doppler_kHz_{frequency_ghz}GHz"])
                frequency_hz = frequency_ghz * 1e9
                scale = 100 / (orbit.doppler_hz(altitude_m, 0, frequency_hz) * 1e-3)
                formula = orbit.doppler_hz(altitude_m, elevation_deg, frequency_hz) * 1e-3
                yield f"{where}, {frequency_ghz} GHz", formula * scale, reference * scale
                track = orbit.circular_orbit(altitude_m, 90, 0, 0)
                period_s = orbit.orbital_period_s(altitude_m)
                (seen,) = track.passes(POLE, min(elevation_deg, 89.999), 0, period_s)
                at = seen.rise_s if elevation_deg < 90 else seen.culmination_s
                flown = track.doppler_hz(POLE, at, frequency_hz) * 1e-3
                yield f"{where}, {frequency_ghz} GHz, flown", flown * scale, reference * scale


def periods() -> Points:
    for row in rows("orbits.csv"):
        yield f"{row['alt_km']} km", orbit.orbital_period_s(float(row["alt_km"]) * 1e3), float(row["period_s"])


def pass_durations() -> Points:
    for row in rows("orbits.csv"):
        altitude_m = float(row["alt_km"]) * 1e3
        track = orbit.circular_orbit(altitude_m, 90, 0, 0)
        for elevation_deg in (10, 30):
            (seen,) = track.passes(POLE, elevation_deg, 0, orbit.orbital_period_s(altitude_m))
            reference = float(row[f"pass_s_el_ge{elevation_deg}"])
            yield f"{row['alt_km']} km, {elevation_deg} degrees", seen.set_s - seen.rise_s, reference


def speeds() -> Points:
    for row in rows("orbits.csv"):
        altitude_m = float(row["alt_km"]) * 1e3
        track = orbit.circular_orbit(altitude_m, 90, 0, 0)
        time_s = orbit.orbital_period_s(altitude_m) / 4  # over the pole nothing turns below it
        x, y, z = track.position_m(time_s)
        u, v, w = track.velocity_mps(time_s)
        yield f"{row['alt_km']} km", math.hypot(u, v, w), float(row["v_orb_mps"])


def round_trips() -> Points:
    """Service and feeder link, user and gateway on two sides of a transparent satellite at 10 degrees, or below it."""
    anchors = {row["quantity"]: row for row in rows("ntn_scenario_anchors_tr36763_tr38821.csv")}
    for name, altitude_m in (("GEO", 35786e3), ("LEO-600", 600e3), ("LEO-1200", 1200e3)):
        for bound, elevation_deg in (("max", 10.0), ("min", 90.0)):
            quantity = next(q for q in anchors if q.startswith(f"{bound} RTT transparent"))
            if not anchors[quantity][name]:
                continue
            ratio = 6371e3 / (6371e3 + altitude_m)
            angle = math.degrees(math.acos(ratio * math.cos(math.radians(elevation_deg)))) - elevation_deg
            delay = orbit.path_delay_s(
                [orbit.platform(0, 0, altitude_m)],
                [],
                0,
                [(orbit.ecef(0, angle), elevation_deg - 1e-6)],
                "transparent",
                orbit.ecef(0, -angle),
                0,
            )
            assert delay is not None
            yield f"{name}, {bound}", 2e3 * sum(delay.values()), float(anchors[quantity][name])


def sgp4_positions() -> Points:
    """Distance from the rows of AIAA 2006-6753, as they come with the library; those that come down are left out."""
    folder = Path(sgp4.__file__).parent
    published: dict[str, list[list[float]]] = {}
    for line in (folder / "tcppver.out").read_text().splitlines():
        if line.endswith("xx"):
            block = published.setdefault(line.split()[0], [])
        elif line.strip():
            block.append([float(value) for value in line.split()[:4]])
    lines = [line[:69] for line in (folder / "SGP4-VER.TLE").read_text().splitlines() if not line.startswith("#")]
    for line_1, line_2 in zip(lines[::2], lines[1::2], strict=True):
        number = line_1[2:7].lstrip("0")
        satellite = Satrec.twoline2rv(line_1, line_2)
        days = satellite.jdsatepoch - 2451545 + satellite.jdsatepochF
        epoch = datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
        times_s = np.array([row[0] * 60 for row in published[number]])
        try:
            ours = ephemeris.positions_m(ephemeris.Tle(number, line_1, line_2, True, number, epoch), epoch, times_s)
        except EphemerisError:
            continue
        teme_m = np.array([row[1:] for row in published[number]]) * 1e3
        theirs = ephemeris.teme_to_ecef(teme_m, 2451545 + days + times_s / 86400)
        yield f"satellite {number}", float(np.linalg.norm(ours - theirs, axis=1).max()), 0.0


def interpolation() -> Points:
    """Distance of the shipped ephemeris, each 120 s, from SGP4 in between."""
    start = datetime(2018, 1, 20, 22, tzinfo=UTC)
    tracks = orbit.read_ephemeris(ROOT / "ns3-scratch/data/tle/iridium-2018-01-20.csv")
    elements = {tle.name: tle for tle in ephemeris.read_tles(ROOT / "ns3-scratch/data/tle/iridium-2018-01-20.tle")}
    times_s = np.arange(0, 7200, 37.0)
    for name, track in tracks.items():
        exact = ephemeris.positions_m(elements[name], start, times_s)
        ours = np.array([track.position_m(time_s) for time_s in times_s])
        yield name, float(np.linalg.norm(ours - exact, axis=1).max()), 0.0


QUANTITIES: Quantities = {
    "slant range, TR 38.811": (slant_ranges, "m", 1),
    "one-way delay": (delays, "us", 1),
    "elevation": (positions_seen, "degrees", 0.02),
    "Doppler, of its greatest": (doppler_shifts, "%", 0.1),
    "orbital period": (periods, "s", 0.1),
    "duration of a pass": (pass_durations, "s", 0.1),
    "speed in orbit": (speeds, "m/s", 0.1),
    "round trip, TR 36.763": (round_trips, "ms", 0.01),
    "SGP4, AIAA 2006-6753": (sgp4_positions, "m", 1),
    "ephemeris between its rows": (interpolation, "m", 1),
}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_ours_is_as_near_to_the_reference_as_the_table_says(quantity: str) -> None:
    holds(QUANTITIES, quantity, ROOT / "ns3-scratch/orbit/README.md")


def test_a_shell_its_links_and_its_ways() -> None:
    shell = orbit.walker_shell("star", 86.4, 66, 6, 2, 780e3)
    links = orbit.plus_grid("star", 66, 6, 2)
    assert len(shell) == 66
    assert len(links) == 66 + 5 * 11  # in planes, and between neighbours but over the seam
    route = orbit.isl_route(shell, links, 0, 40, 100)
    assert route is not None
    way, delay_s = route
    flown = [shell[i].position_m(100) for i in way]
    assert delay_s == pytest.approx(sum(map(math.dist, flown, flown[1:])) / 299_792_458)
    assert all((min(pair), max(pair)) in links for pair in zip(way, way[1:], strict=False))
    user, gateway = orbit.ecef(-30, 100), (orbit.ecef(60.2, 24.9), 5.0)
    serving = max(range(66), key=lambda i: shell[i].elevation_deg(user, 100))
    parts = orbit.path_delay_s(shell, links, serving, [gateway], "regenerative", user, 100)
    assert parts is not None
    assert parts["isl_s"] > 0.02
    assert orbit.path_delay_s(shell, [], serving, [gateway], "regenerative", user, 100) is None


def test_planes_are_found_in_the_real_shell() -> None:
    satellites = list(orbit.read_ephemeris(ROOT / "ns3-scratch/data/tle/iridium-2018-01-20.csv").values())
    links = orbit.find_plus_grid(satellites, 1)
    degree = np.bincount(np.array(links).ravel(), minlength=71)
    assert degree.max() == 4
    assert degree.min() >= 2
    # everybody can reach everybody
    assert all(orbit.isl_route(satellites, links, 0, i, 3600) for i in range(71))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: orbit.walker_shell("ring", 53, 10, 2, 0, 6e5), "pattern: found"),  # type: ignore[arg-type]
        (
            lambda: orbit.walker_shell("delta", 53, 10, 3, 0, 6e5),
            "Walker shell: found 10, expected a multiple of its planes, 3",
        ),
        (lambda: orbit.walker_shell("delta", 53, 10, 2, 2, 6e5), "phasing: found 2"),
        (lambda: orbit.walker_shell("delta", 190, 10, 2, 0, 6e5), "inclination_deg: found 190"),
        (lambda: orbit.platform(91, 0, 2e4), "latitude_deg: found 91"),
        (lambda: orbit.elevation_deg(0, math.nan, 0, 0, 0, 6e5), "ground_longitude_deg: found nan"),
        (lambda: orbit.elevation_deg(0, 0, 0, 0, 0, math.inf), "satellite_altitude_m: found inf"),
        (lambda: orbit.doppler_hz(6e5, 10, math.inf), "frequency_hz: found inf"),
        (lambda: orbit.circular_orbit(6e5, 53, math.nan, 0), "raan_deg: found nan"),
        (lambda: orbit.geostationary(5).passes(POLE, 10, 0, math.inf), "to_s: found inf"),
        (lambda: orbit.platform(0, 0, 2e4, 0, 30), "speed_mps: found 30"),
        (lambda: orbit.geostationary(5).passes(POLE, 10, 0, 10, 0), "step_s: found 0"),
        (lambda: orbit.geostationary(5).doppler_hz(POLE, 0, -1), "frequency_hz: found -1"),
        (
            lambda: orbit.path_delay_s(
                orbit.walker_shell("star", 90, 4, 2, 0, 6e5), [(0, 1)], 0, [(POLE, 5)], "transparent", POLE, 0
            ),
            "only a gNB on board can route",
        ),
        (
            lambda: orbit.path_delay_s([orbit.geostationary(5)], [], 0, [], "transparent", POLE, 0),
            "gateways: found none",
        ),
        (
            lambda: orbit.path_delay_s([orbit.geostationary(5)], [], 1, [(POLE, 5)], "transparent", POLE, 0),
            "serving: found 1",
        ),
        (lambda: orbit.isl_route([orbit.geostationary(5)], [(0, 1)], 0, 0, 0), "inter-satellite link: found 1"),
    ],
)
def test_the_field_the_value_and_the_range_are_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
