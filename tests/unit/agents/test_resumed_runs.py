# SPDX-License-Identifier: GPL-2.0-only
"""What a run keeps from one segment to the next, what it tells, and where it may go on."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from fake_env import SliceBudget
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_run_folder import ROLLOUT, SEGMENT, SETTINGS, assert_same, start

from agents import checkpoint, policies
from agents.config import ConfigError
from agents.policies import EqualShare
from agents.settings import read
from agents.training import train
from pybridge import Parameter

QUIET = Console(quiet=True)


class Counting(EqualShare):
    """Budgets drift with the number of decisions since the heuristic was made."""

    name = "counting"

    def __init__(self, schema):
        super().__init__(schema)
        self.done = 0

    def wish(self, role, field, batch, rng):
        if field.name != "budget":
            return super().wish(role, field, batch, rng)
        self.done += 1
        return np.array([1.0, 1.0 + 0.01 * self.done])


def test_a_heuristic_that_remembers_forgets_with_the_segment(tmp_path, monkeypatch):
    monkeypatch.setitem(policies.HEURISTICS, "counting", Counting)
    settings = ["manager.heuristic=counting"]
    whole = start(tmp_path / "whole", segments=2, settings=settings)
    start(tmp_path / "parts", segments=2, settings=settings, stop_after_segments=1)
    assert_same(whole, start(tmp_path / "parts", segments=2, resume=True))


def test_checkpoints_do_not_grow_with_roles_that_do_not_learn(tmp_path):
    sizes = []
    for segments in (1, 6):
        run = tmp_path / str(segments)
        state = start(run, segments=segments, settings=["manager.heuristic=equal-share"])
        assert [len(parts) for parts in state["pools"]["planner"].values()] == [1]
        sizes.append((run / checkpoint.LATEST).stat().st_size)
    assert sizes[1] < sizes[0] + 500


def test_tensorboard_keeps_the_last_point_before_a_checkpoint(tmp_path):
    start(tmp_path, segments=2, stop_after_segments=1)
    (events,) = (tmp_path / "tensorboard").iterdir()
    events.rename(events.with_name("events.out.tfevents.0"))  # they are read by name, in which only seconds tell
    start(tmp_path, segments=2, resume=True)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("utility/step")] == [2 * ROLLOUT * k for k in range(1, 7)]


@pytest.mark.parametrize(("then", "now"), [("inline", "local"), ("inline", "ray"), ("local", "inline")])
def test_a_run_that_overlaps_is_not_resumed_where_it_would_not(tmp_path, then, now):
    start(tmp_path, segments=1)
    recipe = checkpoint.read_recipe(tmp_path)
    recipe["config"]["backend"] = then
    (tmp_path / checkpoint.RECIPE).write_text(json.dumps(recipe))
    message = f"--resume --backend {now}: the run began with the back end {then} and overlap = true"
    with pytest.raises(ConfigError, match=message):
        train("toy", tmp_path, params={}, settings={"backend": now}, resume=True, console=QUIET)


def test_a_run_without_overlap_is_resumed_anywhere(tmp_path):
    settings = ["overlap=false"]
    whole = start(tmp_path / "whole", segments=2, settings=settings)
    start(tmp_path / "parts", segments=2, settings=settings, stop_after_segments=1)
    train(
        "toy",
        tmp_path / "parts",
        params={},
        settings={"backend": "local"},
        resume=True,
        console=QUIET,
        make_env=lambda name, n, params, transport: SliceBudget(n),
    )
    assert_same(whole, checkpoint.load(tmp_path / "parts"))


@pytest.mark.parametrize(("steps", "warned"), [(69, False), (70, True)])
def test_episodes_that_never_end_are_told(tmp_path, steps, warned):
    def make_env(name, n, params, transport):
        env = SliceBudget(n, episode_steps=steps)
        env.schema = replace(env.schema, parameters=(Parameter("num_steps", steps, 1, 1000, "steps", ""),))
        return env

    console = Console(file=io.StringIO(), width=60)
    settings = read(None, SETTINGS, steps=SEGMENT)
    train("toy", tmp_path, params={}, settings=settings, console=console, make_env=make_env)
    text = console.file.getvalue()
    assert ("warning" in text) == warned
    if warned:
        assert "episodes have 70 steps" in text
        assert "rollout_steps * segment_rollouts = 23 * 3 = 69" in text
        assert "Raise segment_rollouts to 4 or more" in text
