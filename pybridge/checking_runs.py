# SPDX-License-Identifier: GPL-2.0-only
"""Drives a scenario for a review: calmly or at random, and tells where two runs part."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pybridge.batch import Batch
from pybridge.schema import ActionField, Role, Schema
from pybridge.vector import VectorEnv

if TYPE_CHECKING:
    from pybridge.checking_fields import Watch

Told = dict[tuple[str, str], npt.NDArray[np.generic]]


class Deadlock(Exception):
    """An acting agent has nothing that it may choose."""

    def __init__(self, place: str, step: int) -> None:
        super().__init__(f"{place}: everything is masked at step {step}")
        self.place, self.step = place, step


@dataclass
class Run:
    """What a run told, state by state.

    Attributes:
        digests: of each state, all arrays.
        ends: (step, "terminated" or "truncated") of each episode's end.
        varied: whether the field that was to be varied had a choice at all.
        step_s: wall-clock time within step().
    """

    schema: Schema
    digests: list[Told] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    varied: bool = False
    step_s: float = 0.0


def drive(
    env: VectorEnv,
    steps: int,
    *,
    random: bool,
    watch: Watch | None = None,
    vary: tuple[Role, ActionField] | None = None,
    bare: bool = False,
) -> Run:
    """Runs one environment for a number of steps, episode after episode.

    Args:
        random: decide at random where masks allow; else equal shares, default choices, middles of boxes.
        watch: is shown every state.
        vary: decide this one field at random, all others calmly.
        bare: keep nothing but the time.
    """
    run = Run(env.schema)
    rng = np.random.default_rng(0)
    batch = env.reset()
    episode_step = 0
    for step in range(steps + 1):
        if not bare:
            run.digests.append(_told(batch))
        if watch is not None:
            watch.see(batch, step)
        if step == steps:
            break
        actions = {}
        for role in env.schema.roles:
            acts = batch.acts[role.name][0]
            rows = np.zeros((1, role.num_agents, role.action_size), np.float32)
            for agent in np.flatnonzero(acts):
                for action in role.actions:
                    mask = batch.action_masks[role.name][0, agent, action.mask_span]
                    chosen = vary is not None and vary[0].name == role.name and vary[1].name == action.name
                    run.varied |= chosen and _has_choice(action, mask)
                    try:
                        rows[0, agent, action.span] = decide(action, mask, rng if random or chosen else None)
                    except ValueError:
                        raise Deadlock(f"{role.agent_ids[agent]}.{action.name}", step) from None
            actions[role.name] = rows
        began = time.perf_counter()
        batch = env.step(actions)
        run.step_s += time.perf_counter() - began
        episode_step += 1
        if batch.terminated[0] or batch.truncated[0]:
            run.ends.append((episode_step, "terminated" if batch.terminated[0] else "truncated"))
            episode_step = 0
    return run


def decide(
    action: ActionField, mask: npt.NDArray[np.uint8], rng: np.random.Generator | None
) -> npt.NDArray[np.float64]:
    """One agent's decision [size]: at random, or the calm one.

    Raises:
        ValueError: all is masked.
    """
    if action.kind == "box":
        at = rng.random(action.size) if rng is not None else np.full(action.size, 0.5)
        drawn = action.low + at * (action.high - action.low)
        within: npt.NDArray[np.float64] = np.clip(drawn, float(np.float32(action.low)), float(np.float32(action.high)))
        return within
    allowed = mask.reshape(-1, action.size if action.kind == "simplex" else action.num_choices).astype(bool)
    if not allowed.any(axis=1).all():
        raise ValueError(f"{action.name}: all is masked")
    if action.kind == "simplex":
        shares = np.where(allowed[0], 1.0 if rng is None else rng.exponential(size=action.size) + 1e-9, 0.0)
        return np.asarray(shares / shares.sum(), np.float64)
    choices = [np.flatnonzero(row) for row in allowed]
    if rng is not None:
        return np.array([rng.choice(row) for row in choices], np.float64)
    return np.array([action.default if action.default in row else row[0] for row in choices], np.float64)


def difference(a: Run, b: Run) -> str | None:
    """Where two runs part first, as "field at step"; None if they tell the same."""
    for step, (one, other) in enumerate(zip(a.digests, b.digests, strict=True)):
        for key, array in one.items():
            if array.tobytes() != other[key].tobytes():
                index = np.argwhere(~_same(array, other[key]))
                return f"{_name(a.schema, key, int(index[0][-1]) if index.size else 0)} at step {step}"
    return None


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    return np.asarray((a == b) | ((a != a) & (b != b)))


def _name(schema: Schema, key: tuple[str, str], index: int) -> str:
    role_name, what = key
    if not role_name:
        return schema.metrics[index].name if what == "metrics" else what
    role = schema.role(role_name)
    fields = {"observations": role.observations, "terms": role.terms}.get(what, ())
    for told in fields:
        if told.span.start <= index < told.span.stop:
            return f"{role_name}.{told.name}"
    return f"{role_name} {what}"


def _told(batch: Batch) -> Told:
    told: Told = {}
    for role in batch.observations:
        told[role, "observations"] = batch.observations[role][0].copy()
        told[role, "masks"] = batch.action_masks[role][0].copy()
        told[role, "acts"] = batch.acts[role][0].copy()
        told[role, "terms"] = batch.terms[role][0].copy()
    told["", "metrics"] = batch.metrics[0].copy()
    told["", "end"] = np.array([batch.terminated[0], batch.truncated[0]])
    return told


def _has_choice(action: ActionField, mask: npt.NDArray[np.uint8]) -> bool:
    if action.kind == "box":
        return True
    rows = mask.reshape(-1, action.size if action.kind == "simplex" else action.num_choices)
    return bool((rows.sum(axis=1) > 1).any())
