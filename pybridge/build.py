# SPDX-License-Identifier: GPL-2.0-only
"""Building scenario programs: the clone's, and those of a user's own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pybridge.catalogue import native_folder
from pybridge.errors import QntnError

_OUTPUT = ".qntn"


class BuildError(QntnError):
    """The compiler, or what it needs, refused."""


def build_clone(*, quiet: bool) -> None:
    """Rebuilds what has changed in the clone that this installation comes from, tests included.

    Raises:
        BuildError: it is no editable installation, or a compiler reports an error.
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


def build_folder(folder: Path, *, quiet: bool) -> Path:
    """Builds every `<name>.cc` with its `<name>.toml` in `folder`.

    Returns:
        What to put into QNTN_SCENARIO_PATH: `folder/.qntn`, with `bin/` and `scenarios/`.

    Raises:
        BuildError: the folder has no scenario, or the compiler reports an error.
    """
    if not any(folder.glob("*.cc")):
        raise BuildError(f"no scenario in {folder}: expected <name>.cc and <name>.toml")
    output = folder.resolve() / _OUTPUT
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
    _run(["cmake", "--build", str(work)], quiet=quiet)
    _run(["cmake", "--install", str(work)], quiet=True)
    data = output / "data"
    if not data.exists():
        data.symlink_to(native_folder() / "data")
    return output


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
