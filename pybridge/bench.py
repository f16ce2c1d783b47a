# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench bridge`: what the bridge costs, beside what this machine allows.

The scenario `echo` simulates nothing, so what a step of it takes is the exchange.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zmq

import pybridge
from pybridge.catalogue import native_folder
from pybridge.vector import VectorEnv
from pybridge.waiting import Wait

FLOATS = (8, 1024, 65536)
_ENDLESS = 4_000_000_000
_WARM_UP = 500
_TOGETHER_S = 3.0

Row = dict[str, Any]


def bridge(round_trips: int) -> list[Row]:
    """All of it: the limit, the exchange by transport and size, the public interfaces, several simulators.

    Args:
        round_trips: of each row.

    Returns:
        Rows with `transport`, `floats`, `median_us`, `p99_us`, `round_trips_per_s`, `cpu_python` and
        `cpu_simulator` (cores busy; of all simulators together).
    """
    rows = [*limits(round_trips), zmq_limit(round_trips)]
    for floats in FLOATS:
        rows += [
            exchange("shm-spin", floats, round_trips),
            exchange("shm-futex", floats, round_trips),
            exchange("zmq", floats, round_trips),
        ]
    rows += [through_make_vec(round_trips), through_parallel(10, round_trips), lock_step(4, round_trips)]
    rows += side_by_side(4, _TOGETHER_S)
    return rows


def limits(round_trips: int) -> list[Row]:
    """Two C++ processes that take turns on a word in shared memory, and do nothing else."""
    cores = sorted(os.sched_getaffinity(0))
    first, second = cores[0], cores[-1]
    cases = [("limit-futex-one-core", 0, 0, first, first), ("limit-yield-one-core", 0, 10**6, first, first)]
    if first != second:
        cases = [("limit-spin", 10**9, 0, first, second), *cases, ("limit-futex-two-cores", 0, 0, first, second)]
    rows = []
    for name, spin_ns, yield_ns, *on in cases:
        program = native_folder() / "bench" / "ping-pong"
        arguments = [str(n) for n in (round_trips, spin_ns, yield_ns, *on)]
        output = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=True).stdout
        median_ns, p99_ns, rate = (float(word) for word in output.split())
        rows.append(_row(name, 0, median_ns, p99_ns, rate))
    return rows


def zmq_limit(round_trips: int) -> Row:
    """Two Python processes that send 64 bytes to and fro on ZMQ, on one core, and do nothing else."""
    endpoint = f"ipc://@qntn-bench-{os.getpid()}"
    core = {min(os.sched_getaffinity(0))}
    code = (
        f"import os, sys, zmq\nos.sched_setaffinity(0, {core})\nsocket = zmq.Context().socket(zmq.PAIR)\n"
        "socket.connect(sys.argv[1])\nfor _ in range(int(sys.argv[2])):\n    socket.send(socket.recv())"
    )
    before = os.sched_getaffinity(0)
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 10_000)
        socket.bind(endpoint)
        peer = subprocess.Popen([sys.executable, "-c", code, endpoint, str(_WARM_UP + round_trips)])
        try:
            _place(os.getpid(), core)
            times_ns = np.empty(_WARM_UP + round_trips, np.int64)
            for index in range(len(times_ns)):
                start = time.perf_counter_ns()
                socket.send(bytes(64))
                socket.recv()
                times_ns[index] = time.perf_counter_ns() - start
        finally:
            peer.kill()
            peer.wait()
    finally:
        socket.close()
        _place(os.getpid(), before)
    times_ns = times_ns[_WARM_UP:]
    median, p99 = float(np.median(times_ns)), float(np.percentile(times_ns, 99))
    return _row("limit-zmq-one-core", 0, median, p99, 1e9 / float(times_ns.mean()))


