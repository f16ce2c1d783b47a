# SPDX-License-Identifier: GPL-2.0-only
"""How messages reach a simulator: on a socket that it inherits, or on ZMQ from another machine."""

from __future__ import annotations

import array
import select
import socket
import time
from typing import Protocol

import zmq

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.errors import ProtocolError
from pybridge.link import Keys, secure
from pybridge.waiting import Patience

_LARGEST_MESSAGE_BYTES = 1 << 20
_LONGEST_POLL_S = 10**6
_LARGEST_ZMQ_MESSAGE_BYTES = 64 << 20
LARGE_BLOCK_BYTES = 4096  # as in message-transport.cc
_LOOK_MS = 20  # how often a wait looks whether the simulator is still there
_LAST_MESSAGE_MS = 80  # ZMQ's thread may bring the last message after its monitor tells of the end


class ChannelClosed(Exception):
    """The simulator is gone."""


class Channel(Protocol):
    """Control messages to and from one simulator.

    Attributes:
        block: the arrays of the state that was received last, where they travel in messages.
    """

    block: memoryview

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """Sends a message, and an open file with it.

        Raises:
            ChannelClosed: nobody is there to take it.
        """

    def send_action(self, message: wire.Control, block: memoryview) -> None:
        """An `Action` with its block; as `send`."""

    def receive(self, timeout_s: float) -> wire.Control | None:
        """The next message, or None if none came in time.

        Raises:
            ChannelClosed: the simulator is gone.
            ProtocolError: what came cannot be read.
        """

    def set_patience(self, patience: Patience) -> None:
        """How long `receive` stays awake, where that is the channel's to choose."""

    def close(self) -> None:
        """Lets go of the socket; the simulator ends by itself."""


