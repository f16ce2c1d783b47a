# SPDX-License-Identifier: GPL-2.0-only
"""The `qntn` command. What is about policies and learning is here; pybridge adds what is about scenarios."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import pybridge
from agents import study_commands
from agents.files import check_writable
from agents.tables import print_table
from pybridge.commands import parse_params, print_json, register
from pybridge.kms.commands import kms
from pybridge.schema import Value
from pybridge.simulator import Transport

app = typer.Typer(
    help="Co-simulation of QKD-secured 6G networks in ns-3, steered by multi-agent reinforcement learning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
register(app)
study_commands.register(app)
bench = typer.Typer(help="Measure; figures are of this machine and this moment.", no_args_is_help=True)
app.add_typer(bench, name="bench")
app.add_typer(kms, name="kms")

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="`qntn scenarios` lists them.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="name=value in place of a default; repeatable.")]
TransportName = Annotated[Transport, typer.Option(help="Between Python and the simulators.")]
Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]
NumEnvs = Annotated[int, typer.Option(min=1, help="Simulators at a time.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the episode.")]


def main() -> None:
    """Entry point: errors that the user can mend are told in a few lines, with exit status 1."""
    try:
        app()
    except (pybridge.QntnError, ValueError, RuntimeError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror:  # what the system said
            text = ": ".join(str(part) for part in (error.filename, error.filename2, error.strerror) if part)
        Console(stderr=True).print(f"error: {text}", style="red", highlight=False, soft_wrap=True, markup=False)
        sys.exit(1)


@app.command()
def run(
    name: ScenarioName,
    policy: Annotated[str, typer.Option(help="`qntn policies` lists them.")] = "equal-share",
    seed: Seed = 1,
    param: Params = None,
    csv: Annotated[Path | None, typer.Option(help="Where every step is written; beside it NAME.recipe.json.")] = None,
    transport: TransportName = "shm",
    attach: Annotated[
        bool, typer.Option("--attach", help="Wait for a simulator that you start, under gdb say.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one episode of a heuristic and show what came of it."""
    from agents import run as single
    from agents.policies import make_heuristic

    console = Console(stderr=as_json)
    file = csv or Path("results") / f"{name}-{policy}-seed{seed}.csv"
    recipe = single.recipe_file(file)
    check_writable(file, recipe)
    scenario = pybridge.attach(name, tell=Console(stderr=True, soft_wrap=True).print) if attach else name
    with _make(scenario, 1, parse_params(param), transport, seed) as env:
        recording = single.record(env, make_heuristic(policy, env.schema), seed, console)
        recording.write_csv(file)
        single.write_recipe(recipe, env.schema, policy, seed, {"utility": recording.utility})
        if as_json:
            print_json(single.kpi_rows(env.schema, recording.metrics))
            return
        for table in single.kpi_tables(env.schema, recording.metrics):
            console.print(table)
    console.print(f"utility {recording.utility:.4f}; every step: {file}", soft_wrap=True)


