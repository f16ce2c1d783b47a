# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical MAPPO: multi-agent PPO (Yu et al., 2022) on two time scales.

Each role learns with networks of its own, shared by its agents, and a critic that sees all roles. Workers decide at
every step; managers decide once an epoch and are semi-Markov agents: their reward is the discounted sum over the epoch
and they bootstrap with gamma^H. Read from the bottom up: `HierarchicalMappo` runs environments and feeds decisions
to one `RoleLearner` per role, whose `update` is PPO.

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

from agents.buffers import DecisionBuffer, Decisions, gae
from agents.config import RoleConfig, TrainConfig
from agents.environment import deaths
from agents.networks import Actor, Critic
from agents.normalise import Array, ValueNormaliser
from agents.observer import Observer, View

if TYPE_CHECKING:
    from agents.environment import Environments
    from pybridge import Batch, Role, Schema

FIRST_TRAINING_SEED = 2**20  # held-out seeds lie below


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
    simulate_s: float = 0.0
    act_s: float = 0.0
    update_s: float = 0.0


class RoleLearner:
    """Actor, critic, optimiser and decisions of one role."""

    def __init__(
        self,
        role: Role,
        observer: Observer,
        config: RoleConfig,
        *,
        num_envs: int,
        rollout_steps: int,
        generator: torch.Generator,
    ) -> None:
        """Networks are initialised from `generator`, which also drives sampling and shuffling."""
        self.role, self.config, self.generator = role, config, generator
        own_size = observer.own_size(role)
        self.actor = Actor(role, own_size, config.actor_hidden, config.initial_std, generator)
        self.critic = Critic(own_size, observer.state_size, config.critic_hidden, generator)
        self.parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=config.lr, eps=1e-5, fused=True)
        self.values = ValueNormaliser()
        self.buffer = DecisionBuffer(
            role,
            own_size,
            observer.state_size,
            self.actor.num_outputs,
            num_envs,
            capacity=config.min_decisions * num_envs + rollout_steps + 1,
            gamma=config.gamma,
        )
        self.actions = np.zeros((num_envs, role.num_agents, role.action_size), dtype=np.float32)

    def decide(self, view: View, batch: Batch) -> Array:
        """Actions [E, A, action_size]; rows of environments where the role does not act are left as they were."""
        who = np.flatnonzero(self.due(batch))
        if who.size:
            own, masks = view.own[self.role.name][who], batch.action_masks[self.role.name][who]
            prior = self.actor.prior(batch.observations[self.role.name][who], self.config.prior)
            latents, self.actions[who] = self.actor.act(own, prior, masks, self.generator)
            self.buffer.decide(
                who,
                own=own,
                state=view.state[who],
                prior=prior,
                masks=masks,
                latents=latents,
                log_probs=np.nan,  # scored in bulk, by the same policy, when the update comes
                active=batch.acts[self.role.name][who],
            )
        return self.actions

    def due(self, batch: Batch) -> Array:
        """Environments where the role acts now, [E] bool."""
        return np.asarray(batch.acts[self.role.name].any(axis=1))

    def ready(self, batch: Batch) -> bool:
        """Whether enough decisions are complete for an update."""
        complete = self.buffer.num_complete(self.due(batch))
        return int(complete.sum()) >= self.config.min_decisions * len(complete)

    def update(self, view: View, batch: Batch, lr_ratio: float) -> dict[str, float]:
        """PPO on the complete decisions; returns the figures to log."""
        config = self.config
        self._score_new_decisions()
        data = self.buffer.take(view, view.own[self.role.name], self.due(batch))
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

    def _score_new_decisions(self) -> None:
        """Log-probabilities of all decisions since the last update, the open ones among them."""
        stored = self.buffer.data
        new = np.nonzero(np.isnan(stored["log_probs"]))
        with torch.inference_mode():
            inputs = (torch.from_numpy(stored[name][new]) for name in ("own", "prior", "masks", "latents"))
            stored["log_probs"][new] = self.actor.score(*inputs)[0].numpy()

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
            "buffer": self.buffer.state_dict(),
            "actions": self.actions.copy(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.values.load_state_dict(state["values"])
        self.buffer.load_state_dict(state["buffer"])
        self.actions[:] = state["actions"]


def _explained_variance(values: Array, returns: Array, active: Array) -> float:
    spread = float(returns[active].var())
    return 1.0 - float((returns - values)[active].var()) / spread if spread > 0 else 0.0


class HierarchicalMappo:
    """The run: environments, observation statistics, and a learner for each role."""

    def __init__(self, env: Environments, config: TrainConfig) -> None:
        """`env`: pybridge.make_vec(...) or other `Environments`, config.num_envs of them; the caller closes it."""
        self.env, self.config = env, config
        self.schema: Schema = env.schema
        self.generator = torch.Generator().manual_seed(config.seed)
        self.observer = Observer(self.schema, config.num_envs)
        self.learners = {
            role.name: RoleLearner(
                role,
                self.observer,
                config.roles[role.name],
                num_envs=config.num_envs,
                rollout_steps=config.rollout_steps,
                generator=self.generator,
            )
            for role in self.schema.roles
        }
        self.segments = 0  # completed
        self.env_steps = 0
        self.utility_weights = self.schema.utility_weights

    def train_segment(self, on_rollout: Callable[[RolloutReport], None] = lambda report: None) -> None:
        """Train from fresh episodes to the next checkpoint boundary."""
        seed = np.random.SeedSequence([self.config.seed, self.segments]).generate_state(1)[0]
        batch = self.env.reset(seed=FIRST_TRAINING_SEED + int(seed) % 2**30)
        view = self.observer.observe(batch, learn=True)
        self.episode_utility = np.zeros(self.config.num_envs)
        self.episode_steps = np.zeros(self.config.num_envs, dtype=np.int64)
        for rollout in range(self.config.segment_rollouts):
            report = RolloutReport()
            batch, view = self._collect(batch, view, report)
            if rollout == self.config.segment_rollouts - 1:
                for learner in self.learners.values():
                    own = view.own[learner.role.name]
                    for env in range(self.config.num_envs):
                        learner.buffer.end(env, own[env], view.state[env], terminated=False)
            began = time.perf_counter()
            done = min(self.env_steps / self.config.steps, 1.0)
            lr_ratio = 1.0 - (1.0 - self.config.final_lr_ratio) * done
            for name, learner in self.learners.items():
                if learner.ready(batch):
                    report.updates[name] = learner.update(view, batch, lr_ratio)
            report.update_s = time.perf_counter() - began
            on_rollout(report)
        self.segments += 1

    def _collect(self, batch: Batch, view: View, report: RolloutReport) -> tuple[Batch, View]:
        """`rollout_steps` steps in every environment; fills `report` and returns where they ended."""
        began = time.perf_counter()
        rewards = {name: np.zeros(learner.actions.shape[:2]) for name, learner in self.learners.items()}
        terms = {name: np.zeros_like(batch.terms[name]) for name in self.learners}
        metrics = np.zeros_like(batch.metrics)
        for _ in range(self.config.rollout_steps):
            actions = {name: learner.decide(view, batch) for name, learner in self.learners.items()}
            called = time.perf_counter()
            batch = self.env.step(actions)
            report.simulate_s += time.perf_counter() - called

            for name, learner in self.learners.items():
                learner.buffer.reward(batch.rewards[name], deaths(batch, name))
                rewards[name] += batch.rewards[name]
                terms[name] += batch.terms[name]
            metrics += batch.metrics
            self.episode_utility += batch.metrics @ self.utility_weights
            self.episode_steps += 1
            for env in map(int, np.flatnonzero(batch.terminated | batch.truncated)):
                last = self.observer.final(batch, env)
                for name, learner in self.learners.items():
                    learner.buffer.end(env, last.own[name][0], last.state[0], terminated=bool(batch.terminated[env]))
                report.episode_utilities.append(float(self.episode_utility[env] / self.episode_steps[env]))
                self.episode_utility[env] = self.episode_steps[env] = 0
            view = self.observer.observe(batch, learn=True)

        steps = self.config.rollout_steps
        self.env_steps += steps * self.config.num_envs
        report.env_steps = self.env_steps
        report.act_s = time.perf_counter() - began - report.simulate_s
        report.rewards = {name: float(total.mean()) / steps for name, total in rewards.items()}
        report.terms = {
            f"{role.name}/{term.name}": float(total) / steps
            for role in self.schema.roles
            for term, total in zip(role.terms, terms[role.name].mean(axis=(0, 1)), strict=True)
        }
        mean_metrics = metrics.mean(axis=0) / steps
        report.metrics = {
            metric.name: float(mean) for metric, mean in zip(self.schema.metrics, mean_metrics, strict=True)
        }
        report.utility = float(mean_metrics @ self.utility_weights)
        return batch, view

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how training goes on from a segment's end."""
        return {
            "segments": self.segments,
            "env_steps": self.env_steps,
            "generator": self.generator.get_state(),
            "observer": self.observer.state_dict(),
            "roles": {name: learner.state_dict() for name, learner in self.learners.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.segments, self.env_steps = int(state["segments"]), int(state["env_steps"])
        self.generator.set_state(state["generator"])
        self.observer.load_state_dict(state["observer"])
        for name, learner in self.learners.items():
            learner.load_state_dict(state["roles"][name])
