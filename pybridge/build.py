# SPDX-License-Identifier: GPL-2.0-only
"""Building scenario programs: the clone's, and those of a user's own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pybridge.catalogue import BUILT_FOLDER, built, native_folder, read_scenario
from pybridge.errors import ParameterError, QntnError


class BuildError(QntnError):
    """The compiler, or what it needs, refused."""


def build_clone(*, quiet: bool) -> None:
    """Rebuilds what has changed in the clone that this installation comes from, tests included.

    Raises:
        BuildError: it is no editable installation, a compiler reports an error, or a parameter file is broken.
    """
    clone = Path(__file__).resolve().parent.parent
    builds = sorted((clone / ".build").glob("*/CMakeCache.txt"))
    if not builds:
        raise BuildError(
            "this qntn was not installed from a clone with `make setup`; "
            "to build scenarios of your own: qntn build --scenarios DIR"
        )
    folder = builds[-1].parent
    _run(["cmake", "--build", str(folder)], quiet=quiet)
    _run(["cmake", "--install", str(folder), "--prefix", str(native_folder().parent.parent)], quiet=True)
    if broken := _broken(built([native_folder()])):
        raise BuildError("\n".join(broken.values()))


def build_folder(folder: Path, *, quiet: bool) -> Path:
    """Builds every `<name>.cc` with its `<name>.toml` in `folder`.

    Returns:
        What to put into QNTN_SCENARIO_PATH: `folder/.qntn`, with `bin/` and `scenarios/`.

    Raises:
        BuildError: the folder has no scenario, or some of them are not right; the others are built all the same.
    """
    programs = sorted(folder.glob("*.cc"))
    if not programs:
        raise BuildError(f"no scenario in {folder}: expected <name>.cc and <name>.toml")
    output = folder.resolve() / BUILT_FOLDER
    work = output / "build"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    _run(
        [
            "cmake",
            "-S",
            str(native_folder() / "sdk"),
            "-B",
            str(work),
            *generator,
            f"-DQNTN_USER_SCENARIOS={folder.resolve()}",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DCMAKE_INSTALL_PREFIX={output}",
        ],
        quiet=True,
    )
    parameters = {program.stem: program.with_suffix(".toml") for program in programs}
    wrong = {name: f"no parameter file, expected {file}" for name, file in parameters.items() if not file.exists()}
    refused = _compile(work, [name for name in parameters if name not in wrong], quiet=quiet)
    wrong |= dict.fromkeys(refused, "the compiler refuses it, see below")
    for name in parameters.keys() - wrong.keys():
        _run(["cmake", "--install", str(work), "--component", name], quiet=True)
    data = output / "data"
    if not data.exists():
        data.symlink_to(native_folder() / "data")
    wrong |= _broken({name: (file, output / "bin" / name) for name, file in parameters.items() if name not in wrong})
    if wrong:
        lines = [f"{len(wrong)} of {len(programs)} scenarios in {folder} are not right:"]
        lines += [f"  {name}: {why}" for name, why in sorted(wrong.items())]
        lines += [f"The others can be used: export QNTN_SCENARIO_PATH={output}"] * (len(wrong) < len(programs))
        raise BuildError("\n".join(lines) + "".join(f"\n\n{text}" for text in refused.values()))
    return output


def _compile(work: Path, names: list[str], *, quiet: bool) -> dict[str, str]:
    """Builds all that can be built: name -> what the compiler says of those that cannot."""
    command = ["cmake", "--build", str(work)]
    try:
        _run([*command, "--", "-k", *(["0"] if shutil.which("ninja") else [])], quiet=quiet)
    except BuildError:
        refused = {}
        for name in names:  # those that are fine have been built by now
            try:
                _run([*command, "--target", f"scenario-{name}"], quiet=True)
            except BuildError as error:
                refused[name] = str(error)
        return refused
    return {}


def _broken(files: Mapping[str, tuple[Path, Path]]) -> dict[str, str]:
    """Name -> what is wrong with its parameter file, of those that are not right."""
    wrong = {}
    for name, (file, program) in files.items():
        try:
            read_scenario(file, program)
        except ParameterError as error:
            wrong[name] = str(error)
    return wrong


def _run(command: list[str], *, quiet: bool) -> None:
    """Runs a build tool; its output is shown as it comes, or only when it fails."""
    environment = {**os.environ, "CLICOLOR_FORCE": "0"}
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT, env=environment, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is not installed; on Debian: apt-get install {command[0]}") from error
    if result.returncode != 0:
        output = (result.stdout or b"").decode(errors="replace")
        raise BuildError(f"{' '.join(command[:2])} failed with status {result.returncode}\n{output}".rstrip())
