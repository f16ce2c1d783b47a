# SPDX-License-Identifier: GPL-2.0-only
"""One simulator process: started, asked to describe itself, watched, and ended without a trace."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import socket
import subprocess
from collections.abc import Mapping
from typing import Literal, NoReturn

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.catalogue import Scenario
from pybridge.channel import Channel, ChannelClosed, MessageChannel, SocketChannel
from pybridge.errors import ParameterError, ProtocolError, SimulatorDied, StepTimeout
from pybridge.schema import Value

Transport = Literal["shm", "zmq"]

_LAST_WORDS_BYTES = 4096
_LOG_BYTES = 4 << 20
_EXIT_WAIT_S = 1.0
_STREAM_BYTES = 1 << 20


class Simulator:
    """A scenario program for one episode. Owns the process, its control channel and its log.

    Raises:
        OSError: the program cannot be started.
    """

    def __init__(self, scenario: Scenario, transport: Transport) -> None:
        self.scenario = scenario
        self.seed: int | None = None
        self._params: dict[str, Value] = {}
        self._hello: wire.Hello | None = None
        self._closed = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inherited = [theirs]
        arguments = [str(scenario.program)]
        if transport == "shm":
            self.channel: Channel = SocketChannel(ours)
            arguments.append(f"--qntn-control={theirs.fileno()}")
        else:
            stream, their_stream = _stream_pair()
            inherited.append(their_stream)
            self.channel = MessageChannel(stream, lifeline=ours)
            arguments += [f"--qntn-messages={their_stream.fileno()}", f"--qntn-lifeline={theirs.fileno()}"]
        self._log = _bounded_log()
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[end.fileno() for end in inherited],
                process_group=0,  # Ctrl-C is for Python, which then ends its simulators
            )
        except BaseException:
            os.close(self._log)
            self.channel.close()
            raise
        finally:
            for end in inherited:
                end.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def configure(self, seed: int, params: Mapping[str, Value]) -> None:
        """Tells it what to simulate; it starts to build at once."""
        self.seed = seed
        self._params = dict(params)
        message = wire.Control()
        message.configure.protocol = _core.PROTOCOL_VERSION
        message.configure.byte_order = _core.BYTE_ORDER_MARK
        message.configure.seed = seed
        for name, value in params.items():
            if isinstance(value, str):
                message.configure.parameters[name].text = value
            else:
                message.configure.parameters[name].number = value
        self._send(message)

    def hello(self, timeout_s: float) -> wire.Hello:
        """What it says of itself.

        Raises:
            ParameterError: it refuses a parameter.
            SimulatorDied, StepTimeout, ProtocolError: it does not get that far.
        """
        if self._hello is None:
            message = self._receive(timeout_s, "did not describe itself")
            if not message.HasField("hello"):
                raise ProtocolError(f"expected Hello from {self.scenario.name}, found {message.WhichOneof('message')}")
            self._hello = message.hello
        return self._hello

    def start(self, start: wire.Start, descriptor: int | None) -> None:
        """Tells it where the arrays lie; its first state follows."""
        message = wire.Control()
        message.start.CopyFrom(start)
        self._send(message, descriptor)

    def exchange(self, message: wire.Control, block: memoryview) -> None:
        """Sends one step's actions on a transport without shared memory."""
        try:
            self.channel.send_action(message, block)
        except ChannelClosed:
            self._explain_death()

    def state(self, timeout_s: float) -> tuple[wire.State, memoryview]:
        """Waits for a state on a transport without shared memory: the message, and its block."""
        message = self._receive(timeout_s, "did not answer")
        if not message.HasField("state"):
            raise ProtocolError(f"expected State from {self.scenario.name}, found {message.WhichOneof('message')}")
        return message.state, self.channel.block

    def explain_silence(self, timeout_s: float) -> NoReturn:
        """Raises why no state came: a message of refusal, death, or the deadline of `timeout_s`."""
        message = self._receive(0.0, f"did not answer within {timeout_s:g} s")
        raise ProtocolError(f"{self.scenario.name} sent {message.WhichOneof('message')} in the middle of an episode")

    @property
    def command(self) -> str:
        """What repeats this episode's start, for a user to type."""
        words = ["qntn", "run", self.scenario.name, "--seed", str(self.seed)]
        for name, value in self._params.items():
            if value != self.scenario.parameters[name]:
                words += ["--param", f"{name}={value}"]
        return shlex.join(words)

    def last_words(self) -> str:
        """The last lines that it wrote to stdout and stderr."""
        end = os.lseek(self._log, 0, os.SEEK_CUR)  # the file is shared, and so is its position
        start = max(0, end - _LAST_WORDS_BYTES)
        tail = os.pread(self._log, end - start, start)
        return "\n".join(tail.decode(errors="replace").splitlines()[-20:])

    def disown(self) -> None:
        """In the child of a fork: lets go of everything without ending the process."""
        if self._closed:
            return
        self._closed = True
        self._process.returncode = 0  # it is not this process's to wait for
        self.channel.close()
        os.close(self._log)

    def close(self) -> None:
        """Ends the process, whatever it is doing, and lets go of everything. Safe to call again."""
        if self._closed:
            return
        self._closed = True
        self.channel.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._log)

    def _receive(self, timeout_s: float, silence: str) -> wire.Control:
        try:
            message = self.channel.receive(timeout_s)
        except ChannelClosed:
            self._explain_death()
        if message is None:
            self._process.kill()
            raise StepTimeout(
                f"simulator {self.scenario.name} {silence} and was killed",
                seed=self.seed,
                command=self.command,
                stderr=self.last_words(),
            )
        self._raise_refusal(message)
        return message

    def _send(self, message: wire.Control, descriptor: int | None = None) -> None:
        try:
            self.channel.send(message, descriptor)
        except ChannelClosed:
            self._explain_death()

    def _raise_refusal(self, message: wire.Control) -> None:
        if not message.HasField("fault"):
            return
        if message.fault.kind == "parameter":
            raise ParameterError(f"{self.scenario.name}: {message.fault.message}")
        raise ProtocolError(f"{self.scenario.name}: {message.fault.message}")

    def _explain_death(self) -> NoReturn:
        """Raises why it ended: what it refused, if it has said so, or else how."""
        with contextlib.suppress(ChannelClosed):
            while (message := self.channel.receive(0.0)) is not None:
                self._raise_refusal(message)
        returncode: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            returncode = self._process.wait(_EXIT_WAIT_S)
        raise SimulatorDied(
            self.scenario.name,
            returncode,
            seed=self.seed,
            command=self.command,
            stderr=self.last_words(),
            when="before it described itself" if self._hello is None else "in the middle of an episode",
        ) from None


def _stream_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends without a name, with room for a step's message in each."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _STREAM_BYTES)  # the kernel may allow less
    return ends


def _bounded_log() -> int:
    """A file in memory that cannot grow, for stdout and stderr; last-words.cc writes it round and round."""
    log = os.memfd_create("qntn-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(log, _LOG_BYTES)  # takes no memory before it is written
        fcntl.fcntl(log, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    except BaseException:
        os.close(log)
        raise
    return log
