# SPDX-License-Identifier: GPL-2.0-only
"""`qntn compare`: what several studies say together, each a task of its own. Needs their reports only.

One task tells little between algorithms that are near each other. Over several, the mean of the probabilities of
improvement has a shorter interval (Agarwal et al. 2021 average over tasks in the same way). Studies of one task whose
training seeds differ are taken as one. Tasks of one scenario with the same held-out seeds share draws of these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Column, Table

from agents.arrays import Array
from agents.evidence import statistics
from agents.evidence.folder import MODES, PLAN, UTILITIES
from agents.evidence.scores import BASELINE, Scores, best_baseline, read_utilities, trained_policy

Row = dict[str, Any]
Pair = tuple[Array, Array]
HeldOut = tuple[str, int, int]
BEST_BASELINE = "best baseline"
HELD_OUT = ("seeds_from", "episodes")
PROTOCOL = ("steps", *HELD_OUT, "num_envs")
"""What of a plan its runs depend on, beside scenario, parameters and settings."""
ALL = "all"


@dataclass(frozen=True)
class Task:
    """One study, or several of the same task.

    Attributes:
        study: its folder's name.
        held_out: scenario, first held-out seed and number of them.
        reference: the variant that the others are compared with.
        algorithms: the others.
        scores: by policy, as `scores` names it.
        terms: what studies of the same task must agree on to be taken as one: settings by variant, steps, episodes.
        runs: variant and training seed of each run.
    """

    study: str
    held_out: HeldOut
    reference: str
    algorithms: tuple[str, ...]
    scores: dict[str, Scores]
    terms: dict[str, Any]
    runs: frozenset[tuple[str, int]]

    def pair(self, other: str, mode: str) -> Pair | None:
        """Utilities of the reference and of `other`, both acting in `mode`; None where the study lacks one of them."""
        ours = self.scores.get(trained_policy(self.reference, mode))
        name = best_baseline(self.scores) if other == BEST_BASELINE else trained_policy(other, mode)
        theirs = self.scores.get(name)
        return None if ours is None or theirs is None else (ours.utility, theirs.utility)

    def joined(self, other: Task) -> Task:
        """Both as one, with the runs of both.

        Raises:
            ValueError: they have a run in common, or do not agree.
        """
        both = (
            f"{self.study} and {other.study} are of one task: the same scenario, parameters and settings of "
            f"{self.reference}"
        )
        if shared := sorted(self.runs & other.runs):
            variant, seed = shared[0]
            raise ValueError(f"{both}; {variant} with training seed {seed} would count twice, so give one of them")
        for term, ours in self.terms.items():
            theirs = other.terms.get(term, ours)
            if theirs != ours:
                raise ValueError(f"{both}; {term}: found {ours} and {theirs}, expected the same; give one of them")
        return Task(
            f"{self.study} + {other.study}",
            self.held_out,
            self.reference,
            tuple(dict.fromkeys([*self.algorithms, *other.algorithms])),
            other.scores | {name: _stacked(ours, other.scores.get(name)) for name, ours in self.scores.items()},
            other.terms | self.terms,
            self.runs | other.runs,
        )


def compare(folders: Sequence[Path]) -> list[Row]:
    """Probability that the reference is better and by how much, in every study and over all that have the other policy.

    A row for each policy, way to act and study; `study` is "all" for the mean over the studies.

    Raises:
        ValueError: a folder holds no report, two have a run in common, or their references differ.
    """
    tasks = _read(folders)
    others = list(dict.fromkeys([BEST_BASELINE, *(name for task in tasks for name in task.algorithms)]))
    rows = []
    for other in others:
        for mode in MODES:
            found = {
                task.study: (task.held_out, pair) for task in tasks if (pair := task.pair(other, mode)) is not None
            }
            groups = {study: [one] for study, one in found.items()}
            if len(found) > 1:
                groups[ALL] = list(found.values())
            about = {"reference": tasks[0].reference, "against": other, "mode": mode}
            rows += [about | _row(study, chosen) for study, chosen in groups.items()]
    return rows


def as_table(rows: Sequence[Row]) -> Table:
    """A block for each policy, in it for each study a line with probabilities and one with gains in thousandths."""
    table = Table(
        Column("better than ... in\n[dim]by how many thousandths[/]", overflow="fold"), *MODES, box=box.SIMPLE
    )
    blocks: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        blocks.setdefault(row["against"], {}).setdefault(row["study"], {})[row["mode"]] = row
    for other, by_study in blocks.items():
        table.add_row(f"[bold]{other}[/]")
        for study, by_mode in by_study.items():
            table.add_row(f"  {study}", *(_text(by_mode[mode]) if mode in by_mode else "" for mode in MODES))
        table.add_section()
    return table


def _text(row: Row) -> str:
    better, gain = (statistics.Estimate.of(row, name) for name in ("improvement", "utility_gain"))
    return (
        f"{better.value:.2f} ({better.low:.2f} .. {better.high:.2f})\n"
        f"[dim]{1e3 * gain.value:+.1f} ({1e3 * gain.low:.1f} .. {1e3 * gain.high:.1f})[/]"
    )


def _row(study: str, found: list[tuple[HeldOut, Pair]]) -> Row:
    strata, pairs = zip(*found, strict=True)
    improvement = statistics.compare_over_tasks(pairs, strata=strata)
    gain = statistics.compare_over_tasks(pairs, statistics.mean_gain, strata=strata)
    figures = improvement.cells("improvement") | gain.cells("utility_gain")
    return {
        "study": study,
        **{name: round(value, 4) for name, value in figures.items()},
        "runs": sum(len(ours) for ours, _ in pairs),
        "runs_against": sum(len(theirs) for _, theirs in pairs),
    }


def _read(folders: Sequence[Path]) -> list[Task]:
    tasks: dict[str, Task] = {}
    names = [folder.resolve().name for folder in folders]
    for folder, name in zip(folders, names, strict=True):
        about = _about(folder)
        plan = about["plan"]
        variants = plan["variants"]
        algorithms = [variant["name"] for variant in variants if variant["group"] == "algorithms"]
        task = Task(
            name if names.count(name) == 1 else str(folder),
            (about["scenario"], *(plan[key] for key in HELD_OUT)),
            algorithms[0],
            tuple(algorithms[1:]),
            read_utilities(folder),
            {key: plan[key] for key in PROTOCOL} | {f"settings of {one['name']}": one["settings"] for one in variants},
            frozenset((variant["name"], seed) for variant in variants for seed in variant["seeds"]),
        )
        kind = json.dumps([about["scenario"], plan["params"], variants[0]["settings"]], sort_keys=True)
        tasks[kind] = tasks[kind].joined(task) if kind in tasks else task
    references = {task.reference for task in tasks.values()}
    if len(references) > 1:
        raise ValueError(
            f"the studies' first algorithms are {', '.join(sorted(references))}; expected one and the same"
        )
    return list(tasks.values())


def _stacked(ours: Scores, theirs: Scores | None) -> Scores:
    """Runs of both; a baseline does the same in every study."""
    if theirs is None or ours.kind == BASELINE:
        return ours
    return replace(ours, columns={"utility": np.concatenate([ours.utility, theirs.utility])})


def _about(folder: Path) -> Any:
    for name in (PLAN, UTILITIES):
        if not (folder / name).exists():
            raise ValueError(
                f"{folder} has no {name}; expected a study's folder with its report, which "
                f"`qntn study SCENARIO --report --out {folder}` writes"
            )
    return json.loads((folder / PLAN).read_text())
