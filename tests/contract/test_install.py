# SPDX-License-Identifier: GPL-2.0-only
"""What is installed runs by itself, and what is built is built with clear errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pybridge
from agents.cli import app
from pybridge.build import BuildError, build_clone, build_folder
from pybridge.catalogue import native_folder


def test_programs_use_the_ns3_that_travels_with_them() -> None:
    programs = [scenario.program for scenario in pybridge.scenarios()]
    assert len(programs) >= 2
    for program in programs:
        output = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        libraries = re.findall(r"(libns3\S+|libgsl\S+) => (\S+)", output)
        assert libraries
        for name, path in libraries:
            assert Path(path).resolve().is_relative_to(native_folder().resolve()), f"{name} is taken from {path}"


def test_a_program_started_by_hand_says_what_it_is() -> None:
    program = pybridge.scenario("tiny").program
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert result.returncode == 64
    assert "qntn run" in result.stderr
    result = subprocess.run([program, "--qntn-control=77"], capture_output=True, text=True, check=False)
    assert result.returncode == 64
    assert "open file descriptor, found '77'" in result.stderr


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="expected <name>.cc and <name>.toml"):
        build_folder(tmp_path, quiet=True)


def test_a_program_without_its_parameter_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lonely.cc").write_text("int main() {}\n")
    with pytest.raises(BuildError, match="lonely.toml"):
        build_folder(tmp_path, quiet=True)


def test_a_compiler_error_is_shown(tmp_path: Path) -> None:
    (tmp_path / "broken.cc").write_text("int main() { return undeclared; }\n")
    (tmp_path / "broken.toml").write_text('title = "Broken"\n')
    with pytest.raises(BuildError, match="undeclared"):
        build_folder(tmp_path, quiet=True)


MINIMAL = """
#include "bridge/bridge.h"
int
main(int argc, char* argv[])
{
    int unused;
    qntn::Bridge bridge(argc, argv);
    bridge.AddRole("agent", 1, 1, "").Observe("x", 1, 0, 1, "1", "");
}
"""


def test_what_can_be_built_is_built_and_the_rest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is no error; nor does one scenario stand in the way of the others."""
    for name, program, parameters in (
        ("aching", "int main() { return undeclared; }\n", 'title = "Aching"\n'),
        ("bare", MINIMAL, None),
        ("crooked", MINIMAL, "[parameters\n"),
        ("decent", MINIMAL, 'title = "Decent"\n'),
    ):
        (tmp_path / f"{name}.cc").write_text(program)
        if parameters is not None:
            (tmp_path / f"{name}.toml").write_text(parameters)
    with pytest.raises(BuildError) as error:
        build_folder(tmp_path, quiet=True)
    told, _, compiler = str(error.value).partition("\n\n")
    assert "3 of 4 scenarios" in told and "decent" not in told.replace("and decent", "")
    for words in ("aching: ", "bare.toml", "crooked.toml: not valid TOML"):
        assert words in told
    assert "undeclared" in compiler
    monkeypatch.setenv("QNTN_SCENARIO_PATH", str(tmp_path / ".qntn"))
    assert pybridge.scenario("decent").title == "Decent"
    with pytest.raises(pybridge.ScenarioNotFound):
        pybridge.scenario("aching")
    result = CliRunner().invoke(app, ["build", "--scenarios", str(tmp_path), "--quiet"])
    assert isinstance(result.exception, BuildError)


