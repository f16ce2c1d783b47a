# SPDX-License-Identifier: GPL-2.0-only
"""The type of arrays, whose shapes docstrings give, and what is asked of them many times in each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def some(flags: Array) -> bool:
    """`flags.any()` in a third of the time."""
    return bool(np.count_nonzero(flags))


def every(flags: Array) -> bool:
    """`flags.all()` in a third of the time."""
    return bool(np.count_nonzero(flags) == flags.size)
