# SPDX-License-Identifier: GPL-2.0-only
"""The commands of `qntn` that are about scenarios: list, describe, build."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from pybridge import remote
from pybridge.build import build_clone, build_folder
from pybridge.catalogue import built, read_scenario, scenario
from pybridge.ephemeris_command import ephemeris
from pybridge.errors import ParameterError
from pybridge.link import make_keys
from pybridge.schema import Schema, Value
from pybridge.vector import VectorEnv

Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="name=value in place of a default; repeatable.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command("scenarios")(list_scenarios)
    app.command("describe")(describe)
    app.command("build")(build)
    app.command("check")(check)
    app.command("trace")(trace)
    app.command("keys")(keys)
    app.command("serve")(serve)
    app.command("ephemeris")(ephemeris)


def keys(folder: Annotated[Path, typer.Argument(metavar="FOLDER")]) -> None:
    """Make the keys for simulators on other machines: FOLDER/python stays, FOLDER/simulator goes there."""
    for file in make_keys(folder):
        Console().print(str(file), soft_wrap=True, highlight=False)


def serve(
    endpoint: Annotated[str, typer.Argument(metavar="tcp://ADDRESS:PORT")],
    keys: Annotated[Path, typer.Option(help="Folder simulator/ of `qntn keys`.")],
) -> None:
    """Run simulators for a Python on another machine, until it lets go."""
    remote.serve(endpoint, keys=keys, tell=lambda text: Console(stderr=True).print(text, soft_wrap=True))


def list_scenarios(as_json: Json = False) -> None:
    """List the scenarios that have been built, and what is wrong with their parameter files."""
    rows = []
    for name, (file, program) in built().items():
        title, problem = "", ""
        try:
            title = read_scenario(file, program).title
        except ParameterError as error:
            problem = str(error)
        rows.append({"scenario": name, "title": title, "program": str(program), "problem": problem})
    if as_json:
        print_json(rows)
        return
    table = Table("scenario", "title")
    for row in rows:
        table.add_row(row["scenario"], "(broken, see below)" if row["problem"] else escape(row["title"]))
    console = Console()
    console.print(table)
    for row in rows:
        if row["problem"]:
            console.print(row["problem"], soft_wrap=True, highlight=False, markup=False)


def describe(
    name: Annotated[str, typer.Argument(metavar="SCENARIO")], param: Params = None, as_json: Json = False
) -> None:
    """Show every field of a scenario with unit, bounds and help."""
    found = scenario(name)
    with VectorEnv(found, num_envs=1, params=parse_params(param), seed=1, transport="shm") as env:
        rows = _rows(env.schema)
    if as_json:
        print_json(rows)
        return
    console = Console()
    paragraphs = " ".join(found.description.split())
    console.print(f"[bold]{found.name}[/bold]: {found.title}\n{paragraphs}\n", highlight=False)
    for heading in dict.fromkeys(row["of"] for row in rows):
        part = [row for row in rows if row["of"] == heading]
        table = Table(
            Column("name", no_wrap=True),
            Column("size", justify="right"),
            Column("range, unit", overflow="fold", max_width=14),
            Column("help", overflow="fold", min_width=22),
            title=heading,
            title_justify="left",
        )
        for kind in dict.fromkeys(row["kind"] for row in part):
            if len({row["kind"] for row in part}) > 1:
                table.add_row(f"[bold]{kind}[/bold]")
            for row in part:
                if row["kind"] == kind:
                    table.add_row(row["name"], str(row["size"]), f"{row['range']} {row['unit']}", row["help"])
            table.add_section()
        console.print(table)


def build(
    folder: Annotated[
        Path | None, typer.Option("--scenarios", help="Build the scenarios of this folder instead of the clone's.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Print only what goes wrong.")] = False,
) -> None:
    """Rebuild scenario programs after an edit, or build those of your own folder."""
    if folder is None:
        build_clone(quiet=quiet)
        return
    output = build_folder(folder, quiet=quiet)
    if not quiet:
        Console().print(f"Built {folder}. To use it:\n  export QNTN_SCENARIO_PATH={output}", soft_wrap=True)


def check(
    name: Annotated[str, typer.Argument(metavar="SCENARIO")],
    steps: Annotated[int, typer.Option(min=2, help="How many steps are looked at.")] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    extremes: Annotated[bool, typer.Option(help="Try the bounds of each numeric parameter.")] = False,
    param: Params = None,
    as_json: Json = False,
) -> None:
    """Run a scenario and review it: bounds, units, masks, rewards, determinism, influence, speed."""
    from pybridge.checking import check as review

    report = review(scenario(name), params=parse_params(param), seed=seed, steps=steps, extremes=extremes)
    if as_json:
        print_json(report.rows())
    else:
        typer.echo(report.text())
    if report.problems:
        raise typer.Exit(1)


def trace(
    file: Annotated[Path, typer.Argument(help="Written by a program that ran with QNTN_TRACE=1.")],
    env: Annotated[int | None, typer.Option(help="One environment only.")] = None,
    role: Annotated[str | None, typer.Option(help="One role only.")] = None,
    field: Annotated[str | None, typer.Option(help="One field only.")] = None,
    steps: Annotated[str, typer.Option(help="FROM:TO, of steps since the reset.")] = ":",
    diff: Annotated[Path | None, typer.Option(help="Name the first difference from this trace instead.")] = None,
    as_json: Json = False,
) -> None:
    """Print a trace with names and units, or where two of them part."""
    from pybridge.trace import first_difference, read_trace

    found = read_trace(file)
    if diff is not None:
        difference = first_difference(found, read_trace(diff))
        if as_json:
            print_json([] if difference is None else [difference])
        elif difference is None:
            typer.echo("The traces tell the same.")
        else:
            place = [
                f"{key} {difference[key]}"
                for key in ("record", "step", "env", "agent")
                if difference.get(key, "") != ""
            ]
            field_name = f"{difference.get('field', '')}[{difference.get('index', 0)}]" if "field" in difference else ""
            values = f": {difference['a']} and {difference['b']}" if "a" in difference else ""
            typer.echo(f"First difference at {', '.join(place)}: {difference['kind']} {field_name}{values}")
        if difference is not None:
            raise typer.Exit(1)
        return
    first, colon, last = steps.partition(":")
    try:
        wanted = slice(int(first) if first else 0, int(last) if last else (None if colon else int(first) + 1))
    except ValueError as error:
        raise ParameterError(f"--steps: found {steps!r}, expected FROM:TO") from error
    if wanted.stop is not None and wanted.stop <= wanted.start:
        raise ParameterError(f"--steps: found {steps!r}, which has no step in it; expected FROM:TO with FROM below TO")
    if env is not None and not 0 <= env < found.num_envs:
        raise ParameterError(f"--env: found {env}, the trace has environments 0 .. {found.num_envs - 1}")
    rows = found.rows(env=env, role=role, fieldname=field, steps=wanted)
    if as_json:
        print_json(list(rows))
        return
    for row in rows:
        values = " ".join(f"{value:g}" for value in row["value"])
        who = f"env {row['env']} {row['agent']}".rstrip()
        typer.echo(
            f"step {row['step']} {row['time_s']:g} s {who}: {row['kind']} {row['field']} = {values} {row['unit']}"
        )
    if found.truncated:
        typer.echo("(the last record is cut off)", err=True)


def parse_params(texts: Iterable[str] | None) -> dict[str, Value]:
    """`name=value` texts as values: a number where it reads as one.

    Raises:
        ParameterError: a text has no `=`.
    """
    params: dict[str, Value] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"--param: found {text!r}, expected name=value")
        params[name] = _value(value)
    return params


def print_json(rows: list[dict[str, Any]]) -> None:
    """Prints rows for another program to read."""
    typer.echo(json.dumps(rows, indent=1))


def _value(text: str) -> Value:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _rows(schema: Schema) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def add(of: str, kind: str, name: str, size: int, span: str, unit: str, text: str) -> None:
        rows.append({"of": of, "kind": kind, "name": name, "size": size, "range": span, "unit": unit, "help": text})

    for role in schema.everyone:
        agents = "1 agent" if role.num_agents == 1 else f"{role.num_agents} agents, each"
        does = (
            f"{agents} {_period(role.period)}" if role.actions else "decides nothing, seen by critics in training only"
        )
        of = f"role {role.name}: {does}; {role.help}"
        for field in role.observations:
            add(of, "observation", field.name, field.size, f"{field.low:g} .. {field.high:g}", field.unit, field.help)
        for action in role.actions:
            labels = f" ({', '.join(action.labels)})" if action.labels else ""
            span = {
                "simplex": "shares of 1",
                "categorical": f"{action.num_choices} choices",
                "box": f"{action.low:g} .. {action.high:g}",
            }[action.kind]
            add(of, "action", action.name, action.size, span, action.unit, action.help + labels)
        for term, weight in zip(role.terms, role.reward_weights, strict=True):
            add(of, "term", term.name, 1, f"weight {weight:g}", term.unit, term.help)
    for metric in schema.metrics:
        weight = schema.utility.get(metric.name)
        add("metrics", "metric", metric.name, 1, f"weight {weight:g}" if weight else "", metric.unit, metric.help)
    for parameter in schema.parameters:
        numeric = not isinstance(parameter.value, str)
        span = f"{parameter.value} ({parameter.low:g} .. {parameter.high:g})" if numeric else str(parameter.value)
        add("parameters", "parameter", parameter.name, 1, span, parameter.unit, parameter.help)
    return rows


def _period(period: int) -> str:
    return "acting at every step" if period == 1 else f"acting every {period} steps"
