# SPDX-License-Identifier: GPL-2.0-only
"""The policy of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents import checkpoint
from agents.config import from_dict
from agents.networks import Actor
from agents.normalise import Array
from agents.observer import Observer

if TYPE_CHECKING:
    from pybridge import Batch, Schema


class TrainedPolicy:
    """Actors and observation statistics of a checkpoint, without critics. Give it every step, in order."""

    def __init__(self, schema: Schema, run: Path, *, num_envs: int, greedy: bool = True) -> None:
        """`greedy`: most likely actions; otherwise sampled ones.

        Raises:
            CheckpointError: the folder has no readable checkpoint, or the scenario has changed since.
        """
        self.name = "trained" if greedy else "trained (sampled)"
        self.roles = tuple(schema.roles)
        self.greedy = greedy
        self.generator = torch.Generator()
        self.config = from_dict(checkpoint.read_recipe(run)["config"])
        state = checkpoint.load(run)
        check_shapes(schema, state)
        self.observer = Observer(schema, num_envs)
        self.observer.load_state_dict(state["observer"])
        self.actors = {}
        for role in self.roles:
            config = self.config.roles[role.name]
            own_size = self.observer.own_size(role)
            actor = Actor(role, own_size, config.actor_hidden, config.initial_std, self.generator)
            actor.load_state_dict(state["roles"][role.name]["actor"])
            self.actors[role.name] = actor

    def act(self, batch: Batch, rng: np.random.Generator) -> dict[str, Array]:
        """See `Policy.act`."""
        view = self.observer.observe(batch, learn=False)
        generator = None
        if not self.greedy:
            generator = self.generator.manual_seed(int(rng.integers(2**62)))
        actions = {}
        for role in self.roles:
            if not batch.acts[role.name].any():
                continue
            actor = self.actors[role.name]
            prior = actor.prior(batch.observations[role.name], self.config.roles[role.name].prior)
            masks = batch.action_masks[role.name]
            actions[role.name] = actor.act(view.own[role.name], prior, masks, generator)[1]
        return actions


def fingerprint(schema: Schema) -> dict[str, Any]:
    """What must not change between training and use: by role, the names and sizes of all fields."""
    return {
        role.name: {
            "num_agents": role.num_agents,
            "period": role.period,
            "observations": {field.name: field.size for field in role.observations},
            "actions": {field.name: f"{field.kind} {field.size} {field.num_choices}" for field in role.actions},
        }
        for role in schema.roles
    }


def check_shapes(schema: Schema, state: dict[str, Any]) -> None:
    """Stop with the first difference between a checkpoint's scenario and `schema`."""
    then, now = state["fingerprint"], fingerprint(schema)
    for role in sorted(then.keys() | now.keys()):
        if then.get(role) == now.get(role):
            continue
        for key in ("num_agents", "period", "observations", "actions"):
            old, new = (side.get(role, {}).get(key) for side in (then, now))
            if old != new:
                raise checkpoint.CheckpointError(
                    f"role {role}: {key} was {old} in training, is {new} now; "
                    "use the parameters of the run, or train again"
                )
