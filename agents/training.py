# SPDX-License-Identifier: GPL-2.0-only
"""A training run: its folder, progress, logs and checkpoints."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from agents import checkpoint
from agents.config import TrainConfig, from_dict, resolve, to_dict
from agents.learner import HierarchicalMappo, RolloutReport
from agents.trained import check_shapes, fingerprint

if TYPE_CHECKING:
    from pybridge import Schema, VectorEnv

    MakeEnv = Callable[[str, int, Mapping[str, Any], str], VectorEnv]

CURVE = "rollouts.csv"


def make_vec(scenario: str, num_envs: int, params: Mapping[str, Any], transport: str) -> VectorEnv:
    """The environments of a run (tests put others in their place)."""
    import pybridge

    return pybridge.make_vec(scenario, num_envs=num_envs, params=dict(params), transport=transport)  # type: ignore[arg-type]


def train(
    scenario: str,
    run: Path,
    *,
    params: Mapping[str, Any] | None = None,
    config_file: Path | None = None,
    overrides: Iterable[str] = (),
    resume: bool = False,
    transport: str = "shm",
    stop_after_segments: int | None = None,
    console: Console | None = None,
    make_env: MakeEnv = make_vec,
    **top: Any,
) -> Path:
    """Train, or go on with a stopped run, and return the run's folder.

    Args:
        run: folder for run.json, checkpoints, rollouts.csv and TensorBoard's events.
        params: scenario parameters.
        config_file, overrides: see `config.resolve`; `top`: steps, seed, num_envs.
        resume: go on from the last checkpoint of `run`, with its own configuration; of the arguments only `steps`
            may differ. The continuation equals that of a run that was never stopped, bit for bit, if `steps` (on which
            the learning rate depends) is the same.
        stop_after_segments: end early at a checkpoint, as an interrupt would.

    Raises:
        ConfigError, CheckpointError: before anything is started or written.
    """
    torch.set_num_threads(1)  # the simulators need the cores, and small networks gain nothing from more
    console = console or Console()
    if resume:
        recipe = checkpoint.read_recipe(run)
        scenario, params = recipe["scenario"], recipe["params"]
        config = from_dict(recipe["config"] | ({"steps": top["steps"]} if top.get("steps") else {}))
        num_envs = config.num_envs
    else:
        if (run / checkpoint.LATEST).exists():
            raise checkpoint.CheckpointError(f"{run}: has a checkpoint; go on with --resume, or name another --run")
        num_envs = resolve((), overrides=_top_level(overrides), **_only(top, "num_envs")).num_envs
    with make_env(scenario, num_envs, params or {}, transport) as env:
        if not resume:
            config = resolve(env.schema.roles, file=config_file, overrides=overrides, **top)
        learner = HierarchicalMappo(env, config)
        if resume:
            state = checkpoint.load(run)
            check_shapes(env.schema, state)
            learner.load_state_dict(state)
        checkpoint.write_recipe(
            run,
            {
                "scenario": scenario,
                "params": dict(params or {}),
                "resolved_params": env.schema.params,
                "utility": dict(env.schema.utility),
                "config": to_dict(config),
                "command": sys.argv,
            },
        )
        _run_segments(learner, run, console, stop_after_segments)
    return run
