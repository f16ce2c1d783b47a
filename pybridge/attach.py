# SPDX-License-Identifier: GPL-2.0-only
"""Simulators that the user starts, under gdb say, while Python waits for them.

    import pybridge

    with pybridge.make(pybridge.attach("tiny")) as env:   # logs the command to type
        env.reset()

There is no deadline, so that a breakpoint may hold the simulator as long as it takes. Each episode asks for
a start of its own, when `reset` begins it: there is no autoreset, in `make_vec` neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import select
import socket
import struct
import subprocess
import uuid
from collections.abc import Callable
from typing import Any

import pybridge.wire.qntn_pb2 as wire
from pybridge.catalogue import Scenario, scenario
from pybridge.channel import SocketChannel
from pybridge.schema import Value
from pybridge.simulator import Simulator, Transport

logger = logging.getLogger("pybridge.attach")

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
_LOOK_S = 0.2


def attach(
    name: str | Scenario, *, debugger: str = "gdb --args", tell: Callable[[str], None] | None = None
) -> Scenario:
    """A scenario whose simulators the user starts.

    Args:
        name: of the scenario.
        debugger: what stands before the program in the command.
        tell: gets the command to type, for each episode; default: a log record of level WARNING.

    Raises:
        ScenarioNotFound: there is no such scenario.
    """
    known = name if isinstance(name, Scenario) else scenario(name)
    fields = {field.name: getattr(known, field.name) for field in dataclasses.fields(Scenario)}
    fields |= {"starts_ahead": False, "keeps_spare": False, "step_timeout_s": _FOR_EVER_S}
    return _AttachedScenario(**fields, debugger=debugger, tell=tell or logger.warning)


_FOR_EVER_S = 30 * 86400.0


@dataclasses.dataclass(frozen=True)
class _AttachedScenario(Scenario):
    debugger: str = ""
    tell: Callable[[str], None] = logger.warning

    def launch(self, transport: Transport) -> Simulator:
        """Waits for a simulator that the user starts."""
        if transport != "shm":
            raise ValueError(f"transport: found {transport!r}, expected 'shm' for a simulator that is attached")
        return _AttachedSimulator(self)


class _AttachedSimulator(Simulator):
    """A scenario program that somebody else has started; it is not Python's to end, but ends with Python."""

    def __init__(self, scenario: _AttachedScenario) -> None:
        self.scenario = scenario
        self.seed: int | None = None
        self._params: dict[str, Value] = {}
        self._hello: wire.Hello | None = None
        self._closed = False
        name = f"qntn-attach-{uuid.uuid4()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(f"\0{name}")  # abstract: no file is left behind
            listener.listen(1)
            scenario.tell(f"start the simulator: {scenario.debugger} {scenario.program} --qntn-attach={name}".strip())
            connection, pid = _accept_own(listener)
        self._log = os.memfd_create("qntn-log")
        self.channel = SocketChannel(connection)
        self._process: Any = _Attached(pid, connection)


class _Attached:
    """The few methods of `subprocess.Popen` that a `Simulator` uses, for a process of the user's."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection

    def poll(self) -> int | None:
        """Its exit status is its parent's to know."""
        return self.returncode

    def kill(self) -> None:
        """Lets go of it: it ends by itself when its socket closes."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def wait(self, timeout: float | None = None) -> int | None:
        """Nothing can be waited for."""
        if timeout is not None:
            raise subprocess.TimeoutExpired("(attached)", timeout)
        return None


def _accept_own(listener: socket.socket) -> tuple[socket.socket, int]:
    """The first connection of a process of the same user, and its id; Ctrl-C ends the wait."""
    while True:
        while not select.select([listener], [], [], _LOOK_S)[0]:
            pass
        connection, _ = listener.accept()
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, user, _ = _CREDENTIALS.unpack(credentials)
        if user == os.getuid():
            return connection, pid
        connection.close()
        logger.warning("refused process %d of user %d, expected user %d", pid, user, os.getuid())
