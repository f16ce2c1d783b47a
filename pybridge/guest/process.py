# SPDX-License-Identifier: GPL-2.0-only
"""A guest's program: started under a warden that ends it, whatever becomes of Python, and watched."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pybridge.catalogue import native_folder
from pybridge.errors import ParameterError, SimulatorDied, StepTimeout
from pybridge.forks import disown_after_fork

_WORD = struct.Struct("=ci")
_LOG_BYTES = 1 << 16
_LAST_LINES = 20
_LOG_PAUSE_S = 0.01  # ns-3 writes its log unbuffered: a reader that wakes at each piece costs 0.1 ms a step
_LOG_PIPE_BYTES = 1 << 20
_KILL_WAIT_S = 2.0

Setting = str | int | float | bool


def arguments(settings: Mapping[str, Setting]) -> list[str]:
    """`--key=value` as ns-3's command line reads it: true and false in lower case."""
    return [f"--{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in settings.items()]


class GuestProcess:
    """One run of a program that knows nothing of qntn; or, without a command, of one that the user starts.

    Args:
        command: program and arguments; None when the user starts it.
        seed: told in errors.
        segments: names of shared memory that go when Python goes.
        cwd: folder in which it runs.
        env: its environment variables in place of Python's own.

    Raises:
        ParameterError: there is no such program.
    """

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        seed: int,
        segments: Sequence[str] = (),
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.seed = seed
        self.command = shlex.join(command) if command else "(started by hand)"
        self.name = Path(command[0]).name if command else "started by hand"
        self.pid: int | None = None
        self._status: int | None = None
        self._closed = False
        self._log = bytearray()
        self._log_lock = threading.Lock()
        self._lifeline, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, write_end = os.pipe()
        with contextlib.suppress(OSError):  # of a user who has many pipes
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _LOG_PIPE_BYTES)
        try:
            warden = native_folder() / "libexec" / "qntn-warden"
            self._warden = subprocess.Popen(
                [str(warden), str(theirs.fileno()), *segments, "--", *(command or ())],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=(theirs.fileno(),),
                process_group=0,
                cwd=cwd,
                env=None if env is None else dict(env),
            )
        except BaseException:
            self._lifeline.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        self._output: int | None = output
        self._reader = threading.Thread(target=self._keep_log, args=(output,), name="guest-log", daemon=True)
        self._reader.start()
        disown_after_fork(self)
        if command:
            self._begin(command)

    @property
    def lifeline(self) -> int:
        """Descriptor that becomes readable when the program ends."""
        return self._lifeline.fileno()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        self._listen(0.0)
        return self._status is not None

    @property
    def returncode(self) -> int | None:
        """Exit status; minus the signal's number if a signal ended it; None while it runs or if unknown."""
        self._listen(0.0)
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)

    def wait(self, timeout_s: float) -> bool:
        """Waits for its end.

        Returns:
            Whether it has ended.
        """
        deadline = time.monotonic() + timeout_s
        while self._status is None and self.pid is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._listen(left)
        return self._status is not None

    def kill(self) -> None:
        """Ends it and all of its process group."""
        if self._status is None and self.pid is not None and not self._closed:
            with contextlib.suppress(OSError):
                self._lifeline.send(b"K")
            self.wait(_KILL_WAIT_S)

    def died(self) -> NoReturn:
        """Raises that it ended."""
        raise SimulatorDied(
            self.name, self.returncode, seed=self.seed, command=self.command, stderr=self.last_words(), guest=True
        )

    def late(self, what: str, timeout_s: float) -> NoReturn:
        """Ends it and raises that it did not do `what` within `timeout_s`."""
        self.kill()
        raise StepTimeout(
            f"simulator {self.name} did not {what} within {timeout_s:g} s"
            + (" and was killed" if self.pid is not None else ""),
            seed=self.seed,
            command=self.command,
            stderr=self.last_words(),
        )

    def last_words(self) -> str:
        """The last lines that it wrote to stdout and stderr."""
        if self._status is not None:
            self._reader.join(0.05)  # what it wrote just before its end
        with self._log_lock:
            text = self._log.decode(errors="replace")
        return "\n".join(text.splitlines()[-_LAST_LINES:])

    def close(self) -> None:
        """Ends it and lets go of everything; its segments are the owner's to remove. Safe to call again."""
        if self._closed:
            return
        self.kill()
        self._closed = True
        with contextlib.suppress(OSError):
            self._lifeline.send(b"D")
        self._lifeline.close()
        self._warden.wait()
        self._reader.join(1.0)  # not for ever: what the program put into the background may hold the pipe

    def disown(self) -> None:
        """In the child of a fork: lets go of everything without ending the program."""
        if self._closed:
            return
        self._closed = True
        self._warden.returncode = 0  # it is not this process's to wait for
        self._lifeline.close()
        if self._output is not None:
            os.close(self._output)  # the thread that reads it is the parent's

    def _begin(self, command: Sequence[str]) -> None:
        what, value = self._hear(10.0)
        if what == b"E":
            self.close()
            raise ParameterError(f"{command[0]}: {os.strerror(value)}; give the path of the simulation's program")
        if what != b"P":
            self.close()
            raise ParameterError(f"{command[0]} could not be started")
        self.pid = value

    def _hear(self, timeout_s: float) -> tuple[bytes, int]:
        poller = select.poll()
        poller.register(self._lifeline, select.POLLIN)
        if not poller.poll(max(0.0, timeout_s) * 1e3):
            return b"", 0
        message = self._lifeline.recv(_WORD.size)
        return _WORD.unpack(message) if len(message) == _WORD.size else (b"X", 9)  # someone killed the warden

    def _listen(self, timeout_s: float) -> None:
        if self._status is None and not self._closed:
            what, value = self._hear(timeout_s)
            if what == b"X":
                self._status = value

    def _keep_log(self, output: int) -> None:
        try:
            while block := os.read(output, _LOG_PIPE_BYTES):
                with self._log_lock:
                    self._log += block[-_LOG_BYTES:]
                    del self._log[:-_LOG_BYTES]
                if len(block) < _LOG_BYTES:
                    time.sleep(_LOG_PAUSE_S)
        finally:
            self._output = None
            os.close(output)
