# SPDX-License-Identifier: GPL-2.0-only
"""Tables of ours, reference and difference in a README, kept by tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

Points = Iterator[tuple[str, float, float]]  # where, ours, reference
Quantities = Mapping[str, tuple[Callable[[], Points], str, float]]  # by name: points, unit, largest difference


def line(quantities: Quantities, quantity: str) -> str:
    """A row of the table: where ours is farthest from the reference."""
    points, unit, limit = quantities[quantity]
    found = list(points())
    where, ours, reference = max(found, key=lambda point: abs(point[1] - point[2]))
    digits = 0 if unit == "bit" else 3
    values = (f"{value:.{digits}f}" for value in (ours, reference, abs(ours - reference)))
    return f"| {quantity} | {len(found)} | {where} | {' | '.join(values)} {unit} | {limit:g} {unit} |"


def holds(quantities: Quantities, quantity: str, readme: Path) -> None:
    """Every point is within its limit, and the README has the row."""
    points, _, limit = quantities[quantity]
    found = list(points())
    assert len(found) >= 2
    for where, ours, reference in found:
        assert abs(ours - reference) <= limit + 1e-9, where
    row = line(quantities, quantity)
    assert row in readme.read_text(), f"put this into {readme}:\n{row}"
