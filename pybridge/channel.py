# SPDX-License-Identifier: GPL-2.0-only
"""How control messages reach a simulator: on a unix socket, or on ZMQ."""

from __future__ import annotations

import array
import select
import socket
from typing import Protocol

import zmq

import pybridge.wire.qntn_pb2 as wire
from pybridge.errors import ProtocolError

_LARGEST_MESSAGE_BYTES = 1 << 20
_LARGEST_ZMQ_MESSAGE_BYTES = 64 << 20
_LAST_MESSAGE_MS = 80  # ZMQ's thread may bring the last message after the lifeline tells of the end


class ChannelClosed(Exception):
    """The simulator is gone."""


class Channel(Protocol):
    """Control messages to and from one simulator."""

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """Sends a message, and an open file with it.

        Raises:
            ChannelClosed: nobody is there to take it.
        """

    def receive(self, timeout_s: float) -> wire.Control | None:
        """The next message, or None if none came in time.

        Raises:
            ChannelClosed: the simulator is gone.
            ProtocolError: what came cannot be read.
        """

    def close(self) -> None:
        """Lets go of the socket; the simulator ends by itself."""


class SocketChannel:
    """On a connected unix SOCK_SEQPACKET socket, which also tells when the simulator is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN | select.POLLHUP)

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._socket.fileno()

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """See `Channel.send`."""
        ancillary = []
        if descriptor is not None:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        try:
            self._socket.sendmsg([message.SerializeToString()], ancillary)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed from error

    def receive(self, timeout_s: float) -> wire.Control | None:
        """See `Channel.receive`."""
        if not self._poll.poll(timeout_s * 1000):
            return None
        try:
            data, _, flags, _ = self._socket.recvmsg(_LARGEST_MESSAGE_BYTES)
        except ConnectionResetError as error:
            raise ChannelClosed from error
        if not data:
            raise ChannelClosed
        if flags & socket.MSG_TRUNC:
            raise ProtocolError(f"a message from the simulator is longer than {_LARGEST_MESSAGE_BYTES} bytes")
        return _parse(data)

    def close(self) -> None:
        """See `Channel.close`."""
        self._socket.close()


class ZmqChannel:
    """On a ZMQ PAIR socket that Python binds; `lifeline` is a socket whose end the simulator holds."""

    def __init__(self, endpoint: str, lifeline: socket.socket | None) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_ZMQ_MESSAGE_BYTES)
        self._socket.bind(endpoint)
        self.endpoint: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._lifeline = lifeline
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._writable = zmq.Poller()
        self._writable.register(self._socket, zmq.POLLOUT)
        if lifeline is not None:
            self._poller.register(lifeline, zmq.POLLIN)
            self._writable.register(lifeline, zmq.POLLIN)

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """See `Channel.send`; a descriptor cannot travel here."""
        data = message.SerializeToString()
        while True:
            try:
                self._socket.send(data, zmq.DONTWAIT)
                return
            except zmq.Again:  # not connected yet, or not any more
                ready = dict(self._writable.poll())
                if self._socket not in ready:
                    raise ChannelClosed from None

    def receive(self, timeout_s: float) -> wire.Control | None:
        """See `Channel.receive`."""
        ready = dict(self._poller.poll(round(timeout_s * 1000)))
        if self._socket in ready:
            return _parse(self._socket.recv())
        if self._lifeline is not None and ready:
            if self._socket.poll(_LAST_MESSAGE_MS):
                return _parse(self._socket.recv())
            raise ChannelClosed  # what it sent before has been read
        return None

    def close(self) -> None:
        """See `Channel.close`."""
        self._socket.close()
        if self._lifeline is not None:
            self._lifeline.close()


def _parse(data: bytes) -> wire.Control:
    message = wire.Control()
    try:
        message.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ProtocolError(f"a message of {len(data)} bytes from the simulator cannot be read") from error
    return message
