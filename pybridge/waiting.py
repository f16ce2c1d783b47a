# SPDX-License-Identifier: GPL-2.0-only
"""How the two sides of an exchange on one machine wait for each other.

Measured on two cores of a virtual machine: a cache line goes from core to core in 0.2 us; handing a core
over with `sched_yield` and back takes 3 us; sleeping and waking on one core 4 us, across cores 40 us.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Wait = Literal["auto", "spin", "yield", "sleep"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a wait stays awake: it spins, then offers its core to others, then sleeps."""

    spin_ns: int
    yield_ns: int


_CHOICES = {"spin": Patience(1_000_000, 0), "yield": Patience(0, 50_000), "sleep": Patience(0, 0)}
# Where all fit on the cores, a waiter outlasts the peer's work on ten agents and a wake-up together: one that
# gives up between them goes to sleep, is woken late, and so makes its peer give up too.
_YIELD_ROOMY = Patience(0, 200_000)
_SIMULATORS_A_CORE = 2  # with more, going round them costs more than waking the right one


def patience(wait: Wait, num_envs: int) -> Patience:
    """What `wait` means for `num_envs` simulators on this machine.

    `"auto"` yields up to two simulators a core that this process may use, and sleeps beyond that. It does
    not spin: on cores shared with others that was slower in all, and unfair. Waits that turn out to be
    long go to sleep at once. A yielding wait gives up after 50 us, and after 200 us where Python and all
    simulators have a core each. `"spin"` is for a simulator and Python that have a core each to themselves.

    Raises:
        ValueError: `wait` is none of the four.
    """
    cores = len(os.sched_getaffinity(0))
    if wait == "auto":
        wait = "yield" if num_envs <= _SIMULATORS_A_CORE * cores else "sleep"
    if wait == "yield" and num_envs < cores:
        return _YIELD_ROOMY
    if wait not in _CHOICES:
        raise ValueError(f"wait: found {wait!r}, expected 'auto', 'spin', 'yield' or 'sleep'")
    return _CHOICES[wait]
