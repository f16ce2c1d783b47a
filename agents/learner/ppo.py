# SPDX-License-Identifier: GPL-2.0-only
"""PPO of one role: `RoleLearner.update` turns decisions into better networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.arrays import Array
from agents.learner.buffers import Decisions, gae
from agents.learner.networks import Actor, Critic
from agents.learner.normalise import ValueNormaliser

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from agents.learner.observer import Observer
    from pybridge import Role

Figures = dict[str, float]


@dataclass(frozen=True)
class Targets:
    """What an update aims at, all [K, E, A]."""

    old_values: Array  # the critic's before it, in the reward's unit, as
    returns: Array  # are these
    old_outputs: Array  # what the critic put out for them, which `value_clip` keeps it near
    advantages: Array  # normalised
    active: Array  # the decisions that count


class RoleLearner:
    """Actor, critic and optimiser of one role."""

    def __init__(self, role: Role, observer: Observer, config: RoleConfig, *, generator: torch.Generator) -> None:
        """Networks are initialised from `generator`, which also drives shuffling."""
        self.role, self.config, self.generator = role, config, generator
        own_size = observer.own_size(role)
        self.actor = Actor(role, own_size, config, generator)
        self.critic = Critic(own_size, observer.seen_by_critic(config), config, generator)
        self.parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=config.lr, eps=1e-5, fused=True)
        self.value_normaliser = ValueNormaliser()

    def policy_state(self) -> dict[str, Any]:
        """Weights that `RolePolicy.load` takes, as arrays of their own."""
        networks = {"actor": self.actor} | ({"critic": self.critic} if self.config.recurrent != "none" else {})
        return {
            name: {key: values.numpy().copy() for key, values in network.state_dict().items()}
            for name, network in networks.items()
        }

    def update(self, data: Decisions, lr_ratio: float) -> Figures:
        """PPO on complete decisions; returns the figures to log."""
        return self.improve(data, self.targets(data), lr_ratio)

    def targets(self, data: Decisions) -> Targets:
        """What an update aims at; takes the returns into the value statistics."""
        active = data.active if self.config.death_masks else np.repeat(data.valid[..., None], data.active.shape[2], 2)
        values, advantages = self._advantages(data)
        returns = advantages + values
        outputs = self.value_normaliser.normalise(values)  # before the statistics move on
        if self.config.value_normalisation:
            self.value_normaliser.update(returns[active])
        mean, scale = 0.0, 1.0
        if self.config.advantage_normalisation:
            mean, scale = float(advantages[active].mean()), float(advantages[active].std()) + 1e-8
        return Targets(values, returns, outputs, (advantages - mean) / scale, active)

    def improve(
        self,
        data: Decisions,
        targets: Targets,
        lr_ratio: float,
        *,
        factor: Array | None = None,
        agents: Array | None = None,
    ) -> Figures:
        """Epochs of gradient steps towards the targets.

        factor [K, E]: weight of each decision's advantages (HAPPO's); None means 1.
        agents [A] bool: whose decisions count; None means all.
        """
        config = self.config
        active = targets.active if agents is None else targets.active & agents
        advantages = targets.advantages if factor is None else targets.advantages * factor[:, :, None]

        # Sequences [T, N] of rows; a row is what all agents of one environment decided together. T = 1 without memory.
        index, learns = self._sequences(data)
        names = ("own", "state", "prior", "masks", "memory", "latents", "log_probs", "begins")
        rows = _rows(data, *names) | {
            name: _flat(array)
            for name, array in {
                "active": active,
                "advantages": advantages.astype(np.float32),
                "targets": self.value_normaliser.normalise(targets.returns).astype(np.float32),
                "old_outputs": targets.old_outputs.astype(np.float32),
            }.items()
        }
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * lr_ratio

        log: dict[str, list[float]] = {}
        epochs, divergence = 0, 0.0
        for _ in range(config.epochs):
            epochs += 1
            divergences = []
            order = torch.randperm(index.shape[1], generator=self.generator)
            shuffled = {name: values[index[:, order]] for name, values in rows.items()} | {"learns": learns[:, order]}
            for parts in zip(*(values.chunk(config.minibatches, dim=1) for values in shuffled.values()), strict=True):
                batch = dict(zip(shuffled, parts, strict=True))  # [T, n, ...]
                # [T, n, A]: 1 for each decision that counts, 0 in places of agents that did not decide and in burn-ins
                count = (batch["active"] & batch["learns"][..., None]).to(torch.float32)
                if not count.any():
                    continue
                for name, figure in self._step(batch, count / count.sum()).items():
                    log.setdefault(name, []).append(figure)
                divergences.append(log["kl"][-1])
            divergence = float(np.mean(divergences)) if divergences else 0.0
            if config.target_kl and divergence > 1.5 * config.target_kl:
                break

        return {name: float(np.mean(figures)) for name, figures in log.items()} | {
            "kl": divergence,  # of the last epoch
            "epochs": epochs,
            "samples": int(active.sum()),
            "lr": config.lr * lr_ratio,
            "return_mean": float(targets.returns[active].mean()),
            "advantage_std": float((targets.returns - targets.old_values)[active].std()),
            "explained_variance": _explained_variance(targets.old_values, targets.returns, active),
        }

    def _step(self, batch: dict[str, Tensor], weight: Tensor) -> Figures:
        """One gradient step on a batch [T, n, ...].

        weight [T, n, A]: of each decision in all means, together 1; 0 where none counts.
        """
        config = self.config
        outputs, value = self._evaluate(batch)
        log_prob, entropy = self.actor.score(outputs, batch["masks"], batch["latents"])
        log_ratio = torch.where(weight > 0, log_prob - batch["log_probs"], 0.0)
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
        policy_loss = -(torch.min(ratio * batch["advantages"], clipped * batch["advantages"]) * weight).sum()
        entropy_mean = (entropy * weight).sum()
        errors = value_errors(value, batch["targets"], config.huber_delta)
        if config.value_clip:
            near = batch["old_outputs"] + (value - batch["old_outputs"]).clamp(-config.value_clip, config.value_clip)
            errors = torch.max(errors, value_errors(near, batch["targets"], config.huber_delta))
        value_loss = (errors * weight).sum()

        self.optimiser.zero_grad()
        torch.autograd.backward(policy_loss - config.entropy * entropy_mean + 0.5 * value_loss)
        if config.max_grad_norm:
            nn.utils.clip_grad_norm_(self.actor.parameters(), config.max_grad_norm)
            nn.utils.clip_grad_norm_(self.critic.parameters(), config.max_grad_norm)
        self.optimiser.step()
        with torch.no_grad():
            return {
                "policy_loss": policy_loss.item(),
                "value_loss": value_loss.item(),
                "entropy": entropy_mean.item(),
                "clip_ratio": (((ratio - 1).abs() > config.clip) * weight).sum().item(),
                "kl": (((ratio - 1) - log_ratio) * weight).sum().item(),  # Schulman's k3 estimate
            }

    def _evaluate(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The actor's outputs [T, n, A, O], prior added, and the critic's values [T, n, A]."""
        outputs = self._outputs(batch)
        memory = batch["memory"][..., self.actor.memory_size :]
        seen = self.critic.features(batch["own"], batch["state"])
        value = self.critic.body.unroll(seen, memory, batch["begins"], batch["learns"]).squeeze(-1)
        return outputs, value

    def _outputs(self, batch: dict[str, Tensor]) -> Tensor:
        """The actor's, [T, n, A, O], prior added."""
        memory = batch["memory"][..., : self.actor.memory_size]
        return self.actor.body.unroll(batch["own"], memory, batch["begins"], batch["learns"]) + batch["prior"]

    def _sequences(self, data: Decisions) -> tuple[Tensor, Tensor]:
        """`index` and `learns`, [T, N] both: of N sequences, rows of the flattened [K E], and which of them count.

        Without memory each decision is a sequence. A recurrent role's are `chunk` decisions of one environment, with up
        to `burn_in` before them. Rows that do not count warm the memory, or fill a sequence up to its length T.
        """
        num_envs = data.valid.shape[1]
        if not self.actor.memory_size:
            index = np.flatnonzero(data.valid)[None]
            return torch.from_numpy(index), torch.ones(index.shape, dtype=torch.bool)
        chunk, burn_in = self.config.chunk, self.config.burn_in
        ends = data.valid.sum(axis=0)
        starts = [(start, env) for env in range(num_envs) for start in range(0, int(ends[env]), chunk)]
        start, env = np.array(starts).T
        steps = np.maximum(start - burn_in, 0) + np.arange(chunk + burn_in)[:, None]
        learns = (steps >= start) & (steps < start + chunk) & (steps < ends[env])
        return torch.from_numpy(np.minimum(steps, ends[env] - 1) * num_envs + env), torch.from_numpy(learns)

    def ratios(self, data: Decisions) -> Array:
        """Probability of each decision now over that when it was made, [K, E, A]; 1 where not active.

        Memories are warmed up by the actor as it is now, as in `improve`.
        """
        index, learns = self._sequences(data)
        with torch.inference_mode():
            rows = _rows(data, "own", "prior", "masks", "memory", "latents", "begins")
            batch = {name: values[index] for name, values in rows.items()} | {"learns": learns}
            log_prob = self.actor.score(self._outputs(batch), batch["masks"], batch["latents"])[0]
        now = data.log_probs.copy()
        now.reshape(-1, now.shape[-1])[index[learns].numpy()] = log_prob[learns].numpy()
        return np.exp(np.where(data.active, now - data.log_probs, 0.0))

    def _advantages(self, data: Decisions) -> tuple[Array, Array]:
        """Values and advantages [K, E, A], in the reward's unit."""
        size = self.actor.memory_size
        values, after = self._values(data.own, data.state, data.memory[..., size:])
        next_values, _ = self._values(data.next_own, data.next_state, after)
        next_values[data.terminated] = 0.0  # an end by the clock keeps its value
        last = (data.last | ~data.valid)[:, :, None] | np.zeros_like(data.dead)
        if self.config.death_masks:
            next_values[data.dead] = 0.0
            last = last | data.left | data.dead
        return values, gae(data.rewards, data.discounts, values, next_values, last, self.config.gae_lambda)

    def _values(self, own: Array, state: Array, memory: Array) -> tuple[Array, Array]:
        """Values [K, E, A] in the reward's unit, and the critic's next memories."""
        with torch.inference_mode():
            values, after = self.critic(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (own, state, memory)))
        return self.value_normaliser.denormalise(values.numpy().astype(np.float64)), after.numpy()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the generator, which all roles share."""
        return {
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "values": self.value_normaliser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.value_normaliser.load_state_dict(state["values"])


def value_errors(value: Tensor, target: Tensor, huber_delta: float) -> Tensor:
    """Huber losses, or half of squared errors for a `huber_delta` of 0, of the shape of both."""
    if not huber_delta:
        return 0.5 * (value - target) ** 2
    return nn.functional.huber_loss(value, target, delta=huber_delta, reduction="none")


def _rows(data: Decisions, *names: str) -> dict[str, Tensor]:
    return {name: _flat(getattr(data, name)) for name in names}


def _flat(array: Array) -> Tensor:
    """[K, E, ...] as [K E, ...]."""
    return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape[0] * array.shape[1], *array.shape[2:]))


def _explained_variance(values: Array, returns: Array, active: Array) -> float:
    spread = float(returns[active].var())
    return 1.0 - float((returns - values)[active].var()) / spread if spread > 0 else 0.0
