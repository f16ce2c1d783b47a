# SPDX-License-Identifier: GPL-2.0-only
"""The `qntn` command. What is about policies and learning is here; pybridge adds what is about scenarios."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import pybridge
from pybridge.commands import parse_params, print_json, register
from pybridge.schema import Value
from pybridge.simulator import Transport

app = typer.Typer(
    help="Co-simulation of QKD-secured 6G networks in ns-3, steered by multi-agent reinforcement learning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
register(app)
bench = typer.Typer(help="Measure; figures are of this machine and this moment.", no_args_is_help=True)
app.add_typer(bench, name="bench")

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="`qntn scenarios` lists them.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="name=value in place of a default; repeatable.")]
TransportName = Annotated[Transport, typer.Option(help="Between Python and the simulators.")]
Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]
NumEnvs = Annotated[int, typer.Option(min=1, help="Simulators at a time.")]


def main() -> None:
    """Entry point: errors that the user can mend are told in a few lines, with exit status 1."""
    try:
        app()
    except (pybridge.QntnError, ValueError, RuntimeError, FileNotFoundError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", highlight=False, soft_wrap=True, markup=False)
        sys.exit(1)


@app.command()
def run(
    name: ScenarioName,
    policy: Annotated[str, typer.Option(help="random, equal-share or proportional-to-demand.")] = "equal-share",
    seed: int = 1,
    param: Params = None,
    csv: Annotated[Path | None, typer.Option(help="Where every step is written.")] = None,
    transport: TransportName = "shm",
    as_json: Json = False,
) -> None:
    """Run one episode of a heuristic and show what came of it."""
    from agents import run as single
    from agents.policies import make_heuristic

    console = Console(stderr=as_json)
    file = csv or Path("results") / f"{name}-{policy}-seed{seed}.csv"
    with _make(name, 1, parse_params(param), transport) as env:
        recording = single.record(env, make_heuristic(policy, env.schema), seed, console)
        recording.write_csv(file)
        single.write_recipe(file.with_suffix(".json"), env.schema, policy, seed, {"utility": recording.utility})
        if as_json:
            print_json(single.kpi_rows(env.schema, recording.metrics))
            return
        for table in single.kpi_tables(env.schema, recording.metrics):
            console.print(table)
    console.print(f"utility {recording.utility:.4f}; every step: {file}", soft_wrap=True)


@app.command()
def train(
    name: ScenarioName,
    steps: Annotated[int | None, typer.Option(help="Environment steps in all. [default: 200000]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of networks, sampling and episodes. [default: 1]")] = None,
    num_envs: Annotated[int | None, typer.Option(help="Simulators at a time. [default: 2]")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of the run. [default: runs/SCENARIO-seedN]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    param: Params = None,
    config: Annotated[Path | None, typer.Option(help="Settings as TOML; see agents/config.py.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, such as role.cell.lr=3e-4; repeatable.")
    ] = None,
    transport: TransportName = "shm",
) -> None:
    """Train all roles of a scenario by hierarchical MAPPO."""
    from agents.config import read
    from agents.training import train as start

    console = Console()
    folder = run or Path("runs") / f"{name}-seed{1 if seed is None else seed}"
    start(
        name,
        folder,
        params=parse_params(param),
        settings=read(config, override or (), steps=steps, seed=seed, num_envs=num_envs),
        resume=resume,
        transport=transport,
        console=console,
    )
    console.print(f"trained: {folder}\nnext: qntn evaluate {folder}", soft_wrap=True)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    episodes: Annotated[int, typer.Option(min=2)] = 20,
    seeds_from: Annotated[int, typer.Option(help="First of the held-out seeds.")] = 10_000,
    sampled: Annotated[bool, typer.Option("--sampled", help="Sample actions instead of the likeliest.")] = False,
    num_envs: NumEnvs = 2,
    transport: TransportName = "shm",
    as_json: Json = False,
) -> None:
    """Compare a run with the heuristics on held-out seeds; writes evaluation.csv and episodes.csv into the run."""
    import torch

    from agents import evaluate as evaluation
    from agents.checkpoint import read_recipe
    from agents.trained import TrainedPolicy

    torch.set_num_threads(1)  # the simulators need the cores
    recipe = read_recipe(run)
    console = Console(stderr=as_json)
    with _make(recipe["scenario"], num_envs, recipe["params"], transport) as env:
        trained = TrainedPolicy(env.schema, run, num_envs=num_envs, greedy=not sampled)
        policies = [trained, *evaluation.baselines(env)]
        with _bar(console) as bar:
            tasks = {policy.name: bar.add_task(policy.name, total=episodes) for policy in policies}
            results = evaluation.evaluate(
                env,
                policies,
                episodes=episodes,
                seeds_from=seeds_from,
                on_progress=lambda policy, finished: bar.update(tasks[policy], completed=finished),
            )
        rows = evaluation.summarise(env, results)
        evaluation.write_csv(run / "evaluation.csv", rows)
        evaluation.write_csv(run / "episodes.csv", evaluation.episode_rows(env, results))
    if as_json:
        print_json(rows)
    else:
        console.print(evaluation.as_table(rows))


@app.command()
def headroom(
    name: ScenarioName,
    seeds: Annotated[int, typer.Option(min=1, help="Episodes for each policy.")] = 3,
    seeds_from: Annotated[int, typer.Option(help="First of the seeds.")] = 1,
    max_static: Annotated[int, typer.Option(min=1, help="Static policies that the search may try.")] = 120,
    num_envs: NumEnvs = 2,
    param: Params = None,
    transport: TransportName = "shm",
    as_json: Json = False,
) -> None:
    """Show how much decisions matter: heuristics against the best static policy of a coarse search."""
    from agents import headroom as search

    console = Console(stderr=as_json)
    with _make(name, num_envs, parse_params(param), transport) as env:
        with _bar(console) as bar:
            task = bar.add_task("static policies", total=max_static)
            found = search.study(
                env,
                seeds_from=seeds_from,
                seeds=seeds,
                max_static=max_static,
                on_progress=lambda policy, _: bar.advance(task) if policy == "static" else None,
            )
        lines = search.describe(env.schema, found.best)
    if as_json:
        print_json([row | {"seeds": seeds, "decisions": lines} for row in search.rows(found)])
        return
    console.print(search.as_table(found, range(seeds_from, seeds_from + seeds)))
    console.print("\n".join(["the best static policy is equal share, but:", *lines]), highlight=False)


@app.command()
def demo(
    small: Annotated[bool, typer.Option("--small", help="About a minute instead of ten.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results/demo"),
    name: Annotated[str, typer.Option("--scenario")] = "metaverse-city",
) -> None:
    """Run, train, evaluate and draw: the whole of qntn in one command."""
    from agents.demo import FULL, SMALL
    from agents.demo import demo as show

    show(name, out, SMALL if small else FULL, Console())


@bench.command("steps")
def bench_steps(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="[default: all]")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of each simulator.")] = 400,
    as_json: Json = False,
) -> None:
    """Environment steps per second of scenarios, by transport and number of simulators."""
    from agents import bench as measure

    rows = measure.steps(names or [scenario.name for scenario in pybridge.scenarios()], steps)
    if as_json:
        print_json(rows)
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


@bench.command("learner")
def bench_learner(
    steps: Annotated[int, typer.Option(min=1, help="Environment steps for each seed.")] = 60_000,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with the seeds 1, 2, ...")] = 3,
    override: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as worker.lr=5e-4.")] = None,
    as_json: Json = False,
) -> None:
    """The learner on a public task: greedy return and speed on simple_spread_v3 of mpe2."""
    from agents import yardstick

    console = Console(stderr=as_json)
    with _bar(console) as bar:
        tasks = {seed: bar.add_task(f"seed {seed}", total=steps) for seed in range(1, seeds + 1)}
        rows = yardstick.learner(steps, seeds, override or (), lambda seed, n: bar.update(tasks[seed], completed=n))
    if as_json:
        print_json(rows)
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


def _make(name: str, num_envs: int, params: dict[str, Value], transport: Transport) -> pybridge.VectorEnv:
    return pybridge.make_vec(name, num_envs=num_envs, params=params, transport=transport)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
