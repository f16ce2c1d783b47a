# SPDX-License-Identifier: GPL-2.0-only
"""Two-line elements flown with SGP4, and the ephemeris files that simulations read.

    tles = read_tles("iridium.tle")
    write_ephemeris("iridium.csv", tles, datetime(2018, 1, 20, 12, tzinfo=UTC), duration_s=7200, step_s=120)

SGP4 is that of the library `sgp4` (Vallado et al., "Revisiting Spacetrack Report #3", AIAA 2006-6753). Its frame,
TEME, is turned into ECEF by Greenwich mean sidereal time alone: polar motion (up to 15 m) is left out, and UT1 is
taken for UTC (up to 0.9 s of the Earth's turning, 420 m at the equator).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sgp4.api import SGP4_ERRORS, Satrec

from pybridge.errors import EphemerisError

MAX_EPOCH_AGE_DAYS = 7.0
"""Further from its epoch, an element set in low orbit may be many kilometres wrong."""

COLUMNS = ("time_s", "satellite", "x_m", "y_m", "z_m")

_LINE_LENGTH = 69
_JULIAN_DATE_2000 = 2451545.0  # of 2000-01-01 12:00
_NOON_2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_DAY_S = 86400.0

Positions = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tle:
    """A two-line element set.

    Attributes:
        name: of the satellite, without a mark in brackets.
        operational: False if the name ends in `[-]`, as gpredict marks satellites out of use.
        number: in the satellite catalogue.
        epoch: for which the elements hold, UTC.
    """

    name: str
    line_1: str
    line_2: str
    operational: bool
    number: str
    epoch: datetime

    def epoch_age_days(self, at: datetime) -> float:
        """From the epoch to `at`; negative before it."""
        return (at - self.epoch).total_seconds() / _DAY_S


def checksum(line: str) -> int:
    """Of the first 68 characters of a line: the sum of its digits, a minus as 1, modulo 10."""
    return sum(int(c) if c.isdigit() else c == "-" for c in line[: _LINE_LENGTH - 1]) % 10


def read_tles(path: str | PathLike[str]) -> list[Tle]:
    """All element sets of a file, each of two lines and, before them, maybe one with the satellite's name.

    Raises:
        EphemerisError: a line is not right; says which, what was found and what to do.
    """
    try:
        text = Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise EphemerisError(f"{path}: cannot be read as a TLE file: {error}") from error
    lines = [(number, line.rstrip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    tles: list[Tle] = []
    at = 0
    while at < len(lines):
        name = ""
        if not _is_element_line(lines[at][1], "1"):
            name = lines[at][1].removeprefix("0 ").strip()
            at += 1
        pair = lines[at : at + 2]
        if len(pair) < 2:
            raise EphemerisError(
                f"{path}, line {lines[-1][0]}: the file ends within {name!r}, expected lines 1 and 2 of it"
            )
        for kind, (number, line) in zip("12", pair, strict=True):
            _check_line(f"{path}, line {number}", kind, line)
        tles.append(_parse(f"{path}, line {pair[0][0]}", name, pair[0][1], pair[1][1]))
        at += 2
    if not tles:
        raise EphemerisError(f"{path}: no element sets; expected a TLE file")
    return _with_own_names(tles)


def gmst_rad(julian_date_ut1: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Greenwich mean sidereal time of 1982, rad. Vallado, "Fundamentals of Astrodynamics", 4th ed., Eq. 3-47."""
    centuries = (np.asarray(julian_date_ut1, dtype=np.float64) - _JULIAN_DATE_2000) / 36525
    seconds = (
        67310.54841 + (876600 * 3600 + 8640184.812866) * centuries + 0.093104 * centuries**2 - 6.2e-6 * centuries**3
    )
    turned: npt.NDArray[np.float64] = np.mod(seconds, _DAY_S) / _DAY_S * 2 * math.pi
    return turned


def teme_to_ecef(positions: Positions, julian_date_ut1: npt.ArrayLike) -> Positions:
    """Turns positions [T, 3] by the sidereal time of each."""
    angle = gmst_rad(julian_date_ut1)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = positions.T
    return np.stack([x * cosine + y * sine, y * cosine - x * sine, z], axis=-1)


