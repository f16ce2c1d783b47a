# SPDX-License-Identifier: GPL-2.0-only
"""Parents and children: what owns simulators does not survive a fork, and no child outlives who started it."""

from __future__ import annotations

import ctypes
import os
import signal
import weakref
from typing import Protocol

DISOWNED = "this environment belongs to the parent process; make one after fork()"


class Owner(Protocol):
    """Holds something that is the parent's alone."""

    def disown(self) -> None:
        """In the child of a fork: lets go of everything without ending it."""


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def disown_after_fork(owner: Owner) -> None:
    """Has `owner.disown` called in each child that is forked while `owner` lives."""
    _owners.add(owner)


def end_with_parent(parent: int) -> None:
    """From now on Linux ends this process when the thread ends that started it, in process `parent`."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before
        os.kill(os.getpid(), signal.SIGKILL)


def _disown_all() -> None:
    for owner in list(_owners):
        owner.disown()


os.register_at_fork(after_in_child=_disown_all)
