# SPDX-License-Identifier: GPL-2.0-only
"""`qntn check` finds what is wrong with a scenario on purpose, and nothing of the kind in a good one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_fake import Buffers
from typer.testing import CliRunner

import pybridge
from agents.cli import app
from pybridge import fake
from pybridge.catalogue import SCENARIO_PATH_VARIABLE


@pytest.fixture
def odd(user_scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(SCENARIO_PATH_VARIABLE, str(user_scenarios))
    return "odd"


def found(report: pybridge.Report, about: str) -> dict[str, tuple[str, str]]:
    """place -> level, text."""
    return {f.place: (f.level, f.text) for f in report.findings if f.about == about}


def test_a_good_scenario_passes(nothing_left: object) -> None:
    report = pybridge.check("tiny", steps=120)
    assert report.problems == []
    assert {f.about for f in report.of("fine")} >= {"bounds", "units", "determinism", "transports", "influence"}
    assert report.speed is not None and report.speed.steps_per_s > 0
    assert found(report, "fields")["manager.offered_bps"][0] == "look"


def test_each_oddity_of_its_fields_is_named(odd: str, nothing_left: object) -> None:
    report = pybridge.check(odd, steps=40)
    level, text = found(report, "bounds")["agent.delay_ms"]
    assert level == "problem"
    assert "up to 9 above 5 [s]" in text and "first at step 6" in text
    assert found(report, "units")["agent.delay_ms"] == ("problem", "the name ends in _ms and the unit is 's'.")
    assert found(report, "units")["agent.queue"][0] == "look"
    assert found(report, "help")["agent.queue"][0] == "look"
    assert found(report, "fields")["agent.idle_ratio"][0] == "look"
    assert found(report, "rewards")["agent.cost_eur"] == (
        "look",
        "the term is always 0 and weighs -1 in the reward.",
    )
    influence = found(report, "influence")
    assert influence["agent.used"][0] == "fine"
    assert influence["agent.unused_db"][0] == "look"
    assert ("look", "another seed gives the same bytes.") in [(f.level, f.text) for f in report.findings]
    assert [f.about for f in report.problems] == ["units", "bounds"]


@pytest.mark.parametrize(
    ("flaw", "about", "words"),
    [
        ("nan", "numbers", "NaN or infinite, first at step 4"),
        ("masks", "masks", "at step 3 everything is masked"),
        ("process_id", "determinism", "the same seed and actions give other values"),
        ("death", "run", "the odd scenario dies"),
    ],
)
def test_a_flaw_is_a_problem(odd: str, flaw: str, about: str, words: str, nothing_left: object) -> None:
    report = pybridge.check(odd, steps=40, params={"flaw": flaw})
    assert any(words in problem.text for problem in report.problems if problem.about == about), report.text()


def test_extremes_are_tried(odd: str, nothing_left: object) -> None:
    parameters = found(pybridge.check(odd, steps=20, extremes=True), "parameters")
    assert parameters["width = 1"] == ("fine", "accepted.")
    assert parameters["width = 40"][0] == "problem"


def test_a_fake_can_be_checked_too(nothing_left: object) -> None:
    report = pybridge.check(fake.scenario(Buffers), steps=40)
    assert report.problems == [], report.text()


def test_the_command_ends_with_1_on_problems(odd: str, nothing_left: object) -> None:
    result = CliRunner().invoke(app, ["check", "odd", "--steps", "20"])
    assert result.exit_code == 1
    assert "Problems (2)" in result.output
    result = CliRunner().invoke(app, ["check", "tiny", "--steps", "20", "--param", "num_steps=10", "--json"])
    assert result.exit_code == 0
    assert {row["about"] for row in json.loads(result.output)} >= {"speed", "determinism"}
    with pytest.raises(pybridge.ParameterError):
        pybridge.check("tiny", params={"num_step": 3})


def test_stock_wifi_is_a_scenario_in_which_decisions_matter(nothing_left: object) -> None:
    assert pybridge.check("wifi-contention", steps=20, params={"num_steps": 10}).problems == []
    carried = {}
    with pybridge.make_vec("wifi-contention", num_envs=1, params={"num_steps": 10}) as env:
        for window in (0, 3, 6):
            env.reset(seed=1)
            choice = np.full((1, 1, 1), window, np.float32)
            carried[window] = np.mean([env.step({"access_point": choice}).metrics[0, 0] for _ in range(30)])
    assert carried[3] > carried[0] > carried[6]
