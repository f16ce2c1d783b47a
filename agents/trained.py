# SPDX-License-Identifier: GPL-2.0-only
"""The policy of a learner or of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents import checkpoint
from agents.algorithms import load
from agents.arrays import Array
from agents.config import TrainConfig, from_dict
from agents.learner.networks import Actor
from agents.learner.observer import Observer
from agents.learner.stages import stage

if TYPE_CHECKING:
    from agents.learner.mappo import HierarchicalMappo
    from pybridge import Batch, Schema


class ActorPolicy:
    """Actors and observation statistics, without critics. Give it every step, in order; `view` is what it saw last."""

    def __init__(
        self, schema: Schema, config: TrainConfig, state: Mapping[str, Any], *, num_envs: int, greedy: bool = True
    ) -> None:
        """`state`: of a learner (`HierarchicalMappo.state_dict`). `greedy`: most likely actions, else sampled ones."""
        self.name = "trained" if greedy else "trained (sampled)"
        self.roles = tuple(schema.roles)
        self.greedy = greedy
        self.config = config
        self.observer = Observer(schema, num_envs, config.roles)
        self.observer.load_state_dict(state["observer"])
        algorithm = load(config.algorithm)
        parts = stage(config, self.roles, max(0, int(state["segments"]) - 1))
        self.policies = {}
        for role in self.roles:
            settings = config.roles[role.name]
            policy = algorithm.policy(role, self.observer, settings, num_envs=num_envs, rollout_steps=0)
            policy.load(state["roles"][role.name])
            policy.clear(parts[role.name])
            self.policies[role.name] = policy

    @property
    def actors(self) -> dict[str, Actor]:
        """The networks that decide, by role."""
        return {name: policy.actor for name, policy in self.policies.items()}

    @classmethod
    def of(cls, learner: HierarchicalMappo, *, num_envs: int, greedy: bool = True) -> ActorPolicy:
        """A copy of what `learner` has learned so far."""
        return cls(learner.schema, learner.config, learner.state_dict(), num_envs=num_envs, greedy=greedy)

    def act(self, batch: Batch, rng: np.random.Generator) -> dict[str, Array]:
        """See `Policy.act`."""
        view = self.view = self.observer.observe(batch)
        actions = {}
        for name, policy in self.policies.items():
            policy.memory[self.observer.begins] = 0.0
            if not view.due[name].any():
                continue
            if policy.part == "heuristic":
                policy.decide(view, batch, rng)
            else:
                policy.act(view, batch, None if self.greedy else rng)
            actions[name] = policy.actions.copy()
        self.observer.decided(actions)
        return actions


class TrainedPolicy(ActorPolicy):
    """The policy of a run's last checkpoint."""

    def __init__(self, schema: Schema, run: Path, *, num_envs: int, greedy: bool = True) -> None:
        """See `ActorPolicy`.

        Raises:
            CheckpointError: the folder has no readable checkpoint, or the scenario has changed since.
        """
        recipe = checkpoint.read_recipe(run)
        state = checkpoint.load(run)
        check_shapes(schema, state, run)
        config = from_dict(recipe["config"])
        with checkpoint.fitting(run, recipe):
            super().__init__(schema, config, state, num_envs=num_envs, greedy=greedy)


def fingerprint(schema: Schema) -> dict[str, Any]:
    """What must not change between training and use: by role, the names and sizes of all fields."""
    return {
        role.name: {
            "num_agents": role.num_agents,
            "period": role.period,
            "observations": {field.name: field.size for field in role.observations},
            "actions": {field.name: f"{field.kind} {field.size} {field.num_choices}" for field in role.actions},
        }
        for role in schema.everyone
    }


def check_shapes(schema: Schema, state: dict[str, Any], run: Path) -> None:
    """Stop with the first difference between the scenario of the checkpoint in `run` and `schema`."""
    then, now = state.get("fingerprint"), fingerprint(schema)
    if not isinstance(then, dict):
        raise checkpoint.CheckpointError(
            f"{run / checkpoint.LATEST}: found no `fingerprint` in it, expected a checkpoint of `qntn train`; "
            "train anew with another --run"
        )
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
