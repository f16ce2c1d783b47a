# SPDX-License-Identifier: GPL-2.0-only
"""Writes the messages that Python really sends, for the contract of `ExampleExtent`, as seeds of the fuzzer."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pybridge.wire.qntn_pb2 as wire

from pybridge import _core
from pybridge.layout import Layout
from pybridge.schema import schema_from_hello

CONFIGURE, START_SHM, START_ZMQ, ACTION, STREAM = range(5)


def example_hello() -> wire.Hello:
    """A Hello whose arrays have the sizes of `ExampleExtent` in conversation.cc."""
    hello = wire.Hello(
        protocol=_core.PROTOCOL_VERSION, byte_order=_core.BYTE_ORDER_MARK, scenario="example", step_ns=1_000_000
    )
    manager = hello.roles.add(name="manager", num_agents=1, period=3, help="buys")
    manager.observations.add(name="load", size=4, low=0, high=1, unit="1", help="")
    manager.actions.add(name="price", kind=wire.ActionField.BOX, size=1, low=0, high=1, unit="eur", help="")
    manager.terms.add(name="cost", size=1, unit="eur", help="")
    worker = hello.roles.add(name="worker", num_agents=2, period=1, help="shares out")
    worker.observations.add(name="queue", size=3, low=0, high=1, unit="1", help="")
    worker.actions.add(name="path", kind=wire.ActionField.CATEGORICAL, size=1, num_choices=3, help="")
    worker.actions.add(name="open", kind=wire.ActionField.CATEGORICAL, size=1, num_choices=2, help="")
    for name in ("delay", "loss"):
        worker.terms.add(name=name, size=1, unit="1", help="")
    for name in ("a", "b", "c"):
        hello.metrics.add(name=name, size=1, unit="1", help="")
    return hello


def messages() -> list[tuple[int, bytes]]:
    """Turn and bytes of each message; all of them are accepted."""
    schema = schema_from_hello(example_hello(), {}, {})
    configure = wire.Control()
    configure.configure.protocol = _core.PROTOCOL_VERSION
    configure.configure.byte_order = _core.BYTE_ORDER_MARK
    configure.configure.seed = 7
    configure.configure.parameters["num_ues"].number = 12
    configure.configure.parameters["traffic"].text = "full"
    seeds = [(CONFIGURE, configure.SerializeToString())]
    for num_envs, env in ((1, 0), (4, 2)):
        start = wire.Control()
        start.start.CopyFrom(
            Layout(schema, num_envs).start(env, control=256 * (2 * env + 1), spin_ns=100_000, yield_ns=50_000)
        )
        seeds.append((START_SHM, start.SerializeToString()))
    start = wire.Control()
    start.start.CopyFrom(Layout(schema, 1).start(0))
    seeds.append((START_ZMQ, start.SerializeToString()))
    for command, size in ((wire.STEP, 20), (wire.CLOSE, 0)):
        action = wire.Control()
        action.action.sequence = 3
        action.action.command = command
        action.action.block = bytes(range(size))
        seeds.append((ACTION, action.SerializeToString()))
    return seeds


def streams() -> list[bytes]:
    """What Python writes to a simulator's socket: ZMTP's greeting and handshake, then messages in frames."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        link = _core.MessageSocket(ours.fileno())
        written = [theirs.recv(1 << 16)]
        for parts in ([messages()[0][1]], [b"action", bytes(300)], [b""]):
            link.send(parts)
            written.append(theirs.recv(1 << 16))
    return [b"".join(written[: index + 1]) for index in range(len(written))]


if __name__ == "__main__":
    for number, data in enumerate(streams()):
        (Path(sys.argv[1]) / f"stream-{number}").write_bytes(bytes([STREAM]) + data)
    for number, (turn, data) in enumerate(messages()):
        (Path(sys.argv[1]) / f"real-{number}").write_bytes(bytes([turn]) + data)
