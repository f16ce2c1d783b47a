# SPDX-License-Identifier: GPL-2.0-only
"""What formulas say of arguments that are not of their kind."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# by annotation: what a value must be, and how an error says it
_KINDS: dict[str, tuple[type, str]] = {
    "int": (numbers.Integral, "a whole number that 64 bits hold"),
    "float": (numbers.Real, "a number"),
    "bool": (bool, "True or False"),
    "str": (str, "a name"),
}
_GREATEST = 2**63 - 1  # that compiled code is given


def _is_of(value: object, annotation: str) -> bool:
    kind, _ = _KINDS[annotation]
    if not isinstance(value, kind):
        return False
    if isinstance(value, numbers.Integral):  # what Python has no bounds for
        return abs(int(value)) <= _GREATEST
    return True


def of_their_kind(formula: Callable[P, R]) -> Callable[P, R]:
    """Turns the `TypeError` of a compiled formula into a `ValueError` that names the argument and its value."""
    signature = inspect.signature(formula)

    @functools.wraps(formula)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return formula(*args, **kwargs)
        except TypeError:
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                annotation = signature.parameters[name].annotation
                if annotation in _KINDS and not _is_of(value, annotation):
                    raise ValueError(f"{name}: found {value!r}, expected {_KINDS[annotation][1]}") from None
            raise

    return checked
