# SPDX-License-Identifier: GPL-2.0-only
"""`qntn run`: one episode of a policy, shown while it runs, as a KPI table and as a CSV of every step.

Metrics whose names end in `.<who>` (`satisfied_ratio.xr`, `key_fill_ratio.relation_2`) become the rows of one table
for each kind of `<who>`; the others stand in a table of their own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from agents.arrays import Array
from agents.policies import Policy

if TYPE_CHECKING:
    from pybridge import Batch, Schema, VectorEnv
    from pybridge.schema import Value


@dataclass(frozen=True)
class Recording:
    """All that one episode told.

    Attributes:
        utility: mean over the steps of the weighted metrics.
        columns: names of the columns of `rows`.
        rows: [T, columns], one per step: time, metrics, then mean reward and terms by role.
        metrics: [T, metrics].
        wall_s: how long it took.
    """

    seed: int
    utility: float
    columns: list[str]
    rows: Array
    metrics: Array
    wall_s: float

    def write_csv(self, file: Path) -> None:
        """Writes every step; the header names each column with its unit in the name."""
        write_steps(file, self.columns, self.rows)


def write_steps(file: Path, columns: Sequence[str], rows: Array) -> None:
    """A CSV file with one line per step: `rows` [T, columns]."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([f"{value:.9g}" for value in row] for row in rows)


def record(env: VectorEnv, policy: Policy, seed: int, console: Console) -> Recording:
    """Runs the episode with `seed` in environment 0, with live progress on `console`."""
    schema = env.schema
    rng = np.random.default_rng(seed)
    rows: list[Array] = []
    metrics: list[Array] = []
    with Progress(
        TextColumn(f"{schema.scenario}, {policy.name}, seed {seed}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=not console.is_terminal,
    ) as progress:
        task = progress.add_task("steps", total=episode_steps(schema), state="")
        batch = env.reset(seed=seed)
        ended = False
        step_s = schema.step_ns * 1e-9
        while not ended:
            batch = env.step(policy.act(batch, rng))
            ended = bool(batch.terminated[0] or batch.truncated[0])
            metrics.append(batch.metrics[0].copy())
            rows.append(np.array([step_s * (len(rows) + 1), *batch.metrics[0], *_role_values(schema, batch)]))
            utility = float(metrics[-1] @ schema.utility_weights)
            progress.update(task, advance=1, state=f"utility {utility:+.3f}")
        wall_s = progress.tasks[0].elapsed or 0.0
    table = np.array(metrics)
    return Recording(
        seed=seed,
        utility=float((table @ schema.utility_weights).mean()),
        columns=["time_s", *(metric.name for metric in schema.metrics), *_role_columns(schema)],
        rows=np.array(rows),
        metrics=table,
        wall_s=wall_s,
    )


def kpi_rows(schema: Schema, metrics: Array) -> list[dict[str, Any]]:
    """Mean, least and greatest value over the episode of each metric, as row objects."""
    return [
        {
            "metric": metric.name.partition(".")[0],
            "of": metric.name.partition(".")[2],
            "unit": metric.unit,
            "mean": float(column.mean()),
            "min": float(column.min()),
            "max": float(column.max()),
        }
        for metric, column in zip(schema.metrics, metrics.T, strict=True)
    ]


def kpi_tables(schema: Schema, metrics: Array) -> list[Table]:
    """A table for each kind of entity (slice, provider, relation, ...) with its metrics side by side."""
    groups: dict[str, dict[str, dict[str, float]]] = {}
    units: dict[str, str] = {}
    for row in kpi_rows(schema, metrics):
        kind = row["of"].rstrip("0123456789").rstrip("_") if row["of"] else ""
        groups.setdefault(kind, {}).setdefault(row["of"], {})[row["metric"]] = row["mean"]
        units[row["metric"]] = row["unit"]
    merged: dict[tuple[str, ...], dict[str, dict[str, float]]] = {}
    for entities in groups.values():  # kinds with the same metrics share a table
        columns = tuple(dict.fromkeys(name for values in entities.values() for name in values))
        merged.setdefault(columns, {}).update(entities)
    tables = []
    for columns, entities in merged.items():
        if "" in entities:
            table = Table("whole network", "mean over the episode", "unit")
            for name, value in entities[""].items():
                table.add_row(name, f"{value:.4g}", units[name])
        else:
            table = Table("", *(Column(f"{name}\n[dim]{units[name]}[/dim]", overflow="fold") for name in columns))
            for entity, values in entities.items():
                table.add_row(entity, *(f"{values[name]:.4g}" if name in values else "" for name in columns))
        tables.append(table)
    return tables


def recipe_file(csv_file: Path) -> Path:
    """Where the recipe of the episode in `csv_file` stands.

    Raises:
        ValueError: something else is there, or the episode would go where recipes of runs are.
    """
    if csv_file.suffix == ".json":
        raise ValueError(f"--csv {csv_file}: found a name that ends in .json, expected one such as {csv_file.stem}.csv")
    file = csv_file.with_suffix(".recipe.json")
    if file.exists():
        try:
            known = {"scenario", "policy", "seed", "parameters"} <= json.loads(file.read_text()).keys()
        except (ValueError, AttributeError):
            known = False
        if not known:
            raise ValueError(f"{file} is no recipe of `qntn run`, which would replace it; name another --csv")
    return file


def write_recipe(file: Path, schema: Schema, policy: str, seed: int, extra: Mapping[str, Value]) -> None:
    """Writes what repeats the result: scenario, every parameter, policy and seed."""
    recipe = {"scenario": schema.scenario, "policy": policy, "seed": seed, "parameters": schema.params, **extra}
    file.write_text(json.dumps(recipe, indent=1) + "\n")


def _role_columns(schema: Schema) -> list[str]:
    return [f"{role.name}.{name}" for role in schema.roles for name in ("reward", *(term.name for term in role.terms))]


def _role_values(schema: Schema, batch: Batch) -> list[float]:
    """Reward and terms, mean over the agents of each role."""
    values: list[float] = []
    for role in schema.roles:
        values += [float(batch.rewards[role.name][0].mean()), *batch.terms[role.name][0].mean(axis=0).tolist()]
    return values


def episode_steps(schema: Schema) -> int | None:
    """How many steps an episode has, if the scenario's parameters tell."""
    params = schema.params
    if "num_steps" in params:
        return int(params["num_steps"])
    if "episode_s" in params:
        return round(float(params["episode_s"]) / (schema.step_ns * 1e-9))
    return None