def exchange(transport: str, floats: int, round_trips: int) -> Row:
    """Actions out, a state in, its observation copied into an array of the caller's.

    `shm-spin` has Python and the simulator on two cores; `shm-futex` both on one, where waits yield and
    then sleep; `zmq` both on one with their I/O threads.
    """
    wait: dict[str, Wait] = {"shm-spin": "spin", "shm-futex": "yield"}
    cores = sorted(os.sched_getaffinity(0))
    where = (cores[0], cores[-1] if transport == "shm-spin" else cores[0])
    with _echo(
        transport="zmq" if transport == "zmq" else "shm", floats=floats, wait=wait.get(transport, "auto")
    ) as env:
        fleet = env._seats  # noqa: SLF001 - the layer below the public one is what is measured
        sources = [state.roles["agent"].observations for state in fleet.states]
        target = np.empty_like(sources[0])

        def turn() -> None:
            fleet.exchange(60.0)
            np.copyto(target, sources[fleet.buffer])

        with _placed(env, where):
            return _timed(transport, floats, env, turn, round_trips)


def through_make_vec(round_trips: int) -> Row:
    """`VectorEnv.step` with one environment: actions checked, a batch of views returned."""
    with _echo() as env:
        actions = {"agent": np.zeros((1, 1, 1), np.float32)}
        return _timed("make_vec", 8, env, lambda: env.step(actions), round_trips)


def through_parallel(num_agents: int, round_trips: int) -> Row:
    """`CoSimulation.step`: dictionaries for each agent, observations copied."""
    with pybridge.make("echo", params={"num_agents": num_agents, "num_steps": _ENDLESS}) as env:
        env.reset()
        actions = {agent: {"level": np.zeros(1, np.float32)} for agent in env.agents}
        vector = env._vector  # noqa: SLF001 - for its process ids
        return _timed(f"parallel-{num_agents}-agents", 8, vector, lambda: env.step(actions), round_trips)


def lock_step(num_envs: int, round_trips: int) -> Row:
    """One Python process that steps several simulators together; a round trip is a batch."""
    with _echo(num_envs=num_envs) as env:
        actions = {"agent": np.zeros((num_envs, 1, 1), np.float32)}
        return _timed(f"make_vec-{num_envs}-simulators", 8, env, lambda: env.step(actions), round_trips)