@app.command()
def train(
    name: ScenarioName,
    algorithm: Annotated[
        str | None, typer.Option(help="mappo, flat-mappo, ippo, happo, maddpg, ..., or a .py file of yours.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Environment steps in all. [default: 200000]")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of networks, sampling and episodes. [default: 1]")] = None,
    num_envs: Annotated[int | None, typer.Option(min=1, help="Simulators at a time. [default: 2]")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of the run. [default: runs/SCENARIO-seedN]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    param: Params = None,
    config: Annotated[Path | None, typer.Option(help="Settings as TOML; see agents/settings.py.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, such as role.cell.lr=3e-4; repeatable.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="Where simulators are stepped: inline, local or ray. [default: local]")
    ] = None,
    num_runners: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the simulators. [default: 1]")
    ] = None,
    ray_address: Annotated[str | None, typer.Option(help="Of a Ray cluster. [default: one of its own here]")] = None,
    transport: TransportName = "shm",
) -> None:
    """Train all roles of a scenario, by hierarchical MAPPO or another algorithm (agents/algorithms)."""
    from agents.checkpoint import RECIPE
    from agents.settings import read
    from agents.training import train as start

    console = Console()
    variant = f"-{Path(algorithm).stem}" if algorithm else ""
    folder = run or Path("runs") / f"{name}{variant}-seed{1 if seed is None else seed}"
    settings = read(
        config,
        override or (),
        algorithm=algorithm,
        steps=steps,
        seed=seed,
        num_envs=num_envs,
        backend=backend,
        num_runners=num_runners,
        ray_address=ray_address,
    )
    try:
        done = start(
            name,
            folder,
            params=parse_params(param),
            settings=settings,
            resume=resume,
            transport=transport,
            console=console,
        )
    except KeyboardInterrupt:
        begun = (folder / RECIPE).exists()
        again = f"go on with: qntn train {name} --run {shlex.quote(str(folder))} --resume"
        console.print(f"stopped; {again if begun else 'nothing has been written'}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None
    what = "trained" if done else "nothing left to train (--steps N, with more of them, goes on)"
    console.print(f"{what}: {folder}\nnext: qntn evaluate {folder}", soft_wrap=True)


@app.command()
def sweep(
    name: ScenarioName,
    grid: Annotated[list[str], typer.Option(help="key=value,value, such as worker.lr=1e-4,3e-4; repeatable.")],
    samples: Annotated[int, typer.Option(min=1, help="Runs of each combination, with the seeds 1, 2, ...")] = 1,
    steps: Annotated[int | None, typer.Option(min=1, help="Environment steps of each run. [default: 200000]")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs. [default: runs/sweep-SCENARIO]")] = None,
    param: Params = None,
    override: Annotated[list[str] | None, typer.Option("--set", help="A setting of all runs.")] = None,
    ray_address: Annotated[str, typer.Option(help="Of a Ray cluster. [default: one of its own here]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of row objects, one for each run.")] = False,
) -> None:
    """Train with every combination of some settings, by Ray Tune; the best mean utility over seeds comes first.

    Utility is of policies that still explore, in the last quarter of training; `qntn evaluate` acts greedily.
    """
    from agents import sweep as tuning

    folder = out or Path("runs") / f"sweep-{name}"
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():  # Ray Tune has a banner
        rows = tuning.sweep(
            name,
            grid,
            folder,
            seeds=samples,
            steps=steps,
            overrides=override or (),
            params=parse_params(param),
            address=ray_address,
        )
    _print_rows(rows if as_json else tuning.by_setting(rows), as_json)
    if not as_json:
        Console().print(
            "utility: mean over seeds, of policies that still explore in the last quarter of training; every run: "
            f"{folder / tuning.TABLE}",
            soft_wrap=True,
            highlight=False,
        )


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    episodes: Annotated[int, typer.Option(min=2)] = 20,
    seeds_from: Annotated[int, typer.Option(min=0, help="First of the held-out seeds.")] = 10_000,
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
    check_writable(run / "evaluation.csv", run / "episodes.csv")
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
        console.print(evaluation.title(rows), highlight=False)
        print_table(evaluation.table(rows), console)


@app.command()
def headroom(
    name: ScenarioName,
    seeds: Annotated[int, typer.Option(min=1, help="Episodes for each policy.")] = 3,
    seeds_from: Annotated[int, typer.Option(min=0, help="First of the seeds.")] = 1,
    max_static: Annotated[int, typer.Option(min=1, help="Static policies that the search may try.")] = 120,
    num_envs: NumEnvs = 2,
    param: Params = None,
    transport: TransportName = "shm",
    as_json: Json = False,
) -> None:
    """Show how much decisions matter: heuristics against the best static policy of a coarse search."""
    from agents.bounds import headroom as search

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
def bound(name: ScenarioName, as_json: Json = False) -> None:
    """Show the least that a key network can cost which serves the demands of a scenario, and where it builds."""
    from agents.bounds import key_network
    from pybridge.catalogue import native_folder

    found = pybridge.scenario(name)
    data = native_folder() / "data" / "qkd"
    problem = key_network.scenario_problem(found, data)
    placement = key_network.relay_placement(**problem)
    label = key_network.cost_set_label(data, found.bound["cost_set"])
    unit = key_network.cost_set_unit(data, found.bound["cost_set"])
    in_unit = unit.partition(" (")[0].lower().replace(" ", "_")
    rows = key_network.rows(problem["edges"], placement)
    if as_json:
        print_json(
            [
                {
                    "scenario": name,
                    "cost_set": label,
                    f"cost_{in_unit}": placement.cost,
                    f"relaxed_cost_{in_unit}": placement.relaxed_cost,
                    "cost_unit": unit,
                    "inline_relays": placement.inline_relays,
                    "edges": rows,
                }
            ]
        )
        return
    console = Console()
    print_table(rows, console)
    console.print(
        f"least cost {placement.cost:,.2f} {unit} with cost set {label}, {placement.inline_relays} relays between "
        f"spans; without integrality {placement.relaxed_cost:,.2f} {unit}",
        soft_wrap=True,
    )


@app.command("key-pictures")
def key_pictures(
    name: ScenarioName = "secoqc",
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("results/keys"),
    seed: Seed = 1,
    param: Params = None,
) -> None:
    """Draw what a key network does: pools, requests, key by cause, rates of its links, cost against demand."""
    from agents.key_pictures import pictures

    with _make(name, 1, parse_params(param), "shm") as env:
        for file in pictures(env, pybridge.scenario(name), out, seed):
            Console().print(str(file), soft_wrap=True, highlight=False)


@app.command()
def kpis(
    name: ScenarioName = "metaverse-city",
    out: Annotated[Path, typer.Option(help="Folder for kpis.csv and the pictures.")] = Path("results/kpis"),
    policy: Annotated[str, typer.Option(help="A baseline; see `qntn policies`.")] = "equal-share",
    seed: Seed = 1,
    param: Params = None,
    as_json: Json = False,
) -> None:
    """Run an episode and show the radio's key figures by slice, provider and cell; by user too in kpis.csv."""
    from agents import kpi_pictures

    file = kpi_pictures.record(name, out, policy, seed, parse_params(param))
    rows = kpi_pictures.read(file)
    if as_json:
        print_json([{"of": row.of, "name": row.name, "direction": row.direction, **row.figures} for row in rows])
    console = Console(stderr=as_json)
    table = Table(title=f"{name}, {policy}, seed {seed}", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.caption = "late: of packets; satisfied: of users; gap: without a cell, sum over users"
    for column in ("", "Mb/s", "p50 ms", "p99 ms", "p99.9", "late", "satisfied", "BLER", "PRBs", "gap s"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    shown = [row for row in rows if row.of != "ue"]
    for row, after in zip(shown, [*shown[1:], None], strict=True):
        figures = row.figures
        table.add_row(
            row.label,
            f"{figures['throughput_bps'] / 1e6:.2f}",
            *(f"{1e3 * figures[delay]:.1f}" for delay in ("delay_p50_s", "delay_p99_s", "delay_p999_s")),
            f"{row.violation_ratio:.1%}",
            f"{figures['satisfied_ratio']:.0%}",
            f"{figures['bler_ratio']:.3f}",
            f"{figures['prb_utilisation_ratio']:.0%}",
            f"{figures['interruption_s']:.2f}",
            end_section=after is not None and after.of != row.of,
        )
    console.print(table)
    for picture in (file, *kpi_pictures.pictures(rows, out, f"{name}, {policy}")):
        console.print(str(picture), soft_wrap=True, highlight=False)


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
    from agents.bench import steps as measure

    rows = measure.steps(names or [scenario.name for scenario in pybridge.scenarios()], steps)
    _print_rows(rows, as_json)


@bench.command("bridge")
def bench_bridge(
    round_trips: Annotated[int, typer.Option(min=1000, help="Of each row.")] = 20_000,
    as_json: Json = False,
) -> None:
    """The exchange with a simulator that simulates nothing, beside what this machine allows."""
    from pybridge import bench as measure

    _print_rows(measure.bridge(round_trips), as_json)


@bench.command("starts")
def bench_starts(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO]...")] = None, as_json: Json = False
) -> None:
    """How long a Python process takes to its first step, and a reset to its first observation."""
    from pybridge import bench as measure

    rows = measure.starts()
    resets = [row for name in names or ["tiny", "metaverse-city"] for row in measure.resets(name, 10)]
    if as_json:
        print_json([*rows, *resets])
        return
    _print_rows(rows, as_json=False)
    _print_rows(resets, as_json=False)


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(rows, Console())


@bench.command("guest")
def bench_guest(
    round_trips: Annotated[int, typer.Option(min=1, help="Of each row.")] = 2000,
    as_json: Json = False,
) -> None:
    """Round trips of programs written for ns3-gym and ns3-ai."""
    from pybridge.guest import bench as measure

    rows = measure.guests(round_trips)
    _print_rows(rows, as_json)


@bench.command("learner")
def bench_learner(
    steps: Annotated[int, typer.Option(min=1, help="Environment steps for each seed.")] = 60_000,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with the seeds 1, 2, ...")] = 3,
    override: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as worker.lr=5e-4.")] = None,
    as_json: Json = False,
) -> None:
    """The learner on a public task: greedy return and speed on simple_spread_v3 of mpe2."""
    from agents.bench import yardstick

    console = Console(stderr=as_json)
    with _bar(console) as bar:
        tasks = {seed: bar.add_task(f"seed {seed}", total=steps) for seed in range(1, seeds + 1)}
        rows = yardstick.learner(steps, seeds, override or (), lambda seed, n: bar.update(tasks[seed], completed=n))
    _print_rows(rows, as_json)


@bench.command("training")
def bench_training(
    name: Annotated[str, typer.Argument(metavar="[SCENARIO]")] = "metaverse-city",
    steps: Annotated[int, typer.Option(min=1, help="Environment steps of each row, in whole rollouts.")] = 2400,
    override: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as worker.epochs=2.")] = None,
    as_json: Json = False,
) -> None:
    """Speed of training with 1 and 2 simulators, where the time goes, and memory."""
    from agents.bench import training as measure

    rows = measure.training(name, steps, override or ())
    if as_json:
        print_json(rows)
        return
    Console().print(measure.as_table(rows))


@bench.command("ran")
def bench_ran(
    duration: Annotated[float, typer.Option(min=0.1, help="Simulated seconds of each row.")] = 3,
    as_json: Json = False,
) -> None:
    """CPU time of the radio access on one core against simulated time, where it goes, and how it grows."""
    from agents.bench import ran as measure

    rows = list(measure.cases(duration))
    if as_json:
        print_json(rows)
        return
    for table in measure.as_tables(rows):
        Console().print(table)


@bench.command("qkd")
def bench_qkd(
    kmes: Annotated[list[int] | None, typer.Option(min=4, help="Sizes; repeatable. [default: 14 50 100 200]")] = None,
    simulated_s: Annotated[float, typer.Option(min=120, help="Of each network.")] = 3600.0,
    as_json: Json = False,
) -> None:
    """Speed and memory of a key network of packets with faults, by its size."""
    from agents.bench import qkd as measure

    rows = measure.measure(kmes or [14, 50, 100, 200], simulated_s)
    _print_rows(rows, as_json)


def _make(
    name: str | pybridge.Scenario, num_envs: int, params: dict[str, Value], transport: Transport, seed: int = 1
) -> pybridge.VectorEnv:
    return pybridge.make_vec(name, num_envs=num_envs, params=params, transport=transport, seed=seed)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