class SocketChannel:
    """On a connected unix SOCK_SEQPACKET socket, which also tells when the simulator is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.block = memoryview(b"")
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

    def send_action(self, message: wire.Control, block: memoryview) -> None:
        """See `Channel.send_action`."""
        message.action.block = bytes(block)
        self.send(message)

    def receive(self, timeout_s: float) -> wire.Control | None:
        """See `Channel.receive`."""
        if not self._poll.poll(min(timeout_s, _LONGEST_POLL_S) * 1000):
            return None
        try:
            data, _, flags, _ = self._socket.recvmsg(_LARGEST_MESSAGE_BYTES)
        except ConnectionResetError:  # comes first, once, if the simulator ended before it had read all
            data, _, flags, _ = self._socket.recvmsg(_LARGEST_MESSAGE_BYTES)
        if not data:
            raise ChannelClosed
        if flags & socket.MSG_TRUNC:
            raise ProtocolError(f"a message from the simulator is longer than {_LARGEST_MESSAGE_BYTES} bytes")
        message = _parse(data)
        if message.HasField("state"):
            self.block = memoryview(message.state.block)
        return message

    def set_patience(self, patience: Patience) -> None:
        """See `Channel.set_patience`; there is no choice."""

    def close(self) -> None:
        """See `Channel.close`."""
        self._socket.close()


class MessageChannel:
    """On a connected unix stream socket that the simulator inherits: ZMQ's wire protocol without its threads.

    A block of `Action` or `State` above `LARGE_BLOCK_BYTES` travels as a part of its own after its message,
    so that it is copied once only.

    Args:
        connection: the socket.
        lifeline: a socket whose other end the simulator holds while it lives.
    """

    def __init__(self, connection: socket.socket, lifeline: socket.socket) -> None:
        self.block = memoryview(b"")
        self._connection, self._lifeline = connection, lifeline
        self._socket = _core.MessageSocket(connection.fileno())

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """See `Channel.send`; a descriptor does not travel here."""
        self._send([message.SerializeToString()])

    def send_action(self, message: wire.Control, block: memoryview) -> None:
        """See `Channel.send_action`."""
        self._send(_action_parts(message, block))

    def receive(self, timeout_s: float) -> wire.Control | None:
        """See `Channel.receive`."""
        try:
            parts = self._socket.receive(min(timeout_s, _LONGEST_POLL_S))
        except EOFError:
            raise ChannelClosed from None
        except RuntimeError as error:
            raise ProtocolError(f"from the simulator: {error}") from None
        if parts is None:
            return None
        message, block = _parse(parts[0]), parts[1]
        if block is not None and not message.HasField("state"):
            raise ProtocolError("a message from the simulator has a block, but is no state")
        if message.HasField("state"):
            self.block = memoryview(message.state.block if block is None else block)
        return message

    def set_patience(self, patience: Patience) -> None:
        """See `Channel.set_patience`."""
        self._socket.set_patience(patience.spin_ns, patience.yield_ns)

    def close(self) -> None:
        """See `Channel.close`."""
        self._connection.close()
        self._lifeline.close()

    def _send(self, parts: list[bytes]) -> None:
        try:
            self._socket.send(parts)
        except EOFError:
            raise ChannelClosed from None


class ZmqChannel:
    """On a ZMQ PAIR socket that Python binds, for a simulator on another machine.

    Messages are those of `MessageChannel`.

    Args:
        endpoint: where to bind, `tcp://ADDRESS:PORT`.
        keys: with which both sides prove who they are.
    """

    def __init__(self, endpoint: str, keys: Keys) -> None:
        self.block = memoryview(b"")
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
        try:
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_ZMQ_MESSAGE_BYTES)
            self._socket.setsockopt(zmq.RCVTIMEO, _LOOK_MS)
            self._socket.setsockopt(zmq.SNDTIMEO, _LOOK_MS)
            self._link = secure(self._socket, keys)
            try:
                self._socket.bind(endpoint)
            except zmq.ZMQError:
                self._link.close()
                raise
        except BaseException:
            self._socket.close()
            raise
        self.endpoint: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def send(self, message: wire.Control, descriptor: int | None = None) -> None:
        """See `Channel.send`; a descriptor cannot travel here."""
        data = message.SerializeToString()
        while True:
            try:
                self._socket.send(data)
                return
            except zmq.Again:  # not connected yet, or not any more
                if self._link.is_down():
                    raise ChannelClosed from None

    def send_action(self, message: wire.Control, block: memoryview) -> None:
        """See `Channel.send_action`."""
        try:
            self._socket.send_multipart(_action_parts(message, block))
        except zmq.Again:
            raise ChannelClosed from None

    def receive(self, timeout_s: float) -> wire.Control | None:
        """See `Channel.receive`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self._read(0 if timeout_s > 0 else zmq.NOBLOCK)
            except zmq.Again:
                if self._link.is_down():
                    if self._socket.poll(_LAST_MESSAGE_MS):
                        return self._read(0)
                    raise ChannelClosed from None  # what it sent before has been read
                if time.monotonic() >= deadline:
                    return None

    def set_patience(self, patience: Patience) -> None:
        """See `Channel.set_patience`; there is no choice."""

    def close(self) -> None:
        """See `Channel.close`."""
        self._link.close()
        self._socket.close()

    def _read(self, flags: int) -> wire.Control:
        data = self._socket.recv(flags)
        message = _parse(data)
        if self._socket.getsockopt(zmq.RCVMORE):
            block = self._socket.recv(copy=False)
            if self._socket.getsockopt(zmq.RCVMORE) or not message.HasField("state"):
                while self._socket.getsockopt(zmq.RCVMORE):
                    self._socket.recv()
                raise ProtocolError("a message from the simulator has more parts than a state with its block")
            self.block = block.buffer
        elif message.HasField("state"):
            self.block = memoryview(message.state.block)
        return message


def _action_parts(message: wire.Control, block: memoryview) -> list[bytes]:
    if block.nbytes > LARGE_BLOCK_BYTES:
        message.action.block = b""
        return [message.SerializeToString(), bytes(block)]
    message.action.block = bytes(block)
    return [message.SerializeToString()]


def _parse(data: bytes) -> wire.Control:
    message = wire.Control()
    try:
        message.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ProtocolError(f"a message of {len(data)} bytes from the simulator cannot be read") from error
    return message
