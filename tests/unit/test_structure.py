# SPDX-License-Identifier: GPL-2.0-only
"""The tree keeps its shape: who may use whom, and what stands at the top."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_INCLUDE = {
    "orbit": {"orbit"},
    "ran": {"ran", "orbit"},
    "qkd": {"qkd", "orbit"},
    "metaverse": {"metaverse", "ran", "qkd", "orbit"},
    "bridge": {"bridge"},
    "scenarios": {"bridge", "metaverse", "ran", "qkd", "orbit", "scenarios"},
}
MAY_IMPORT = {
    "config": set(),
    "learner": {"algorithms", "arrays", "config", "policies", "rollouts"},
    "rollouts": {"algorithms", "arrays", "config", "learner"},
    "algorithms": {"arrays", "config", "learner"},
    "baselines": {"arrays", "policies"},
    "bounds": {"arrays", "baselines", "episodes", "evaluate", "policies"},
}
TOP = {"README.md", "pyproject.toml", "ns3-scratch", "pybridge", "agents", "docker", "tests"}
BESIDE = {"Makefile", "LICENSE", "CHANGELOG.md"}


def imported(file: Path) -> set[str]:
    """What a Python file imports, wherever in it, as dotted names."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("library", MAY_INCLUDE)
def test_libraries_include_only_what_they_may(library: str) -> None:
    files = [
        file
        for file in (ROOT / "ns3-scratch" / library).rglob("*")
        if file.suffix in (".h", ".cc") and "test" not in file.parts
    ]
    assert files
    for file in files:
        used = set(re.findall(r'#include "([a-z]+)/', file.read_text())) - {"ns3"}
        assert used <= MAY_INCLUDE[library], f"{file.relative_to(ROOT)} includes {sorted(used - MAY_INCLUDE[library])}"


def test_formulas_know_no_ns3() -> None:
    for build_file in (ROOT / "ns3-scratch").glob("*/CMakeLists.txt"):
        formulas = re.search(r"FORMULAS\s+([^)]*?)(?=\s(?:MODELS|DEPENDS|TESTS)|\))", build_file.read_text())
        for name in formulas.group(1).split() if formulas else []:
            for file in (build_file.parent / name, (build_file.parent / name).with_suffix(".h")):
                assert "ns3/" not in file.read_text(), f"{file.relative_to(ROOT)} includes ns-3"


def test_pybridge_knows_neither_torch_nor_agents() -> None:
    for file in (ROOT / "pybridge").rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(file)} & {"torch", "agents"}, file.name


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_parts_of_agents_import_only_what_they_may(part: str) -> None:
    files = [file for pattern in (f"{part}.py", f"{part}/*.py") for file in (ROOT / "agents").glob(pattern)]
    assert files
    for file in files:
        used = {name.split(".")[1] for name in imported(file) if name.startswith("agents.")} - {part}
        assert used <= MAY_IMPORT[part], f"{file.relative_to(ROOT)} imports {sorted(used - MAY_IMPORT[part])}"


def test_importing_pybridge_does_not_load_torch() -> None:
    code = "import sys, pybridge; sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'scipy')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_agreed_names_stand_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines()}
    assert top >= TOP
    assert {name for name in top if not name.startswith(".")} <= TOP | BESIDE


def test_every_source_file_states_its_licence() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if name.endswith((".py", ".cc", ".h", ".cmake", ".sh", ".proto", "CMakeLists.txt", "Makefile")):
            head = (ROOT / name).read_text()[:200]
            assert "SPDX-License-Identifier: GPL-2.0-only" in head, name


def test_no_file_has_grown_past_reading() -> None:
    for folder in ("ns3-scratch", "pybridge", "agents", "tests"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".cc", ".h"):
                assert len(file.read_text().splitlines()) <= 600, f"{file.relative_to(ROOT)}: look for a second idea"
