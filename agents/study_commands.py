# SPDX-License-Identifier: GPL-2.0-only
"""Commands of `qntn` about baselines, studies and what a trained policy does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pybridge.commands import print_json

Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file to `app`."""
    for command in (policies, study):
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
        table.add_row(row["policy"], escape(row["help"]))
    Console().print(table)


def study(
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="`qntn scenarios` lists them.")],
    quick: Annotated[bool, typer.Option("--quick", help="An evening on two cores; the default.")] = False,
    full: Annotated[bool, typer.Option("--full", help="For a cluster.")] = False,
    plan: Annotated[str, typer.Option(help="A plan of agents/studies/, or a TOML file of your own.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder. [default: results/study-SCENARIO-PLAN]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a study that was stopped.")] = False,
    report_only: Annotated[bool, typer.Option("--report", help="Only write the report of what there is.")] = False,
) -> None:
    """Train variants, evaluate them and all baselines on the same seeds, and write a report."""
    if quick + full + bool(plan) > 1:
        raise ValueError("--quick, --full and --plan exclude each other; give one of them")
    chosen = plan or ("full" if full else "quick")
    folder = out or Path("results") / f"study-{name}-{Path(chosen).stem}"
    if report_only:
        from agents.study_report import write_report

        Console().print(str(write_report(folder)), soft_wrap=True, highlight=False)
        return
    from agents import study as work
    from agents.study_plan import read_plan

    work.study(name, read_plan(chosen), folder, Console(), resume=resume)
