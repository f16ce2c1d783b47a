# SPDX-License-Identifier: GPL-2.0-only
"""A scenario program runs without Python, driven by the fake agent within it."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import numpy as np
import pytest

import pybridge

PROGRAM = ["--num_steps=6", "--epoch_steps=3"]


def run(*arguments: str, status: int = 0) -> str:
    program = pybridge.scenario("tiny").program
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == status, result.stderr
    return result.stderr if status else result.stdout


def test_it_prints_nothing_unless_asked() -> None:
    assert run("--qntn-fake=equal", *PROGRAM) == ""


def test_it_is_the_simulation_that_python_sees(tmp_path: Path, nothing_left: object) -> None:
    file = tmp_path / "run.csv"
    run("--qntn-fake=equal", "--qntn-seed=4", f"--qntn-csv={file}", *PROGRAM)
    with file.open() as lines:
        rows = [r for r in csv.DictReader(lines) if r["kind"] == "metric" and r["field"] == "carried_bps"]
    with pybridge.make_vec("tiny", num_envs=1, seed=4, params={"num_steps": 6, "epoch_steps": 3}) as env:
        env.reset()
        carried = []
        for _ in range(6):
            share = np.full((1, 1, 3), np.float32(1 / 3))
            batch = env.step({"manager": np.ones((1, 1, 1), np.float32), "worker": share})
            carried.append(float(batch.metrics[0, 0]))
    assert [float(row["value"]) for row in rows[1:]] == carried


def test_a_recording_is_repeated(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    run("--qntn-fake=random", "--qntn-seed=9", f"--qntn-csv={first}", *PROGRAM)
    run(f"--qntn-fake={first}", "--qntn-seed=9", f"--qntn-csv={second}", *PROGRAM)
    assert first.read_text() == second.read_text()
    assert ",action,worker,0,link_share_ratio,2," in first.read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--qntn-fake=equal", "--num_step=3"], 64, "unknown argument '--num_step'"),
        (["--qntn-fake=no-such-file"], 64, "expected equal, random or a recording"),
        (["--qntn-fake=equal", "--num_steps=0"], 1, "num_steps: found 0, expected a whole number"),
        (["--qntn-fake=equal", "--qntn-seed=x"], 64, "--qntn-seed: expected a whole number"),
    ],
)
def test_what_it_does_not_understand_is_refused(arguments: list[str], status: int, words: str) -> None:
    assert words in run(*arguments, status=status)
