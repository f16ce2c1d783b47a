# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints: written atomically, the last two kept; and the recipe of a run beside them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

LATEST = "checkpoint.pt"
PREVIOUS = "checkpoint-previous.pt"
RECIPE = "run.json"


class CheckpointError(RuntimeError):
    """A run folder has no checkpoint that can be read."""


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
            return dict(_to_arrays(state))
    raise CheckpointError(f"{folder}: no checkpoint: {', '.join(problems)}; train without --resume")


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
        CheckpointError: the folder is no run.
    """
    try:
        return dict(json.loads((folder / RECIPE).read_text()))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: no {RECIPE} there; expected a folder made by `qntn train`") from None


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
