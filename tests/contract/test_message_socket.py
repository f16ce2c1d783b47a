# SPDX-License-Identifier: GPL-2.0-only
"""Messages on the socket that a simulator inherits: ZMQ's wire protocol, by a socket of our own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

import pybridge
from pybridge import _core

SIZES = [0, 1, 255, 256, 4096, 300_000]


@contextmanager
def beside_libzmq(folder: Path) -> Iterator[tuple[_core.MessageSocket, zmq.Socket[bytes]]]:
    """Our socket, connected to libzmq's."""
    theirs: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
    ours = socket.socket(socket.AF_UNIX)
    try:
        theirs.setsockopt(zmq.LINGER, 0)
        theirs.setsockopt(zmq.RCVTIMEO, 10_000)
        theirs.setsockopt(zmq.SNDTIMEO, 10_000)
        theirs.bind(f"ipc://{folder / 'zmq'}")
        ours.connect(str(folder / "zmq"))
        yield _core.MessageSocket(ours.fileno()), theirs
    finally:
        ours.close()
        theirs.close()


@pytest.mark.parametrize("size", SIZES)
def test_libzmq_understands_us_and_we_it(tmp_path: Path, size: int, nothing_left: object) -> None:
    body = np.random.default_rng(size).bytes(size)
    with beside_libzmq(tmp_path) as (ours, theirs):
        theirs.send(b"hello")
        assert ours.receive(10.0) == (b"hello", None)  # libzmq reads no message before its handshake is over
        for _ in range(3):
            ours.send([b"first", body])
            for _ in range(1000):
                if theirs.poll(10):
                    break
                assert ours.receive(0.0) is None  # sends on what did not fit
            assert theirs.recv_multipart() == [b"first", body]
            theirs.send_multipart([body, b"second"])
            assert ours.receive(10.0) == (body, b"second")
            theirs.send(body)
            assert ours.receive(10.0) == (body, None)


def test_a_link_on_this_machine_has_no_name_that_others_could_take() -> None:
    def names() -> set[str]:
        rows = Path("/proc/net/unix").read_text().splitlines()[1:]
        return {row.split()[7] for row in rows if len(row.split()) > 7}

    before = names()
    with pybridge.make_vec("tiny", num_envs=2, transport="zmq") as env:
        env.reset()
        assert not [name for name in names() - before if "qntn" in name]


@settings(max_examples=10_000, deadline=None)
@given(noise=st.binary(max_size=200), cut=st.integers(0, 130), flip=st.integers(0, 8 * 130))
def test_no_stream_of_bytes_breaks_a_socket(noise: bytes, cut: int, flip: int) -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with left, right:
        _core.MessageSocket(right.fileno()).send([b"message", b"block"])
        stream = bytearray(left.recv(1000))[:cut] + noise
        if flip // 8 < len(stream):
            stream[flip // 8] ^= 1 << flip % 8
        reader = _core.MessageSocket(left.fileno())
        right.sendall(stream)
        right.shutdown(socket.SHUT_WR)
        try:
            for _ in range(200):  # a part has at least two bytes
                assert reader.receive(10.0) is not None
        except EOFError:
            return
        except RuntimeError as error:
            assert str(error).startswith(("the peer ", "a part ", "a message "))
            return
        pytest.fail("more messages than bytes")


@pytest.mark.parametrize("gone", [False, True])
def test_a_simulator_refuses_what_is_no_message(nothing_left: object, gone: bool) -> None:
    with pybridge.make_vec("tiny", num_envs=1, transport="zmq") as env:
        env.reset()
        simulator = env._seats._seated[0]  # noqa: SLF001 - no way leads there for users
        simulator.channel._socket.send([b"\xff\xff", b""])
        if gone:  # before Python sends anything else
            simulator._process.wait(60)
        with pytest.raises(pybridge.ProtocolError, match="cannot be read"):
            env.step({"manager": np.ones((1, 1, 1), np.float32), "worker": np.full((1, 1, 3), 1 / 3, np.float32)})
