# SPDX-License-Identifier: GPL-2.0-only
"""The folder of a study, on which what writes it (`study.py`) and what reads it (`scores.py`) agree.

| file | what |
|---|---|
| plan.json | the plan, the scenario and the machine |
| lock | of the process that goes on with it |
| left-out.json | variants that could not be trained, and why |
| runs/VARIANT-seedN/ | a training run, as of `qntn train`, with done.json once it is complete |
| episodes/POLICY.csv | figures of each held-out episode; POLICY is a baseline, or VARIANT-seedN-greedy or -sampled |
| utility-CEILING.csv | what nobody can be expected to reach, for each held-out episode (`bounds/`) |
| utilities.csv | of the report: the utility of every policy, training run and held-out seed |
| index.html, *.png, *.csv | the rest of the report |
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

PLAN = "plan.json"
LEFT_OUT = "left-out.json"
DONE = "done.json"
UTILITIES = "utilities.csv"
MODES = ("greedy", "sampled")


def run_folder(out: Path, variant: str, seed: int) -> Path:
    """Where a training run is kept."""
    return out / "runs" / f"{variant}-seed{seed}"


def trained_name(variant: str, seed: int, mode: str) -> str:
    """POLICY of a training run that acts in one of `MODES`."""
    return f"{variant}-seed{seed}-{mode}"


def episodes_folder(out: Path) -> Path:
    """Where figures of episodes are kept, one file for each POLICY."""
    return out / "episodes"


def episodes_file(out: Path, policy: str) -> Path:
    """Where those of a POLICY are."""
    return episodes_folder(out) / f"{policy}.csv"


def ceiling_file(out: Path, name: str) -> Path:
    """Where a ceiling of utility is kept."""
    return out / f"utility-{name}.csv"


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV that is there as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".writing")
    with temporary.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    temporary.replace(file)


def write_whole(file: Path, text: str) -> None:
    """A text that is there as a whole or not at all."""
    temporary = file.with_suffix(".writing")
    temporary.write_text(text)
    temporary.replace(file)
