# SPDX-License-Identifier: GPL-2.0-only
"""Actions are checked before anything moves: shape, bounds, masks, and that somebody asked for them.

The check itself is `_core.StepPath.take`; here are its words, and what it leaves to Python: arrays of
other types, missing ones, and names that do not exist.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from pybridge import _core
from pybridge.errors import ActionError
from pybridge.layout import StateArrays
from pybridge.schema import ActionField, Role, Schema, suggest

KIND_NUMBERS = {"simplex": 0, "categorical": 1, "box": 2}


def as_dict(actions: object) -> dict[str, npt.NDArray[np.float32]]:
    """Actions of any mapping as a dict.

    Raises:
        ActionError: it is no mapping.
    """
    if not isinstance(actions, Mapping):
        raise ActionError(f"actions are of type {type(actions).__name__}, expected a mapping from role to array")
    return dict(actions)


def as_arrays(
    schema: Schema, actions: Mapping[str, npt.ArrayLike], state: StateArrays
) -> dict[str, npt.NDArray[np.float32]]:
    """Actions as contiguous float32 arrays [E, A, action size] by role.

    Raises:
        ActionError: a role is unknown or missing, or a shape is wrong.
    """
    for name in actions:
        if name not in state.roles:
            raise ActionError(f"no role {name!r}{suggest(name, state.roles)}")
    arrays = {}
    for role in schema.roles:
        acts = state.roles[role.name].acts
        if role.name not in actions:
            if acts.any():
                raise ActionError(f"{role.name}: its agents act now, and no actions were given for them")
            continue
        try:
            given = np.asarray(actions[role.name])
            if given.dtype.kind == "c":
                raise TypeError("they are complex")
            action = np.ascontiguousarray(given, np.float32)
        except (TypeError, ValueError) as error:
            raise ActionError(f"{role.name}: actions are no numbers: {error}") from None
        expected = (*acts.shape, role.action_size)
        if action.shape != expected:
            raise ActionError(
                f"{role.name}: actions have shape {action.shape}, expected {expected} [environment, agent, number]"
            )
        arrays[role.name] = action
    return arrays


def refuse(
    schema: Schema,
    actions: Mapping[str, npt.NDArray[np.float32]],
    violation: tuple[int, int, int, int, int, int],
    states: Sequence[StateArrays],
) -> NoReturn:
    """Raises the `ActionError` for what `_core.StepPath.take` found.

    Args:
        violation: problem, role, environment, agent, field, element.
        states: what agents were told, the latest first; may be why they decide NaN.
    """
    problem, role_index, env, agent, field_index, element = violation
    role = schema.roles[role_index]
    field = role.actions[field_index]
    values = actions[role.name]
    who = _who(role, agent, env, len(values))
    if problem == _core.Problem.SUM:
        raise ActionError(f"{who}: {field.name} sums to {values[env, agent, field.span].sum():g}, expected 1")
    value = values[env, agent, field.offset + element]
    cause = _cause_of_nan(schema, states, env, len(values)) if np.isnan(value) else ""
    raise ActionError(f"{who}: {field.name}[{element}] is {value:g}; {_expected(field, problem)}{cause}")


def _who(role: Role, agent: int, env: int, num_envs: int) -> str:
    return f"{role.name}_{agent}" + (f" of environment {env}" if num_envs > 1 else "")


def _cause_of_nan(schema: Schema, states: Sequence[StateArrays], env: int, num_envs: int) -> str:
    """A tail for an error text: the first number that is none in what agents were told, `env` before the others."""
    look = f"`qntn check {schema.scenario}` looks for such numbers"
    places = itertools.product(states, sorted(range(num_envs), key=lambda other: other != env), schema.everyone)
    for state, e, role in places:
        told = state.roles[role.name]
        for kind, fields, rows in (
            ("observation", role.observations, told.observations[e]),
            ("term", role.terms, told.terms[e]),
        ):
            for agent, number in np.argwhere(~np.isfinite(rows)):
                field = next(field for field in fields if number < field.span.stop)
                index = f"[{number - field.offset}]" if field.size > 1 else ""
                who = _who(role, agent, e, num_envs)
                return f". It was told one: {kind} {field.name}{index} of {who} is {rows[agent, number]:g}. {look}"
    return f". A policy decides nan once it has learnt from nan: {look}"


def _expected(field: ActionField, problem: int) -> str:
    if problem == _core.Problem.MASKED:
        return "this part is masked: its share must be 0" if field.kind == "simplex" else "this choice is masked now"
    return {
        "simplex": "expected a share from 0 to 1",
        "categorical": f"expected a choice, a whole number 0 .. {field.num_choices - 1}",
        "box": f"expected {field.low:g} .. {field.high:g} [{field.unit}]",
    }[field.kind]


def check_fields(role: Role) -> list[tuple[int, int, int, int, float, float, int]]:
    """A role's action fields as `_core.StepPath.add_role` takes them."""
    return [(KIND_NUMBERS[f.kind], f.offset, f.size, f.num_choices, f.low, f.high, f.mask_offset) for f in role.actions]
