# SPDX-License-Identifier: GPL-2.0-only
"""Row objects on a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def print_table(rows: list[dict[str, Any]], console: Console) -> None:
    """Row objects as a table; its headings wrap between words, its figures never, however narrow the console."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for number, name in enumerate(rows[0]):
        cells = ["" if row[name] is None else str(row[name]) for row in rows]
        table.add_column(
            name.replace("_", " "),
            justify="right" if number else "left",
            no_wrap=number == 0,
            min_width=max(map(len, [*name.split("_"), *cells])),
        )
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    needed = sum((column.min_width or 0) + 1 for column in table.columns) + 1
    console.print(table, width=max(console.width, needed), crop=False)
