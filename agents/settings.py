# SPDX-License-Identifier: GPL-2.0-only
"""Where a training configuration comes from: a TOML file, `--set key=value`, the scenario and the algorithm.

Layout of a file (all keys are optional; a role's table overrides that of its level; the same tables in the section
[train] of a scenario's parameter file are defaults for that scenario, overridden by any of a user's):

    steps = 200_000
    [worker]            # every role that acts at each step
    gamma = 0.98
    [manager]           # every role with a period above one step
    gamma = 0.995
    [role.cell]
    lr = 3e-4
    [constraint]        # greatest means over the steps, of metrics or of terms of a role
    blocked_ratio = 0.05
    "cell/xr_missed_ratio" = 0.1
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pybridge
from agents.algorithms import levels as levels_of
from agents.algorithms import load
from agents.config import ConfigError, RoleConfig, Toml, TrainConfig, replaced
from agents.learner.stages import stage
from agents.policies import heuristics
from pybridge.schema import suggest

if TYPE_CHECKING:
    from pybridge import Role

TABLES = ("worker", "manager", "role")


def read(file: Path | None = None, overrides: Iterable[str] = (), **top: Any) -> Toml:
    """Settings as nested tables: `file` < `top` (values that are not None) < `overrides` ("role.cell.lr=3e-4")."""
    tree: Toml = read_toml(file) if file else {}
    tree |= {key: value for key, value in top.items() if value is not None}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"--set {override}: expected key=value, for example role.cell.lr=3e-4")
        *tables, last = key.strip().split(".")
        table = tree
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {override}: {name} is a value, not a table")
        table[last] = parse_value(text)
    return tree


def read_toml(file: Path) -> Toml:
    """The tables of a file.

    Raises:
        ConfigError: it is no TOML.
    """
    try:
        return tomllib.loads(file.read_text())
    except ValueError as error:
        raise ConfigError(f"{file}: {error}; expected TOML") from None


def run_settings(tree: Toml) -> TrainConfig:
    """The settings of the run as a whole, without those of roles; needs no scenario."""
    known = [item.name for item in dataclasses.fields(TrainConfig) if item.name != "roles"]
    for key in tree:
        if key not in (*known, *TABLES):
            raise ConfigError(f"{key}: no such setting{suggest(key, [*known, *TABLES])}")
    return replaced(TrainConfig(), {key: value for key, value in tree.items() if key in known}, "")


def resolve(tree: Toml, roles: Sequence[Role], scenario: str = "") -> TrainConfig:
    """All settings for a scenario's roles: those of the algorithm < section [train] of the scenario < `tree`.

    In each of the latter two, [worker] or [manager] < [role.NAME]. Which level a role has is up to the algorithm:
    flat-mappo has workers only, so [manager] is not for it.
    """
    run = run_settings(tree)
    algorithm = load(run.algorithm)
    levels = levels_of(run.algorithm, roles)
    configs = {
        name: replaced(RoleConfig(), vars(getattr(algorithm, level)), f"algorithm {run.algorithm!r}: {level}")
        for name, level in levels.items()
    }
    defaults = scenario_defaults(scenario)
    try:
        configs = _refined(configs, levels, defaults)
    except ConfigError as error:
        raise ConfigError(f"section [train] of scenario {scenario}: {error}") from error
    configs = _refined(configs, levels, tree)
    for name, role in configs.items():
        for key in ("heuristic", "prior_policy"):
            if (policy := getattr(role, key)) and policy not in heuristics():
                raise ConfigError(f"role.{name}.{key} = {policy!r}: no such policy{suggest(policy, heuristics())}")
    if all(config.heuristic for config in configs.values()):
        raise ConfigError(f"algorithm = {run.algorithm!r}: a heuristic decides for every role, so nothing learns")
    config = dataclasses.replace(run, roles=configs)
    stage(config, roles, 0)  # whether there is a curriculum as it says
    return config


def _refined(configs: Mapping[str, RoleConfig], levels: Mapping[str, str], tables: Toml) -> dict[str, RoleConfig]:
    """With what `tables` say of levels and of roles."""
    by_role = tables.get("role", {})
    for name in by_role:
        if name not in configs:
            raise ConfigError(f"role.{name}: no such role{suggest(name, configs)}")
    refined = {}
    for name, config in configs.items():
        of_level = replaced(config, tables.get(levels[name], {}), levels[name])
        refined[name] = replaced(of_level, by_role.get(name, {}), f"role.{name}")
    return refined


def scenario_defaults(scenario: str) -> Toml:
    """Section [train] of a scenario's parameter file; empty if there is none.

    Raises:
        ConfigError: it has other entries than the tables `worker`, `manager` and `role`.
    """
    try:
        section = dict(pybridge.scenario(scenario).train) if scenario else {}
    except pybridge.QntnError:  # not one of the scenarios that were built here
        return {}
    for key in section:
        if key not in TABLES:
            raise ConfigError(f"section [train] of scenario {scenario}: {key}: no such table{suggest(key, TABLES)}")
    return section


def parse_value(text: str) -> Any:
    """Read a command-line value as TOML (number, boolean, list), or else as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
