# SPDX-License-Identifier: GPL-2.0-only
"""QNTN_TRACE writes every exchange; `qntn trace` reads it, after a crash too, and compares two of them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pybridge
from agents.cli import app
from pybridge.trace import TraceError, first_difference, read_trace

STEPS = 6


def record(path: Path, monkeypatch: pytest.MonkeyPatch, seed: int = 1, share: float = 0.5) -> list[bytes]:
    monkeypatch.setenv("QNTN_TRACE", str(path))
    seen = []
    params = {"num_flows": 2, "num_steps": 4, "epoch_steps": 2}
    with pybridge.make_vec("tiny", num_envs=2, seed=seed, params=params) as env:
        batch = env.reset()
        seen.append(batch.observations["worker"].tobytes())
        for step in range(STEPS):
            manager = np.ones((2, 1, 1), np.float32)
            worker = np.full((2, 1, 2), 0.5, np.float32)
            if step == 2:
                worker[1, 0] = share, 1 - share
            batch = env.step({"manager": manager, "worker": worker})
            seen.append(batch.observations["worker"].tobytes())
    monkeypatch.delenv("QNTN_TRACE")
    return seen


def test_a_trace_holds_every_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: object) -> None:
    file = tmp_path / "a.qtrace"
    seen = record(file, monkeypatch)
    trace = read_trace(file)
    assert not trace.truncated
    assert [r.kind for r in trace.records] == ["R"] + ["S"] * STEPS
    assert [r.arrays["worker", "observations"].tobytes() for r in trace.records] == seen
    assert trace.schema.utility == {"backlog_ratio": -1.0, "price_eur": -0.5}
    assert set(trace.records[4].final) == {(role, env) for role in ("manager", "worker") for env in (0, 1)}
    rows = list(trace.rows(env=1, role="manager", steps=slice(0, 4)))
    decided = [row["step"] for row in rows if row["kind"] == "action"]
    assert decided == [1, 3]  # it acts at states 0 and 2
    assert {row["unit"] for row in rows if row["field"] == "price_eur"} == {"eur"}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: object) -> Path:
    """A trace."""
    file = tmp_path / "a.qtrace"
    record(file, monkeypatch)
    return file


def test_a_cut_off_trace_is_read_up_to_the_cut(recorded: Path) -> None:
    file, whole = recorded, recorded.read_bytes()
    file.write_bytes(whole[:-7])
    trace = read_trace(file)
    assert trace.truncated
    assert len(trace.records) == STEPS
    file.write_bytes(b"something else")
    with pytest.raises(TraceError, match="expected a trace"):
        read_trace(file)


def test_a_damaged_trace_is_named_with_its_step(recorded: Path) -> None:
    file, whole = recorded, recorded.read_bytes()
    heading = 12 + int.from_bytes(whole[8:12], "little")
    first = heading + 4 + int.from_bytes(whole[heading : heading + 4], "little")
    second = first + 5 + int.from_bytes(whole[first + 1 : first + 5], "little")
    for at, damage in (
        (12, b"[[[["),
        (12, b'{"num_envs": 0'),
        (12, b'{"num_envs": 3'),
        (heading, b"\x03\x00"),
        (heading + 4, b"\xff\xff\xff\xff"),
        (heading + 4, b"\x00" * 40),
        (first, b"X"),
        (first + 1, b"\x07\x00"),
        (second, b"Q"),
        (second, b"F"),
        (second + 1, b"\x01"),
        (second + 4, b"\x7f"),
    ):
        file.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
        with pytest.raises(TraceError) as error:
            read_trace(file)
        assert str(file) in str(error.value) and "record it again" in str(error.value), error.value
        assert ("after step 0" in str(error.value)) == (at >= second), error.value
    random = np.random.default_rng(1)
    for _ in range(300):
        at, letter = random.integers(len(whole)), random.integers(256)
        file.write_bytes(whole[:at] + bytes([letter]) + whole[at + 1 :])
        with contextlib.suppress(TraceError):
            list(read_trace(file).rows())


def test_the_first_difference_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: object) -> None:
    files = [tmp_path / name for name in ("a", "b", "c", "d")]
    for file, seed, share in zip(files, (1, 1, 1, 2), (0.5, 0.5, 0.25, 0.5), strict=True):
        record(file, monkeypatch, seed, share)
    a, b, c, d = (read_trace(file) for file in files)
    assert first_difference(a, b) is None
    found = first_difference(a, c)
    assert found is not None
    assert (found["step"], found["env"], found["agent"]) == (3, 1, "worker_0")
    assert (found["field"], found["index"], found["a"], found["b"]) == ("link_share_ratio", 0, 0.5, 0.25)
    other = first_difference(a, d)
    assert other is not None and other["step"] == 0
    result = CliRunner().invoke(app, ["trace", str(files[0]), "--diff", str(files[2])])
    assert result.exit_code == 1
    assert "link_share_ratio[0]: 0.5 and 0.25" in result.output
    assert CliRunner().invoke(app, ["trace", str(files[0]), "--diff", str(files[1])]).exit_code == 0


def test_the_command_prints_names_and_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: object
) -> None:
    record(tmp_path, monkeypatch)
    (file,) = tmp_path.glob("tiny-*.qtrace")
    arguments = ["trace", str(file), "--env", "0", "--role", "worker", "--field", "backlog_ratio", "--steps", "1:3"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)
    assert [(row["step"], row["agent"], row["unit"]) for row in rows] == [
        (1, "worker_0", "ratio"),
        (2, "worker_0", "ratio"),
    ]
    assert "backlog_ratio" in CliRunner().invoke(app, arguments).output
    result = CliRunner().invoke(app, ["trace", str(file), "--steps", "5:2"])
    assert "--steps: found '5:2', which has no step in it" in str(result.exception)
    for option, word in (("--role", "worker"), ("--field", "queue_bytes")):
        result = CliRunner().invoke(app, ["trace", str(file), option, word[:-1]])
        assert isinstance(result.exception, TraceError)
        assert f"did you mean {word!r}?" in str(result.exception)
