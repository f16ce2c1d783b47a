# SPDX-License-Identifier: GPL-2.0-only
"""Whatever bytes arrive, either side accepts them for a reason or says what is wrong: it never crashes or hangs."""

from __future__ import annotations

import fcntl
import math
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pybridge.wire.qntn_pb2 as wire
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import pybridge
import pybridge.channel
from pybridge import _core
from pybridge.catalogue import scenario
from pybridge.channel import SocketChannel
from pybridge.fleet import MessageFleet
from pybridge.hello import check_contract, contract_of
from pybridge.layout import Layout
from pybridge.schema import schema_from_hello
from pybridge.waiting import patience

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "ns3-scratch" / "bridge" / "fuzz"))
import seeds  # noqa: E402

CASES = 10_000
ALL_CASES = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
KINDS = ["flip", "cut", "drop", "double", "write"]
# where a change begins, what kind it is, and what it writes
CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.sampled_from(KINDS), st.binary(max_size=10)),
    max_size=4,
)


def change(data: bytes, changes: list[tuple[int, str, bytes]]) -> bytes:
    """A message with some of its bytes changed, lost, doubled, or cut off."""
    mutated = bytearray(data)
    for place, kind, new in changes:
        at = place % (len(mutated) + 1)
        if kind == "flip" and at < len(mutated):
            mutated[at] ^= 1 << (place % 8)
        elif kind == "cut":
            del mutated[at:]
        elif kind == "drop":
            del mutated[at : at + 1 + len(new)]
        elif kind == "double":
            mutated[at:at] = mutated[at : at + 1 + len(new)]
        else:
            mutated[at : at + len(new)] = new
    return bytes(mutated)


HELLO = seeds.example_hello()
MESSAGES = seeds.messages()
HELLO_BYTES = HELLO.SerializeToString()


@ALL_CASES
@given(CHANGES)
def test_python_reads_or_refuses_any_hello(changes: list[tuple[int, str, bytes]]) -> None:
    hello = wire.Hello()
    try:
        hello.ParseFromString(change(HELLO_BYTES, changes))
    except Exception as error:  # protobuf's own, which has no stable home; channel.py turns it into a ProtocolError
        assert type(error).__name__ == "DecodeError"
        return
    try:
        schema = schema_from_hello(hello, {}, {})
    except pybridge.ProtocolError as error:
        assert 20 < len(str(error)) < 2000
        return
    layout = Layout(schema, 2)
    assert 0 < layout.memory_bytes < 1 << 32
    assert len(schema.agent_ids) == len(set(schema.agent_ids))


@ALL_CASES
@given(CHANGES)
def test_python_reads_or_refuses_any_state(changes: list[tuple[int, str, bytes]]) -> None:
    fleet = state_fleet()
    state = wire.State()
    try:
        state.ParseFromString(change(STATE_BYTES, changes))
    except Exception as error:
        assert type(error).__name__ == "DecodeError"
        return
    try:
        fleet._take(0, state, memoryview(state.block))
    except pybridge.ProtocolError as error:
        assert "found" in str(error) or "unknown status" in str(error)
    else:
        assert set(np.unique(fleet.states[fleet.buffer].roles["worker"].acts)) <= {0, 1}


_FLEETS: list[MessageFleet] = []
SCHEMA = schema_from_hello(HELLO, {}, {})
STATE_BYTES = wire.State(
    sequence=0, status=wire.RUNNING, time_ns=10, block=bytes(Layout(SCHEMA, 1).state_bytes)
).SerializeToString()


def state_fleet() -> MessageFleet:
    """One for all cases."""
    if not _FLEETS:
        _FLEETS.append(MessageFleet(SCHEMA, 1, patience("sleep", 1)))
    return _FLEETS[0]


@pytest.fixture(scope="module")
def reader() -> Iterator[subprocess.Popen[bytes]]:
    """The C++ reader: a message in, a line out."""
    (program,) = (ROOT / ".build").glob("cp*/bridge/bridge-reader")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def ask(reader: subprocess.Popen[bytes], turn: int, data: bytes) -> str:
    assert reader.stdin is not None and reader.stdout is not None
    reader.stdin.write(struct.pack("<BI", turn, len(data)) + data)
    reader.stdin.flush()
    answer = reader.stdout.readline()
    assert answer, f"the reader died of {data.hex()} in turn {turn}"
    return answer.decode(errors="replace").strip()


