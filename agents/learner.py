# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical MAPPO: multi-agent PPO (Yu et al., 2022) on two time scales.

Each role learns with networks of its own, shared by its agents, and a critic that sees all roles. Workers decide at
every step; managers decide once an epoch and are semi-Markov agents: their reward is the discounted sum over the epoch
and they bootstrap with gamma^H. Read from the bottom up: `HierarchicalMappo` orders fragments from runners
(`runner.py` samples them, here or elsewhere) and feeds their decisions to one `RoleLearner` per role, whose `update`
is PPO.

Training is a sequence of *segments*. A segment begins with fresh episodes, seeded by (run seed, segment number), and
ends with a checkpoint; what is unfinished there is truncated and bootstrapped. So a run that was stopped continues
exactly as if it had not been.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.buffers import Decisions, gae
from agents.config import RoleConfig, TrainConfig
from agents.fragments import DecisionPool, Fragment, Order, Tally, Weights, merge_statistics
from agents.networks import Actor, Critic
from agents.normalise import Array, ValueNormaliser
from agents.observer import Observer
from agents.rollouts import Here, Rollouts

if TYPE_CHECKING:
    from agents.environment import Environments
    from pybridge import Role, Schema


@dataclass
class RolloutReport:
    """What one rollout of `rollout_steps` steps did; means are over its steps and environments."""

    env_steps: int = 0  # since the run began, over all environments
    utility: float = 0.0
    rewards: dict[str, float] = field(default_factory=dict)  # by role, per step
    terms: dict[str, float] = field(default_factory=dict)  # by "role/term"
    metrics: dict[str, float] = field(default_factory=dict)
    episode_utilities: list[float] = field(default_factory=list)  # of the episodes that ended
    updates: dict[str, dict[str, float]] = field(default_factory=dict)  # by role; only roles that updated
    failures: list[str] = field(default_factory=list)  # simulators and runners that died, one text each
    dropped: int = 0  # fragments that came too late
    simulate_s: float = 0.0  # in the runner, as is
    act_s: float = 0.0
    update_s: float = 0.0
    wait_s: float = 0.0  # of the learner, for fragments


