# SPDX-License-Identifier: GPL-2.0-only
"""Policies that need no learning. They read the schema, so they fit every scenario."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from agents.arrays import Array, every, some

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role, Schema


class Policy(Protocol):
    """Whatever decides for all roles at once."""

    name: str

    def act(self, batch: Batch, rng: np.random.Generator) -> dict[str, Array]:
        """Actions float32 [E, A, action_size] by role; roles that do not act may be left out."""
        ...


class Heuristic(ABC):
    """Wishes a value for each action field, then repairs it to what the mask allows."""

    name: str

    def __init__(self, schema: Schema) -> None:
        """For one scenario."""
        self.roles = tuple(schema.roles)

    def act(self, batch: Batch, rng: np.random.Generator) -> dict[str, Array]:
        """See `Policy.act`."""
        actions = {}
        for role in self.roles:
            acts = batch.acts[role.name]
            if not some(acts):
                continue
            action = np.zeros((*acts.shape, role.action_size))
            for field in role.actions:
                mask = batch.action_masks[role.name][..., field.mask_span]
                action[..., field.span] = repair(field, self.wish(role, field, batch, rng), mask)
            actions[role.name] = action
        self.did(batch, actions)
        return {name: action.astype(np.float32) for name, action in actions.items()}

    def did(self, batch: Batch, actions: Mapping[str, Array]) -> None:  # noqa: B027 - a hook: most need no memory
        """Learn what was done for `batch`, [E, A, action_size] by role.

        `act` tells of its own actions. Whoever took it for advice and did something else tells of that afterwards.
        """

    @abstractmethod
    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """Values that broadcast to [E, A, size]; shares need not sum to 1 and may ignore the mask."""


class EqualShare(Heuristic):
    """Equal shares, default choices, the middle of each range."""

    name = "equal-share"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        return neutral(field)


class ProportionalToDemand(Heuristic):
    """Shares in proportion to the observation that a field names as its demand; choice 0 where there is none."""

    name = "proportional-to-demand"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if not field.demand or field.kind == "box":
            return neutral(field)
        demand = batch.observations[role.name][..., role.observation(field.demand).span]
        if field.kind == "categorical":
            return np.where(demand > 0, field.default, 0)
        return np.maximum(demand, 0.0)


class RandomPolicy(Heuristic):
    """Uniform over all that is allowed."""

    name = "random"

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        shape = (*batch.acts[role.name].shape, field.size)
        if field.kind == "simplex":  # normalised exponentials are uniform on the simplex
            return rng.exponential(size=shape)
        if field.kind == "box":
            return rng.uniform(field.low, field.high, size=shape)
        mask = batch.action_masks[role.name][..., field.mask_span].reshape(*shape, field.num_choices)
        return np.asarray((rng.random(mask.shape) * (mask > 0)).argmax(axis=-1))


class Static(Heuristic):
    """The same decision at every step."""

    name = "static"

    def __init__(self, schema: Schema, values: Mapping[tuple[str, str], Array]) -> None:
        """`values`: by (role, action field), arrays [A, size]."""
        super().__init__(schema)
        self.values = values

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        return self.values[role.name, field.name]


def neutral(field: ActionField) -> Array:
    """Equal shares, the default choice or the middle of the range, [size]."""
    if field.kind == "simplex":
        return np.full(field.size, 1.0 / field.size)
    if field.kind == "categorical":
        return np.full(field.size, float(field.default))
    return np.full(field.size, (field.low + field.high) / 2)


def repair(field: ActionField, wish: Array, mask: Array) -> Array:
    """The nearest plain value to `wish` (broadcasts to [E, A, size]) that `mask` [E, A, mask_size] allows.

    Shares of forbidden parts go to the allowed ones in proportion, or equally if those have none; a forbidden choice
    becomes the default one, or else the first that is allowed.
    """
    if field.kind == "box":
        return np.clip(wish, field.low, field.high)
    if field.kind == "simplex":
        share = np.where(mask > 0, np.maximum(wish, 0.0), 0.0)  # a rest of rounding may lie below 0
        total = share.sum(axis=-1, keepdims=True)
        if not every(total):
            share = np.where(total > 0, share, mask > 0)
            total = share.sum(axis=-1, keepdims=True)
        return np.asarray(share / np.maximum(total, 1e-12))
    choice = wish.astype(np.int64)
    if every(mask):
        return choice
    allowed = mask.reshape(*mask.shape[:-1], field.size, field.num_choices) > 0
    fits = (allowed & (choice[..., None] == np.arange(field.num_choices))).any(axis=-1)
    return np.where(fits, choice, np.where(allowed[..., field.default], field.default, allowed.argmax(axis=-1)))


HEURISTICS: dict[str, type[Heuristic]] = {}
H = TypeVar("H", bound=type[Heuristic])


def register(policy: H) -> H:
    """Makes a heuristic known by its `name`; a decorator for classes in `agents/baselines/`."""
    HEURISTICS[policy.name] = policy
    return policy


for _policy in (RandomPolicy, EqualShare, ProportionalToDemand):
    register(_policy)


def heuristics() -> dict[str, type[Heuristic]]:
    """All heuristics by name: those of this file, then those of the files in `agents/baselines/`."""
    import agents.baselines  # registers them; it needs this module, so it cannot come first

    for module in pkgutil.iter_modules(agents.baselines.__path__):
        importlib.import_module(f"agents.baselines.{module.name}")
    return HEURISTICS


def make_heuristic(name: str, schema: Schema) -> Heuristic:
    """A heuristic by its name.

    Raises:
        ValueError: there is none of that name, or the scenario lacks what it needs.
    """
    known = heuristics()
    if name not in known:
        raise ValueError(f"no policy {name!r}; there are: {', '.join(known)}")
    return known[name](schema)
