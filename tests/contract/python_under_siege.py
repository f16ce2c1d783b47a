# SPDX-License-Identifier: GPL-2.0-only
"""Forks Python processes that step simulators, ends each by a signal at a random point, and tells what is left.

Prints {"trials", "left": simulators that outlived their Python, "wrong": exit statuses that do not fit}.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import pybridge

PATIENCE_S = 5.0


def step_until_killed(report: int, num_envs: int) -> None:
    env = pybridge.make_vec("echo", num_envs=num_envs, params={"num_steps": 4_000_000_000})
    try:
        env.reset()
        pids = [s.pid for s in (*env._running, *env._waiting, env._spare) if s is not None]
        os.write(report, json.dumps(pids).encode())
        actions = {"agent": np.zeros((num_envs, 1, 1), np.float32)}
        while True:
            env.step(actions)
    except KeyboardInterrupt:
        try:
            env.step({})
        except pybridge.QntnError:
            os._exit(42)  # interrupted, closed, and said so
    os._exit(1)


def trial(rng: random.Random, left: list[int], wrong: list[str]) -> None:
    how = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        step_until_killed(write, rng.choice([1, 2]))
    os.close(write)
    pids = json.loads(os.read(read, 4096))
    os.close(read)
    time.sleep(rng.uniform(0, 0.01))
    os.kill(child, how)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != (42 if how == signal.SIGINT else -how):
        wrong.append(f"{how.name}: {code}")
    deadline = time.monotonic() + PATIENCE_S
    alive = set(pids)
    while alive and time.monotonic() < deadline:
        alive = {pid for pid in alive if Path(f"/proc/{pid}/exe").exists()}
    left += alive


def main() -> None:
    trials = int(sys.argv[1])
    rng = random.Random(4)
    left: list[int] = []
    wrong: list[str] = []
    for _ in range(trials):
        trial(rng, left, wrong)
    sys.stdout.write(json.dumps({"trials": trials, "left": left, "wrong": wrong}))


if __name__ == "__main__":
    main()
