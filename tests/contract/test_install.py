# SPDX-License-Identifier: GPL-2.0-only
"""What is installed runs by itself, and what is built is built with clear errors."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pybridge
from pybridge.build import BuildError, build_folder
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
