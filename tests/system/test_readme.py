# SPDX-License-Identifier: GPL-2.0-only
"""Every command and every program in README does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent

COMPARE = "qntn compare agents/studies/*-co*/ agents/studies/*-any-scenario/"
# Too long for a test as they stand, and run here at a smaller size; or meant for the clone's own folder.
IN_THEIR_PLACE = {
    COMPARE: COMPARE.replace("agents/", f"{ROOT}/agents/"),
    "qntn headroom metaverse-city": "qntn headroom tiny --seeds 2 --max-static 6",
    "qntn train metaverse-city --steps 60000 --run runs/city": (
        "qntn train metaverse-city --steps 400 --run runs/city "
        "--set rollout_steps=100 --set segment_rollouts=2 --param episode_s=10"
    ),
    "qntn evaluate runs/city --episodes 20": "qntn evaluate runs/city --episodes 2",
    "qntn train queue --steps 6000": ("qntn train queue --steps 400 --set rollout_steps=100 --set segment_rollouts=2"),
    "make demo": "qntn demo --small --scenario tiny --out results/demo",
}
# Needs a Docker engine, or is the run of these tests itself: held against the files that it uses.
ELSEWHERE = ("docker build", "docker run", "make test")


def blocks(language: str) -> list[str]:
    """Code blocks of a language, with what stands before them left out."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where README's commands run, with its example scenario in `my-scenarios`."""
    folder = tmp_path_factory.mktemp("readme")
    scenarios = folder / "my-scenarios"
    scenarios.mkdir()
    (program,) = blocks("cpp")
    (parameters,) = blocks("toml")
    (scenarios / "queue.cc").write_text(program)
    (scenarios / "queue.toml").write_text(parameters)
    return folder


def run(command: str, folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    environment["QNTN_SCENARIO_PATH"] = str(folder / "my-scenarios" / ".qntn")
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.mark.slow
def test_every_command_works_in_the_order_of_the_page(workplace: Path) -> None:
    ran = []
    for command in commands():
        if command.startswith(ELSEWHERE) or command.startswith("export "):
            continue
        ran.append(run(IN_THEIR_PLACE.get(command, command), workplace))
    assert len(ran) >= 9
    assert set(IN_THEIR_PLACE) <= set(commands()), "a command of README has changed"


@pytest.mark.slow
@pytest.mark.parametrize("program", blocks("python"), ids=["one environment", "several", "one agent"])
def test_every_program_works(program: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=300)


def test_stepping_an_environment_takes_no_more_than_eight_lines() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 8


def test_what_runs_elsewhere_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo: setup\n\t\$\(BIN\)/qntn demo --out results/demo$", makefile, re.MULTILINE)
    assert "\ntest:" in makefile
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
    entry = shutil.which("sh")
    assert entry
    subprocess.run([entry, "-n", ROOT / "docker" / "entrypoint.sh"], check=True)


def test_pictures_and_links_point_at_files() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
