# SPDX-License-Identifier: GPL-2.0-only
"""Commands of `qntn` about baselines, studies and what a trained policy does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agents.files import check_writable
from pybridge.commands import print_json

Json = Annotated[bool, typer.Option("--json", help="Print a list of row objects.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file to `app`."""
    for command in (policies, study, compare, watch, replay, export):
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
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a study that was stopped, or grew.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each in a process of its own.")] = 1,
    ray_address: Annotated[str, typer.Option(help="Of a Ray cluster, such as HOST:PORT, that does all runs.")] = "",
    report_only: Annotated[bool, typer.Option("--report", help="Only write the report of what there is.")] = False,
) -> None:
    """Train variants, evaluate them and all baselines on the same seeds, and write a report."""
    if quick + full + bool(plan) > 1:
        raise ValueError("--quick, --full and --plan exclude each other; give one of them")
    if ray_address and jobs > 1:
        raise ValueError("--jobs and --ray-address exclude each other: a cluster does as many runs as fit its cores")
    chosen = plan or ("full" if full else "quick")
    folder = out or Path("results") / f"study-{name}-{Path(chosen).stem}"
    if report_only:
        from agents.evidence.report import write_report

        Console().print(str(write_report(folder)), soft_wrap=True, highlight=False)
        return
    from agents.evidence import study as work
    from agents.evidence.plan import read_plan

    work.study(name, read_plan(chosen), folder, Console(), resume=resume, jobs=jobs, ray_address=ray_address)


def compare(
    studies: Annotated[list[Path], typer.Argument(metavar="STUDY...", help="Folders with their reports.")],
    as_json: Json = False,
) -> None:
    """Show how probably, and by how much, the first algorithm of several studies is better than the others."""
    from agents.evidence.across import as_table
    from agents.evidence.across import compare as rows_of

    rows = rows_of(studies)
    if as_json:
        print_json(rows)
        return
    console = Console()
    console.print(as_table(rows))
    console.print(
        f"Probability that a run of {rows[0]['reference']} does better on a held-out seed than one of the other, and "
        "by how much its mean utility is higher, with 95 % intervals; over all studies they are the means of theirs.",
        highlight=False,
    )


def watch(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
) -> None:
    """Show a training run in the terminal while it goes on, or as it ended."""
    from agents.watch import watch as show

    show(run, Console(), once=once)


def replay(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the episode.")] = 10_000,
    out: Annotated[Path | None, typer.Option(help="Folder. [default: replay-seedN in the run]")] = None,
    policy: Annotated[str, typer.Option(help="A baseline in place of the run's policy; see `qntn policies`.")] = "",
) -> None:
    """Run one episode of a trained policy: every number in trace.csv, and replay.gif."""
    import pybridge
    from agents.checkpoint import read_recipe
    from agents.policies import Policy, make_heuristic
    from agents.replay import animate, trace
    from agents.trained import TrainedPolicy

    recipe = read_recipe(run)
    folder = out or run / f"replay-seed{seed}"
    check_writable(folder / "trace.csv", folder / "replay.gif")
    with pybridge.make_vec(recipe["scenario"], num_envs=1, params=recipe["params"]) as env:
        chosen: Policy = make_heuristic(policy, env.schema) if policy else TrainedPolicy(env.schema, run, num_envs=1)
        episode = trace(env, chosen, seed)
        schema = env.schema
    episode.write_csv(folder / "trace.csv")
    animate(folder / "replay.gif", schema, episode, f"{recipe['scenario']}, {chosen.name}, seed {seed}")
    Console().print(
        f"utility {episode.utility:.4f}; {len(episode.columns)} columns, {len(episode.rows)} steps: "
        f"{folder / 'trace.csv'}, {folder / 'replay.gif'}",
        soft_wrap=True,
        highlight=False,
    )


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path | None, typer.Option(help="File. [default: policy.pt or policy.onnx in the run]")] = None,
    kind: Annotated[str, typer.Option("--format", help="torchscript or onnx.")] = "torchscript",
    steps: Annotated[int, typer.Option(min=1, help="On which the file is compared with the policy.")] = 200,
) -> None:
    """Write a trained policy as TorchScript or ONNX, and check that the file acts as the policy does."""
    import pybridge
    from agents.checkpoint import read_recipe
    from agents.export import export as write

    if kind not in ("torchscript", "onnx"):
        raise ValueError(f"--format {kind}: expected torchscript or onnx")
    recipe = read_recipe(run)
    file = out or run / ("policy.onnx" if kind == "onnx" else "policy.pt")
    check_writable(file)
    with pybridge.make_vec(recipe["scenario"], num_envs=2, params=recipe["params"]) as env:
        done = write(env, run, file, "onnx" if kind == "onnx" else "torchscript", steps=steps)
    Console().print(
        f"{done.file}: acts as the policy does on {done.steps} steps (greatest difference "
        f"{done.greatest_difference:.1e})",
        soft_wrap=True,
        highlight=False,
    )
