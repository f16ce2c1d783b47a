# SPDX-License-Identifier: GPL-2.0-only
"""How the messages of the gym interfaces travel: ns3-gym's ZeroMQ, ns3-ai's byte buffers in shared memory."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from pybridge.errors import ActionError, ParameterError, ProtocolError
from pybridge.guest.channel import MessageChannel
from pybridge.guest.process import GuestProcess
from pybridge.guest.segment import Names

_MAX_MESSAGE_BYTES = 1 << 26
_LAST_MESSAGE_MS = 30
_LOOK_MS = 20  # how often a wait looks whether the program is still there
_REBIND_S = 2.0


class Link(Protocol):
    """One message each way, the simulation first."""

    process: GuestProcess

    def receive(self, what: str, timeout_s: float) -> bytes:
        """The simulation's message; `what` it should do stands in the error."""

    def send(self, data: bytes) -> None:
        """The answer."""

    def close(self) -> None:
        """Ends program and link; safe to call again."""


class ZmqLink:
    """A REP socket on the loopback interface.

    Raises:
        ParameterError: the port is taken.
    """

    process: GuestProcess

    def __init__(self, port: int | None) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MAX_MESSAGE_BYTES)
        self._socket.setsockopt(zmq.RCVTIMEO, _LOOK_MS)
        self._monitor: zmq.Socket[bytes] = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            self.port = self._bind(port)
        except BaseException:
            self._close_socket()
            raise

    def receive(self, what: str, timeout_s: float) -> bytes:
        """The simulation's message."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self._take()  # waits for _LOOK_MS at most
            except zmq.Again:
                pass
            if self._is_peer_gone():
                if not self._socket.poll(_LAST_MESSAGE_MS):
                    self.process.died()
            elif time.monotonic() >= deadline:
                self.process.late(what, timeout_s)

    def send(self, data: bytes) -> None:
        """The answer."""
        self._socket.send(data)

    def close(self) -> None:
        """Ends program and socket."""
        if hasattr(self, "process"):
            self.process.close()
        self._close_socket()

    def _is_peer_gone(self) -> bool:
        disconnected = False
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            disconnected = True
        return self.process.ended or (disconnected and self.process.pid is None)

    def _take(self) -> bytes:
        parts: list[bytes] = self._socket.recv_multipart()
        if len(parts) != 1:
            raise ProtocolError(f"{self.process.name} sent a message of {len(parts)} parts, expected one")
        return parts[0]

    def _bind(self, port: int | None) -> int:
        if port is None:
            return int(self._socket.bind_to_random_port("tcp://127.0.0.1"))
        deadline = time.monotonic() + _REBIND_S
        while True:  # the socket of the episode before closes in its own time
            try:
                self._socket.bind(f"tcp://127.0.0.1:{port}")
                return port
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE or time.monotonic() >= deadline:
                    raise ParameterError(f"port {port}: {error}; choose another, or none to have one chosen") from None
            time.sleep(0.01)

    def _close_socket(self) -> None:
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(0)
            self._socket.close(0)


class BufferLink:
    """A byte buffer and a uint32 size each way, in ns3-ai's shared memory.

    Args:
        names, segment_bytes, spin_s: see `MessageChannel`.
        buffer_bytes: the simulation's build-time constant.
    """

    process: GuestProcess

    def __init__(self, names: Names, segment_bytes: int, buffer_bytes: int, spin_s: float) -> None:
        self._buffer_bytes = buffer_bytes
        layout = np.dtype([("buffer", np.uint8, (buffer_bytes,)), ("size", np.uint32)], align=True)
        self._size_at = layout.fields["size"][1] if layout.fields else 0
        self._padding = layout.itemsize - self._size_at - 4
        self.channel = MessageChannel(
            layout, layout, names=names, segment_bytes=segment_bytes, handle_finish=False, spin_s=spin_s
        )

    def receive(self, what: str, timeout_s: float) -> bytes:
        """The simulation's message."""
        message = self.channel.receive(timeout_s)
        assert message is not None
        raw = message.tobytes()
        size = int.from_bytes(raw[self._size_at : self._size_at + 4], "little")
        if size > self._buffer_bytes:
            raise ProtocolError(
                f"{self.process.name} sent {size} bytes in a buffer of {self._buffer_bytes}; "
                "is buffer_bytes what the simulation was built with?"
            )
        return raw[:size]

    def send(self, data: bytes) -> None:
        """The answer."""
        if len(data) > self._buffer_bytes:
            raise ActionError(f"action of {len(data)} bytes, the simulation's buffer has {self._buffer_bytes}")
        raw = data.ljust(self._size_at, b"\0") + len(data).to_bytes(4, "little") + bytes(self._padding)
        self.channel.send_bytes(raw)

    def close(self) -> None:
        """Ends program and segment."""
        self.channel.close()
