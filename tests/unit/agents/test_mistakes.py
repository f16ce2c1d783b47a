# SPDX-License-Identifier: GPL-2.0-only
"""What `qntn` says of mistakes: two processes in one folder, damaged files, files that cannot be written."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from fake_env import SliceBudget
from rich.console import Console
from test_run_folder import SEGMENT, start

from agents import checkpoint
from agents.algorithms import load
from agents.cli import main
from agents.config import ConfigError
from agents.settings import read, resolve
from agents.trained import TrainedPolicy
from agents.training import train

SCHEMA = SliceBudget(1).schema
HOLDER = """
import sys
from pathlib import Path
from agents import checkpoint

with checkpoint.locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def held(folder):
    """Another process that trains in `folder`."""
    command = [sys.executable, "-c", HOLDER, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def told(capsys, monkeypatch, *words):
    """The line that a command ends with."""
    monkeypatch.setattr(sys, "argv", ["qntn", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code != 0
    return capsys.readouterr().err


def test_one_process_at_a_time_trains_in_a_folder(tmp_path):
    run = tmp_path / "run"
    with held(run) as process:
        with pytest.raises(
            checkpoint.CheckpointError, match=rf"process \(pid {process.pid} on .*another --run, or wait"
        ):
            start(run, segments=1)
        assert [file.name for file in run.iterdir()] == [checkpoint.LOCK]
    start(run, segments=1)  # the lock of a process that was killed is none
    with held(run), pytest.raises(checkpoint.CheckpointError, match="another process"):
        start(run, segments=2, resume=True)
    assert start(run, segments=2, resume=True)["env_steps"] == 2 * SEGMENT
    assert not (run / checkpoint.LOCK).exists()


def test_a_folder_that_was_only_locked_is_not_left(tmp_path):
    with pytest.raises(ConfigError):
        start(tmp_path / "run", segments=1, settings=["stepps=1"])
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_is_of_its_scenario_and_does_not_end_before_it_is(tmp_path, capsys, monkeypatch):
    start(tmp_path, segments=2)
    told_of = told(capsys, monkeypatch, "train", "tiny", "--run", tmp_path, "--resume")
    assert told_of == f"error: {tmp_path} is a run of toy, not of tiny; name that, or another --run\n"
    before = (tmp_path / checkpoint.RECIPE).read_bytes()
    for steps in (SEGMENT, 2 * SEGMENT - 1):  # of which the latter are as many segments
        with pytest.raises(ConfigError, match=f"--steps {steps}: {re.escape(str(tmp_path))} has done {2 * SEGMENT}; "):
            train(
                "toy",
                tmp_path,
                params={},
                settings={"steps": steps},
                resume=True,
                console=Console(quiet=True),
                make_env=lambda name, n, params, transport: SliceBudget(n),
            )
    assert (tmp_path / checkpoint.RECIPE).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is damaged: Expecting value"),
        ('{"scenario": "to', "is damaged: Unterminated string"),
        ("{}", "found no scenario, expected scenario, params, config"),
        ("[]", "found no scenario"),
        ('{"scenario": "toy", "params": {}}', "found no config"),
        ('{"scenario": "toy", "params": {}, "config": {}}', "found no config.roles"),
    ],
)
def test_a_damaged_recipe_is_named(tmp_path, content, message, capsys, monkeypatch):
    file = tmp_path / checkpoint.RECIPE
    file.write_text(content)
    for command in (["evaluate"], ["watch", "--once"], ["replay"], ["export"], ["train", "toy", "--resume", "--run"]):
        line = told(capsys, monkeypatch, *command, tmp_path)
        assert re.fullmatch(rf"error: {re.escape(str(file))} .*{re.escape(message)}.*\n", line), line


def test_a_damaged_checkpoint_sends_nobody_in_a_circle(tmp_path):
    start(tmp_path, segments=1)
    (tmp_path / checkpoint.LATEST).write_bytes(b"no checkpoint")
    with pytest.raises(checkpoint.CheckpointError, match=r"remove checkpoint\.pt and train anew without --resume"):
        start(tmp_path, segments=2, resume=True)
    (tmp_path / checkpoint.LATEST).unlink()
    assert start(tmp_path, segments=1)["env_steps"] == SEGMENT


def test_a_checkpoint_of_another_version_is_told_with_both_revisions(tmp_path):
    start(tmp_path, segments=1)
    recipe = json.loads((tmp_path / checkpoint.RECIPE).read_text())
    recipe["git_revision"] = "abc"
    recipe["config"]["roles"]["cell"]["actor_hidden"] = [32]
    (tmp_path / checkpoint.RECIPE).write_text(json.dumps(recipe))
    for use in (
        lambda: start(tmp_path, segments=2, resume=True),
        lambda: TrainedPolicy(SCHEMA, tmp_path, num_envs=1),
    ):
        with pytest.raises(checkpoint.CheckpointError, match=r"does not fit this version .*revision abc, this is \w+"):
            use()
    state = checkpoint.load(tmp_path)
    del state["fingerprint"]
    checkpoint.save(tmp_path, state)
    with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt: found no `fingerprint`"):
        TrainedPolicy(SCHEMA, tmp_path, num_envs=1)
    torch.save([1], tmp_path / checkpoint.LATEST)
    (tmp_path / checkpoint.PREVIOUS).unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt is damaged"):
        checkpoint.load(tmp_path)


HEAD = "from agents.algorithms import Algorithm\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Mine(Algorithm)\n", "line 2: SyntaxError: expected ':'"),
        ("1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("import none_such\n", "line 2: ModuleNotFoundError: No module named 'none_such'"),
        ("\nclass Mine(Algorithm):\n    worker = 3\n", "line 3: TypeError: worker = 3: expected a RoleConfig, such as"),
        (
            "class Mine(Algorithm):\n    def level(self, role):\n        return 'boss'\n",
            "line 3: ValueError: level() of role planner is 'boss': expected worker or manager",
        ),
        (
            "class Mine(Algorithm):\n    def level(self, role):\n        return role.boss\n",
            "line 4: AttributeError: 'Role' object has no attribute 'boss'",
        ),
        (
            "from agents.config import RoleConfig\n\nclass Mine(Algorithm):\n    worker = RoleConfig(gamma=2)\n",
            "worker.gamma = 2: expected 0 to 1",
        ),
    ],
)
def test_a_mistake_in_an_algorithm_of_ones_own_is_told_with_its_line(tmp_path, text, message):
    file = tmp_path / "mine.py"
    file.write_text(HEAD + text)
    load.cache_clear()
    with pytest.raises(ConfigError, match=re.escape(f"algorithm '{file}': {message}")) as raised:
        resolve(read(None, algorithm=str(file)), SCHEMA.roles)
    assert "\n" not in str(raised.value)


