# SPDX-License-Identifier: GPL-2.0-only
"""Simulators on other machines.

Where Python runs:

    machines = pybridge.Machines("tcp://0.0.0.0:5555", keys="keys/python")
    with machines, pybridge.make_vec(machines.scenario("metaverse-city"), num_envs=4, transport="zmq") as env:
        ...

where simulators run, with the folder `keys/simulator` that `qntn keys keys` has made:

    qntn serve tcp://python-machine:5555 --keys keys/simulator

A machine starts the scenario programs of its own installation and keeps them only while Python wants them.
Python listens on the port given, for machines, and on the ports after it, one for each simulator. Every
link is CURVE-encrypted, lets in known keys only, bounds its messages and has heartbeats; when it is down for
two seconds both sides know.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

import pybridge.wire.qntn_pb2 as wire
from pybridge.catalogue import Scenario, scenario
from pybridge.channel import ZmqChannel
from pybridge.errors import LinkError, QntnError
from pybridge.forks import end_with_parent
from pybridge.link import Keys, host_of, load_keys, secure, secure_client, stop_letting_in
from pybridge.schema import Value
from pybridge.simulator import Simulator, Transport

_LARGEST_ORDER_BYTES = 64 << 10
_MOST_SIMULATORS = 256  # of all environments together: so many ports after the first
_LAST_WORDS_BYTES = 4096
_LOOK_MS = 100


class Machines:
    """The machines that run simulators for this Python; a context manager.

    Args:
        endpoint: where they report, `tcp://ADDRESS:PORT`.
        keys: folder `python/` of what `qntn keys` made.
        patience_s: how long `scenario(...)`'s first start waits for a machine.

    Raises:
        LinkError: keys or address are not right.
    """

    def __init__(self, endpoint: str, *, keys: str | Path, patience_s: float = 60.0) -> None:
        self._host = host_of(endpoint)
        self._port = int(endpoint.rsplit(":", 1)[1])
        self._keys: Keys = load_keys(Path(keys))
        self._patience_s = patience_s
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._machines: list[bytes] = []
        self._ends: dict[int, tuple[int | None, str]] = {}
        self._ports: set[int] = set()
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
        try:
            self._socket.setsockopt(zmq.LINGER, 500)
            self._socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_ORDER_BYTES)
            self._link = secure(self._socket, self._keys)
            self._socket.bind(endpoint)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def scenario(self, name: str) -> Scenario:
        """A scenario whose simulators run on the machines, in turn.

        Its parameters' defaults are those of this installation.

        Raises:
            ScenarioNotFound: this installation has no such scenario.
        """
        known = scenario(name)
        copied = {f.name: getattr(known, f.name) for f in fields(Scenario)} | {"keeps_spare": False}
        return _RemoteScenario(**copied, machines=self)

    def close(self) -> None:
        """Lets the machines go; their simulators end."""
        with self._lock:
            for machine in self._machines:
                self._tell(machine, {"order": "end"})
            self._machines = []
            self._link.close()
            self._socket.close()
        stop_letting_in()

    def start(self, name: str) -> tuple[int, ZmqChannel, bytes]:
        """Has the next machine start a simulator: its number, the channel to it, and the machine.

        Raises:
            LinkError: no machine reports in time.
        """
        with self._lock:
            deadline = time.monotonic() + self._patience_s
            while not self._machines:
                self._listen(_LOOK_MS)
                if time.monotonic() > deadline:
                    raise LinkError(
                        f"no machine has reported on port {self._port} within {self._patience_s:g} s; "
                        f"start one: qntn serve tcp://THIS-MACHINE:{self._port} --keys FOLDER"
                    )
            number = next(self._numbers)
            machine = self._machines[number % len(self._machines)]
            port, channel = self._open_channel(number)
            self._ports.add(port)
            self._tell(machine, {"order": "start", "number": number, "scenario": name, "port": port})
            return number, channel, machine

    def _open_channel(self, number: int) -> tuple[int, ZmqChannel]:
        """A channel on a free port of our range; they are taken in turn, since a port is free only a while after."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        for candidate in range(number, number + _MOST_SIMULATORS):
            port = self._port + 1 + candidate % _MOST_SIMULATORS
            if port in self._ports:
                continue
            with contextlib.suppress(zmq.ZMQError):
                return port, ZmqChannel(f"tcp://{host}:{port}", self._keys)
        raise LinkError(f"none of the ports {self._port + 1} .. {self._port + _MOST_SIMULATORS} is free")

    def stop(self, machine: bytes, number: int, port: int) -> None:
        """Has a simulator ended."""
        with self._lock:
            self._ports.discard(port)
            if machine in self._machines and not self._socket.closed:
                self._tell(machine, {"order": "stop", "number": number})

    def end_of(self, number: int, timeout_s: float) -> tuple[int | None, str] | None:
        """Exit status and last words of a simulator that has ended, or None."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while number not in self._ends and not self._socket.closed:
                self._listen(round(max(0.0, deadline - time.monotonic()) * 1000))
                if time.monotonic() >= deadline:
                    break
            return self._ends.get(number)

    def _tell(self, machine: bytes, order: dict[str, Any]) -> None:
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send_multipart([machine, json.dumps(order).encode()], zmq.DONTWAIT)

    def _listen(self, timeout_ms: int) -> None:
        if not self._socket.poll(timeout_ms):
            return
        machine, *frames = self._socket.recv_multipart()
        report = _read(frames)
        if report.get("report") == "ready" and machine not in self._machines:
            self._machines.append(machine)
        elif report.get("report") == "ended" and isinstance(report.get("number"), int):
            status = report.get("returncode")
            self._ends[report["number"]] = (
                status if isinstance(status, int) else None,
                str(report.get("last_words", ""))[:_LAST_WORDS_BYTES],
            )


@dataclass(frozen=True, kw_only=True)
class _RemoteScenario(Scenario):
    machines: Machines

    def launch(self, transport: Transport) -> Simulator:
        """Has a machine start a simulator."""
        if transport != "zmq":
            raise ValueError(f"transport: found {transport!r}, expected 'zmq' for simulators on other machines")
        return _RemoteSimulator(self)


class _RemoteSimulator(Simulator):
    """A scenario program on another machine."""

    def __init__(self, scenario: _RemoteScenario) -> None:
        self.scenario = scenario
        self.seed: int | None = None
        self._params: dict[str, Value] = {}
        self._hello: wire.Hello | None = None
        self._closed = False
        self._log = os.memfd_create("qntn-log")
        number, channel, machine = scenario.machines.start(scenario.name)
        self.channel = channel
        self._process: Any = _RemoteProcess(scenario.machines, machine, number, channel, self._log)


class _RemoteProcess:
    """The few methods of `subprocess.Popen` that a `Simulator` uses, for a process elsewhere."""

    def __init__(self, machines: Machines, machine: bytes, number: int, channel: ZmqChannel, log: int) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self._machines, self._machine, self._number, self._log = machines, machine, number, log
        self._port = int(channel.endpoint.rsplit(":", 1)[1])
        self._stopped = False

    def poll(self) -> int | None:
        """The exit status, or None while it is not known."""
        return self.returncode

    def kill(self) -> None:
        """Has it ended."""
        if not self._stopped:
            self._stopped = True
            self._machines.stop(self._machine, self._number, self._port)

    def wait(self, timeout: float | None = None) -> int | None:
        """What its machine reports of its end; nothing if that is cut off too."""
        if timeout is None:
            return self.returncode
        ended = self._machines.end_of(self._number, timeout)
        if ended is None:
            os.write(self._log, b"the link to its machine is down")
            raise subprocess.TimeoutExpired("(remote)", timeout)
        self.returncode, words = ended
        os.write(self._log, words.encode())
        return self.returncode


def serve(endpoint: str, *, keys: str | Path, tell: Callable[[str], None] = lambda text: None) -> None:
    """Runs simulators for the Python that listens at `endpoint`, until it lets go of this machine.

    Args:
        endpoint: `tcp://ADDRESS:PORT`.
        keys: folder `simulator/` of what `qntn keys` made.
        tell: gets a line when something happens.

    Raises:
        LinkError: keys or address are not right, or the link went down.
    """
    host = host_of(endpoint)
    folder = Path(keys)
    folder = folder / "simulator" if (folder / "simulator").is_dir() else folder
    running: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
    connection: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    try:
        connection.setsockopt(zmq.LINGER, 500)
        connection.setsockopt(zmq.MAXMSGSIZE, _LARGEST_ORDER_BYTES)
        link = secure_client(connection, folder)
        connection.connect(endpoint)
        connection.send(json.dumps({"report": "ready"}).encode())
        tell(f"waiting for orders from {endpoint}")
        while True:
            order = _read([connection.recv()]) if connection.poll(_LOOK_MS) else {}
            if order.get("order") == "end":
                tell("Python has let go of this machine")
                return
            if not order and link.is_down():
                raise LinkError(f"the link to {endpoint} is down")
            if link.refused:
                raise LinkError(f"{endpoint} does not know this key; its folder peers/ needs our public key")
            if order.get("order") == "start":
                number, port = int(order["number"]), int(order["port"])
                running[number] = _start(str(order["scenario"]), f"tcp://{host}:{port}", folder)
                tell(f"simulator {number} of {order['scenario']} started")
            elif order.get("order") == "stop" and order.get("number") in running:
                running[order["number"]][0].kill()
            for number, (process, log) in list(running.items()):
                if process.poll() is not None:
                    connection.send(json.dumps(_ended(number, process, log)).encode())
                    os.close(log)
                    del running[number]
    finally:
        for process, log in running.values():
            process.kill()
            process.wait()
            os.close(log)
        connection.close()


def _start(name: str, endpoint: str, keys: Path) -> tuple[subprocess.Popen[bytes], int]:
    log = os.memfd_create("qntn-log")
    command = [str(scenario(name).program), f"--qntn-connect={endpoint}", f"--qntn-keys={keys}"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=partial(end_with_parent, os.getpid()),
        )
    except BaseException:
        os.close(log)
        raise
    return process, log


def _ended(number: int, process: subprocess.Popen[bytes], log: int) -> dict[str, Any]:
    size = os.fstat(log).st_size
    words = os.pread(log, _LAST_WORDS_BYTES, max(0, size - _LAST_WORDS_BYTES)).decode(errors="replace")
    return {"report": "ended", "number": number, "returncode": process.returncode, "last_words": words}


def _read(frames: list[bytes]) -> dict[str, Any]:
    """An order or a report.

    Raises:
        QntnError: it is none.
    """
    try:
        content = json.loads(b"".join(frames))
    except ValueError as error:
        raise QntnError(f"a message of {sum(map(len, frames))} bytes from the other machine cannot be read") from error
    if not isinstance(content, dict):
        raise QntnError("a message from the other machine is no order and no report")
    return content
