# SPDX-License-Identifier: GPL-2.0-only
"""`qntn kpis`: the radio's key figures of one episode, as the simulator writes them, in a table and as pictures."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pybridge
from agents import report
from agents.policies import make_heuristic
from pybridge.errors import ParameterError
from pybridge.schema import Value

KPI_FILE = "kpis.csv"
NUMBERS = (
    "packets",
    "violations",
    "throughput_bps",
    "delay_p50_s",
    "delay_p99_s",
    "delay_p999_s",
    "satisfied_ratio",
    "bler_ratio",
    "prb_utilisation_ratio",
    "handovers",
    "interruption_s",
)


@dataclass(frozen=True)
class Kpi:
    """What one group of flows got over an episode.

    Attributes:
        of: "slice", "provider", "cell" or "ue".
        name: of the group, such as "xr" or "gnb_0".
        direction: "down" or "up".
        figures: by name, NUMBERS; delays in s, rates in bit/s, ratios in 0..1.
    """

    of: str
    name: str
    direction: str
    figures: dict[str, float]

    @property
    def label(self) -> str:
        """The name, with an arrow for the uplink."""
        return self.name if self.direction == "down" else f"{self.name} ↑"

    @property
    def violation_ratio(self) -> float:
        """Packets that were dropped or late, of all."""
        return self.figures["violations"] / max(1.0, self.figures["packets"])


def record(scenario: str, out: Path, policy: str, seed: int, params: dict[str, Value]) -> Path:
    """Run one episode and let the simulator write its key figures.

    Returns:
        The file, `out`/kpis.csv.

    Raises:
        ParameterError: the scenario has no parameter `kpi_csv`.
        ValueError: there is no such policy.
    """
    chosen = pybridge.scenario(scenario)
    if "kpi_csv" not in chosen.parameters:
        raise ParameterError(f"{scenario} has no radio whose key figures it could write: no parameter kpi_csv")
    out.mkdir(parents=True, exist_ok=True)
    file = out / KPI_FILE
    with pybridge.make_vec(scenario, num_envs=1, params={**params, "kpi_csv": str(file.resolve())}) as env:
        batch = env.reset(seed=seed)
        actor, rng = make_heuristic(policy, env.schema), np.random.default_rng(0)
        while not (batch.terminated[0] or batch.truncated[0]):
            batch = env.step(actor.act(batch, rng))
    return file


def read(file: Path) -> list[Kpi]:
    """The rows of a file that a scenario wrote.

    Raises:
        ValueError: the file has no key figures.
    """
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        raise ValueError(f"{file}: found no rows, expected those of a scenario with kpi_csv; did the episode end?")
    return [Kpi(row["of"], row["name"], row["direction"], {name: float(row[name]) for name in NUMBERS}) for row in rows]


def pictures(kpis: list[Kpi], out: Path, title: str) -> list[Path]:
    """Draw satisfied users, delays and budget violations of slices, and the load of cells.

    Returns:
        The files.
    """
    groups = {of: [kpi for kpi in kpis if kpi.of == of] for of in ("slice", "provider", "cell")}
    slices = groups["slice"]
    users = slices + groups["provider"]
    files = [out / name for name in ("satisfied-users.png", "delays.png", "cells.png")]
    report.grouped_bars(
        files[0],
        f"{title}: who got what was promised",
        "ratio",
        {
            "satisfied users (99 % of packets in time)": {k.label: k.figures["satisfied_ratio"] for k in users},
            "packets within their budget": {k.label: 1 - k.violation_ratio for k in users},
        },
    )
    report.grouped_bars(
        files[1],
        f"{title}: delay of what arrived",
        "delay [ms]",
        {
            label: {k.label: 1e3 * k.figures[name] for k in slices}
            for label, name in (("median", "delay_p50_s"), ("99 %", "delay_p99_s"), ("99.9 %", "delay_p999_s"))
        },
    )
    report.grouped_bars(
        files[2],
        f"{title}: cells",
        "ratio",
        {
            "PRBs used": {k.label: k.figures["prb_utilisation_ratio"] for k in groups["cell"]},
            "first transmissions that failed": {k.label: k.figures["bler_ratio"] for k in groups["cell"]},
            "packets late or lost": {k.label: k.violation_ratio for k in groups["cell"]},
        },
    )
    return files