def positions_m(tle: Tle, start: datetime, times_s: npt.ArrayLike) -> Positions:
    """Where a satellite is at times after `start`, ECEF [T, 3].

    Raises:
        EphemerisError: SGP4 does not reach these times, as for a satellite that has come down.
    """
    days = (start - _NOON_2000).total_seconds() / _DAY_S + np.asarray(times_s, dtype=np.float64) / _DAY_S
    whole = np.floor(days)
    satellite = Satrec.twoline2rv(tle.line_1, tle.line_2)
    errors, teme_km, _ = satellite.sgp4_array(_JULIAN_DATE_2000 + whole, days - whole)
    if errors.any():
        first = int(np.flatnonzero(errors)[0])
        reason = SGP4_ERRORS.get(int(errors[first]), "unknown error")
        raise EphemerisError(
            f"{tle.name}: SGP4 fails {float(np.asarray(times_s)[first]):g} s after {start.isoformat()}, "
            f"{tle.epoch_age_days(start):.1f} days from the epoch: {reason}; take a newer element set or leave it out"
        )
    return teme_to_ecef(np.asarray(teme_km) * 1e3, _JULIAN_DATE_2000 + days)


def write_ephemeris(
    path: str | PathLike[str], tles: Sequence[Tle], start: datetime, *, duration_s: float, step_s: float
) -> None:
    """Writes where satellites are, from `start` (time 0) on, in rows by satellite and time; to a decimetre.

    Raises:
        EphemerisError: nothing to write, a step that is too long to interpolate, or as `positions_m`.
    """
    if not tles:
        raise EphemerisError("no satellites to write; expected at least one element set")
    if not (step_s > 0 and duration_s >= 8 * step_s):
        raise EphemerisError(
            f"duration {duration_s:g} s, step {step_s:g} s: expected a step above 0 and at least 8 of them; "
            "interpolation needs 9 rows"
        )
    times_s = np.arange(int(duration_s // step_s) + 1) * step_s
    tracks = [(tle.name, positions_m(tle, start, times_s)) for tle in tles]
    with Path(path).open("w", newline="", encoding="ascii") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for name, track in tracks:
            rows.writerows(
                (f"{time:g}", name, *(f"{value:.1f}" for value in place))
                for time, place in zip(times_s, track, strict=True)
            )


def _is_element_line(line: str, kind: str) -> bool:
    return len(line) >= _LINE_LENGTH - 1 and line.startswith(f"{kind} ")


def _check_line(where: str, kind: str, line: str) -> None:
    if len(line) != _LINE_LENGTH or not line.startswith(f"{kind} "):
        raise EphemerisError(
            f"{where}: found {line[:20]!r} of {len(line)} characters, expected line {kind} of an element set, "
            f"which has {_LINE_LENGTH}"
        )
    if str(checksum(line)) != line[-1]:
        raise EphemerisError(
            f"{where}: found checksum {line[-1]!r}, expected {checksum(line)}; a character is wrong: get the file anew"
        )


def _parse(where: str, name: str, line_1: str, line_2: str) -> Tle:
    number = line_1[2:7].strip()
    if line_2[2:7].strip() != number:
        raise EphemerisError(
            f"{where}: line 1 is of satellite {number}, line 2 of {line_2[2:7].strip()}; expected the same"
        )
    try:
        year = int(line_1[18:20])
        day = float(line_1[20:32])
        satellite = Satrec.twoline2rv(line_1, line_2)
    except ValueError as error:
        raise EphemerisError(f"{where}: satellite {number}: {error}; get the file anew") from error
    if satellite.error:
        raise EphemerisError(f"{where}: satellite {number}: {SGP4_ERRORS[satellite.error]}; get the file anew")
    century = 1900 if year >= 57 else 2000  # the first satellite flew in 1957
    epoch = datetime(century + year, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    plain, _, mark = name.partition("[")
    return Tle(plain.strip().replace(",", " ") or number, line_1, line_2, mark != "-]", number, epoch)


def _with_own_names(tles: Iterable[Tle]) -> list[Tle]:
    """Adds its number to a name that another satellite has too."""
    seen: dict[str, Tle] = {}
    for tle in tles:
        name = f"{tle.name} ({tle.number})" if tle.name in seen else tle.name
        if name in seen:
            raise EphemerisError(f"satellite {tle.number}: two element sets; expected one for each satellite")
        seen[name] = Tle(name, tle.line_1, tle.line_2, tle.operational, tle.number, tle.epoch)
    return list(seen.values())
