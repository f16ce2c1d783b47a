# SPDX-License-Identifier: GPL-2.0-only
"""How the two sides of an exchange wait for each other in shared memory.

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


_CHOICES = {"spin": Patience(1_000_000, 0), "yield": Patience(0, 100_000), "sleep": Patience(0, 0)}
_EACH_ON_ITS_CORE = Patience(5_000, 100_000)


def patience(wait: Wait, num_envs: int) -> Patience:
    """What `wait` means for `num_envs` simulators on this machine.

    `"auto"` spins a moment while the simulators and Python fit the cores that this process may use, and
    yields from the beginning when they do not. Waits that turn out to be long go to sleep at once.

    Raises:
        ValueError: `wait` is none of the four.
    """
    if wait == "auto":
        return _EACH_ON_ITS_CORE if num_envs + 1 <= len(os.sched_getaffinity(0)) else _CHOICES["yield"]
    if wait not in _CHOICES:
        raise ValueError(f"wait: found {wait!r}, expected 'auto', 'spin', 'yield' or 'sleep'")
    return _CHOICES[wait]
