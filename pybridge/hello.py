# SPDX-License-Identifier: GPL-2.0-only
"""Whether what a simulator says of itself holds together, checked before anything is built from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.errors import ProtocolError

_LARGEST_SIZE = 1 << 20  # of agents of a role, elements of a field, choices; as role.cc
_LARGEST_ENVIRONMENT_BYTES = 1 << 30
_LONGEST_NAME = 200
_LONGEST_TEXT = 10_000
_LARGEST_FLOAT32 = 3.4028234663852886e38
_LONGEST_STEP_NS = 10**18  # 31 years


class _Named(Protocol):
    name: str


def check_hello(hello: wire.Hello) -> None:
    """Checks version, byte order, names, sizes and bounds.

    Raises:
        ProtocolError: naming what was found and what was expected.
    """
    who = f"scenario {hello.scenario!r}"
    if hello.byte_order != _core.BYTE_ORDER_MARK:
        raise ProtocolError(
            f"{who}: byte-order mark {hello.byte_order:#010x}, expected {_core.BYTE_ORDER_MARK:#010x}: it runs on a "
            "machine of another byte order"
        )
    if hello.protocol != _core.PROTOCOL_VERSION:
        raise ProtocolError(
            f"{who} speaks protocol {hello.protocol}, pybridge speaks {_core.PROTOCOL_VERSION}; "
            "rebuild it with `qntn build`"
        )
    _check_name(hello.scenario, "its name")
    _require(0 < hello.step_ns <= _LONGEST_STEP_NS, who, "step_ns", hello.step_ns, "a time above 0")
    _require(len(hello.roles) > 0, who, "number of roles", 0, "at least 1")
    _check_unique(hello.roles, f"{who}: roles")
    for role in hello.roles:
        _check_role(role)
    decides = [len(role.actions) > 0 for role in hello.roles]
    silent = ", ".join(role.name for role in hello.roles if not role.actions)
    in_order = decides[0] and decides == sorted(decides, reverse=True)
    _require(in_order, who, "place of roles without actions", silent, "after those with actions, at least one")
    _check_fields(hello.metrics, f"{who}: metrics")
    _check_unique(hello.parameters, f"{who}: parameters")
    for parameter in hello.parameters:
        _check_parameter(parameter)
    _check_scene(hello.scene)
    num_bytes = sum(_role_bytes(role) for role in hello.roles) + 8 * len(hello.metrics)
    _require(
        num_bytes <= _LARGEST_ENVIRONMENT_BYTES,
        who,
        "bytes of all arrays",
        num_bytes,
        f"at most {_LARGEST_ENVIRONMENT_BYTES}",
    )


def contract_of(hello: wire.Hello) -> bytes:
    """All of a Hello that must be the same in every episode; scene and values of parameters may differ."""
    contract = wire.Hello()
    contract.CopyFrom(hello)
    contract.ClearField("scene")
    contract.ClearField("parameters")
    return bytes(contract.SerializeToString(deterministic=True))


def check_contract(expected: bytes, hello: wire.Hello) -> None:
    """Checks that a simulator offers what the first one of a vector offered.

    Raises:
        ProtocolError: naming the first part that differs.
    """
    if contract_of(hello) == expected:
        return
    first = wire.Hello.FromString(expected)
    for field in first.DESCRIPTOR.fields:
        if field.name not in ("scene", "parameters") and getattr(first, field.name) != getattr(hello, field.name):
            raise ProtocolError(
                f"scenario {hello.scenario!r}: its {field.name} differ from those of the first episode; what a "
                "scenario offers must not depend on the seed, nor on parameters that differ between the environments "
                "of a vector, and it must not be rebuilt meanwhile"
            )
    raise ProtocolError(f"scenario {hello.scenario!r} sent fields that the first episode did not")


def _check_role(role: wire.Role) -> None:
    who = f"role {role.name!r}"
    _check_name(role.name, "the name of a role")
    _check_text(role.help, f"{who}: help")
    _require(1 <= role.num_agents <= _LARGEST_SIZE, who, "num_agents", role.num_agents, f"1 .. {_LARGEST_SIZE}")
    _require(role.period >= 1, who, "period", role.period, "at least 1 step")
    _require(len(role.observations) > 0, who, "number of observations", 0, "at least 1")
    _check_fields(role.observations, f"{who}: observations")
    _check_fields(role.terms, f"{who}: terms", single=True)
    if not role.actions:
        _require(not role.terms, who, "number of terms without an action", len(role.terms), "0")
        _require(role.period == 1, who, "period without an action", role.period, "1 step")
    _check_unique(role.actions, f"{who}: actions")
    for action in role.actions:
        _check_action(role, action)


def _check_fields(fields: Sequence[wire.Field], who: str, *, single: bool = False) -> None:
    _check_unique(fields, who)
    for field in fields:
        what = f"{who}: {field.name!r}"
        _check_name(field.name, f"{who}: a name")
        _check_text(field.unit, f"{what}: unit")
        _check_text(field.help, f"{what}: help")
        largest = 1 if single else _LARGEST_SIZE
        _require(1 <= field.size <= largest, what, "size", field.size, f"1 .. {largest}")
        _require(field.low <= field.high, what, "bounds", f"{field.low} .. {field.high}", "low <= high")


def _check_action(role: wire.Role, action: wire.ActionField) -> None:
    who = f"role {role.name!r}: action {action.name!r}"
    _check_name(action.name, f"role {role.name!r}: the name of an action")
    for name in ("unit", "help", "demand"):
        _check_text(getattr(action, name), f"{who}: {name}")
    _require(1 <= action.size <= _LARGEST_SIZE, who, "size", action.size, f"1 .. {_LARGEST_SIZE}")
    if action.kind == wire.ActionField.CATEGORICAL:
        entries = action.size * action.num_choices
        _require(1 <= entries <= _LARGEST_SIZE, who, "choices in all", entries, f"1 .. {_LARGEST_SIZE}")
        parts = action.num_choices
        _require(action.default_choice < parts, who, "default choice", action.default_choice, f"less than {parts}")
    elif action.kind == wire.ActionField.SIMPLEX:
        parts = action.size
    elif action.kind == wire.ActionField.BOX:
        parts = 0
        bounds = f"{action.low} .. {action.high}"
        good = action.low < action.high and max(-action.low, action.high) <= _LARGEST_FLOAT32
        _require(good, who, "bounds", bounds, "low < high, both finite as float32")
    else:
        raise ProtocolError(f"{who}: kind is {action.kind}, expected 0 (simplex), 1 (categorical) or 2 (box)")
    _require(len(action.labels) in (0, parts), who, "number of labels", len(action.labels), f"0 or {parts}")
    for label in action.labels:
        _check_text(label, f"{who}: a label")
    if action.demand:
        sizes = {field.name: field.size for field in role.observations}
        found = f"{action.demand!r}"
        expected = f"an observation of this role with {action.size} elements"
        _require(sizes.get(action.demand) == action.size, who, "demand", found, expected)


def _check_parameter(parameter: wire.Parameter) -> None:
    who = f"parameter {parameter.name!r}"
    _check_name(parameter.name, "the name of a parameter")
    _check_text(parameter.unit, f"{who}: unit")
    _check_text(parameter.help, f"{who}: help")
    kind = parameter.value.WhichOneof("kind")
    _require(kind is not None, who, "value", "nothing", "a number or a text")
    if kind == "number":
        value = parameter.value.number
        within = f"a finite number in {parameter.low} .. {parameter.high}"
        _require(math.isfinite(value) and parameter.low <= value <= parameter.high, who, "value", value, within)
        _require(not parameter.integer or value.is_integer(), who, "value", value, "a whole number")


def _check_scene(scene: wire.Scene) -> None:
    sites = {site.name for site in scene.sites}
    _require(len(sites) == len(scene.sites), "scene", "names of sites", f"{len(scene.sites) - len(sites)} twice", "one")
    for named in (*scene.places, *scene.tracks, *scene.sites):
        _check_text(named.name, "scene: a name")
    for place in scene.places:
        _require(math.isfinite(place.x_m + place.y_m), f"scene: {place.name!r}", "place", "no number", "metres")
    for track in scene.tracks:
        good = len(track.x_m) == len(track.y_m) and all(map(math.isfinite, (*track.x_m, *track.y_m)))
        found = f"{len(track.x_m)} and {len(track.y_m)} coordinates"
        _require(good, f"scene: {track.name!r}", "track", found, "as many x as y, all finite")
    for span in scene.spans:
        who = f"scene: span {span.site_a!r} - {span.site_b!r}"
        _require({span.site_a, span.site_b} <= sites, who, "site", "an unknown name", "sites of the scene")
        _require(0 <= span.length_km < math.inf, who, "length", span.length_km, "kilometres")


def _role_bytes(role: wire.Role) -> int:
    """Two states and the actions of one environment, as `Layout` lays them out but for alignment."""
    observed = sum(field.size for field in role.observations)
    masked = sum(a.size * (a.num_choices if a.kind == wire.ActionField.CATEGORICAL else 1) for a in role.actions)
    decided = sum(field.size for field in role.actions)
    return int(role.num_agents * (2 * (4 * observed + masked + 2 + 8 * len(role.terms)) + 4 * decided))


def _check_unique(named: Iterable[_Named], who: str) -> None:
    seen = set()
    for item in named:
        if item.name in seen:
            raise ProtocolError(f"{who}: {_short(item.name)} is there twice")
        seen.add(item.name)


def _check_name(name: str, what: str) -> None:
    good = 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()
    _require(good, what, "text", _short(name), f"1 .. {_LONGEST_NAME} printable characters")


def _check_text(text: str, what: str) -> None:
    good = len(text) <= _LONGEST_TEXT and text.isprintable()
    _require(good, what, "text", _short(text), f"at most {_LONGEST_TEXT} printable characters")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")


def _require(good: bool, who: str, what: str, found: object, expected: str) -> None:
    if not good:
        raise ProtocolError(f"{_plain(who)}: {what} is {found}, expected {expected}")


def _plain(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "..."
