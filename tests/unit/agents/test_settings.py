# SPDX-License-Identifier: GPL-2.0-only
"""Training settings: precedence, types, and errors that help."""

import re
from types import SimpleNamespace

import pytest
from fake_env import SliceBudget

from agents.config import MANAGER, WORKER, ConfigError, from_dict, to_dict
from agents.settings import read, resolve

ROLES = SliceBudget(1).schema.roles


def test_a_role_overrides_its_level_and_the_command_line_overrides_the_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("steps = 10\n[worker]\ngamma = 0.5\n[role.cell]\nlr = 1e-3\nepochs = 2\n")
    config = resolve(read(file, ["role.cell.lr=3e-4", "manager.actor_hidden=[8]"], seed=4, num_envs=None), ROLES)
    assert (config.steps, config.seed, config.num_envs) == (10, 4, 2)
    cell, planner = config.roles["cell"], config.roles["planner"]
    assert (cell.lr, cell.gamma, cell.epochs, cell.clip) == (3e-4, 0.5, 2, WORKER.clip)
    assert (planner.gamma, planner.actor_hidden) == (MANAGER.gamma, (8,))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("role.cell.lrr=1", "role.cell.lrr: no such setting; did you mean 'lr'"),
        ("role.cel.lr=1", "role.cel: no such role; did you mean 'cell'"),
        ("worker.gama=1", "worker.gama: no such setting; did you mean 'gamma'"),
        ("stepps=1", "stepps: no such setting; did you mean 'steps'"),
        ("role.cell.epochs=many", "role.cell.epochs = 'many': expected int"),
        ("role.cell.epochs=1.5", "role.cell.epochs = 1.5: expected int"),
        ("role.cell.actor_hidden=64", "role.cell.actor_hidden = 64: expected list of int"),
        ("steps", "expected key=value"),
    ],
)
def test_wrong_settings_stop_with_the_nearest_name(override, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        resolve(read(None, [override]), ROLES)


def test_a_resolved_configuration_survives_being_written():
    config = resolve(read(None, ["role.cell.lr=3e-4"]), ROLES)
    assert from_dict(to_dict(config)) == config


def test_steps_are_rounded_up_to_whole_checkpoint_intervals():
    config = resolve(read(None, ["steps=1001", "rollout_steps=10", "segment_rollouts=5", "num_envs=2"]), ROLES)
    assert (config.segment_steps, config.num_segments, config.total_steps) == (100, 11, 1100)


def test_a_scenario_may_state_settings_that_suit_it(monkeypatch):
    train = {"worker": {"gamma": 0.8}, "role": {"cell": {"lr": 1e-3}}}
    monkeypatch.setattr("pybridge.scenario", lambda name: SimpleNamespace(train=train))
    cell = resolve(read(None, ["role.cell.epochs=2"]), ROLES, "toy").roles["cell"]
    assert (cell.gamma, cell.lr, cell.epochs, cell.clip) == (0.8, 1e-3, 2, WORKER.clip)
    cell = resolve(read(None, ["role.cell.lr=2e-3", "worker.gamma=0.7"]), ROLES, "toy").roles["cell"]
    assert (cell.gamma, cell.lr) == (0.7, 2e-3)
    cell = resolve(read(None, ["worker.lr=3e-3"]), ROLES, "toy").roles["cell"]
    assert cell.lr == 3e-3, "what the user says of a level counts more than what the scenario says of a role"
    assert resolve(read(None), ROLES).roles["cell"].gamma == WORKER.gamma


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"worker": {"gama": 0.8}}, "section [train] of scenario toy: worker.gama: no such setting; did you mean"),
        ({"steps": 5}, "section [train] of scenario toy: steps: no such table"),
    ],
)
def test_settings_of_a_scenario_are_checked(train, message, monkeypatch):
    monkeypatch.setattr("pybridge.scenario", lambda name: SimpleNamespace(train=train))
    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve(read(None), ROLES, "toy")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("worker.gamma=2", "worker.gamma = 2: expected 0 to 1"),
        ("worker.lr=-1", "worker.lr = -1: expected 0 or more"),
        ("worker.lr=nan", "worker.lr = nan: expected a finite number"),
        ("manager.epochs=0", "manager.epochs = 0: expected 1 or more"),
        ("role.cell.minibatches=0", "role.cell.minibatches = 0: expected 1 or more"),
        ("worker.chunk=0", "worker.chunk = 0: expected 1 or more"),
        ("worker.initial_std=0", "worker.initial_std = 0: expected above 0"),
        ("worker.actor_hidden=[64, 0]", "worker.actor_hidden = 0: expected 1 or more"),
        ("worker.critic_hidden=[]", "worker.critic_hidden = []: expected 1 or more values"),
        ("steps=0", "steps = 0: expected 1 or more"),
        ("seed=-1", "seed = -1: expected 0 or more"),
        ("num_envs=0", "num_envs = 0: expected 1 or more"),
        ("rollout_steps=-5", "rollout_steps = -5: expected 1 or more"),
        ("fragment_timeout_s=0", "fragment_timeout_s = 0: expected above 0"),
        ("pid=[1, 2]", "pid = [1, 2]: expected 3 values"),
        ("curriculum=[0.3, 2]", "curriculum = 2: expected 0 to 1"),
    ],
)
def test_numbers_out_of_range_are_told_with_what_was_expected(override, message):
    with pytest.raises(ConfigError, match=re.escape(message) + "$"):
        resolve(read(None, [override]), ROLES)
