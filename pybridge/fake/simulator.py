# SPDX-License-Identifier: GPL-2.0-only
"""The fake simulator: a thread that speaks a scenario program's half of the protocol.

A thread cannot be killed: a simulation that loops for ever in `step` keeps its thread (a daemon) after
the step deadline has passed and the environment has been closed. `fake.Hang` does it cleanly.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.channel import Channel, SocketChannel
from pybridge.errors import ParameterError
from pybridge.fake.describe import value_of
from pybridge.fake.simulation import Actions, Death, Hang, ProtocolFault, State
from pybridge.schema import Role, Schema, Value, schema_from_hello
from pybridge.simulator import Simulator, Transport

if TYPE_CHECKING:
    from pybridge.fake.scenario import FakeScenario

_LARGEST_MESSAGE_BYTES = 1 << 20
_THREAD_WAIT_S = 5.0


class FakeSimulator(Simulator):
    """A simulation for one episode, behind the methods of a `Simulator`."""

    def __init__(self, scenario: FakeScenario, transport: Transport) -> None:
        self.scenario = scenario
        self.seed: int | None = None
        self._params: dict[str, Value] = {}
        self._hello: wire.Hello | None = None
        self._closed = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = os.memfd_create("qntn-log")
        self.channel: Channel = SocketChannel(ours)
        self._process: Any = _Thread(scenario, theirs, self._log)


class _Thread:
    """The few methods of `subprocess.Popen` that a `Simulator` uses, for a thread."""

    def __init__(self, scenario: FakeScenario, connection: socket.socket, log: int) -> None:
        self.pid = os.getpid()
        self.returncode: int | None = None
        self._killed = threading.Event()
        self._scenario, self._socket, self._log = scenario, connection, os.dup(log)
        self._thread = threading.Thread(target=self._run, name=f"qntn-fake-{scenario.name}", daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return None if self._thread.is_alive() else self.returncode

    def kill(self) -> None:
        """Asks it to end; it looks at each step and while it hangs."""
        self._killed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits until it has ended."""
        self._thread.join(_THREAD_WAIT_S if timeout is None else timeout)
        if timeout is not None and self._thread.is_alive():
            raise subprocess.TimeoutExpired("(fake)", timeout)
        return self.returncode

    def _run(self) -> None:
        returncode = 0
        try:
            _Episode(self._scenario, self._socket).run()
        except _PythonIsGone:
            returncode = 75
        except Hang:
            self._killed.wait()
            returncode = -signal.SIGKILL
        except Death as death:
            self._say(death.last_words)
            returncode = death.returncode
        except ProtocolFault as fault:
            returncode = self._fault("protocol", fault.message)
        except ParameterError as error:
            returncode = self._fault("parameter", str(error))
        except Exception:
            self._say(traceback.format_exc())
            returncode = 1
        self.returncode = returncode
        self._socket.close()
        os.close(self._log)

    def _say(self, text: str) -> None:
        os.write(self._log, text.encode())

    def _fault(self, kind: str, message: str) -> int:
        self._say(message)
        with contextlib.suppress(OSError):
            self._socket.send(wire.Control(fault=wire.Fault(kind=kind, message=message)).SerializeToString())
        return 1


class _PythonIsGone(Exception):
    """The other end of the socket has been closed."""


