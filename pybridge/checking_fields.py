# SPDX-License-Identifier: GPL-2.0-only
"""What a review says of single fields: their names and units, bounds, masks, and whether they live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pybridge.schema import ActionField, Field, Schema

if TYPE_CHECKING:
    from pybridge.batch import Batch

Sentence = tuple[Literal["problem", "look", "fine"], str, str, str, str]
"""Level, about, place, text, advice; see `pybridge.checking.Finding`."""

UNIT_SUFFIXES = ("ns", "us", "ms", "s", "hz", "db", "dbm", "bits", "bytes", "bps", "prbs", "m", "deg", "ratio")
"""The endings of names that are units; `_ratio` is 0..1."""

_MEASURES = (*UNIT_SUFFIXES, "eur", "steps", "km", "w")


def review_names(schema: Schema) -> Iterator[Sentence]:
    """Units that names lack or contradict, and help that is missing."""
    count = 0
    clean = True
    for place, name, unit, text in _all_fields(schema):
        count += 1
        unit = unit.lower()
        stem = name.partition(".")[0]  # "delay_ms.embb": of what comes after the dot
        ending = stem.rsplit("_", 1)[-1]
        quotient = "_per_" in stem  # "price_eur_per_s": its unit is a quotient
        if not text.strip():
            clean = False
            yield "look", "help", place, "it has no help text.", "Say in one line what it is."
        if "_" in stem and ending in UNIT_SUFFIXES and not quotient and unit != ending:
            clean = False
            yield (
                "problem",
                "units",
                place,
                f"the name ends in _{ending} and the unit is {unit or 'empty'!r}.",
                "Make them agree.",
            )
        elif unit in UNIT_SUFFIXES and not quotient and ending != unit:
            clean = False
            yield "look", "units", place, f"the unit is {unit!r} and the name does not say so.", f"Name it ..._{unit}."
        elif ending not in _MEASURES and not unit:
            clean = False
            yield "look", "units", place, "it has no unit.", "Write '1' for a mere number."
    for role in schema.everyone:
        if not role.help.strip():
            clean = False
            yield "look", "help", role.name, "the role has no help text.", "Say in one line what it decides."
    if clean:
        yield "fine", "units", "", f"all {count} fields have help, and units that agree with their names.", ""


def _all_fields(schema: Schema) -> Iterator[tuple[str, str, str, str]]:
    for role in schema.everyone:
        of_role: Iterable[Field | ActionField] = (*role.observations, *role.actions, *role.terms)
        for told in of_role:
            choice = isinstance(told, ActionField) and told.kind != "box"
            unit = "1" if choice and not told.name.endswith("_ratio") else told.unit
            yield f"{role.name}.{told.name}", told.name, unit, told.help
    for metric in schema.metrics:
        yield f"metric {metric.name}", metric.name, metric.unit, metric.help
    for parameter in schema.parameters:
        unit = "1" if isinstance(parameter.value, str) else parameter.unit
        yield f"parameter {parameter.name}", parameter.name, unit, parameter.help


@dataclass
class _Seen:
    """What is kept of one field, over agents and steps."""

    low: float = np.inf
    high: float = -np.inf
    outside: int = 0
    first_outside: int = -1
    not_finite: int = -1
    changes: bool = False
    first: npt.NDArray[np.generic] | None = None

    def take(self, value: npt.NDArray[np.floating], step: int, bounds: tuple[float, float] | None) -> None:
        finite = np.isfinite(value)
        if not finite.all() and self.not_finite < 0:
            self.not_finite = step
        if finite.any():
            self.low = min(self.low, float(value[finite].min()))
            self.high = max(self.high, float(value[finite].max()))
        if bounds is not None:
            low, high = (np.float32(bound) for bound in bounds)
            if ((value < low) | (value > high)).any():
                self.outside += 1
                self.first_outside = step if self.first_outside < 0 else self.first_outside
        if self.first is None:
            self.first = value.copy()
        else:
            self.changes |= self.first.tobytes() != value.tobytes()


class Watch:
    """Is shown every state of a run, and then knows what is odd about its fields."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._states = 0
        self._seen: dict[tuple[str, str, str], _Seen] = {}
        self._ever_allowed = {r.name: np.zeros((r.num_agents, r.mask_size), bool) for r in schema.everyone}
        self._ever_masked = {r.name: np.zeros((r.num_agents, r.mask_size), bool) for r in schema.everyone}

    def see(self, batch: Batch, step: int) -> None:
        """One state of environment 0."""
        self._states += 1
        for role in self._schema.everyone:
            for told in role.observations:
                value = batch.observations[role.name][0, :, told.span]
                self._take(role.name, "observation", told, value, step)
            for term in role.terms:
                self._take(role.name, "term", term, batch.terms[role.name][0, :, term.span], step)
            mask = batch.action_masks[role.name][0].astype(bool)
            acts = batch.acts[role.name][0].astype(bool)[:, None]
            self._ever_allowed[role.name] |= mask & acts
            self._ever_masked[role.name] |= ~mask & acts
        for metric in self._schema.metrics:
            self._take("", "metric", metric, batch.metrics[0, metric.span], step)

    def _take(self, role: str, kind: str, told: Field, value: npt.NDArray[np.floating], step: int) -> None:
        bounds = (told.low, told.high) if kind == "observation" and (told.low, told.high) != (0, 0) else None
        self._seen.setdefault((role, kind, told.name), _Seen()).take(value, step, bounds)

    @property
    def finite(self) -> bool:
        """Whether every number was one."""
        return all(seen.not_finite < 0 for seen in self._seen.values())

    def is_always_zero(self, role: str, term: Field) -> bool:
        """Whether a term never was anything but 0."""
        seen = self._seen[role, "term", term.name]
        return seen.low == 0 and seen.high == 0

    def findings(self) -> Iterator[Sentence]:
        """What is odd, and what is well."""
        yield from self._numbers()
        yield from self._bounds()
        yield from self._masks()

    def _numbers(self) -> Iterator[Sentence]:
        for (role, _, name), seen in self._seen.items():
            if seen.not_finite >= 0:
                place = f"{role}.{name}" if role else f"metric {name}"
                text = f"it is NaN or infinite, first at step {seen.not_finite}."
                yield "problem", "numbers", place, text, "Look for a division by zero or a value never written."
        if self.finite:
            yield "fine", "numbers", "", f"every number of {self._states} states is finite.", ""

    def _bounds(self) -> Iterator[Sentence]:
        within = True
        still = 0
        for role in self._schema.everyone:
            for told in role.observations:
                place = f"{role.name}.{told.name}"
                seen = self._seen[role.name, "observation", told.name]
                if (told.low, told.high) == (0, 0):
                    yield "look", "bounds", place, "it states no bounds.", "Learners scale by them."
                elif seen.outside:
                    within = False
                    parts = []
                    if seen.low < told.low:
                        parts.append(f"{told.low - seen.low:.3g} below {told.low:g}")
                    if seen.high > told.high:
                        parts.append(f"{seen.high - told.high:.3g} above {told.high:g}")
                    text = (
                        f"up to {' and '.join(parts)} [{told.unit}], in {seen.outside} of {self._states} states, "
                        f"first at step {seen.first_outside}."
                    )
                    yield "problem", "bounds", place, text, "Widen its bounds, or clip it."
                elif told.name.endswith("_ratio") and (told.low < 0 or told.high > 1):
                    text = f"a ratio with bounds {told.low:g} .. {told.high:g}."
                    yield "look", "bounds", place, text, "A ratio is 0..1 in this project."
                if not seen.changes and seen.not_finite < 0:
                    still += 1
                    text = f"it never changed in {self._states} states."
                    yield "look", "fields", place, text, "Is it written? A constant teaches an agent nothing."
        if within:
            yield "fine", "bounds", "", "every observation keeps to its bounds.", ""
        if not still:
            yield "fine", "fields", "", "every observation changes.", ""

    def _masks(self) -> Iterator[Sentence]:
        masked = False
        for role in self._schema.everyone:
            for action in role.actions:
                span = action.mask_span
                never = ~self._ever_allowed[role.name][:, span].any(axis=0)
                masked |= bool(self._ever_masked[role.name][:, span].any())
                if action.mask_size and never.any() and self._ever_masked[role.name][:, span].any():
                    parts = ", ".join(map(str, np.flatnonzero(never)))
                    text = f"entries {parts} of its mask were never allowed in {self._states} states."
                    yield "look", "masks", f"{role.name}.{action.name}", text, "Can they ever be?"
        text = "masks were used, and never masked everything." if masked else "nothing was ever masked."
        yield "fine", "masks", "", text, ""
