# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints: written atomically, the last two kept; the recipe of a run beside them, and its lock."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

LATEST = "checkpoint.pt"
PREVIOUS = "checkpoint-previous.pt"
RECIPE = "run.json"
LOCK = "lock"
ANEW = "bring it back from a copy, or train anew with another --run"


class CheckpointError(RuntimeError):
    """A run folder has no checkpoint that can be read or used, or belongs to another process."""


@contextmanager
def locked(folder: Path, option: str = "--run") -> Iterator[None]:
    """`folder` for this process alone; if it had to be made and nothing has come into it, it is removed again.

    The kernel lets go when the process ends, however it ends. A file system without locks gives none.

    Raises:
        CheckpointError: another process has it; `option` names another folder.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCK
    with file.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = os.fstat(stream.fileno()).st_nlink == 0  # somebody has just let go of it
        except BlockingIOError:
            taken = True
        except OSError:
            taken = False
        if taken:
            stream.seek(0)
            who = stream.read().strip() or "unknown"
            raise CheckpointError(
                f"{folder}: another process (pid {who}) trains there; take another {option}, or wait until it has ended"
            )
        stream.truncate(0)
        stream.write(f"{os.getpid()} on {platform.node()}")
        stream.flush()
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
            if made:
                with contextlib.suppress(OSError):  # something is in it
                    folder.rmdir()


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write `state`; whenever the process dies, one good checkpoint is there."""
    temporary = folder / (LATEST + ".writing")
    with temporary.open("wb") as file:
        torch.save(_to_tensors(state), file)
        file.flush()
        os.fsync(file.fileno())
    if (folder / LATEST).exists():
        (folder / LATEST).replace(folder / PREVIOUS)
    temporary.replace(folder / LATEST)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)  # the names too outlive a power cut
    finally:
        os.close(directory)


def exists(folder: Path) -> bool:
    """Whether a run has come as far as its first checkpoint."""
    return any((folder / name).exists() for name in (LATEST, PREVIOUS))


def load(folder: Path) -> dict[str, Any]:
    """The newest checkpoint that can be read.

    Raises:
        CheckpointError: there is none.
    """
    problems = []
    for name in (LATEST, PREVIOUS):
        try:
            state = torch.load(folder / name, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            problems.append(f"{name} is missing")
        except Exception as error:  # torch raises several kinds for a damaged file
            problems.append(f"{name} is damaged ({type(error).__name__})")
        else:
            if isinstance(state, dict):
                return dict(_to_arrays(state))
            problems.append(f"{name} is damaged (no table)")
    there = [name for name in (LATEST, PREVIOUS) if (folder / name).exists()]
    advice = f"remove {' and '.join(there)} and train anew without --resume, or take another --run"
    if not there:
        advice = "it has one once `qntn train` has come so far"
    raise CheckpointError(f"{folder}: no checkpoint: {', '.join(problems)}; {advice}")


@contextmanager
def fitting(folder: Path, recipe: Mapping[str, Any]) -> Iterator[None]:
    """Around putting a checkpoint of `folder` to use.

    Raises:
        CheckpointError: its contents are not those that this version has.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:  # PyTorch's, among others
        then, now = (revision or "unknown" for revision in (recipe.get("git_revision"), git_revision()))
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder}: its checkpoint does not fit this version ({type(error).__name__}: {reason}): written at "
            f"revision {then}, this is {now}; go on with that revision, or train anew with another --run"
        ) from error


def write_recipe(folder: Path, recipe: dict[str, Any]) -> None:
    """Write `run.json`: `recipe` and the versions it ran with."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recipe | {"git_revision": git_revision(), "versions": versions()}, indent=2, default=str)
    temporary = folder / (RECIPE + ".writing")
    temporary.write_text(text + "\n")
    temporary.replace(folder / RECIPE)


def read_recipe(folder: Path) -> dict[str, Any]:
    """Read `run.json`.

    Raises:
        CheckpointError: the folder is no run, or the file is damaged.
    """
    file = folder / RECIPE
    try:
        recipe = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{folder}: no {RECIPE} there; expected a folder made by `qntn train`") from None
    except ValueError as error:
        raise CheckpointError(f"{file} is damaged: {error}; {ANEW}") from None
    kinds = {"scenario": str, "params": dict, "config": dict}
    for key, kind in kinds.items():
        if not isinstance(recipe, dict) or not isinstance(recipe.get(key), kind):
            raise CheckpointError(f"{file} is damaged: found no {key}, expected {', '.join(kinds)}; {ANEW}")
    if not isinstance(recipe["config"].get("roles"), dict):
        raise CheckpointError(f"{file} is damaged: found no config.roles; {ANEW}")
    return dict(recipe)


def git_revision() -> str:
    """Revision of the source tree, with "-dirty" if it has changes; "" outside a clone."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide the figures."""
    found = {"python": platform.python_version()}
    for package in ("qntn", "torch", "numpy", "scipy"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _to_tensors(value: Any) -> Any:
    """Arrays as tensors: a file with tensors and plain values loads without running code from it."""
    if isinstance(value, np.ndarray):
        return {"ndarray": torch.from_numpy(value.copy())}
    if isinstance(value, dict):
        return {key: _to_tensors(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_tensors(item) for item in value]
    return value


def _to_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"ndarray"}:
            return value["ndarray"].numpy()
        return {key: _to_arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_arrays(item) for item in value]
    return value