class _Episode:
    """Configure, Hello, Start, then states for actions, as in ns3-scratch/bridge/bridge.cc."""

    def __init__(self, scenario: FakeScenario, connection: socket.socket) -> None:
        self._scenario, self._socket = scenario, connection
        self._file: int | None = None

    def run(self) -> None:
        """One episode, from Configure to the last state."""
        scenario = self._scenario
        configure = self._receive("configure").configure
        params = self._parameters(configure.parameters)
        simulation = scenario.simulation()
        self._step_ns = round(simulation.step_s * 1e9)
        hello = wire.Hello(
            protocol=_core.PROTOCOL_VERSION,
            byte_order=_core.BYTE_ORDER_MARK,
            scenario=scenario.name,
            step_ns=self._step_ns,
            roles=simulation.describe(params),
            metrics=simulation.metrics(params),
        )
        for parameter in simulation.parameters:
            described = hello.parameters.add()
            described.CopyFrom(parameter)
            described.value.CopyFrom(configure.parameters[parameter.name])
        self._send(wire.Control(hello=hello))
        schema = schema_from_hello(hello, {}, {})
        start = self._receive("start").start
        exchange = _in_memory(start, self._file, self._socket) if start.memory_bytes else self._by_messages(start)
        try:
            state = State(schema)
            simulation.reset(params, configure.seed, state)
            end = None
            while True:
                if end is not None:
                    state.finish()
                status = wire.RUNNING if end is None else end.value
                actions = exchange(schema, state, status, state.step * self._step_ns)
                if end is not None:
                    self._wait_for_the_end()
                    return
                state.advance()
                if state.step - 1 in scenario.faults:
                    raise scenario.faults[state.step - 1]
                end = simulation.step(actions, state)
        finally:
            if self._file is not None:
                os.close(self._file)

    def _parameters(self, given: Mapping[str, wire.Value]) -> dict[str, Value]:
        params = {}
        for parameter in self._scenario.simulation.parameters:
            value = value_of(given[parameter.name], integer=parameter.integer)
            if not isinstance(value, str) and (
                not parameter.low <= value <= parameter.high
                or (parameter.integer and value != given[parameter.name].number)
            ):
                raise ParameterError(
                    f"parameter {parameter.name}: found {given[parameter.name].number:g}, expected "
                    f"{'a whole number' if parameter.integer else 'a number'} from {parameter.low:g} to "
                    f"{parameter.high:g} [{parameter.unit}] ({parameter.help})"
                )
            params[parameter.name] = value
        return params

    def _send(self, message: wire.Control) -> None:
        try:
            self._socket.send(message.SerializeToString())
        except OSError as error:
            raise _PythonIsGone from error

    def _receive(self, expected: str) -> wire.Control:
        try:
            data, files, _, _ = socket.recv_fds(self._socket, _LARGEST_MESSAGE_BYTES, 1)
        except OSError as error:
            raise _PythonIsGone from error
        if files:
            self._file = files[0]
        if not data:
            raise _PythonIsGone
        message = wire.Control.FromString(data)
        if message.WhichOneof("message") != expected:
            raise ProtocolFault(f"expected {expected}, found {message.WhichOneof('message')}")
        return message

    def _wait_for_the_end(self) -> None:
        """The last state has been told; what comes now is that Python closes."""
        with contextlib.suppress(OSError):
            self._socket.recv(1)

    def _by_messages(self, start: wire.Start) -> _Exchange:
        block = np.zeros(start.state_bytes, np.uint8)

        def exchange(schema: Schema, state: State, status: int, time_ns: int) -> Actions:
            _write(schema, start, state, block)
            told = wire.State(sequence=state.step, status=wire.Status.ValueType(status), time_ns=time_ns)
            told.block = block.tobytes()
            self._send(wire.Control(state=told))
            if status != wire.RUNNING:
                return {}
            return _read(schema, start, np.frombuffer(self._receive("action").action.block, np.uint8))

        return exchange


_Exchange = Callable[[Schema, State, int, int], Actions]


def _in_memory(start: wire.Start, file: int | None, connection: socket.socket) -> _Exchange:
    if file is None:
        raise ProtocolFault("Start came without the memory file that it describes")
    peer = _core.Peer(file, start.memory_bytes, start.control, connection.fileno())
    memory = peer.memory
    buffer = peer.buffer

    def exchange(schema: Schema, state: State, status: int, time_ns: int) -> Actions:
        nonlocal buffer
        _write(schema, start, state, memory[start.state[buffer] : start.state[buffer] + start.state_bytes])
        peer.publish(status, time_ns)
        if status != wire.RUNNING:
            return {}
        answer = peer.wait()
        if answer is None or answer[0] == wire.CLOSE:
            raise _PythonIsGone
        buffer = answer[1]
        return _read(schema, start, memory[start.action : start.action + start.action_bytes])

    return exchange


def _write(schema: Schema, start: wire.Start, state: State, block: npt.NDArray[np.uint8]) -> None:
    for role, at in zip(schema.everyone, start.roles, strict=True):
        present = np.not_equal(state.present[role.name], 0).view(np.uint8)
        acts = present * np.uint8(state.acts[role.name])
        for offset, rows in (
            (at.observations, state.observation_rows[role.name]),
            (at.masks, state.mask_rows[role.name]),
            (at.acts, acts),
            (at.present, present),
            (at.terms, state.term_rows[role.name]),
        ):
            block[offset : offset + rows.nbytes] = rows.reshape(-1).view(np.uint8)
    metrics = np.array([state.metrics[metric.name] for metric in schema.metrics], np.float64)
    block[start.metrics : start.metrics + metrics.nbytes] = metrics.view(np.uint8)


def _read(schema: Schema, start: wire.Start, block: npt.NDArray[np.uint8]) -> Actions:
    """A copy of the actions, by role and field."""

    def rows(role: Role, offset: int) -> npt.NDArray[np.float32]:
        num_bytes = role.num_agents * role.action_size * 4
        numbers = block[offset : offset + num_bytes].copy().view(np.float32)
        return numbers.reshape(role.num_agents, role.action_size)

    found = {role.name: rows(role, at.actions) for role, at in zip(schema.everyone, start.roles, strict=True)}
    return {r.name: {f.name: found[r.name][:, f.span] for f in r.actions} for r in schema.everyone}
