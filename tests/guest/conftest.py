# SPDX-License-Identifier: GPL-2.0-only
"""Simulations in the manner of ns3-gym and ns3-ai, built from the wire facts alone."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

import pybridge


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs zmq-peer, ai-peer and struct-peer."""
    folder = tmp_path_factory.mktemp("peers")
    ns3 = importlib.util.find_spec("ns3")
    assert ns3 is not None and ns3.submodule_search_locations is not None
    wire = Path(pybridge.__file__).parent / "guest" / "wire"
    boost = Path(ns3.submodule_search_locations[0]) / "include"
    source = Path(__file__).parent / "peers"
    configure = ["cmake", "-S", source, "-B", folder, f"-DWIRE={wire}", f"-DBOOST={boost}"]
    for command in (configure, ["cmake", "--build", folder, "-j2"]):
        subprocess.run(command, check=True, capture_output=True)
    return folder
