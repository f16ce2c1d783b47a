# SPDX-License-Identifier: GPL-2.0-only
"""What tests with Ray share."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def ray_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a token, else Ray writes one into the home folder; a process reads one only once."""
    file = tmp_path_factory.mktemp("ray") / "token"
    file.write_text(secrets.token_hex(32))
    return file


@pytest.fixture
def ray_alone(ray_token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's settings for a cluster of this machine that finds the tests' modules and tells nobody."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(ray_token))
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))  # noqa: PTH120
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def cluster(ray_alone: None) -> Iterator[Any]:
    """A cluster of Ray's, of two nodes with two cores each, as far as Ray can tell."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("default")  # Ray's own
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        made.add_node(num_cpus=2)
        try:
            yield made
        finally:
            made.shutdown()
