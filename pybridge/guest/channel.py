# SPDX-License-Identifier: GPL-2.0-only
"""Messages to and from a simulation in ns3-ai's shared memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge import _guest
from pybridge.errors import ActionError, ParameterError, ProtocolError
from pybridge.forks import disown_after_fork
from pybridge.guest.process import GuestProcess
from pybridge.guest.segment import Names, Owned, clear_stale

DEFAULT_SPIN_S = 200e-6
_PROBE_EVERY = 16


class Spin:
    """How long the next wait spins: not at all while spinning catches nothing, but for a probe now and then.

    ns3-ai's side spins for ever, so on a busy machine both may share a core; what Python spins there
    is what the simulation lacks.

    Args:
        limit_s: how long a wait spins that may catch a message.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._in_vain = 0

    def next_s(self) -> float:
        """Of the wait that begins."""
        return self.limit_s if self._in_vain % _PROBE_EVERY == 0 else 0.0

    def note(self, waited_s: float) -> None:
        """How long that wait took."""
        self._in_vain = 0 if waited_s < self.limit_s and self._in_vain % _PROBE_EVERY == 0 else self._in_vain + 1


class MessageChannel:
    """Struct or vector messages of one simulation; the layer below `Ns3AiStructEnv`.

    The segment is made here, so make the channel before the program starts, and give it the program by
    `start`. A vector's message is an array `[items]`, a struct's an array `[]` of its dtype, read-only.

    Args:
        cpp_dtype: layout of what the simulation sends, as its compiler lays it out (`align=True`).
        python_dtype: layout of what it receives.
        vectors: both are vectors of that struct instead of one struct.
        cpp_items: length of the vector from the simulation at the start; the simulation may resize it.
        python_items: length at the start, and so the room, of the vector to it.
        names: of segment and objects.
        segment_bytes: size of the segment.
        handle_finish: a message that comes with the flag `finished` is the end, not a message.
        step_timeout_s: how long a message may take.
        spin_s: how long a wait spins before it sleeps; not all do while spinning catches nothing.

    Raises:
        ParameterError: the segment is in use, or too small for its messages.
    """

    def __init__(
        self,
        cpp_dtype: npt.DTypeLike,
        python_dtype: npt.DTypeLike,
        *,
        vectors: bool = False,
        cpp_items: int = 0,
        python_items: int = 0,
        names: Names | None = None,
        segment_bytes: int = 4096,
        handle_finish: bool = True,
        step_timeout_s: float = 30.0,
        spin_s: float = DEFAULT_SPIN_S,
    ) -> None:
        self.cpp_dtype = _plain(cpp_dtype)
        self.python_dtype = _plain(python_dtype)
        self.names = names or Names()
        self.vectors = vectors
        self.step_timeout_s = step_timeout_s
        self._spin = Spin(spin_s)
        self.finished = False
        self._handle_finish = handle_finish
        self.process: GuestProcess | None = None
        if segment_bytes < 1024:
            raise ParameterError(f"a segment of {segment_bytes} bytes is too small; ns3-ai's own has 4096")
        clear_stale(self.names.segment)
        try:
            self._segment: _guest.GuestSegment | None = _guest.GuestSegment(
                self.names.segment,
                segment_bytes,
                vectors,
                self.names.cpp_to_python,
                self.cpp_dtype.itemsize,
                cpp_items,
                self.names.python_to_cpp,
                self.python_dtype.itemsize,
                python_items,
                self.names.lockable,
            )
        except _guest.GuestFault as fault:
            raise ParameterError(str(fault)) from None
        self._owned = Owned(self.names.segment)
        disown_after_fork(self)

    def start(self, make_process: Callable[[list[str]], GuestProcess]) -> GuestProcess:
        """Has the program started with the names of the segments that end with it."""
        self.process = make_process([self.names.segment])
        return self.process

    def receive(self, timeout_s: float | None = None) -> npt.NDArray[Any] | None:
        """The simulation's next message; None once it has finished.

        Raises:
            SimulatorDied, StepTimeout: it does not come.
            ProtocolError: it does not lie in the segment.
        """
        segment = self._open()
        if self.finished:
            return None
        limit = self.step_timeout_s if timeout_s is None else timeout_s
        start = time.perf_counter()
        outcome = segment.wait_for_message(self._lifeline, limit, self._spin.next_s())
        self._spin.note(time.perf_counter() - start)
        self._explain(outcome, "send a message", limit)
        if self._handle_finish and segment.finished:
            self.finished = True
            segment.release()
            return None
        try:
            data = segment.read()
        except _guest.GuestFault as fault:
            raise ProtocolError(str(fault)) from None
        segment.release()
        message = np.frombuffer(data, self.cpp_dtype)
        return message if self.vectors else message.reshape(())

    def send(self, message: npt.ArrayLike, timeout_s: float | None = None) -> None:
        """Hands the simulation a message.

        Raises:
            ActionError: it does not fit the layout or the vector's room. Nothing has moved.
            SimulatorDied, StepTimeout: the simulation does not take the one before.
        """
        self.send_bytes(self.encode(message), timeout_s)

    def send_bytes(self, data: bytes, timeout_s: float | None = None) -> None:
        """Hands over what is laid out already."""
        segment = self._open()
        limit = self.step_timeout_s if timeout_s is None else timeout_s
        self._explain(segment.wait_for_room(self._lifeline, limit, self._spin.limit_s), "take a message", limit)
        try:
            segment.write(data)
        except _guest.GuestFault as fault:
            raise ActionError(str(fault)) from None

    def exchange(self, message: npt.ArrayLike, timeout_s: float | None = None) -> npt.NDArray[Any] | None:
        """Sends, then receives."""
        self.send(message, timeout_s)
        return self.receive(timeout_s)

    def close(self) -> None:
        """Ends the program and removes the segment. Safe to call again."""
        if self.process is not None:
            self.process.kill()
        self._segment = None
        self._owned.remove()
        if self.process is not None:
            self.process.close()

    def disown(self) -> None:
        """In the child of a fork: lets go of the segment without removing it."""
        self._segment = None
        self._owned.disown()

    def __enter__(self) -> MessageChannel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _lifeline(self) -> int:
        return -1 if self.process is None else self.process.lifeline

    def _open(self) -> _guest.GuestSegment:
        if self._segment is None:
            raise ProtocolError("the channel is closed")
        return self._segment

    def _explain(self, outcome: _guest.Outcome, what: str, limit_s: float) -> None:
        if outcome == _guest.Outcome.READY:
            return
        if self.process is None:
            raise ProtocolError(f"no program was started, and none did {what} within {limit_s:g} s")
        if outcome == _guest.Outcome.TIMED_OUT:
            self.process.late(what, limit_s)
        self.process.died()

    def encode(self, message: npt.ArrayLike) -> bytes:
        """A message as the simulation reads it.

        Raises:
            ActionError: it does not fit the layout.
        """
        try:
            array = np.asarray(message, dtype=self.python_dtype)
        except (OverflowError, TypeError, ValueError) as error:
            raise ActionError(f"message does not fit {self.python_dtype}: {error}") from None
        if array.ndim != (1 if self.vectors else 0):
            expected = "a vector's array [items]" if self.vectors else "one struct"
            raise ActionError(f"message of shape {array.shape}, expected {expected}")
        return array.tobytes()


def _plain(layout: npt.DTypeLike) -> np.dtype[Any]:
    try:
        dtype = np.dtype(layout)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{layout!r} is not the layout of a struct: {error}") from None
    if dtype.hasobject or dtype.itemsize == 0:
        raise ParameterError(f"{dtype} is not the layout of a struct in shared memory")
    return dtype
