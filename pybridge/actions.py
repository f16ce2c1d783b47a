# SPDX-License-Identifier: GPL-2.0-only
"""Actions are checked before anything moves: shape, bounds, masks, and that somebody asked for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pybridge.errors import ActionError
from pybridge.layout import StateArrays
from pybridge.schema import ActionField, Role, Schema, suggest

_SUM_TOLERANCE = 1e-3


def check_actions(schema: Schema, actions: Mapping[str, npt.NDArray[np.float32]], state: StateArrays) -> None:
    """Checks the actions of all environments against the present state.

    Args:
        actions: [E, A, action size] by role.

    Raises:
        ActionError: naming environment, agent, field and value.
    """
    for name in actions:
        if name not in state.roles:
            raise ActionError(f"no role {name!r}{suggest(name, state.roles)}")
    for role in schema.roles:
        arrays = state.roles[role.name]
        acting = arrays.acts.view(np.bool_)
        if not acting.any():
            continue
        if role.name not in actions:
            raise ActionError(f"{role.name}: its agents act now, and no actions were given for them")
        action = np.asarray(actions[role.name])
        expected = (*acting.shape, role.action_size)
        if action.shape != expected:
            raise ActionError(
                f"{role.name}: actions have shape {action.shape}, expected {expected} [environment, agent, number]"
            )
        for field in role.actions:
            _check_field(role, field, action[..., field.span], arrays.masks[..., field.mask_span], acting)


def _check_field(
    role: Role,
    field: ActionField,
    value: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint8],
    acting: npt.NDArray[np.bool_],
) -> None:
    """`value` [E, A, size], `mask` [E, A, mask_size], `acting` [E, A]."""
    if field.kind == "simplex":
        wrong = ~((value >= 0) & (value <= 1 + _SUM_TOLERANCE))
        _raise_where(role, field, value, wrong, acting, "expected a share from 0 to 1")
        _raise_where(role, field, value, (mask == 0) & (value > 0), acting, "this part is masked: its share must be 0")
        off = np.abs(value.sum(axis=-1, keepdims=True) - 1) > _SUM_TOLERANCE
        if (off & acting[..., None]).any():
            env, agent = (int(i) for i in np.argwhere(off[..., 0] & acting)[0])
            raise ActionError(
                f"{_who(role, agent, env, len(acting))}: {field.name} sums to {value[env, agent].sum():g}, expected 1"
            )
    elif field.kind == "categorical":
        wrong = ~((value >= 0) & (value < field.num_choices) & (value == np.floor(value)))
        _raise_where(
            role, field, value, wrong, acting, f"expected a choice, a whole number 0 .. {field.num_choices - 1}"
        )
        choice = np.where(acting[..., None], value, 0).astype(np.intp)
        allowed = np.take_along_axis(mask.reshape(*value.shape, field.num_choices), choice[..., None], axis=-1)[..., 0]
        _raise_where(role, field, value, allowed == 0, acting, "this choice is masked now")
    else:
        wrong = ~((value >= field.low) & (value <= field.high))
        _raise_where(role, field, value, wrong, acting, f"expected {field.low:g} .. {field.high:g} [{field.unit}]")


def _raise_where(
    role: Role,
    field: ActionField,
    value: npt.NDArray[np.float32],
    wrong: npt.NDArray[np.bool_],
    acting: npt.NDArray[np.bool_],
    expected: str,
) -> None:
    wrong &= acting[..., None]
    if wrong.any():
        env, agent, index = (int(i) for i in np.argwhere(wrong)[0])
        raise ActionError(
            f"{_who(role, agent, env, len(acting))}: {field.name}[{index}] is {value[env, agent, index]:g}; {expected}"
        )


def _who(role: Role, agent: int, env: int, num_envs: int) -> str:
    return f"{role.name}_{agent}" + (f" of environment {env}" if num_envs > 1 else "")
