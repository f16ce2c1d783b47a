# SPDX-License-Identifier: GPL-2.0-only
"""Simulators that die in the middle of training."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from rich.console import Console

import pybridge
from agents.settings import read
from agents.training import CURVE, FAILURES, train

STEPS = 12  # of a rollout; the scenario's episodes have 20


@pytest.mark.parametrize("transport", ["shm", "zmq"])
@pytest.mark.parametrize("fault", ["kill", "abort"])
def test_a_dead_simulator_is_replaced_logged_and_counted(faulty, tmp_path, transport, fault, nothing_left):
    """Every third episode breaks off at its step 5; what is learned from holds whole steps alone."""

    def make_env(name, num_envs, params, transport):
        def params_of(env, seed):
            return {"fault": fault if seed % 3 == 0 else "none"}

        return pybridge.make_vec(name, num_envs=num_envs, params=params_of, transport=transport)

    settings = read(None, ["backend=inline", f"rollout_steps={STEPS}", "segment_rollouts=6", "num_envs=2"], steps=144)
    train(
        faulty, tmp_path, params={}, settings=settings, console=Console(quiet=True), make_env=make_env,
        transport=transport,
    )  # fmt: skip
    with (tmp_path / CURVE).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["env_steps"]) for row in rows] == [2 * STEPS * k for k in range(1, 7)]
    assert int(rows[-1]["failures"]) >= 1
    log = (tmp_path / FAILURES).read_text()
    assert log.count("simulator faulty was ended by") == int(rows[-1]["failures"])
    assert f"--param fault={fault}" in log  # how to repeat it
    assert all(np.isfinite(float(row["utility/step"])) for row in rows)
