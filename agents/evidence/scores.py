# SPDX-License-Identifier: GPL-2.0-only
"""What the policies of a study reached: read from its evaluations, or from the table of utilities in its report."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.arrays import Array
from agents.evidence import statistics
from agents.evidence.folder import (
    LEFT_OUT,
    MODES,
    UTILITIES,
    ceiling_file,
    episodes_file,
    episodes_folder,
    trained_name,
    write_rows,
)
from agents.evidence.plan import CEILINGS
from agents.report import read_curve

Row = dict[str, Any]
BASELINE = "baseline"


@dataclass(frozen=True)
class Scores:
    """What one policy reached.

    Attributes:
        kind: "baseline", or how a trained policy acts: "greedy" or "sampled".
        variant: how it was trained; the policy's own name for a baseline.
        columns: name -> [R, N] of R training runs on N held-out seeds.
    """

    kind: str
    variant: str
    columns: dict[str, Array]

    @property
    def utility(self) -> Array:
        """[R, N]."""
        return self.columns["utility"]


def trained_policy(variant: str, mode: str) -> str:
    """What a report calls all training runs of a variant that act in one of `MODES`."""
    return f"{variant} ({mode})"


def read_scores(out: Path, plan: Row) -> dict[str, Scores]:
    """The evaluations that are there, by policy: "mappo (greedy)", "random", ..."""
    left_out = json.loads((out / LEFT_OUT).read_text()) if (out / LEFT_OUT).exists() else {}
    found = {}
    for variant in plan["variants"]:
        for mode in MODES:
            files = [episodes_file(out, trained_name(variant["name"], seed, mode)) for seed in variant["seeds"]]
            files = [file for file in files if file.exists()]
            if files and variant["name"] not in left_out:
                found[trained_policy(variant["name"], mode)] = Scores(mode, variant["name"], _stack(files))
    trained = {trained_name(v["name"], seed, mode) for v in plan["variants"] for seed in v["seeds"] for mode in MODES}
    for file in sorted(episodes_folder(out).glob("*.csv")):
        if file.stem not in trained:
            found[file.stem] = Scores(BASELINE, file.stem, _stack([file]))
    return found


def best_baseline(scores: dict[str, Scores]) -> str:
    """The name of the baseline with the best interquartile mean."""
    return max(
        (name for name, one in scores.items() if one.kind == BASELINE),
        key=lambda name: statistics.interquartile_mean(scores[name].utility),
    )


def write_utilities(out: Path, scores: dict[str, Scores]) -> None:
    """One row for each held-out episode; `run` counts a policy's training runs from 1."""
    rows = [
        {"policy": one.variant, "kind": one.kind, "run": run, "seed": int(seed), "utility": float(utility)}
        for one in scores.values()
        for run, (seeds, utilities) in enumerate(zip(one.columns["seed"], one.utility, strict=True), start=1)
        for seed, utility in zip(seeds, utilities, strict=True)
    ]
    write_rows(out / UTILITIES, rows)


def read_utilities(out: Path) -> dict[str, Scores]:
    """`read_scores` from what `write_utilities` wrote: of the figures the utility only."""
    runs: dict[tuple[str, str], dict[str, list[float]]] = {}
    with (out / UTILITIES).open(newline="") as stream:
        for row in csv.DictReader(stream):
            by_run = runs.setdefault((row["policy"], row["kind"]), {})
            by_run.setdefault(row["run"], []).append(float(row["utility"]))
    return {
        policy if kind == BASELINE else trained_policy(policy, kind): Scores(
            kind, policy, {"utility": np.array(list(by_run.values()))}
        )
        for (policy, kind), by_run in runs.items()
    }


def _stack(files: list[Path]) -> dict[str, Array]:
    tables = [read_curve(file) for file in files]
    return {name: np.stack([table[name] for table in tables]) for name in tables[0]}


BOUNDS = {
    "utility_hindsight": "shares in hindsight",
    "utility_alone": "slices alone",
    "utility_fixed_relays": "fluid optimum",
}
"""What could be reached at best, as `read_bounds` names it."""


def read_bounds(out: Path) -> dict[str, Array]:
    """What could be reached at best on each held-out seed, [1, N] by name; empty if the scenario has none.

    `utility_fixed_relays` and `utility_no_cost` are of `bounds/fluid.py`, the others of the modules of their names.
    """
    files = [ceiling_file(out, name) for name in CEILINGS]
    tables = [read_curve(file) for file in files if file.exists()]
    columns = {name: values[None] for table in tables for name, values in table.items()}
    return {name: values for name, values in columns.items() if name.startswith("utility_")}