def test_cpp_accepts_what_python_sends(reader: subprocess.Popen[bytes]) -> None:
    assert [ask(reader, turn, data) for turn, data in seeds.messages()] == ["accepted"] * 6


@ALL_CASES
@given(which=st.integers(0, 5), turn=st.none() | st.integers(0, 3), changes=CHANGES)
def test_cpp_reads_or_refuses_any_message(
    reader: subprocess.Popen[bytes], which: int, turn: int | None, changes: list[tuple[int, str, bytes]]
) -> None:
    right_turn, data = MESSAGES[which]
    assert ask(reader, right_turn if turn is None else turn, change(data, changes))


def real_program(messages: list[tuple[bytes, list[int]]]) -> tuple[int, list[wire.Control]]:
    """Runs `tiny`, sends it messages with descriptors, and returns its exit status and what it answered."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = scenario("tiny").program
    with (
        ours,
        subprocess.Popen(
            [program, f"--qntn-control={theirs.fileno()}"],
            pass_fds=(theirs.fileno(),),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        theirs.close()
        channel = SocketChannel(ours)
        answers = []
        try:
            for data, files in messages:
                socket.send_fds(ours, [data], files)
                answer = channel.receive(60.0)  # it always answers
                if answer is not None:
                    answers.append(answer)
                if answer is None or answer.HasField("fault"):
                    break
        except (pybridge.channel.ChannelClosed, BrokenPipeError, ConnectionResetError):
            pass
        if any(answer.HasField("fault") for answer in answers):
            process.wait(10)  # before Python is gone, which would be another reason
        ours.close()
        return process.wait(10), answers


def configure_bytes() -> bytes:
    tiny = scenario("tiny")
    control = wire.Control()
    control.configure.protocol = _core.PROTOCOL_VERSION
    control.configure.byte_order = _core.BYTE_ORDER_MARK
    for name, value in tiny.resolve({}).items():
        control.configure.parameters[name].number = float(value)
    return control.SerializeToString()


@settings(ALL_CASES, max_examples=200)
@given(CHANGES)
def test_a_real_program_survives_any_configure(changes: list[tuple[int, str, bytes]]) -> None:
    data = change(configure_bytes(), changes)
    if not data:
        return  # an empty message is the end of the connection
    status, answers = real_program([(data, [])])
    assert len(answers) == 1
    if answers[0].HasField("fault"):
        assert status == 1 and answers[0].fault.message
    else:
        assert status == 75, "it had described itself and waited for Start until Python was gone"
        assert answers[0].HasField("hello")


def memfd(size: int, seal: bool = True) -> int:
    file = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(file, size)
    if seal:
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return file


@pytest.mark.parametrize(
    ("size", "files", "seal", "words"),
    [
        (0, 0, True, "without the memory file"),
        (64, 1, True, "a memory file of"),
        (0, 1, False, "expected a memfd sealed"),
        (0, 2, True, "came with several open files"),
        (0, 30, True, "came with several open files"),
    ],
)
def test_a_real_program_refuses_a_memory_file_that_does_not_fit(size: int, files: int, seal: bool, words: str) -> None:
    with pybridge.make_vec("tiny", num_envs=1) as env:
        layout = Layout(env.schema, 1)
    start = wire.Control()
    start.start.CopyFrom(layout.start(0, control=0))
    descriptors = [memfd(layout.memory_bytes + size, seal) for _ in range(files)]
    try:
        status, answers = real_program([(configure_bytes(), []), (start.SerializeToString(), descriptors)])
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    assert status == 1
    assert words in answers[-1].fault.message


def wrong(edit: Callable[[wire.Hello], object]) -> wire.Hello:
    hello = wire.Hello()
    hello.CopyFrom(HELLO)
    edit(hello)
    return hello


def watcher(hello: wire.Hello) -> wire.Role:
    return wire.Role(name="watcher", num_agents=1, period=1, observations=hello.roles[0].observations)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda h: setattr(h, "protocol", 99), "speaks protocol 99, pybridge speaks"),
        (lambda h: setattr(h, "byte_order", 0x04030201), "byte-order mark 0x04030201, expected 0x01020304"),
        (lambda h: setattr(h, "step_ns", -1), "step_ns is -1"),
        (lambda h: setattr(h, "scenario", "a\x1b[2J"), "printable"),
        (lambda h: h.ClearField("roles"), "number of roles is 0"),
        (lambda h: setattr(h.roles[0], "num_agents", 2**32 - 1), "num_agents is 4294967295"),
        (lambda h: setattr(h.roles[0], "period", 0), "period is 0"),
        (lambda h: setattr(h.roles[0], "name", ""), "the name of a role: text is ''"),
        (lambda h: setattr(h.roles[1], "name", "manager"), "roles: 'manager' is there twice"),
        (lambda h: setattr(h.roles[0], "help", "x" * 20_000), "at most 10000 printable"),
        (lambda h: setattr(h.roles[0].observations[0], "low", math.nan), "bounds is nan .. 1.0"),
        (lambda h: setattr(h.roles[0].observations[0], "low", 2), "bounds is 2.0 .. 1.0"),
        (lambda h: setattr(h.roles[0].observations[0], "size", 0), "size is 0"),
        (lambda h: setattr(h.roles[0].actions[0], "high", math.inf), "both finite"),
        (lambda h: setattr(h.roles[1].actions[0], "num_choices", 0), "choices in all is 0"),
        (lambda h: setattr(h.roles[1].actions[0], "default_choice", 3), "default choice is 3, expected less than 3"),
        (lambda h: setattr(h.roles[1].actions[0], "kind", 9), "kind is 9"),
        (lambda h: setattr(h.roles[1].actions[0], "demand", "nothing"), "demand is 'nothing'"),
        (lambda h: h.roles[1].actions[0].labels.append("one"), "number of labels is 1, expected 0 or 3"),
        (lambda h: h.roles[1].ClearField("actions"), "number of terms without an action is 2, expected 0"),
        (lambda h: h.roles.insert(0, watcher(h)), "place of roles without actions is watcher, expected after those"),
        (lambda h: h.roles.insert(1, watcher(h)), "place of roles without actions is watcher, expected after those"),
        (lambda h: (h.roles.append(watcher(h)), setattr(h.roles[2], "period", 2)), "period without an action is 2"),
        (
            lambda h: (
                setattr(h.roles[0], "num_agents", 1 << 20),
                setattr(h.roles[0].observations[0], "size", 1 << 20),
            ),
            "bytes of all arrays is",
        ),
        (lambda h: h.parameters.add(name="p", value=wire.Value(number=math.nan)), "value is nan"),
        (lambda h: h.parameters.add(name="p", high=9, integer=True, value=wire.Value(number=0.5)), "a whole number"),
        (lambda h: h.parameters.add(name="p"), "value is nothing"),
        (lambda h: h.scene.spans.add(site_a="a", site_b="b"), "sites of the scene"),
        (lambda h: h.scene.tracks.add(name="t", x_m=[1]), "as many x as y"),
    ],
)
def test_a_hello_that_contradicts_itself_is_refused(edit: Callable[[wire.Hello], object], words: str) -> None:
    with pytest.raises(pybridge.ProtocolError) as caught:
        schema_from_hello(wrong(edit), {}, {})
    assert words in str(caught.value)


def test_a_hello_of_another_schema_is_refused() -> None:
    expected = contract_of(HELLO)
    check_contract(expected, wrong(lambda h: h.scene.sites.add(name="a", kind="relay")))
    with pytest.raises(pybridge.ProtocolError, match="its roles differ from those of the first episode"):
        check_contract(expected, wrong(lambda h: setattr(h.roles[0], "num_agents", 2)))


def test_what_a_simulator_said_last_is_read_though_it_did_not_read_all() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = SocketChannel(ours)
    refusal = wire.Control()
    refusal.fault.message = "no"
    with ours:
        channel.send(wire.Control(start=wire.Start()))
        theirs.send(refusal.SerializeToString())
        theirs.close()
        assert channel.receive(60.0) == refusal
        with pytest.raises(pybridge.channel.ChannelClosed):
            channel.receive(60.0)


def test_a_message_that_is_too_long_is_not_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        monkeypatch.setattr(pybridge.channel, "_LARGEST_MESSAGE_BYTES", 1000)  # the kernel takes 200 kB without root
        theirs.send(bytes(1001))
        with pytest.raises(pybridge.ProtocolError, match="longer than 1000 bytes"):
            SocketChannel(ours).receive(1.0)
