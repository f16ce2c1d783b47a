# SPDX-License-Identifier: GPL-2.0-only
"""Every block of the tutorial does what it says, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "agents" / "TUTORIAL.md"
BIN = Path(sys.executable).parent


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [language for language, _ in blocks].count("python") >= 4
    for language, text in blocks:
        if language == "toml":
            (tmp_path / "plan.toml").write_text(text)
            continue
        command = ["bash", "-ec", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    for name in ("results/smoke/index.html", "results/mine/ablations.csv", "replay/replay.gif", "policy.pt"):
        assert (tmp_path / name).stat().st_size > 100, name
