# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios that have been built: programs, parameter files, and where they lie."""

from __future__ import annotations

import contextlib
import math
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybridge import _core
from pybridge.errors import ParameterError, ScenarioNotFound
from pybridge.schema import Value, suggest

if TYPE_CHECKING:
    from pybridge.simulator import Simulator, Transport

SCENARIO_PATH_VARIABLE = "QNTN_SCENARIO_PATH"
"""Folders with more scenarios, made by ``qntn build --scenarios``, separated by ``:``."""

BUILT_FOLDER = ".qntn"
"""What such a folder is called, within the one that it is built from."""

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
            text = isinstance(values[name], str)
            if not (isinstance(value, str) if text else _is_number(value)):
                expected = f"{'a text' if text else 'a number'} such as {values[name]!r}"
                raise ParameterError(f"parameter {name}: found {value!r}, expected {expected}")
            values[name] = value
        return values


def scenarios() -> list[Scenario]:
    """Every scenario that has been built, by name, but for those whose parameter file cannot be read.

    A user's scenario hides a stock one of its name.
    """
    found = []
    for file, program in built().values():
        with contextlib.suppress(ParameterError):
            found.append(read_scenario(file, program))
    return found


def scenario(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        ScenarioNotFound: it has not been built.
        ParameterError: its parameter file cannot be read.
    """
    known = built()
    if name in known:
        return read_scenario(*known[name])
    raise ScenarioNotFound(
        f"no scenario {name!r}{suggest(name, known)} (`qntn scenarios` lists them, `qntn build` builds them)"
        + "".join(f"\n{SCENARIO_PATH_VARIABLE}: {why}" for why in _empty_folders())
    )


def built(folders: Iterable[Path] | None = None) -> dict[str, tuple[Path, Path]]:
    """Name -> parameter file and program of what has been built in `folders`, or in all; the first of a name counts."""
    found: dict[str, tuple[Path, Path]] = {}
    for folder in scenario_folders() if folders is None else folders:
        for file in (folder / "scenarios").glob("*.toml"):
            program = folder / "bin" / file.stem
            if program.exists():
                found.setdefault(file.stem, (file, program))
    return dict(sorted(found.items()))


def read_scenario(file: Path, program: Path) -> Scenario:
    """A scenario as its parameter file describes it.

    Raises:
        ParameterError: the file cannot be read, or holds what it should not.
    """
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text())
    except ValueError as error:
        raise ParameterError(f"{file}: not valid TOML: {error}") from error
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read: {error.strerror}") from error
    for section in content:
        if section not in _SECTIONS:
            raise ParameterError(f"{file}: unknown entry {section!r}{suggest(section, _SECTIONS)}")
    for text in ("title", "description"):
        if not isinstance(content.get(text, ""), str):
            raise ParameterError(f"{file}: {text}: found {content[text]!r}, expected a text")

    def table(place: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise ParameterError(f"{file}: [{place}]: found {found!r}, expected a table")
        return found

    def numbers(place: str, found: Any, *, or_texts: bool = False) -> dict[str, Any]:
        for name, value in table(place, found).items():
            if not (_is_number(value) and math.isfinite(value)) and not (or_texts and isinstance(value, str)):
                expected = "a number or a text" if or_texts else "a number"
                raise ParameterError(f"{file}: [{place}] {name}: found {value!r}, expected {expected}")
        return table(place, found)

    rewards = table("reward", content.get("reward", {}))
    return Scenario(
        name=file.stem,
        program=program,
        title=content.get("title", file.stem),
        description=content.get("description", "").strip(),
        parameters=numbers("parameters", content.get("parameters", {}), or_texts=True),
        utility=numbers("utility", content.get("utility", {})),
        rewards={role: numbers(f"reward.{role}", weights) for role, weights in rewards.items()},
        bound=table("bound", content.get("bound", {})),
        train=table("train", content.get("train", {})),
        keeps_spare=True,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _empty_folders() -> Iterator[str]:
    """What is wrong with each of the user's folders in which nothing is built, and what to do."""
    for folder in (folder.absolute() for folder in scenario_folders()[:-1]):
        source = folder.parent if folder.name == BUILT_FOLDER else folder
        if not source.is_dir():
            yield f"there is no folder {folder}"
        elif not built([folder]):
            yield (
                f"nothing is built in {folder}; build it: qntn build --scenarios {source}, "
                f"then: export {SCENARIO_PATH_VARIABLE}={source / BUILT_FOLDER}"
            )
