# SPDX-License-Identifier: GPL-2.0-only
"""The type of arrays; docstrings give their shapes."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
