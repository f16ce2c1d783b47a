# SPDX-License-Identifier: GPL-2.0-only
"""Decisions of one role, and their advantages. A worker is the case where every decision lasts one step.

A decision is open from the moment it is made until the role decides again or the episode ends. Meanwhile it collects
R = sum gamma^i r_i over the h steps that it lasts, and its discount becomes gamma^h: a semi-Markov transition
(Sutton, Precup, Singh, 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Array

if TYPE_CHECKING:
    from pybridge import Role


def gae(rewards: Array, discounts: Array, values: Array, next_values: Array, last: Array, lam: float) -> Array:
    """Generalised advantage estimates (Schulman et al., 2016) of semi-Markov decisions, [K, E, A].

    rewards, values [K, E, A]; discounts [K, E]: gamma^h of each decision.
    next_values [K, E, A]: value of the state after each decision; where the episode was truncated, that of its final
        state; where it terminated, 0.
    last [K, E, A] or [K, E, 1]: for this agent the row has no successor: its episode ended, or it left.
    """
    deltas = rewards + discounts[..., None] * next_values - values
    carried = np.where(last, 0.0, discounts[..., None] * lam)
    advantages = np.zeros_like(rewards)
    running = np.zeros_like(rewards[0])
    for k in reversed(range(len(rewards))):
        running = advantages[k] = deltas[k] + carried[k] * running
    return advantages


@dataclass(frozen=True)
class Decisions:
    """Completed decisions, padded to [K, E, ...]; `valid` [K, E] marks the real ones."""

    own: Array  # [K, E, A, D'] and
    state: Array  # [K, E, S]: what was seen
    prior: Array  # [K, E, A, O] offset of the policy's outputs
    masks: Array  # [K, E, A, M]
    memory: Array  # [K, E, A, H] of actor and critic, before the decision
    latents: Array  # [K, E, A, L]
    log_probs: Array  # [K, E, A] of the policy that decided
    active: Array  # [K, E, A] the agent decided (others only filled their place)
    rewards: Array  # [K, E, A] discounted sums
    discounts: Array  # [K, E] gamma^h
    next_own: Array  # [K, E, A, D'] and
    next_state: Array  # [K, E, S]: what was seen after it, at the final state where the episode ended
    left: Array  # [K, E, A] the agent left during it, so that what comes later is not its own;
    dead: Array  # [K, E, A] and did so by terminating, so that nothing comes
    begins: Array  # [K, E] it is the first of its episode, or the one before it was thrown away
    last: Array  # [K, E] the episode ended with it, or (after `chain`) its successor is not among the rows
    terminated: Array  # [K, E] and not by the clock
    valid: Array  # [K, E]


class DecisionBuffer:
    """Collects decisions environment by environment, because episodes end and epochs begin at different times."""

    def __init__(
        self,
        role: Role,
        own_size: int,
        state_size: int,
        num_outputs: int,
        num_envs: int,
        capacity: int,
        gamma: float,
        *,
        memory_size: int = 0,
        semi_markov: bool = True,
    ) -> None:
        """Room for `capacity` decisions per environment; `gamma` per step, or per decision if not `semi_markov`."""
        self.gamma, self.semi_markov = gamma, semi_markov
        self.count = np.zeros(num_envs, dtype=np.int64)
        self.open = np.zeros(num_envs, dtype=bool)
        self.fresh = np.ones(num_envs, dtype=bool)  # the next decision has no predecessor
        # Of the open decisions, until `_write_open`; what lies there for other environments means nothing.
        self.rewards = np.zeros((num_envs, role.num_agents))
        self.discounts = np.ones((num_envs, 1))
        self.left, self.dead = np.zeros((2, num_envs, role.num_agents), bool)
        rows, agents = (capacity, num_envs), role.num_agents
        f32 = np.float32
        self.data: dict[str, Array] = {
            "own": np.zeros((*rows, agents, own_size), f32),
            "state": np.zeros((*rows, state_size), f32),
            "prior": np.zeros((*rows, agents, num_outputs), f32),
            "masks": np.zeros((*rows, agents, role.mask_size), np.uint8),
            "memory": np.zeros((*rows, agents, memory_size), f32),
            "latents": np.zeros((*rows, agents, role.action_size), f32),
            "log_probs": np.zeros((*rows, agents), f32),
            "active": np.zeros((*rows, agents), bool),
            "rewards": np.zeros((*rows, agents)),
            "discounts": np.ones(rows),
            "left": np.zeros((*rows, agents), bool),
            "dead": np.zeros((*rows, agents), bool),
            "begins": np.zeros(rows, bool),
            "last": np.zeros(rows, bool),
            "terminated": np.zeros(rows, bool),
            "final_own": np.zeros((*rows, agents, own_size), f32),
            "final_state": np.zeros((*rows, state_size), f32),
        }

    def decide(self, who: Array, **seen: Array | float) -> None:
        """Open a decision in the environments `who` [W]; `seen`: rows [W, ...] of the fields above."""
        self._write_open()
        rows = self.count[who]
        for name, values in seen.items():
            self.data[name][rows, who] = values
        self.rewards[who] = 0.0
        self.discounts[who] = 1.0
        self.left[who] = self.dead[who] = False
        self.data["begins"][rows, who] = self.fresh[who]
        self.data["last"][rows, who] = False
        self.data["terminated"][rows, who] = False
        self.count[who] += 1
        self.open[who] = True
        self.fresh[who] = False

    def reward(self, rewards: Array, left: Array | None = None, died: Array | None = None) -> None:
        """Add one step's rewards [E, A] to the open decisions.

        left, died: [E, A] bool, agents that left their episode in this step, and those of them that terminated.
        """
        self.rewards += self.discounts * rewards
        if self.semi_markov:
            self.discounts *= self.gamma
        if left is not None:
            self.left |= left
        if died is not None:
            self.dead |= died

    def _write_open(self) -> None:
        """Write into the rows of the open decisions what has been added up for them."""
        who = np.flatnonzero(self.open)
        rows = self.count[who] - 1
        self.data["rewards"][rows, who] = self.rewards[who]
        self.data["discounts"][rows, who] = self.discounts[who, 0] if self.semi_markov else self.gamma
        self.data["left"][rows, who] = self.left[who]
        self.data["dead"][rows, who] = self.dead[who]

    def end(self, environment: int, own: Array, state: Array, *, terminated: bool) -> None:
        """Close the open decision of an environment: its episode ended in `own` [A, D'], `state` [S]."""
        self.fresh[environment] = True
        if not self.open[environment]:
            return
        self._write_open()
        row = self.count[environment] - 1
        self.data["last"][row, environment] = True
        self.data["terminated"][row, environment] = terminated
        self.data["final_own"][row, environment] = own
        self.data["final_state"][row, environment] = state
        self.open[environment] = False

    def drop(self, environment: int) -> None:
        """Throw away the open decision of an environment: its episode broke off.

        The decision before it is complete; it keeps what was seen after it.
        """
        self.fresh[environment] = True
        if not self.open[environment]:
            return
        row = self.count[environment] - 1
        if row > 0 and not self.data["last"][row - 1, environment]:
            self.data["last"][row - 1, environment] = True
            self.data["final_own"][row - 1, environment] = self.data["own"][row, environment]
            self.data["final_state"][row - 1, environment] = self.data["state"][row, environment]
        self.count[environment] = row
        self.open[environment] = False

    def num_complete(self, due: Array) -> Array:
        """Complete decisions by environment, [E]; `due` [E]: the role decides now, so what is open is complete."""
        return np.asarray(self.count - (self.open & ~due), dtype=np.int64)

    def take(self, own: Array, state: Array, due: Array) -> Decisions:
        """Remove the complete decisions; what is seen now is `own` [E, A, D'] and `state` [E, S]."""
        self._write_open()
        complete = self.num_complete(due)
        size = int(complete.max())
        data = {name: values[:size].copy() for name, values in self.data.items()}
        final_own, final_state = data.pop("final_own"), data.pop("final_state")
        next_own, next_state = np.empty_like(final_own), np.empty_like(final_state)
        followers = min(size, len(self.data["own"]) - 1)  # the rows that can have one
        next_own[:followers], next_state[:followers] = (self.data[k][1 : followers + 1] for k in ("own", "state"))
        for env in map(int, np.flatnonzero((complete > 0) & (self.count == complete))):
            next_own[complete[env] - 1, env], next_state[complete[env] - 1, env] = own[env], state[env]
        ended = data["last"]
        next_own[ended], next_state[ended] = final_own[ended], final_state[ended]
        valid = np.arange(size)[:, None] < complete
        data["active"] &= valid[:, :, None]

        for env in range(len(complete)):
            unfinished = self.count[env] > complete[env]
            if unfinished:
                for values in self.data.values():
                    values[0, env] = values[complete[env], env]
            self.count[env] = self.open[env] = unfinished
        return Decisions(next_own=next_own, next_state=next_state, valid=valid, **data)

    def clear(self) -> None:
        """Forget everything."""
        self.count[:] = 0
        self.open[:] = False
        self.fresh[:] = True


def chain(parts: Sequence[Decisions]) -> Decisions:
    """One environment after the other, the rows of all `parts` in order: later decisions of the same environments.

    The last row of each environment, and each row whose successor is missing, becomes `last`, so that no advantage
    runs on into rows that do not follow.
    """
    counts = np.stack([part.valid.sum(axis=0) for part in parts])
    ends = counts.cumsum(axis=0)
    size = int(ends[-1].max())
    valid = np.arange(size)[:, None] < ends[-1]
    if len(parts) == 1:
        data = {item.name: getattr(parts[0], item.name)[:size] for item in fields(Decisions)}
        data["last"] = data["last"].copy()
    else:
        data = {}
        for item in fields(Decisions):
            first = getattr(parts[0], item.name)
            whole = data[item.name] = np.zeros((size, *first.shape[1:]), first.dtype)
            for part, count, end in zip(parts, counts, ends, strict=True):
                for env in np.flatnonzero(count):
                    whole[end[env] - count[env] : end[env], env] = getattr(part, item.name)[: count[env], env]
    data["valid"] = valid
    follows = np.zeros_like(valid)
    follows[:-1] = valid[1:] & ~data["begins"][1:]
    data["last"] |= valid & ~follows
    return Decisions(**data)


def beside(parts: Sequence[Decisions]) -> Decisions:
    """The decisions of different environments side by side, [max K, sum E, ...]."""
    if len(parts) == 1:
        return parts[0]
    size = max(len(part.valid) for part in parts)

    def padded(values: Array) -> Array:
        rows = np.zeros((size - len(values), *values.shape[1:]), values.dtype)
        return np.concatenate([values, rows])

    names = [item.name for item in fields(Decisions)]
    return Decisions(**{name: np.concatenate([padded(getattr(p, name)) for p in parts], axis=1) for name in names})
