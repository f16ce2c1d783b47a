# SPDX-License-Identifier: GPL-2.0-only
"""Element sets are read strictly, flown as SGP4's own verification says, and written as simulations read them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sgp4
from sgp4.api import Satrec
from typer.testing import CliRunner

from agents.cli import app
from pybridge import EphemerisError, ephemeris
from pybridge.models import orbit

DATA = Path(__file__).resolve().parents[2] / "ns3-scratch/data/tle"
IRIDIUM = DATA / "iridium-2018-01-20.tle"
START = datetime(2018, 1, 20, 22, tzinfo=UTC)


def some_lines() -> list[str]:
    return IRIDIUM.read_text().splitlines()[:6]


def refused(tmp_path: Path, lines: list[str]) -> str:
    file = tmp_path / "bad.tle"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(EphemerisError) as caught:
        ephemeris.read_tles(file)
    return str(caught.value).removeprefix(str(file))


def test_the_iridium_shell_is_read() -> None:
    tles = ephemeris.read_tles(IRIDIUM)
    assert len(tles) == 83
    assert sum(tle.operational for tle in tles) == 71
    first = tles[0]
    assert (first.name, first.number) == ("IRIDIUM 10", "24839")
    # day 20.92333150 of 2018
    assert abs(first.epoch - datetime(2018, 1, 20, 22, 9, 35, 842000, tzinfo=UTC)) < timedelta(milliseconds=1)
    assert first.epoch_age_days(datetime(2018, 1, 27, 22, 9, 35, 842000, tzinfo=UTC)) == pytest.approx(7, abs=1e-6)


def test_a_wrong_checksum_names_line_and_value(tmp_path: Path) -> None:
    lines = some_lines()
    for number, line in ((1, 1), (2, 2)):
        broken = list(lines)
        broken[line] = broken[line].replace("24839", "24838", 1)
        expected = ephemeris.checksum(broken[line])
        assert refused(tmp_path, broken).startswith(f", line {number + 1}: found checksum '{lines[line][-1]}'")
        assert f"expected {expected}; a character is wrong" in refused(tmp_path, broken)


def test_other_faults_of_a_tle_file(tmp_path: Path) -> None:
    lines = some_lines()
    assert "line 2: found '1 24839U" in refused(tmp_path, [lines[0], lines[1][:-5] + "9", lines[2]])
    assert "line 3: found '1 24839U" in refused(tmp_path, [lines[0], lines[1], lines[1]])
    assert "the file ends within 'IRIDIUM 10" in refused(tmp_path, lines[:2])
    assert "line 1 is of satellite 24839, line 2 of 42956" in refused(tmp_path, [lines[0], lines[1], lines[5]])
    assert "two element sets" in refused(tmp_path, lines[:3] * 3)
    assert "no element sets" in refused(tmp_path, [""])
    with pytest.raises(EphemerisError, match="cannot be read"):
        ephemeris.read_tles(tmp_path / "none.tle")


def test_names_may_be_missing(tmp_path: Path) -> None:
    file = tmp_path / "two-line.tle"
    file.write_text("\n".join(some_lines()[1:3]))
    assert [tle.name for tle in ephemeris.read_tles(file)] == ["24839"]


def verification() -> Iterator[tuple[str, str, list[list[float]]]]:
    """Element sets and rows [minutes, x km, y km, z km] of AIAA 2006-6753, as they come with the library."""
    folder = Path(sgp4.__file__).parent
    lines = [line for line in (folder / "SGP4-VER.TLE").read_text().splitlines() if not line.startswith("#")]
    blocks: dict[str, list[list[float]]] = {}
    for line in (folder / "tcppver.out").read_text().splitlines():
        if line.endswith("xx"):
            rows = blocks.setdefault(line.split()[0], [])
        elif line.strip():
            rows.append([float(value) for value in line.split()[:4]])
    for line_1, line_2 in zip(lines[::2], lines[1::2], strict=True):
        yield line_1[:69], line_2[:69], blocks.get(line_1[2:7].lstrip("0").strip(), [])


def test_positions_are_those_of_the_published_verification() -> None:
    compared = 0
    for line_1, line_2, rows in verification():
        if "33333" in line_1 or "33334" in line_1 or "33335" in line_1:
            continue  # made to fail
        satellite = Satrec.twoline2rv(line_1, line_2)
        epoch = datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(
            days=satellite.jdsatepoch - 2451545, seconds=satellite.jdsatepochF * 86400
        )
        tle = ephemeris.Tle("sat", line_1, line_2, True, line_1[2:7], epoch)
        times_s = np.array([row[0] * 60 for row in rows])
        try:
            ours = ephemeris.positions_m(tle, epoch, times_s)
        except EphemerisError:
            continue  # comes down within the rows
        # back to TEME, by the same turn
        days = satellite.jdsatepoch + satellite.jdsatepochF + times_s / 86400
        angle = ephemeris.gmst_rad(days)
        x = ours[:, 0] * np.cos(angle) - ours[:, 1] * np.sin(angle)
        y = ours[:, 0] * np.sin(angle) + ours[:, 1] * np.cos(angle)
        published = np.array([row[1:] for row in rows]) * 1e3
        # a Julian date as one number is good to 0.04 ms: 0.3 m at 8 km/s
        assert np.abs(np.stack([x, y, ours[:, 2]], axis=-1) - published).max() < 1, tle.number
        compared += len(rows)
    assert compared > 400


def test_the_turn_to_ecef_is_that_of_the_worked_example() -> None:
    # Vallado, "Fundamentals of Astrodynamics", 4th ed., Example 3-15: 2004-04-06 07:51:28.386009 UTC,
    # UT1 - UTC = -0.439961 s; from TEME to the pseudo Earth-fixed frame
    days = (datetime(2004, 4, 6, 7, 51, 28, 386009, tzinfo=UTC) - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds()
    teme_m = np.array([[5094180.16210, 6127644.65950, 6380344.53270]])
    ours = ephemeris.teme_to_ecef(teme_m, [2451545 + (days - 0.439961) / 86400])
    assert ours[0] == pytest.approx([-1033475.03130, 7901305.58560, 6380344.53270], abs=0.1)


def test_the_shipped_file_is_what_its_command_makes(tmp_path: Path) -> None:
    made = tmp_path / "iridium.csv"
    command = "--start 2018-01-20T22:00:00 --duration 7200 --step 120 --operational --json"
    result = CliRunner().invoke(app, ["ephemeris", str(IRIDIUM), *command.split(), "--out", str(made)])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert len(rows) == 71
    assert rows[0] == {
        "satellite": "IRIDIUM 10",
        "number": "24839",
        "epoch": "2018-01-20T22:09:35+00:00",
        "epoch_age_days": -0.007,
    }
    assert "warning" not in result.stderr
    with made.open() as ours, (DATA / "iridium-2018-01-20.csv").open() as shipped:
        for one, other in zip(csv.reader(ours), csv.reader(shipped), strict=True):
            assert one[:2] == other[:2]
            if one[0] != "time_s":
                assert [float(v) for v in one[2:]] == pytest.approx([float(v) for v in other[2:]], abs=0.11)


def test_far_from_the_epoch_the_age_is_told(tmp_path: Path) -> None:
    made = tmp_path / "late.csv"
    command = ["ephemeris", str(IRIDIUM), "--start", "2018-02-01T22:00:00+00:00", "--out", str(made), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert "83 of 83 epochs are more than 7 days from the start" in result.stderr
    assert "IRIDIUM 117: 12.3 days" in result.stderr
    assert min(row["epoch_age_days"] for row in json.loads(result.stdout)) > 7


def test_bad_times_are_refused(tmp_path: Path) -> None:
    tles = ephemeris.read_tles(IRIDIUM)[:1]
    for duration_s, step_s in ((7200, 0), (100, 60)):
        with pytest.raises(EphemerisError, match="expected a step above 0 and at least 8 of them"):
            ephemeris.write_ephemeris(tmp_path / "x.csv", tles, START, duration_s=duration_s, step_s=step_s)
    with pytest.raises(EphemerisError, match="no satellites"):
        ephemeris.write_ephemeris(tmp_path / "x.csv", [], START, duration_s=7200, step_s=60)
    result = CliRunner().invoke(app, ["ephemeris", str(IRIDIUM), "--start", "noon", "--out", str(tmp_path / "x.csv")])
    assert isinstance(result.exception, EphemerisError)


def test_a_satellite_that_has_come_down_is_named() -> None:
    # satellite 28872 of the verification set was tracked through its last hour
    line_1, line_2 = next((one, two) for one, two, _ in verification() if one[2:7] == "28872")
    epoch = datetime(2005, 11, 29, 0, 28, 59, tzinfo=UTC)
    fallen = ephemeris.Tle("FALLEN", line_1, line_2, True, "28872", epoch)
    with pytest.raises(EphemerisError, match=r"FALLEN: SGP4 fails \d+ s after 2005-11-29T00:28:59"):
        ephemeris.positions_m(fallen, epoch, np.arange(0, 86400, 600))


def test_simulations_read_what_python_writes(tmp_path: Path) -> None:
    tles = ephemeris.read_tles(IRIDIUM)[:3]
    file = tmp_path / "three.csv"
    ephemeris.write_ephemeris(file, tles, START, duration_s=1800, step_s=120)
    tracks = orbit.read_ephemeris(file)
    assert list(tracks) == [tle.name for tle in tles]
    times_s = np.arange(0, 1800, 17.0)
    for tle in tles:
        exact = ephemeris.positions_m(tle, START, times_s)
        ours = np.array([tracks[tle.name].position_m(t) for t in times_s])
        assert np.abs(ours - exact).max() < 1
    with pytest.raises(EphemerisError, match="asked for 1801 s, the file has 0 .. 1800 s"):
        tracks[tles[0].name].position_m(1801)
    lines = file.read_text().splitlines()
    del lines[6]
    file.write_text("\n".join(lines))
    with pytest.raises(EphemerisError, match="line 7: IRIDIUM 10: time_s: found a gap from 480 to 720 s"):
        orbit.read_ephemeris(file)


def test_the_iridium_shell_flies_at_its_height_and_inclination() -> None:
    tracks = orbit.read_ephemeris(DATA / "iridium-2018-01-20.csv")
    assert len(tracks) == 71
    elements = {tle.name: tle.line_2 for tle in ephemeris.read_tles(IRIDIUM)}
    for name, track in tracks.items():
        x, y, z = track.position_m(3600)
        u, v, w = track.velocity_mps(3600)
        turn = 7.2921158553e-5  # back to a frame that does not turn
        u, v = u - turn * y, v + turn * x
        assert 6_371e3 + 600e3 < math.hypot(x, y, z) < 6_371e3 + 800e3
        normal = (y * w - z * v, z * u - x * w, x * v - y * u)
        assert math.degrees(math.acos(normal[2] / math.hypot(*normal))) == pytest.approx(
            float(elements[name][8:16]), abs=0.1
        )