@pytest.fixture
def crooked(tmp_path: Path, user_scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parameter file of `faulty`, for a test to write, in a folder of user scenarios."""
    (tmp_path / "bin").symlink_to(user_scenarios / "bin")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("QNTN_SCENARIO_PATH", str(tmp_path))
    return tmp_path / "scenarios" / "faulty.toml"


@pytest.mark.parametrize("content", [b"[parameters\n", b"\xff", b"[parameter]\n"])
def test_a_broken_parameter_file_harms_its_own_scenario_only(crooked: Path, content: bytes) -> None:
    crooked.write_bytes(content)
    assert pybridge.scenario("tiny").name == "tiny"
    assert "faulty" not in [each.name for each in pybridge.scenarios()]
    with pytest.raises(pybridge.ParameterError, match="faulty.toml"):
        pybridge.scenario("faulty")
    result = CliRunner().invoke(app, ["scenarios", "--json"])
    assert result.exit_code == 0
    rows = {row["scenario"]: row for row in json.loads(result.output)}
    assert "faulty.toml" in rows["faulty"]["problem"] and rows["tiny"]["problem"] == ""
    assert len({tuple(row) for row in rows.values()}) == 1
    assert "faulty.toml" in CliRunner().invoke(app, ["scenarios"]).output


def test_a_build_of_the_clone_reports_broken_parameter_files(crooked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crooked.write_text("[parameters\n")
    monkeypatch.setattr("pybridge.build.native_folder", lambda: crooked.parents[1])
    monkeypatch.setattr("pybridge.build._run", lambda command, quiet: None)
    with pytest.raises(BuildError, match="faulty.toml: not valid TOML"):
        build_clone(quiet=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[reward.agent]\nlevel_sum = "a"', r"\[reward.agent\] level_sum: found 'a', expected a number"),
        ("[reward.agent]\nlevel_sum = true", r"\[reward.agent\] level_sum: found True, expected a number"),
        ("[reward.agent]\nlevel_sum = nan", r"\[reward.agent\] level_sum: found nan, expected a number"),
        ("[reward]\nagent = 1", r"\[reward.agent\]: found 1, expected a table"),
        ("reward = 1", r"\[reward\]: found 1, expected a table"),
        ("[utility]\nx = [1]", r"\[utility\] x: found \[1\], expected a number"),
        ("[parameters]\nfault = [1]", r"\[parameters\] fault: found \[1\], expected a number or a text"),
        ("title = 3", "title: found 3, expected a text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_place(crooked: Path, content: str, words: str) -> None:
    crooked.write_text(content)
    with pytest.raises(pybridge.ParameterError, match=f"faulty.toml: {words}"):
        pybridge.scenario("faulty")


def test_a_folder_of_scenarios_without_any_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNTN_SCENARIO_PATH", f"{tmp_path}{os.pathsep}{tmp_path / 'gone' / '.qntn'}")
    with pytest.raises(pybridge.ScenarioNotFound) as error:
        pybridge.scenario("queue")
    for words in (
        f"nothing is built in {tmp_path}",
        f"qntn build --scenarios {tmp_path}",
        f"QNTN_SCENARIO_PATH={tmp_path / '.qntn'}",
        f"there is no folder {tmp_path / 'gone' / '.qntn'}",
    ):
        assert words in str(error.value)
    monkeypatch.setenv("QNTN_SCENARIO_PATH", "")
    with pytest.raises(pybridge.ScenarioNotFound) as error:
        pybridge.scenario("queue")
    assert "QNTN_SCENARIO_PATH" not in str(error.value)


def test_a_parameter_file_with_an_unknown_entry_is_refused(
    tmp_path: Path, user_scenarios: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").symlink_to(user_scenarios / "bin")
    (tmp_path / "scenarios").mkdir()
    file = tmp_path / "scenarios" / "faulty.toml"
    monkeypatch.setenv("QNTN_SCENARIO_PATH", str(tmp_path))
    file.write_text("[parameter]\nfault = 'none'\n")
    with pytest.raises(pybridge.ParameterError, match="'parameter'; did you mean 'parameters'"):
        pybridge.scenario("faulty")
    file.write_text("[parameters\n")
    with pytest.raises(pybridge.ParameterError, match="not valid TOML"):
        pybridge.scenario("faulty")
    file.write_text("[parameters]\nfault = 'none'\nfault_step = 5\n[reward.agent]\nlevel_summ = 1.0\n")
    with pytest.raises(pybridge.ParameterError, match="level_summ: no such term; did you mean 'level_sum'"):
        pybridge.make("faulty")
