# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench ran`: the radio access alone, in CPU time on one core."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pybridge.catalogue import native_folder
from pybridge.errors import QntnError

_ISSUE = {"ues": 30, "gnbs": 3, "satellites": 1}
_CASES: list[dict[str, Any]] = [
    {**_ISSUE, "mbps": 276, "profile": 1},
    {**_ISSUE, "mbps": 30, "profile": 1},
    {**_ISSUE, "mbps": 30, "ip": 1, "profile": 1},
    {**_ISSUE, "mbps": 276, "ip": 1},
    *({**_ISSUE, "ues": ues, "mbps": 276} for ues in (10, 100, 300)),
    *({**_ISSUE, "gnbs": gnbs, "mbps": 276} for gnbs in (1, 7, 19, 57)),
    {"ues": 300, "gnbs": 57, "satellites": 1, "mbps": 276, "profile": 1},
]

_COLUMNS = {
    "stack": "stack",
    "gnbs": "gnbs",
    "ues": "ues",
    "offered_mbps": "Mb/s",
    "delivered_mbps": "arrive",
    "real_time_factor": "x time",
    "slots_per_s": "slots/s",
    "packets_per_s": "packets/s",
    "resident_mb": "MB",
}
_PARTS = {
    "mobility": "move",
    "fading": "fade",
    "reports": "CQI",
    "discard": "late",
    "scheduling": "sched",
    "blocks": "blocks",
    "other": "other",
    "traffic": "traffic",
}


def cases(duration_s: float) -> Iterator[dict[str, Any]]:
    """Rows of the issue's network at two loads, then with more users and more cells, as each is done.

    Args:
        duration_s: simulated time of each row.

    Raises:
        QntnError: the measuring program failed.
    """
    for case in _CASES:
        yield run(**case, duration=duration_s)


def run(**options: float | str) -> dict[str, Any]:
    """One row: what the program `ran-bench` prints for these options.

    Raises:
        QntnError: the program failed; its last words are told.
    """
    program = native_folder() / "bin" / "ran-bench"
    command = [str(program), *(f"--{name}={value}" for name, value in options.items())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise QntnError(f"{' '.join(command)} failed with status {result.returncode}\n{result.stderr[-2000:]}".rstrip())
    row: dict[str, Any] = json.loads(result.stdout)
    return row


def as_tables(rows: list[dict[str, Any]]) -> list[Table]:
    """Speed of every row, and of those that were profiled where their time went, in percent."""
    speed = Table(*_COLUMNS.values(), title="radio access, CPU time on one core", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        speed.add_row(*(_text(row[name]) for name in _COLUMNS))
    profiled = [row for row in rows if "traffic_ratio" in row]
    headings = ("stack", "gnbs", "ues", "Mb/s", *_PARTS.values())
    shares = Table(*headings, title="percent of the time in", box=SIMPLE_HEAD, padding=0)
    for row in profiled:
        shares.add_row(
            *(_text(row[name]) for name in ("stack", "gnbs", "ues", "offered_mbps")),
            *(f"{100 * row[f'{part}_ratio']:.0f}" for part in _PARTS),
        )
    return [speed, shares]


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}"
