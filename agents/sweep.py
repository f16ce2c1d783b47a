# SPDX-License-Identifier: GPL-2.0-only
"""`qntn sweep`: one training run for each combination of settings and each seed, side by side, by Ray Tune.

Every run has a folder of its own, such as `qntn train` writes, and can be evaluated like any other. The table
`sweep.csv` holds a row for each: its settings, its seed, and `utility`, the mean utility of a step over the last
quarter of its rollouts. That is of policies which still explore: greedy ones may rank otherwise. Settings are ranked by
the mean over their seeds, so that none wins by a lucky one.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from agents.config import ConfigError
from agents.learner.mappo import RolloutReport
from agents.rollouts.ray_cluster import joined
from agents.settings import parse_value, read, run_settings
from agents.training import check_trainable, make_vec, train

if TYPE_CHECKING:
    from agents.training import MakeEnv
    from pybridge.schema import Value

Row = dict[str, Any]
TABLE = "sweep.csv"
LAST_RATIO = 0.25  # of the rollouts counts
OF_A_RUN = ("seed", "utility", "env_steps", "run")  # columns beside the settings


@dataclasses.dataclass(frozen=True)
class Study:
    """What all runs of a sweep share."""

    scenario: str
    params: Mapping[str, Value]
    overrides: tuple[str, ...]  # key=value
    steps: int | None
    out: Path
    make_env: MakeEnv


def sweep(
    scenario: str,
    grid: Iterable[str],
    out: Path,
    *,
    seeds: int = 1,
    steps: int | None = None,
    overrides: Iterable[str] = (),
    params: Mapping[str, Value] | None = None,
    address: str = "",
    make_env: MakeEnv = make_vec,
) -> list[Row]:
    """Train with every combination of `grid` ("worker.lr=1e-4,3e-4") and seeds 1..`seeds`; rows as in `ranked`.

    A run takes as many cores as it has environments; as many runs as fit go at the same time.

    Raises:
        ConfigError: a list of values cannot be understood, or no run is possible with one of the combinations.
        RuntimeError: Ray is not installed, no cluster answers at `address`, or a run has failed.
    """
    values = dict(parse_grid(text) for text in grid)
    if "seed" in values:
        raise ConfigError("--grid seed=...: seeds are told by --samples N, which takes 1 to N")
    study = Study(scenario, dict(params or {}), tuple(overrides), steps, out.resolve(), make_env)
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    trees = [_settings(study, choice, 1) for choice in combinations]
    cores = max(run_settings(tree).num_envs for tree in trees)
    with make_env(scenario, 1, study.params, "shm") as env:
        for tree in trees:
            check_trainable(tree, env.schema)
    out.mkdir(parents=True, exist_ok=True)
    with joined(address, cores):
        try:
            from ray import tune
        except ImportError as missing:
            raise RuntimeError(f"qntn sweep needs Ray Tune ({missing}): pip install 'qntn[ray]'") from None
        space = {key: tune.grid_search(choices) for key, choices in values.items()}
        results = tune.Tuner(
            tune.with_resources(tune.with_parameters(_trial, study=study), {"cpu": cores}),
            param_space={**space, "seed": tune.grid_search(list(range(1, seeds + 1)))},
            run_config=tune.RunConfig(name="tune", storage_path=str(study.out), verbose=0),
        ).fit()
    for error in results.errors:
        raise RuntimeError(f"a run of the sweep failed: {error}")
    rows = ranked(
        [
            {**result.config, **{key: result.metrics[key] for key in ("utility", "env_steps", "run")}}
            for result in results
        ]
    )
    with (out / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Rows of runs by the mean utility of their setting over its seeds, best first; in a setting by seed."""
    return [row for setting in _settings_apart(rows) for row in sorted(setting, key=lambda row: int(row["seed"]))]


def by_setting(rows: Iterable[Row]) -> list[Row]:
    """Of rows of runs one for each setting, best first: number of seeds, mean, least and most utility over them."""
    table = []
    for setting in _settings_apart(rows):
        utilities = [float(row["utility"]) for row in setting]
        of_all = {"seeds": len(setting), "utility": round(float(np.mean(utilities)), 6)}
        table.append(_values(setting[0]) | of_all | {"least": min(utilities), "most": max(utilities)})
    return table


def _settings_apart(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of runs, a list for each setting, best mean utility first."""
    apart: dict[str, list[Row]] = {}
    for row in rows:
        apart.setdefault(repr(sorted(_values(row).items())), []).append(row)
    return sorted(apart.values(), key=lambda setting: -float(np.mean([row["utility"] for row in setting])))


def _values(row: Row) -> Row:
    """What of a run's row was chosen from the grid."""
    return {key: value for key, value in row.items() if key not in OF_A_RUN}


def parse_grid(text: str) -> tuple[str, list[Any]]:
    """Key and values of "worker.lr=1e-4,3e-4"; text and lists as in TOML.

    Raises:
        ConfigError: there is no key, or no value.
    """
    key, _, listed = text.partition("=")
    values = parse_value(f"[{listed}]")
    if isinstance(values, str):
        values = [parse_value(value) for value in listed.split(",")]
    if not key.strip() or not listed.strip() or not values:
        raise ConfigError(f"--grid {text}: expected key=value,value, for example worker.lr=1e-4,3e-4")
    return key.strip(), list(values)


def _settings(study: Study, choice: Mapping[str, Any], seed: int) -> dict[str, Any]:
    chosen = [f"{key}={_as_toml(value)}" for key, value in choice.items()]
    return read(None, [*study.overrides, "backend=inline", *chosen], steps=study.steps, seed=seed)


def _as_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trial(choice: Mapping[str, Any], study: Study) -> None:
    """One run, in a process that Tune has started."""
    from ray import tune

    values = dict(choice)
    seed = values.pop("seed")
    run = study.out / "-".join([*(f"{key}={value}" for key, value in values.items()), f"seed{seed}"]).replace("/", "_")
    utilities: list[float] = []

    def on_rollout(report: RolloutReport) -> None:
        utilities.append(report.utility)
        last = utilities[-max(1, round(LAST_RATIO * len(utilities))) :]
        tune.report({"utility": round(float(np.mean(last)), 6), "env_steps": report.env_steps, "run": str(run)})

    train(
        study.scenario,
        run,
        params=study.params,
        settings=_settings(study, values, seed),
        console=Console(quiet=True),
        make_env=study.make_env,
        on_rollout=on_rollout,
    )
