# SPDX-License-Identifier: GPL-2.0-only
"""What a fake simulation says of itself; the same messages that a scenario program sends."""

from __future__ import annotations

from collections.abc import Sequence

import pybridge.wire.qntn_pb2 as wire
from pybridge.schema import Value


def field(
    name: str, size: int = 1, *, low: float = 0.0, high: float = 0.0, unit: str = "1", help: str = ""
) -> wire.Field:
    """An observation field, a reward term or a metric (terms and metrics have size 1, no bounds)."""
    return wire.Field(name=name, size=size, low=low, high=high, unit=unit, help=help or name)


def simplex(name: str, size: int, *, demand: str = "", labels: Sequence[str] = (), help: str = "") -> wire.ActionField:
    """A decision to divide a whole into `size` parts; see `pybridge.ActionField`."""
    return wire.ActionField(
        name=name,
        kind=wire.ActionField.SIMPLEX,
        size=size,
        high=1.0,
        unit="ratio",
        help=help or name,
        demand=demand,
        labels=labels,
    )


def choose(
    name: str, size: int, num_choices: int, *, default: int = 0, labels: Sequence[str] = (), help: str = ""
) -> wire.ActionField:
    """`size` decisions between `num_choices`."""
    return wire.ActionField(
        name=name,
        kind=wire.ActionField.CATEGORICAL,
        size=size,
        num_choices=num_choices,
        high=num_choices - 1,
        unit="choice",
        help=help or name,
        default_choice=default,
        labels=labels,
    )


def box(name: str, size: int, *, low: float, high: float, unit: str = "1", help: str = "") -> wire.ActionField:
    """A decision on `size` numbers in [low, high]."""
    return wire.ActionField(
        name=name, kind=wire.ActionField.BOX, size=size, low=low, high=high, unit=unit, help=help or name
    )


def role(
    name: str,
    num_agents: int = 1,
    *,
    period: int = 1,
    observations: Sequence[wire.Field] = (),
    actions: Sequence[wire.ActionField] = (),
    terms: Sequence[wire.Field] = (),
    help: str = "",
) -> wire.Role:
    """A kind of agent that acts at steps 0, period, 2 period, ..."""
    return wire.Role(
        name=name,
        num_agents=num_agents,
        period=period,
        help=help or name,
        observations=observations,
        actions=actions,
        terms=terms,
    )


def number(
    name: str, default: float, *, low: float, high: float, unit: str = "1", help: str = "", integer: bool | None = None
) -> wire.Parameter:
    """A numeric parameter; whole if its default is an int, unless told otherwise."""
    return wire.Parameter(
        name=name,
        value=wire.Value(number=default),
        low=low,
        high=high,
        unit=unit,
        help=help or name,
        integer=isinstance(default, int) if integer is None else integer,
    )


def text(name: str, default: str, *, help: str = "") -> wire.Parameter:
    """A parameter that is a text."""
    return wire.Parameter(name=name, value=wire.Value(text=default), help=help or name)


def value_of(value: wire.Value, *, integer: bool) -> Value:
    """A parameter's value as Python has it."""
    if value.HasField("text"):
        found: str = value.text
        return found
    number_found: float = value.number
    return int(number_found) if integer else number_found
