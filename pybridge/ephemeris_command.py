# SPDX-License-Identifier: GPL-2.0-only
"""The command `qntn ephemeris`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pybridge.ephemeris import MAX_EPOCH_AGE_DAYS, read_tles, write_ephemeris
from pybridge.errors import EphemerisError


def ephemeris(
    file: Annotated[Path, typer.Argument(metavar="FILE.tle", help="Two-line elements, with or without names.")],
    start: Annotated[str, typer.Option(help="Time 0 of the file, UTC: 2018-01-20T12:00:00.")],
    out: Annotated[Path, typer.Option(help="Where the positions are written, as CSV.")],
    duration: Annotated[float, typer.Option(help="Seconds from the start on.")] = 7200.0,
    step: Annotated[float, typer.Option(help="Seconds between two rows of a satellite.")] = 120.0,
    operational: Annotated[
        bool, typer.Option("--operational", help="Leave out satellites whose names end in [-].")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of row objects.")] = False,
) -> None:
    """Fly two-line elements with SGP4 and write an ephemeris file (ECEF) for scenarios."""
    try:
        begin = datetime.fromisoformat(start)
    except ValueError as error:
        raise EphemerisError(f"--start: found {start!r}, expected a time such as 2018-01-20T12:00:00") from error
    begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin.astimezone(UTC)
    tles = [tle for tle in read_tles(file) if tle.operational or not operational]
    write_ephemeris(out, tles, begin, duration_s=duration, step_s=step)
    far = [tle for tle in tles if abs(tle.epoch_age_days(begin)) > MAX_EPOCH_AGE_DAYS]
    if far:
        worst = max(far, key=lambda tle: abs(tle.epoch_age_days(begin)))
        Console(stderr=True, soft_wrap=True).print(
            f"warning: {len(far)} of {len(tles)} epochs are more than {MAX_EPOCH_AGE_DAYS:g} days from the start; "
            f"{worst.name}: {worst.epoch_age_days(begin):.1f} days. Positions may be many kilometres wrong: "
            "take newer elements.",
            style="yellow",
            markup=False,
        )
    rows = [
        {
            "satellite": tle.name,
            "number": tle.number,
            "epoch": tle.epoch.isoformat(timespec="seconds"),
            "epoch_age_days": round(tle.epoch_age_days(begin), 3),
        }
        for tle in tles
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("satellite", "number", "epoch", "age in days")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"{len(tles)} satellites: {out}", highlight=False)