def side_by_side(num_pairs: int, seconds: float) -> list[Row]:
    """Several Python processes with a simulator each, all at once; a row for each, and their sum."""
    command = [sys.executable, "-c", "from pybridge.bench import _one_of_many; _one_of_many()"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(num_pairs)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
        start_s = time.monotonic() + 0.1
        outputs = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{start_s} {start_s + seconds}\n")
            process.stdin.flush()
        outputs = [process.communicate()[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    rows = []
    for index, output in enumerate(outputs):
        rate, cpu_python, cpu_simulator = (float(word) for word in output.split())
        rows.append(_row(f"pair-{index + 1}-of-{num_pairs}", 8, None, None, rate, cpu_python, cpu_simulator))
    total = {
        key: round(sum(row[key] for row in rows), 2) for key in ("round_trips_per_s", "cpu_python", "cpu_simulator")
    }
    return [*rows, rows[0] | {"transport": f"{num_pairs}-pairs-together"} | total]


def resets(name: str, episodes: int) -> list[Row]:
    """Rows: milliseconds from `reset()` to the first observation: of the next episode, and of a seed not foreseen."""
    began = time.perf_counter()
    with pybridge.make(name) as env:
        made_ms = (time.perf_counter() - began) * 1e3
        took_ms: dict[bool, list[float]] = {True: [], False: []}
        for foreseen, took in took_ms.items():
            for episode in range(episodes):
                time.sleep(0.5)  # an episode's length, in which the next simulators get ready
                seed = None if foreseen else 10**6 + 100 * episode
                start = time.perf_counter()
                env.reset(seed=seed)
                took.append((time.perf_counter() - start) * 1e3)
    return [
        {
            "scenario": name,
            "make_ms": round(made_ms, 1),
            "reset_median_ms": round(float(np.median(took_ms[True])), 2),
            "reset_max_ms": round(max(took_ms[True]), 2),
            "reset_to_another_seed_ms": round(float(np.median(took_ms[False])), 1),
        }
    ]


def starts() -> list[Row]:
    """Rows: seconds that a new Python takes to import pybridge, and to take a first step of `tiny`."""
    code = {
        "python": "pass",
        "import pybridge": "import pybridge",
        "first step of tiny": (
            "import pybridge\nwith pybridge.make('tiny') as env:\n    env.reset()\n"
            "    env.step({agent: env.action_space(agent).sample() for agent in env.agents})"
        ),
    }
    rows = []
    for what, text in code.items():
        took = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", text], check=True)
            took.append(time.perf_counter() - start)
        rows.append({"what": what, "median_s": round(float(np.median(took)), 3)})
    return rows


def _one_of_many() -> None:
    """A Python process of `side_by_side`: says that it is ready, is told when to run, prints its figures."""
    with _echo() as env:
        actions = {"agent": np.zeros((1, 1, 1), np.float32)}
        env.step(actions)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        start_s, end_s = (float(word) for word in sys.stdin.readline().split())
        time.sleep(max(0.0, start_s - time.monotonic()))
        busy, steps = (time.process_time(), _cpu_s(env.pids)), 0
        while time.monotonic() < end_s:
            for _ in range(100):
                env.step(actions)
            steps += 100
        took_s = time.monotonic() - start_s
        cpu = (time.process_time() - busy[0]) / took_s, (_cpu_s(env.pids) - busy[1]) / took_s
        sys.stdout.write(f"{steps / took_s} {cpu[0]} {cpu[1]}\n")


def _echo(*, transport: Any = "shm", floats: int = 8, num_envs: int = 1, wait: Wait = "auto") -> VectorEnv:
    params = {"num_floats": floats, "num_steps": _ENDLESS}
    env = pybridge.make_vec("echo", num_envs=num_envs, transport=transport, params=params, wait=wait)
    env.reset()
    return env


@contextmanager
def _placed(env: VectorEnv, cores: tuple[int, int]) -> Iterator[None]:
    """This process on the first of the cores, the simulators on the second, with all their threads."""
    before = os.sched_getaffinity(0)
    _place(os.getpid(), {cores[0]})
    for pid in env.pids:
        _place(pid, {cores[1]})
    try:
        yield
    finally:
        _place(os.getpid(), before)


def _place(pid: int, cores: set[int]) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def _timed(name: str, floats: int, env: VectorEnv, turn: Callable[[], object], round_trips: int) -> Row:
    for _ in range(_WARM_UP):
        turn()
    times_ns = np.empty(round_trips, np.int64)
    clock = time.perf_counter_ns
    busy = time.process_time(), _cpu_s(env.pids)
    began = clock()
    for index in range(round_trips):
        start = clock()
        turn()
        times_ns[index] = clock() - start
    took_s = (clock() - began) * 1e-9
    return _row(
        name,
        floats,
        float(np.median(times_ns)),
        float(np.percentile(times_ns, 99)),
        round_trips / took_s,
        (time.process_time() - busy[0]) / took_s,
        (_cpu_s(env.pids) - busy[1]) / took_s,
    )


def _cpu_s(pids: list[int]) -> float:
    """Time that processes have run, s."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) * 1e-9


def _row(
    name: str,
    floats: int,
    median_ns: float | None,
    p99_ns: float | None,
    rate: float,
    cpu_python: float | None = None,
    cpu_simulator: float | None = None,
) -> Row:
    return {
        "transport": name,
        "floats": floats,
        "median_us": None if median_ns is None else round(median_ns * 1e-3, 2),
        "p99_us": None if p99_ns is None else round(p99_ns * 1e-3, 2),
        "round_trips_per_s": round(rate),
        "cpu_python": None if cpu_python is None else round(cpu_python, 2),
        "cpu_simulator": None if cpu_simulator is None else round(cpu_simulator, 2),
    }
