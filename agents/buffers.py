# SPDX-License-Identifier: GPL-2.0-only
"""Decisions of one role, and their advantages. A worker is the case where every decision lasts one step.

A decision is open from the moment it is made until the role decides again or the episode ends. Meanwhile it collects
R = sum gamma^i r_i over the h steps that it lasts, and its discount becomes gamma^h: a semi-Markov transition
(Sutton, Precup, Singh, 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.normalise import Array
from agents.observer import View

if TYPE_CHECKING:
    from pybridge import Role


def gae(rewards: Array, discounts: Array, values: Array, next_values: Array, last: Array, lam: float) -> Array:
    """Generalised advantage estimates (Schulman et al., 2016) of semi-Markov decisions, [K, E, A].

    rewards, values [K, E, A]; discounts [K, E]: gamma^h of each decision.
    next_values [K, E, A]: value of the state after each decision; where the episode was truncated, that of its final
        state; where it terminated, 0.
    last [K, E, A] or [K, E, 1]: for this agent the row has no successor: its episode, or its life, ended.
    """
    advantages = np.zeros_like(rewards)
    running = np.zeros_like(rewards[0])
    for k in reversed(range(len(rewards))):
        discount = discounts[k][:, None]
        delta = rewards[k] + discount * next_values[k] - values[k]
        running = delta + discount * lam * np.where(last[k], 0.0, running)
        advantages[k] = running
    return advantages


@dataclass(frozen=True)
class Decisions:
    """Completed decisions, padded to [K, E, ...]; `valid` [K, E] marks the real ones."""

    own: Array  # [K, E, A, D'] and
    state: Array  # [K, E, S]: what was seen
    prior: Array  # [K, E, A, O] offset of the policy's outputs
    masks: Array  # [K, E, A, M]
    latents: Array  # [K, E, A, L]
    log_probs: Array  # [K, E, A] of the policy that decided
    active: Array  # [K, E, A] the agent decided (others only filled their place)
    rewards: Array  # [K, E, A] discounted sums
    discounts: Array  # [K, E] gamma^h
    next_own: Array  # [K, E, A, D'] and
    next_state: Array  # [K, E, S]: what was seen after it, at the final state where the episode ended
    dead: Array  # [K, E, A] the agent left during it, while the episode went on
    last: Array  # [K, E] the episode ended with it
    terminated: Array  # [K, E] and not by the clock
    valid: Array  # [K, E]


class DecisionBuffer:
    """Collects decisions environment by environment, because episodes end and epochs begin at different times."""

    def __init__(
        self, role: Role, own_size: int, state_size: int, num_outputs: int, num_envs: int, capacity: int, gamma: float
    ) -> None:
        """Room for `capacity` decisions per environment; `gamma` per step."""
        self.gamma = gamma
        self.count = np.zeros(num_envs, dtype=np.int64)
        self.open = np.zeros(num_envs, dtype=bool)
        rows, agents = (capacity, num_envs), role.num_agents
        f32 = np.float32
        self.data: dict[str, Array] = {
            "own": np.zeros((*rows, agents, own_size), f32),
            "state": np.zeros((*rows, state_size), f32),
            "prior": np.zeros((*rows, agents, num_outputs), f32),
            "masks": np.zeros((*rows, agents, role.mask_size), np.uint8),
            "latents": np.zeros((*rows, agents, role.action_size), f32),
            "log_probs": np.zeros((*rows, agents), f32),
            "active": np.zeros((*rows, agents), bool),
            "rewards": np.zeros((*rows, agents)),
            "discounts": np.ones(rows),
            "dead": np.zeros((*rows, agents), bool),
            "last": np.zeros(rows, bool),
            "terminated": np.zeros(rows, bool),
            "final_own": np.zeros((*rows, agents, own_size), f32),
            "final_state": np.zeros((*rows, state_size), f32),
        }

    def decide(self, who: Array, **seen: Array | float) -> None:
        """Open a decision in the environments `who` [W]; `seen`: rows [W, ...] of the fields above."""
        rows = self.count[who]
        for name, values in seen.items():
            self.data[name][rows, who] = values
        self.data["rewards"][rows, who] = 0.0
        self.data["discounts"][rows, who] = 1.0
        self.data["dead"][rows, who] = False
        self.data["last"][rows, who] = False
        self.data["terminated"][rows, who] = False
        self.count[who] += 1
        self.open[who] = True

    def reward(self, rewards: Array, died: Array | None = None) -> None:
        """Add one step's rewards [E, A] to the open decisions; `died` [E, A]: agents that left in this step."""
        who = np.flatnonzero(self.open)
        rows = self.count[who] - 1
        self.data["rewards"][rows, who] += self.data["discounts"][rows, who][:, None] * rewards[who]
        self.data["discounts"][rows, who] *= self.gamma
        if died is not None:
            self.data["dead"][rows, who] |= died[who]

    def end(self, environment: int, own: Array, state: Array, *, terminated: bool) -> None:
        """Close the open decision of an environment: its episode ended in `own` [A, D'], `state` [S]."""
        if not self.open[environment]:
            return
        row = self.count[environment] - 1
        self.data["last"][row, environment] = True
        self.data["terminated"][row, environment] = terminated
        self.data["final_own"][row, environment] = own
        self.data["final_state"][row, environment] = state
        self.open[environment] = False

    def num_complete(self, due: Array) -> Array:
        """Complete decisions by environment, [E]; `due` [E]: the role decides now, so what is open is complete."""
        return np.asarray(self.count - (self.open & ~due), dtype=np.int64)

    def take(self, view: View, own: Array, due: Array) -> Decisions:
        """Remove the complete decisions; `view` and the role's `own` [E, A, D'] are the state now."""
        complete = self.num_complete(due)
        size = int(complete.max())
        data = {name: values[:size].copy() for name, values in self.data.items()}
        next_own, next_state = data.pop("final_own"), data.pop("final_state")
        for env, count in enumerate(complete):
            for row in range(count):
                if data["last"][row, env]:
                    continue
                follower_is_stored = row + 1 < self.count[env]
                next_own[row, env] = self.data["own"][row + 1, env] if follower_is_stored else own[env]
                next_state[row, env] = self.data["state"][row + 1, env] if follower_is_stored else view.state[env]
        valid = np.arange(size)[:, None] < complete
        data["active"] &= valid[:, :, None]

        for env in range(len(complete)):
            unfinished = self.count[env] > complete[env]
            if unfinished:
                for values in self.data.values():
                    values[0, env] = values[complete[env], env]
            self.count[env] = self.open[env] = unfinished
        return Decisions(next_own=next_own, next_state=next_state, valid=valid, **data)

    def state_dict(self) -> dict[str, Any]:
        """The decisions in hand (between updates managers have some)."""
        used = int(self.count.max())
        rows = {name: values[:used].copy() for name, values in self.data.items()}
        return {"count": self.count.copy(), "open": self.open.copy(), "data": rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.count[:] = state["count"]
        self.open[:] = state["open"]
        for name, values in state["data"].items():
            self.data[name][: len(values)] = values
