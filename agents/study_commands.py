# SPDX-License-Identifier: GPL-2.0-only
"""Commands of `qntn` about baselines, studies and what a trained policy does."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pybridge.commands import print_json

Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file to `app`."""
    for command in (policies,):
        app.command()(command)


def policies(as_json: Json = False) -> None:
    """List the policies that need no learning."""
    from agents.policies import heuristics

    rows = [{"policy": name, "help": (kind.__doc__ or "").split("\n")[0]} for name, kind in heuristics().items()]
    if as_json:
        print_json(rows)
        return
    table = Table("policy", "what it does")
    for row in rows:
        table.add_row(row["policy"], row["help"])
    Console().print(table)
