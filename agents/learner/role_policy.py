# SPDX-License-Identifier: GPL-2.0-only
"""The policy of one role at work: what it does, and the decisions that it has made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents.arrays import Array, every, some
from agents.learner.acting import ActingActor
from agents.learner.buffers import DecisionBuffer, Decisions
from agents.learner.networks import Actor, Critic
from agents.learner.rewards import Penalty, shaped
from agents.learner.stages import Part
from agents.policies import make_heuristic

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from agents.learner.observer import Observer, View
    from agents.rollouts.environment import Departures
    from pybridge import Batch, Role


class RolePolicy:
    """Actor and memories of one role, and a buffer of decisions.

    A recurrent role's critic runs along, because its memory belongs to each decision as the actor's does.
    """

    def __init__(
        self, role: Role, observer: Observer, config: RoleConfig, *, num_envs: int, rollout_steps: int
    ) -> None:
        """For fragments of `rollout_steps` steps; the weights come with `load`."""
        self.role, self.config = role, config
        self.schema = observer.schema
        own_size = observer.own_size(role)
        self.actor = Actor(role, own_size, config, torch.Generator())
        self.acting = ActingActor(self.actor)
        self.critic = None
        if recurrent(config):
            self.critic = Critic(own_size, observer.seen_by_critic(config), config, torch.Generator())
        memory_size = self.actor.memory_size + (self.critic.memory_size if self.critic is not None else 0)
        self.memory = np.zeros((num_envs, role.num_agents, memory_size), dtype=np.float32)
        self.buffer = DecisionBuffer(
            role,
            own_size,
            observer.state_size,
            self.actor.num_outputs,
            num_envs,
            capacity=rollout_steps + 2,
            gamma=config.gamma,
            memory_size=memory_size,
            semi_markov=config.semi_markov,
        )
        self.decided: tuple[Array, dict[str, Any]] | None = None  # and not yet in the buffer
        self.actions = np.zeros((num_envs, role.num_agents, role.action_size), dtype=np.float32)
        self.alone = dataclasses.replace(self.schema, roles=(role,))
        self.part: Part = "heuristic" if config.heuristic else "learn"
        self._begin_heuristics()

    def load(self, state: dict[str, Any]) -> None:
        """Take over the weights of `RoleLearner.policy_state`."""
        self.actor.load_state_dict({name: torch.as_tensor(values) for name, values in state["actor"].items()})
        if self.critic is not None:
            self.critic.load_state_dict({name: torch.as_tensor(values) for name, values in state["critic"].items()})

    def clear(self, part: Part) -> None:
        """Forget all decisions; `part` is what the role does from now on."""
        self.part = part
        self.decided = None
        self.buffer.clear()
        self.actions[:] = 0.0
        self.memory[:] = 0.0
        self._begin_heuristics()

    def decide(self, view: View, batch: Batch, rng: np.random.Generator) -> Array:
        """Actions [E, A, action_size]; rows of environments where the role does not act are left as they were.

        `note` has to follow, before the step's rewards.
        """
        due = view.due[self.role.name]
        if not some(due):
            return self.actions
        if self.part == "heuristic":
            return self._by_heuristic(batch, due, rng)
        if self.memory.size:
            self.memory[due & self.buffer.fresh] = 0.0
        seen = self.act(view, batch, rng)
        if self.part == "learn":
            # log_probs are scored in bulk, by the same policy, when the fragment is complete
            self.decided = due, seen | {"log_probs": np.nan}
        else:
            self.buffer.fresh[due] = False
        return self.actions

    def note(self) -> None:
        """Put what was decided into the buffer."""
        if self.decided is not None:
            due, seen = self.decided
            self.buffer.decide(due.nonzero()[0], **seen)
            self.decided = None

    def act(self, view: View, batch: Batch, rng: np.random.Generator | None) -> dict[str, Any]:
        """Set the actions of the environments that are due, greedily without a generator.

        Returns what went into them, rows [W, ...]; they may be views of `batch`.
        """
        name = self.role.name
        due = view.due[name]
        who = slice(None) if every(due) else due
        own, masks, memory = view.own[name][who], batch.action_masks[name][who], self.memory[who].copy()
        prior = self._prior(batch, who)
        size = self.actor.memory_size
        latents, self.actions[who], after = self.acting.act(own, prior, masks, memory[..., :size], rng)
        if self.advice is not None:
            self.advice.did(batch, {name: self.actions})
        if self.critic is not None:
            with torch.inference_mode():
                inputs = (torch.from_numpy(array) for array in (own, view.state[who], memory[..., size:]))
                after = np.concatenate([after, self.critic(*inputs)[1].numpy()], axis=-1)
            self.memory[who] = after
        return {
            "own": own,
            "state": view.state[who],
            "prior": prior,
            "masks": masks,
            "memory": memory,
            "latents": latents,
            "active": batch.acts[name][who],
        }

    def reward(self, batch: Batch, penalties: Mapping[str, Penalty], departures: Departures | None) -> None:
        """Add a step's rewards to the open decisions; `departures`: of the role's agents in it."""
        rewards = shaped(batch, self.schema, self.role, penalties, self.config.cooperation)
        if departures is None:
            self.buffer.reward(rewards)
        elif self.config.bootstrap_truncated:
            self.buffer.reward(rewards, departures.left, departures.died)
        else:
            self.buffer.reward(rewards, departures.left, departures.left)

    def end(self, environment: int, own: Array, state: Array, *, terminated: bool) -> None:
        """An episode ended in `own` [A, D'], `state` [S]."""
        self.buffer.end(environment, own, state, terminated=terminated or not self.config.bootstrap_truncated)

    def take(self, view: View) -> Decisions:
        """Remove the complete decisions; `view` is the state now."""
        stored = self.buffer.data
        new = np.nonzero(np.isnan(stored["log_probs"]))
        with torch.inference_mode():
            own, prior, masks, memory, latents = (
                torch.from_numpy(stored[name][new]) for name in ("own", "prior", "masks", "memory", "latents")
            )
            outputs = self.actor.body(own, memory[..., : self.actor.memory_size])[0] + prior
            stored["log_probs"][new] = self.actor.score(outputs, masks, latents)[0].numpy()
        return self.buffer.take(view.own[self.role.name], view.state, view.due[self.role.name])

    def _begin_heuristics(self) -> None:
        """Heuristics may keep what they have seen, so they begin anew with a segment; draws for advice repeat."""
        self.heuristic = make_heuristic(self.config.heuristic or "proportional-to-demand", self.alone)
        advised = self.config.prior_policy and self.config.prior
        self.advice = make_heuristic(self.config.prior_policy, self.alone) if advised else None
        self.advice_rng = np.random.default_rng(0)
        self.advised = np.zeros_like(self.actions)  # by that heuristic, when the role last acted

    def _prior(self, batch: Batch, who: Array | slice) -> Array:
        """Offset [W, A, O] of the network's outputs."""
        if self.advice is None:
            return self.actor.prior(batch.observations[self.role.name][who], self.config.prior)
        self.advised[who] = self.advice.act(batch, self.advice_rng)[self.role.name][who]
        return self.actor.towards(self.advised[who], self.config.prior)

    def _by_heuristic(self, batch: Batch, due: Array, rng: np.random.Generator) -> Array:
        self.actions[due] = self.heuristic.act(batch, rng)[self.role.name][due]
        return self.actions


def recurrent(config: RoleConfig) -> bool:
    """Whether the role's networks have a memory."""
    return config.recurrent != "none"