class RoleLearner:
    """Actor, critic and optimiser of one role."""

    def __init__(
        self,
        role: Role,
        observer: Observer,
        config: RoleConfig,
        *,
        generator: torch.Generator,
    ) -> None:
        """Networks are initialised from `generator`, which also drives shuffling."""
        self.role, self.config, self.generator = role, config, generator
        own_size = observer.own_size(role)
        self.actor = Actor(role, own_size, config.actor_hidden, config.initial_std, generator)
        self.critic = Critic(own_size, observer.state_size, config.critic_hidden, generator)
        self.parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=config.lr, eps=1e-5, fused=True)
        self.values = ValueNormaliser()

    def policy_state(self) -> dict[str, Any]:
        """Weights that `runner.RolePolicy.load` takes, as arrays of their own."""
        return {name: values.numpy().copy() for name, values in self.actor.state_dict().items()}

    def update(self, data: Decisions, lr_ratio: float) -> dict[str, float]:
        """PPO on complete decisions; returns the figures to log."""
        config = self.config
        advantages, returns = self._advantages(data)
        self.values.update(returns[data.active])

        # One row per decision: all agents of one environment, which share the joint state. [R, A, ...]
        rows = np.flatnonzero(data.valid)
        own, prior, masks, latents, old_log_probs, weights, state = (
            torch.from_numpy(array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])[rows])
            for array in (data.own, data.prior, data.masks, data.latents, data.log_probs, data.active, data.state)
        )
        scale = float(advantages[data.active].std()) + 1e-8
        normal, targets = (
            torch.from_numpy(array.reshape(-1, array.shape[-1])[rows].astype(np.float32))
            for array in ((advantages - advantages[data.active].mean()) / scale, self.values.normalise(returns))
        )
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * lr_ratio

        log: dict[str, list[float]] = {}
        epochs = 0
        for _ in range(config.epochs):
            epochs += 1
            divergences = []
            for part in torch.randperm(len(rows), generator=self.generator).chunk(config.minibatches):
                weight = weights[part] / weights[part].sum()  # agents that did not decide count for nothing
                log_prob, entropy = self.actor.score(own[part], prior[part], masks[part], latents[part])
                log_ratio = log_prob - old_log_probs[part]
                ratio = log_ratio.exp()
                clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
                policy_loss = -(torch.min(ratio * normal[part], clipped * normal[part]) * weight).sum()
                entropy_mean = (entropy * weight).sum()
                value = self.critic(own[part], state[part])
                errors = nn.functional.huber_loss(value, targets[part], delta=config.huber_delta, reduction="none")
                value_loss = (errors * weight).sum()

                self.optimiser.zero_grad()
                torch.autograd.backward(policy_loss - config.entropy * entropy_mean + 0.5 * value_loss)
                nn.utils.clip_grad_norm_(self.actor.parameters(), config.max_grad_norm)
                nn.utils.clip_grad_norm_(self.critic.parameters(), config.max_grad_norm)
                self.optimiser.step()

                with torch.no_grad():
                    divergences.append((((ratio - 1) - log_ratio) * weight).sum().item())  # Schulman's k3 estimate
                    figures = {
                        "policy_loss": policy_loss.item(),
                        "value_loss": value_loss.item(),
                        "entropy": entropy_mean.item(),
                        "clip_ratio": (((ratio - 1).abs() > config.clip) * weight).sum().item(),
                    }
                for name, figure in figures.items():
                    log.setdefault(name, []).append(figure)
            if np.mean(divergences) > 1.5 * config.target_kl:
                break

        return {name: float(np.mean(figures)) for name, figures in log.items()} | {
            "kl": float(np.mean(divergences)),  # of the last epoch
            "epochs": epochs,
            "samples": int(data.active.sum()),
            "lr": config.lr * lr_ratio,
            "return_mean": float(returns[data.active].mean()),
            "advantage_std": scale,
            "explained_variance": _explained_variance(returns - advantages, returns, data.active),
        }

    def _advantages(self, data: Decisions) -> tuple[Array, Array]:
        """Advantages and returns [K, E, A], in the reward's unit."""
        values = self._values(data.own, data.state)
        next_values = self._values(data.next_own, data.next_state)
        next_values[data.terminated] = 0.0  # an end by the clock keeps its value
        next_values[data.dead] = 0.0
        last = (data.last | ~data.valid)[:, :, None] | data.dead
        advantages = gae(data.rewards, data.discounts, values, next_values, last, self.config.gae_lambda)
        return advantages, advantages + values

    def _values(self, own: Array, state: Array) -> Array:
        """Values [K, E, A] in the reward's unit."""
        with torch.inference_mode():
            values: Tensor = self.critic(torch.from_numpy(own), torch.from_numpy(state))
        return self.values.denormalise(values.numpy().astype(np.float64))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the generator, which all roles share."""
        return {
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "values": self.values.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.values.load_state_dict(state["values"])


def _explained_variance(values: Array, returns: Array, active: Array) -> float:
    spread = float(returns[active].var())
    return 1.0 - float((returns - values)[active].var()) / spread if spread > 0 else 0.0


class HierarchicalMappo:
    """The run: runners, observation statistics, and a learner for each role."""

    def __init__(self, source: Environments | Rollouts, config: TrainConfig) -> None:
        """`source`: config.num_envs environments to be stepped right here, or runners; the caller closes it."""
        self.rollouts: Rollouts = source if isinstance(source, Rollouts) else Here(source)
        self.config = config
        self.schema: Schema = self.rollouts.schema
        self.generator = torch.Generator().manual_seed(config.seed)
        self.observer = Observer(self.schema, config.num_envs)
        self.learners = {
            role.name: RoleLearner(role, self.observer, config.roles[role.name], generator=self.generator)
            for role in self.schema.roles
        }
        self.pools = {name: DecisionPool(config.roles[name].min_decisions) for name in self.learners}
        self.segments = 0  # completed
        self.rounds = 0  # of fragments
        self.env_steps = 0

    def train_segment(self, on_rollout: Callable[[RolloutReport], None] = lambda report: None) -> None:
        """Train from fresh episodes to the next checkpoint boundary."""
        last = self.config.segment_rollouts - 1
        overlap = self.config.overlap and self.rollouts.apart
        self._launch(closes=last == 0)
        for rollout in range(self.config.segment_rollouts):
            began = time.perf_counter()
            arrived = self.rollouts.collect()
            report = self._report(arrived, time.perf_counter() - began)
            self._take_in(arrived)
            if overlap and rollout < last:  # the next is sampled by the old weights, while they improve
                self._launch(closes=rollout + 1 == last)
            self._update(report)
            on_rollout(report)
            if not overlap and rollout < last:
                self._launch(closes=rollout + 1 == last)
        self.segments += 1

    def _launch(self, *, closes: bool) -> None:
        """Order the next fragments, sampled with the present weights."""
        weights = Weights(
            version=self.rounds,
            policies={name: learner.policy_state() for name, learner in self.learners.items()},
            observer=self.observer.state_dict(),
        )
        self.rollouts.launch(Order(self.config, self.segments, self.rounds, closes), weights)
        self.rounds += 1

    def _take_in(self, fragments: list[Fragment]) -> None:
        """Decisions into the pools, and what was seen into the statistics."""
        for fragment in fragments:
            for name, pool in self.pools.items():
                pool.add(fragment.runner, fragment.decisions[name])
        grown = [fragment.observer for fragment in fragments]
        self.observer.load_state_dict(merge_statistics(self.observer.state_dict(), grown))

    def _update(self, report: RolloutReport) -> None:
        began = time.perf_counter()
        done = min(self.env_steps / self.config.steps, 1.0)
        lr_ratio = 1.0 - (1.0 - self.config.final_lr_ratio) * done
        for name, learner in self.learners.items():
            if self.pools[name].ready:
                report.updates[name] = learner.update(self.pools[name].take(), lr_ratio)
        report.update_s = time.perf_counter() - began

    def _report(self, fragments: list[Fragment], wait_s: float) -> RolloutReport:
        tally = Tally.total([fragment.tally for fragment in fragments])
        self.env_steps += tally.steps
        metrics = tally.metrics / tally.steps
        return RolloutReport(
            env_steps=self.env_steps,
            utility=float(metrics @ self.schema.utility_weights),
            rewards={name: total / tally.steps for name, total in tally.rewards.items()},
            terms={
                f"{role.name}/{term.name}": float(total) / tally.steps
                for role in self.schema.roles
                for term, total in zip(role.terms, tally.terms[role.name], strict=True)
            },
            metrics={item.name: float(mean) for item, mean in zip(self.schema.metrics, metrics, strict=True)},
            episode_utilities=tally.episode_utilities,
            failures=[*tally.failures, *self.rollouts.take_deaths()],
            dropped=self.rollouts.take_dropped(),
            simulate_s=tally.simulate_s,
            act_s=tally.act_s,
            wait_s=wait_s,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how training goes on from a segment's end; runners keep nothing beyond it."""
        return {
            "segments": self.segments,
            "rounds": self.rounds,
            "env_steps": self.env_steps,
            "generator": self.generator.get_state(),
            "observer": self.observer.state_dict(),
            "roles": {name: learner.state_dict() for name, learner in self.learners.items()},
            "pools": {name: pool.state_dict() for name, pool in self.pools.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.segments, self.rounds, self.env_steps = (int(state[key]) for key in ("segments", "rounds", "env_steps"))
        self.generator.set_state(state["generator"])
        self.observer.load_state_dict(state["observer"])
        for name, learner in self.learners.items():
            learner.load_state_dict(state["roles"][name])
            self.pools[name].load_state_dict(state["pools"][name])
