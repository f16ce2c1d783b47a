# SPDX-License-Identifier: GPL-2.0-only
"""Named shared memory: whose it is, and that nothing stale stays in the way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from pybridge.errors import ParameterError

_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Names:
    """How the objects of a segment are called; the defaults are ns3-ai's own.

    Attributes:
        segment: of the shared memory.
        cpp_to_python: of the message that the simulation writes.
        python_to_cpp: of the message that the simulation reads.
        lockable: of the counters.
    """

    segment: str = "My Seg"
    cpp_to_python: str = "My Cpp to Python Msg"
    python_to_cpp: str = "My Python to Cpp Msg"
    lockable: str = "My Lockable"

    def __post_init__(self) -> None:
        if not self.segment or "/" in self.segment or self.segment in (".", "..", "--") or "\0" in self.segment:
            raise ParameterError(f"segment {self.segment!r}: expected a name without '/'")
        if len({self.cpp_to_python, self.python_to_cpp, self.lockable}) != 3:
            raise ParameterError("the three objects of a segment need three names")


def unique_segment_name() -> str:
    """A name that no other segment has."""
    return f"qntn-{os.getpid()}-{uuid.uuid4().hex[:12]}"


def clear_stale(name: str) -> None:
    """Removes the segment `name` if its owner is dead.

    Raises:
        ParameterError: somebody uses it.
    """
    path = _SHARED_MEMORY / name
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        user = _user_of(path)
    except BlockingIOError:
        user = "another environment"
    finally:
        os.close(file)
    if user is not None:
        raise ParameterError(
            f"shared memory {name!r} is in use by {user}; close that, or give each environment a segment of its own"
        )
    path.unlink(missing_ok=True)


class Owned:
    """Says, while it lives, that the existing segment `name` has an owner; then removes it."""

    def __init__(self, name: str) -> None:
        self._path = _SHARED_MEMORY / name
        self._file: int | None = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Removes the segment, unless another has taken its name. Safe to call again."""
        if self._file is None:
            return
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                self._path.unlink()
        self.disown()

    def disown(self) -> None:
        """Lets go of the segment without removing it. Safe to call again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _user_of(path: Path) -> str | None:
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if any(line.endswith(f" {path}") for line in maps.read_text(errors="replace").splitlines()):
                return f"process {maps.parent.name}"
    return None
