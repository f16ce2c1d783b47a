# SPDX-License-Identifier: GPL-2.0-only
"""Round trips with the tests' peers: what a guest's exchange costs, without a simulation behind it."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from pybridge.build import BuildError
from pybridge.guest.base import GuestEnv
from pybridge.guest.gym_env import Ns3AiGymEnv, Ns3GymEnv
from pybridge.guest.struct_env import Ns3AiStructEnv

_WARM_UP = 200


def guests(round_trips: int) -> list[dict[str, Any]]:
    """One row a protocol and size: `protocol`, `floats`, `median_us`, `p99_us`, `round_trips_per_s`.

    Args:
        round_trips: measured in each row, after a warm-up.

    Raises:
        BuildError: there is no clone with the peers, or they do not compile.
    """
    with tempfile.TemporaryDirectory(prefix="qntn-") as name:
        folder = Path(name)
        _build(folder)
        steps = round_trips + _WARM_UP + 10
        rows = []
        for floats in (8, 1024, 65536):
            settings = {"steps": steps, "floats": floats, "wrongAt": -1}
            rows.append(_row("ns3-gym", floats, Ns3GymEnv([str(folder / "zmq-peer")], settings=settings), round_trips))
        for floats in (8, 128):
            ai = Ns3AiGymEnv(
                [str(folder / "ai-peer")],
                settings={"steps": steps, "floats": floats, "wrongAt": -1},
                segment_argument="segName",
            )
            rows.append(_row("ns3-ai-gym", floats, ai, round_trips))
        rows.append(_row("ns3-ai-struct", 3, _struct(folder, steps), round_trips))
        return rows


def _struct(folder: Path, steps: int) -> GuestEnv:
    return Ns3AiStructEnv(
        [str(folder / "struct-peer")],
        observation_space=spaces.Box(-np.inf, np.inf, (), np.float64),
        action_space=spaces.Box(-1, 1, (1,), np.float32),
        cpp_dtype=np.dtype([("step", "u1"), ("sum", "f8"), ("seed", "i4")], align=True),
        python_dtype=np.dtype([("a", "f4"), ("b", "i2")], align=True),
        observe=lambda message: message["sum"],
        act=lambda action: (action[0], 0),
        settings={"steps": steps, "wrongAt": -1},
        segment_argument="segName",
    )


def _row(protocol: str, floats: int, env: GuestEnv, round_trips: int) -> dict[str, Any]:
    action = np.zeros(1, np.float32)
    times_ns = np.empty(round_trips, np.int64)
    with env:
        env.reset()
        for _ in range(_WARM_UP):
            env.step(action)
        for i in range(round_trips):
            start = time.perf_counter_ns()
            env.step(action)
            times_ns[i] = time.perf_counter_ns() - start
    return {
        "protocol": protocol,
        "floats": floats,
        "median_us": round(float(np.median(times_ns)) / 1e3, 2),
        "p99_us": round(float(np.quantile(times_ns, 0.99)) / 1e3, 2),
        "round_trips_per_s": round(round_trips / (float(times_ns.sum()) / 1e9)),
    }


def _build(folder: Path) -> None:
    here = Path(__file__).resolve()
    source = here.parents[2] / "tests" / "guest" / "peers"
    ns3 = importlib.util.find_spec("ns3")
    if not source.is_dir() or ns3 is None or ns3.submodule_search_locations is None:
        raise BuildError("the peers of this measurement are in the clone only; run it there, after `make setup`")
    boost = Path(ns3.submodule_search_locations[0]) / "include"
    configure = ["-S", str(source), "-B", str(folder), f"-DWIRE={here.parent / 'wire'}", f"-DBOOST={boost}"]
    for command in (["cmake", *configure], ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"the peers do not compile:\n{done.stdout}{done.stderr}")
