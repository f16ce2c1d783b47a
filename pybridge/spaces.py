# SPDX-License-Identifier: GPL-2.0-only
"""Gymnasium spaces of an agent, made from its role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from pybridge.schema import ActionField, Role

Action = dict[str, npt.NDArray[Any]]
Mask = Mapping[str, npt.NDArray[np.int8]]


class Simplex(spaces.Box):
    """`size` numbers >= 0 that sum to 1. Samples are uniform over the simplex."""

    def __init__(self, size: int) -> None:
        super().__init__(0.0, 1.0, (size,), np.float32)

    def sample(self, mask: npt.NDArray[np.int8] | None = None, probability: None = None) -> npt.NDArray[np.float32]:
        """A random point; parts whose mask is 0 get nothing."""
        weights = self.np_random.exponential(size=self.shape)
        if mask is not None and mask.any():
            weights = weights * mask
        return np.asarray(weights / weights.sum(), np.float32)

    def contains(self, x: Any) -> bool:
        """Whether `x` has the shape, bounds and sum."""
        return bool(super().contains(x) and abs(float(np.sum(x)) - 1.0) < 1e-3)

    def __repr__(self) -> str:
        return f"Simplex({self.shape[0]})"


class ActionSpace(spaces.Dict):
    """An agent's decisions by field name.

    The space knows what its agent may do *now*: `sample()` draws only what is allowed in the present
    state, and draws an empty action for an agent that does not act in this step. `sample(mask)` takes
    the mask from an observation instead.
    """

    def __init__(self, role: Role, mask_now: Callable[[], Mask]) -> None:
        super().__init__({field.name: _action_space(field) for field in role.actions})
        self._fields = {field.name: field for field in role.actions}
        self._mask_now = mask_now

    def sample(self, mask: Mask | None = None, probability: None = None) -> Action:  # type: ignore[override]
        """A random action that is allowed; empty if the agent does not act."""
        mask = self._mask_now() if mask is None else mask
        if not any(np.any(part) for part in mask.values()):
            return {}
        return {name: self._sample_field(field, mask[name]) for name, field in self._fields.items()}

    def contains(self, x: Any) -> bool:
        """Whether `x` is an action for every field, or empty."""
        return x == {} or super().contains(x)

    def _sample_field(self, field: ActionField, mask: npt.NDArray[np.int8]) -> npt.NDArray[Any]:
        space = self.spaces[field.name]
        if isinstance(space, Simplex):
            return space.sample(mask)
        if isinstance(space, spaces.MultiDiscrete):
            return space.sample(mask=tuple(mask))
        return np.asarray(space.sample())


def observation_space(role: Role) -> spaces.Dict:
    """`observation`: [D] float32, and `action_mask`: by action field, all zeros while it does not act."""
    low = np.concatenate([np.full(f.size, f.low, np.float32) for f in role.observations])
    high = np.concatenate([np.full(f.size, f.high, np.float32) for f in role.observations])
    masks: dict[str, spaces.Space[Any]] = {field.name: spaces.MultiBinary(mask_shape(field)) for field in role.actions}
    return spaces.Dict({"observation": spaces.Box(low, high), "action_mask": spaces.Dict(masks)})


def mask_shape(field: ActionField) -> tuple[int, ...]:
    """[size] of a simplex, [size, num_choices] of a categorical, [1] of a box (may it be set?)."""
    return {"simplex": (field.size,), "categorical": (field.size, field.num_choices), "box": (1,)}[field.kind]


def _action_space(field: ActionField) -> spaces.Space[Any]:
    if field.kind == "simplex":
        return Simplex(field.size)
    if field.kind == "categorical":
        return spaces.MultiDiscrete([field.num_choices] * field.size)
    return spaces.Box(field.low, field.high, (field.size,), np.float32)
