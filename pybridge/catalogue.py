# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios that have been built: programs, parameter files, and where they lie."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybridge import _core
from pybridge.errors import ParameterError, ScenarioNotFound
from pybridge.schema import Value, suggest

if TYPE_CHECKING:
    from pybridge.simulator import Simulator, Transport

SCENARIO_PATH_VARIABLE = "QNTN_SCENARIO_PATH"
"""Folders with more scenarios, made by ``qntn build --scenarios``, separated by ``:``."""

_SECTIONS = ("title", "description", "parameters", "utility", "reward", "bound", "train")


def native_folder() -> Path:
    """Where the package keeps what is compiled: programs, their parameter files, ns-3 and data."""
    return Path(_core.__file__).parent / "native"


def scenario_folders() -> list[Path]:
    """The user's folders first, then the one of the package; each holds ``bin/`` and ``scenarios/``."""
    extra = [Path(folder) for folder in os.environ.get(SCENARIO_PATH_VARIABLE, "").split(os.pathsep) if folder]
    return [*extra, native_folder()]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario program and what its parameter file says.

    Attributes:
        parameters: every parameter with its default value.
        utility: metric -> weight.
        rewards: role -> term -> weight.
        starts_ahead: whether simulators may be started before their episode is asked for by `reset`.
        keeps_spare: whether a simulator more is worth its place, started before its seed is known.
        step_timeout_s: deadline of a step in place of the environment's, or None.
        bound: what `qntn bound` computes: network, cost set, largest span and demands; may be empty.
        train: settings of learners that suit the scenario, in tables `worker`, `manager` and `role`; may be empty.
    """

    name: str
    program: Path
    title: str
    description: str
    parameters: Mapping[str, Value]
    utility: Mapping[str, float]
    rewards: Mapping[str, Mapping[str, float]]
    starts_ahead: bool = True
    keeps_spare: bool = False
    step_timeout_s: float | None = None
    bound: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)

    def launch(self, transport: Transport) -> Simulator:
        """A simulator for one episode, started now.

        Raises:
            OSError: the program cannot be started.
        """
        from pybridge.simulator import Simulator

        return Simulator(self, transport)

    def resolve(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """The defaults with `params` in their place.

        Raises:
            ParameterError: a name is unknown, or a value is of another kind than its default.
        """
        if not isinstance(params, Mapping):
            raise ParameterError(f"params: found {params!r}, expected a mapping from name to value")
        values = dict(self.parameters)
        for name, value in params.items():
            if name not in values:
                raise ParameterError(f"{self.name} has no parameter {name!r}{suggest(name, values)}")
            expected = "a text" if isinstance(values[name], str) else "a number"
            found = "a text" if isinstance(value, str) else "a number"
            if expected != found:
                raise ParameterError(f"parameter {name}: found {value!r}, expected {expected} such as {values[name]!r}")
            values[name] = value
        return values


def scenarios() -> list[Scenario]:
    """Every scenario that has been built, by name. A user's scenario hides a stock one of its name."""
    found: dict[str, Scenario] = {}
    for folder in scenario_folders():
        for file in sorted((folder / "scenarios").glob("*.toml")):
            program = folder / "bin" / file.stem
            if file.stem not in found and program.exists():
                found[file.stem] = _read(file, program)
    return sorted(found.values(), key=lambda scenario: scenario.name)


def scenario(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        ScenarioNotFound: it has not been built.
    """
    known = scenarios()
    for candidate in known:
        if candidate.name == name:
            return candidate
    raise ScenarioNotFound(
        f"no scenario {name!r}{suggest(name, (s.name for s in known))} "
        "(`qntn scenarios` lists them, `qntn build` builds them)"
    )


def _read(file: Path, program: Path) -> Scenario:
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"{file}: not valid TOML: {error}") from error
    for section in content:
        if section not in _SECTIONS:
            raise ParameterError(f"{file}: unknown entry {section!r}{suggest(section, _SECTIONS)}")
    return Scenario(
        name=file.stem,
        program=program,
        title=content.get("title", file.stem),
        description=content.get("description", "").strip(),
        parameters=content.get("parameters", {}),
        utility=content.get("utility", {}),
        rewards=content.get("reward", {}),
        bound=content.get("bound", {}),
        train=content.get("train", {}),
        keeps_spare=True,
    )