def test_a_settings_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text("steps = \n")
    with pytest.raises(ConfigError, match=r"mine\.toml: Invalid value .*; expected TOML"):
        read(tmp_path / "mine.toml")


def test_what_the_system_says_of_a_file_is_told_with_its_name(tmp_path, capsys, monkeypatch):
    missing, blocked = tmp_path / "missing.toml", tmp_path / "file"
    blocked.write_text("")
    line = told(capsys, monkeypatch, "train", "tiny", "--config", missing)
    assert line == f"error: {missing}: No such file or directory\n"
    line = told(capsys, monkeypatch, "train", "tiny", "--config", tmp_path)
    assert line == f"error: {tmp_path}: Is a directory\n"
    line = told(capsys, monkeypatch, "train", "tiny", "--run", blocked / "run")
    assert line == f"error: {blocked / 'run'}: Not a directory\n"


def test_where_an_episode_cannot_be_written_it_is_not_simulated(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pybridge.make_vec", lambda *args, **kwargs: pytest.fail("it has been simulated"))
    line = told(capsys, monkeypatch, "run", "tiny", "--csv", tmp_path)
    assert line == f"error: {tmp_path}: Is a directory\n"
    (tmp_path / "x.recipe.json").write_text('{"of": "somebody else"}')
    line = told(capsys, monkeypatch, "run", "tiny", "--csv", tmp_path / "x.csv")
    assert "x.recipe.json is no recipe of `qntn run`, which would replace it; name another --csv" in line
    checkpoint.write_recipe(tmp_path, {"scenario": "tiny", "params": {}, "config": {"roles": {}}})
    line = told(capsys, monkeypatch, "export", tmp_path, "--out", tmp_path)
    assert line == f"error: {tmp_path}: Is a directory\n"
    line = told(capsys, monkeypatch, "run", "tiny", "--csv", tmp_path / checkpoint.RECIPE)
    assert "found a name that ends in .json, expected one such as run.csv" in line
    assert checkpoint.read_recipe(tmp_path)["scenario"] == "tiny"


@pytest.mark.parametrize(
    "words",
    [
        ("train", "tiny", "--steps", 0),
        ("train", "tiny", "--num-envs", 0),
        ("train", "tiny", "--seed", -1),
        ("evaluate", "x", "--seeds-from", -1),
        ("headroom", "tiny", "--seeds-from", -1),
        ("replay", "x", "--seed", -1),
        ("kpis", "--seed", -1),
        ("check", "tiny", "--seed", -1),
    ],
)
def test_numbers_of_options_have_a_least_value(words, capsys, monkeypatch):
    assert re.search(r"greater than or\W+equal to", told(capsys, monkeypatch, *words))


def test_an_interrupt_names_the_command_that_goes_on(tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-c", "from agents.cli import main; main()", "train", "tiny", "--run", str(run)]
    environment = os.environ | {"COLUMNS": "200"}
    with subprocess.Popen(
        [*command, "--set", "backend=inline"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        while not (run / checkpoint.RECIPE).exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.splitlines()[-1] == f"stopped; go on with: qntn train tiny --run {run} --resume"
    assert err == ""
