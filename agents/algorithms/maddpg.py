# SPDX-License-Identifier: GPL-2.0-only
"""MADDPG (Lowe et al., 2017): off-policy, with a critic Q of the joint state and the joint actions of a role.

Actors are those of PPO, so exploration is their own noise, whose width stays as it began. The critic is learned from
a replay of past decisions, semi-Markov ones too; the actor climbs it through actions that have a gradient:
straight-through Gumbel-softmax for choices, shares and clipped means elsewhere. It climbs slowly and not far from the
prior: a critic knows little of actions that nobody has taken, and praises some. Decisions whose successor is unknown
(the last of a fragment, or where the clock ended an episode) are left out.

`huber_delta` and `value_normalisation` mean what they mean to PPO. No notice is taken of `clip`, `entropy`,
`gae_lambda`, `target_kl`, `value_clip` and `advantage_normalisation`, which are PPO's alone, nor of `centralised` and
`death_masks`: Q always sees the joint state, and agents that did not decide or have left never count.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.algorithms import Algorithm
from agents.arrays import Array
from agents.config import MANAGER, WORKER, ConfigError, RoleConfig
from agents.learner.buffers import Decisions
from agents.learner.heads import BernoulliHead, BoxHead, CategoricalHead, DirichletHead, Head, SimplexHead
from agents.learner.networks import Actor, Body
from agents.learner.normalise import ValueNormaliser
from agents.learner.ppo import value_errors

if TYPE_CHECKING:
    from agents.learner.observer import Observer
    from pybridge import Role

REPLAY_BYTES = 64 * 2**20  # of one role
MOST_ROWS = 100_000
BATCH = 256  # decisions of a gradient step
TRACKING = 0.01  # how far targets move towards the networks in a gradient step
OUTPUT_PENALTY = 0.1  # of the actor's squared outputs, before the prior is added
ACTOR_RATE = 0.1  # the actor's step size, in parts of the critic's, which is `lr`


class Maddpg(Algorithm):
    """Another learner for the same policies, with more noise and more gradient steps."""

    worker = replace(WORKER, lr=1e-3, epochs=8, minibatches=8, initial_std=1.0, huber_delta=1.0)
    manager = replace(MANAGER, lr=1e-3, epochs=8, minibatches=8, initial_std=1.0, huber_delta=1.0)

    def learner(self, role: Role, observer: Observer, config: RoleConfig, *, generator: torch.Generator) -> Any:
        """See `Algorithm.learner`."""
        return MaddpgLearner(role, observer, config, generator=generator)


class MaddpgLearner:
    """Actor, Q, their targets, and the replay of one role."""

    NETWORKS = ("actor", "critic", "actor_target", "critic_target", "actor_optimiser", "critic_optimiser")

    def __init__(self, role: Role, observer: Observer, config: RoleConfig, *, generator: torch.Generator) -> None:
        """See `RoleLearner`.

        Raises:
            ConfigError: the role is recurrent, which a replay of single decisions cannot train.
        """
        if config.recurrent != "none":
            raise ConfigError(f"role.{role.name}.recurrent = {config.recurrent}: maddpg has no memory; use none")
        self.role, self.config, self.generator = role, config, generator
        self.actor = Actor(role, observer.own_size(role), config, generator)
        self.action_size = sum(_relaxed_size(head) for head in self.actor.parts)
        self.state_size = observer.seen_by_critic(config)
        joint = self.state_size + role.num_agents * (self.action_size + 1)
        self.critic = Body([joint, *config.critic_hidden, 1], 1.0, config, generator)
        self.actor_target, self.critic_target = copy.deepcopy(self.actor), copy.deepcopy(self.critic)
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=ACTOR_RATE * config.lr, fused=True)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=config.lr, fused=True)
        self.value_normaliser = ValueNormaliser()
        self.replay: dict[str, Array] = {}

    def policy_state(self) -> dict[str, Any]:
        """See `RoleLearner.policy_state`."""
        return {"actor": {name: values.numpy().copy() for name, values in self.actor.state_dict().items()}}

    def update(self, data: Decisions, lr_ratio: float) -> dict[str, float]:
        """Remember the decisions, then take `epochs * minibatches` gradient steps on old and new ones."""
        self._remember(data)
        num_rows = len(self.replay["rewards"]) if self.replay else 0
        if not num_rows:
            return {}
        for optimiser in (self.actor_optimiser, self.critic_optimiser):
            optimiser.param_groups[0]["lr"] = optimiser.defaults["lr"] * lr_ratio
        log: dict[str, list[float]] = {}
        for _ in range(self.config.epochs * self.config.minibatches):
            rows = torch.randint(num_rows, (min(BATCH, num_rows),), generator=self.generator).numpy()
            batch = {name: torch.from_numpy(values[rows]) for name, values in self.replay.items()}
            for name, figure in self._step(batch).items():
                log.setdefault(name, []).append(figure)
        return {name: float(np.mean(figures)) for name, figures in log.items()} | {
            "samples": float(num_rows),
            "lr": self.config.lr * lr_ratio,
        }

    def _step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """Critic, actor, then targets."""
        weight = batch["active"] / batch["active"].sum().clamp(min=1.0)
        with torch.no_grad():
            outputs = self._outputs(self.actor_target, batch["next_own"], batch["next_prior"])
            joint = self._relaxed(self.actor_target, outputs, batch["next_masks"])
            ahead = self._q(self.critic_target, batch["next_state"], joint)
            after = ahead * self.value_normaliser.deviation + self.value_normaliser.mean
            returns = batch["rewards"] + batch["discounts"][:, None] * after * (1 - batch["over"])
            if self.config.value_normalisation:
                self._rescale(returns.numpy()[batch["active"].numpy() > 0])
            target = (returns - self.value_normaliser.mean) / self.value_normaliser.deviation
        value = self._q(self.critic, batch["state"], batch["actions"])
        value_loss = (value_errors(value, target, self.config.huber_delta) * weight).sum()
        self._descend(self.critic_optimiser, self.critic, value_loss)

        outputs = self._outputs(self.actor, batch["own"], batch["prior"])
        joint = self._relaxed(self.actor, outputs, batch["masks"])
        policy_loss = -(self._q(self.critic, batch["state"], joint) * weight).sum()
        free = outputs - batch["prior"]
        self._descend(self.actor_optimiser, self.actor, policy_loss + OUTPUT_PENALTY * (free**2).mean())

        with torch.no_grad():
            for network, target_network in ((self.actor, self.actor_target), (self.critic, self.critic_target)):
                for now, slow in zip(network.parameters(), target_network.parameters(), strict=True):
                    slow.lerp_(now, TRACKING)
        return {"policy_loss": policy_loss.item(), "value_loss": value_loss.item(), "q_mean": returns.mean().item()}

    def _rescale(self, returns: Array) -> None:
        """Move the statistics of values, and the critics' last layers so that they say what they said (PopArt).

        Returns are bootstrapped from the target critic, which would else follow each move later than the critic does:
        values of a long horizon would swing ever further.
        """
        statistics = self.value_normaliser
        mean, deviation = statistics.mean, statistics.deviation
        statistics.update(returns)
        ratio, shift = deviation / statistics.deviation, (mean - statistics.mean) / statistics.deviation
        for critic in (self.critic, self.critic_target):
            critic.out.weight.mul_(ratio)
            critic.out.bias.mul_(ratio).add_(shift)

    def _descend(self, optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(loss, inputs=list(network.parameters()))
        if self.config.max_grad_norm:
            nn.utils.clip_grad_norm_(network.parameters(), self.config.max_grad_norm)
        optimiser.step()

    def _outputs(self, actor: Actor, own: Tensor, prior: Tensor) -> Tensor:
        """[N, A, O]; a feed-forward body takes any memory."""
        outputs: Tensor = actor.body(own, own[..., :0])[0]
        return outputs + prior

    def _relaxed(self, actor: Actor, outputs: Tensor, masks: Tensor) -> Tensor:
        """Actions [N, A, R] with a gradient."""
        parts = actor.split(outputs.flatten(0, 1), masks.flatten(0, 1))
        relaxed = [_relax(head, output, mask, self.generator) for head, output, mask in parts]
        return torch.cat(relaxed, -1).view(*outputs.shape[:2], -1)

    def _q(self, critic: Body, state: Tensor, actions: Tensor) -> Tensor:
        """Normalised values [N, A] of joint actions [N, A, R].

        Agent i climbs dQ_i/da_i alone: to Q_i the actions of the others are constants, whoever they come from.
        """
        num_agents = actions.shape[1]
        ids = torch.eye(num_agents)
        joint = torch.where(ids.bool()[:, :, None], actions[:, None], actions[:, None].detach())  # [N, A, A, R]
        seen = state[:, None, : self.state_size].expand(-1, num_agents, -1)
        inputs = torch.cat([seen, joint.flatten(2), ids.expand(len(state), -1, -1)], -1)
        values: Tensor = critic(inputs, inputs[..., :0])[0]
        return values.squeeze(-1)

    def _remember(self, data: Decisions) -> None:
        """Add the decisions whose successor is known, or that ended their episode."""
        follows = np.zeros_like(data.valid)
        follows[:-1] = data.valid[1:] & ~data.last[:-1]
        k, env = np.nonzero(data.valid & (follows | data.terminated))
        successor = np.minimum(k + 1, len(data.valid) - 1)
        f32 = np.float32
        new = {
            name: getattr(data, name)[k, env] for name in ("own", "state", "prior", "masks", "next_own", "next_state")
        }
        new |= {
            "next_prior": data.prior[successor, env],
            "next_masks": data.masks[successor, env],
            "rewards": data.rewards[k, env].astype(f32),
            "discounts": data.discounts[k, env].astype(f32),
            "active": data.active[k, env].astype(f32),
            "over": (data.dead[k, env] | data.terminated[k, env, None]).astype(f32),
            "actions": self._stored(data.latents[k, env], data.masks[k, env]),
        }
        row_bytes = sum(values[:1].nbytes for values in new.values()) if len(k) else 1
        most = min(MOST_ROWS, max(BATCH, REPLAY_BYTES // row_bytes))
        self.replay = {
            name: np.concatenate([self.replay[name], values])[-most:] if self.replay else values[-most:]
            for name, values in new.items()
        }

    def _stored(self, latents: Array, masks: Array) -> Array:
        """Relaxed form [N, A, R] of what was done."""
        rows, mask = torch.from_numpy(latents).flatten(0, 1), torch.from_numpy(masks).flatten(0, 1)
        done = []
        for head in self.actor.parts:
            latent = rows[:, head.span]
            if isinstance(head, CategoricalHead):
                done.append(torch.from_numpy(head.units(latent.numpy())))
            elif isinstance(head, BoxHead):
                done.append(latent.clamp(-1.0, 1.0))
            else:
                done.append(head.action(latent, mask[:, head.mask_span]))
        return torch.cat(done, -1).view(*latents.shape[:2], -1).numpy()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the generator, the replay among it."""
        networks = {name: getattr(self, name).state_dict() for name in self.NETWORKS}
        return networks | {"values": self.value_normaliser.state_dict(), "replay": dict(self.replay)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        for name in self.NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        self.value_normaliser.load_state_dict(state["values"])
        self.replay = dict(state["replay"])


def _relaxed_size(head: Head) -> int:
    return head.num_outputs if isinstance(head, CategoricalHead) else head.size


def _relax(head: Head, outputs: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Action [N, R] of a head, with a gradient to its outputs [N, O]."""
    if isinstance(head, CategoricalHead):
        log_probs = head.log_probs(outputs, mask)
        noise = torch.empty_like(log_probs).exponential_(generator=generator).log()
        relaxed = []
        for run in head.each_run(log_probs - noise):
            soft = torch.softmax(run, dim=-1)
            hard = nn.functional.one_hot(soft.argmax(-1), run.shape[-1]).to(soft.dtype)
            relaxed.append((hard + soft - soft.detach()).flatten(1))
        return torch.cat(relaxed, dim=-1)
    if isinstance(head, BernoulliHead):
        uniform = torch.rand(outputs.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
        soft = torch.sigmoid(head.logits(outputs, mask) + torch.logit(uniform))
        return (soft > 0.5).to(soft.dtype) + soft - soft.detach()
    if isinstance(head, SimplexHead):
        return head.action(outputs, mask)
    if isinstance(head, DirichletHead):
        return head.mode(outputs, mask)
    assert isinstance(head, BoxHead)
    return outputs.clamp(-1.0, 1.0)
