# SPDX-License-Identifier: GPL-2.0-only
"""Actors, critics, and one head per kind of action field.

A head turns network outputs into a *latent*, the quantity that is sampled, stored and scored, and the latent into
the action that the environment receives. Latents take as many numbers as the action, at the same offsets:

| kind | latent | action |
|---|---|---|
| categorical | index of each choice | the same |
| simplex | Gaussian, one per part | softmax over the parts that the mask allows |
| box | Gaussian, in half-ranges around the middle | clipped to [low, high] |

What a mask forbids is never sampled and adds nothing to log-probability or entropy. Where it forbids everything the
simulator cannot mean it, and the mask is ignored.

The *prior* is an offset of the outputs, computed from raw observations: the logarithm of the demand's shares for a
simplex that names its demand, and one unit in favour of the default choice for a categorical. A new network
outputs almost nothing, so a new policy is a noisy version of the heuristic, and what it learns is the difference.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from agents.normalise import Array

if TYPE_CHECKING:
    from pybridge import ActionField, Role

FORBIDDEN = -1e9  # logit of a masked choice: finite, so that 0 * log 0 is 0


class Head(nn.Module, ABC):
    """Distribution of one action field. `outputs` [N, num_outputs], `mask` [N, mask_size], latents [N, size]."""

    num_outputs: int

    def __init__(self, field: ActionField) -> None:
        """For one action field."""
        super().__init__()
        self.size = int(field.size)

    @abstractmethod
    def sample(self, outputs: Tensor, mask: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw a latent; without a generator, the most likely one."""

    @abstractmethod
    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of a latent and entropy of the distribution, both [N]."""

    @abstractmethod
    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The action of a latent, [N, size]."""

    @abstractmethod
    def prior(self, demand: Array | None) -> Array | float:
        """Offset of the outputs; `demand` [..., size] in its observation's unit, where the field names one."""


class CategoricalHead(Head):
    """`size` independent choices out of `num_choices`."""

    def __init__(self, field: ActionField) -> None:
        """For one action field."""
        super().__init__(field)
        self.num_choices = int(field.num_choices)
        self.default = int(field.default)
        self.num_outputs = self.size * self.num_choices

    def _log_probs(self, outputs: Tensor, mask: Tensor) -> Tensor:
        shape = (-1, self.size, self.num_choices)
        allowed = some_allowed(mask.view(shape))
        return torch.log_softmax(outputs.view(shape).masked_fill(~allowed, FORBIDDEN), dim=-1)

    def sample(self, outputs: Tensor, mask: Tensor, generator: torch.Generator | None) -> Tensor:
        """Exponential race: the choice with the largest p / Exp(1) has probability p."""
        scores = self._log_probs(outputs, mask).exp()
        if generator is not None:
            scores = scores / torch.empty_like(scores).exponential_(generator=generator)
        return scores.argmax(dim=-1).to(outputs.dtype)

    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the independent choices."""
        log_probs = self._log_probs(outputs, mask)
        chosen = log_probs.gather(-1, latent.long().unsqueeze(-1)).squeeze(-1)
        return chosen.sum(-1), -(log_probs.exp() * log_probs).sum((-1, -2))

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The index itself."""
        return latent

    def prior(self, demand: Array | None) -> Array | float:
        """One unit for the default choice, or for choice 0 where there is no demand."""
        if demand is None:
            return np.tile(np.eye(self.num_choices, dtype=np.float32)[self.default], self.size)
        choices = np.where(demand > 0, self.default, 0)
        onehot = np.eye(self.num_choices, dtype=np.float32)[choices]
        return onehot.reshape(*demand.shape[:-1], self.num_outputs)


class GaussianHead(Head):
    """Independent Gaussians whose deviation is learned but does not depend on the observation."""

    def __init__(self, field: ActionField, initial_std: float) -> None:
        """For one action field."""
        super().__init__(field)
        self.num_outputs = self.size
        self.log_std = nn.Parameter(torch.full((self.size,), math.log(initial_std)))

    def free(self, mask: Tensor) -> Tensor | None:
        """Which latents count, [N, size]; None means all."""
        return None

    def sample(self, outputs: Tensor, mask: Tensor, generator: torch.Generator | None) -> Tensor:
        """Mean plus noise."""
        if generator is None:
            return outputs
        return outputs + self.log_std.exp() * torch.randn(outputs.shape, generator=generator)

    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Gaussian density of the latents that count."""
        distance = (latent - outputs) * torch.exp(-self.log_std)
        log_prob = -0.5 * distance**2 - self.log_std - 0.5 * math.log(2 * math.pi)
        entropy = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).expand_as(log_prob)
        free = self.free(mask)
        if free is not None:
            log_prob, entropy = log_prob * free, entropy * free
        return log_prob.sum(-1), entropy.sum(-1)


class SimplexHead(GaussianHead):
    """Shares: softmax of Gaussian latents over the allowed parts."""

    def free(self, mask: Tensor) -> Tensor | None:
        """The allowed parts."""
        return some_allowed(mask)

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Shares that sum to 1; a forbidden part gets exactly 0."""
        return torch.softmax(latent.masked_fill(~some_allowed(mask), FORBIDDEN), dim=-1)

    def prior(self, demand: Array | None) -> Array | float:
        """Log of the demand's shares (at least 1 %), around 0."""
        if demand is None:
            return 0.0
        demand = np.maximum(demand, 0.0)
        total = demand.sum(axis=-1, keepdims=True)
        share = np.divide(demand, total, out=np.full_like(demand, 1 / self.size), where=total > 0)
        logs = np.log(np.maximum(share, 0.01))
        return np.asarray(logs - logs.mean(axis=-1, keepdims=True), dtype=np.float32)


class BoxHead(GaussianHead):
    """Numbers in [low, high]."""

    middle: Tensor
    reach: Tensor

    def __init__(self, field: ActionField, initial_std: float) -> None:
        """For one action field."""
        super().__init__(field, initial_std)
        low, high = np.broadcast_to(field.low, self.size), np.broadcast_to(field.high, self.size)
        self.register_buffer("middle", torch.tensor((low + high) / 2, dtype=torch.float32))
        self.register_buffer("reach", torch.tensor((high - low) / 2, dtype=torch.float32))

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Half-ranges from the middle, clipped."""
        return self.middle + self.reach * latent.clamp(-1.0, 1.0)

    def prior(self, demand: Array | None) -> Array | float:
        """None: the middle."""
        return 0.0


def some_allowed(mask: Tensor) -> Tensor:
    """Boolean mask [..., C]; a row that forbids everything allows everything."""
    allowed = mask > 0
    return allowed | ~allowed.any(dim=-1, keepdim=True)


def make_head(field: ActionField, initial_std: float) -> Head:
    """The head of an action field's kind."""
    if field.kind == "categorical":
        return CategoricalHead(field)
    if field.kind == "simplex":
        return SimplexHead(field, initial_std)
    if field.kind == "box":
        return BoxHead(field, initial_std)
    raise ValueError(f"action field {field.name}: kind {field.kind!r}; expected categorical, simplex or box")


def mlp(sizes: Sequence[int], last_gain: float, generator: torch.Generator) -> nn.Sequential:
    """Tanh network, orthogonal weights (gain sqrt 2, `last_gain` at the output), zero biases."""
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        last = index == len(sizes) - 2
        layer = linear(fan_in, fan_out, last_gain if last else math.sqrt(2), generator)
        layers += [layer] if last else [layer, nn.Tanh()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    """Policy of one role, shared by its agents. N counts agents over environments (and time)."""

    def __init__(
        self, role: Role, own_size: int, hidden: Sequence[int], initial_std: float, generator: torch.Generator
    ) -> None:
        """`own_size`: features of one agent's own view (see observer.View)."""
        super().__init__()
        heads = [make_head(field, initial_std) for field in role.actions]
        self.heads = nn.ModuleList(heads)
        self.splits = [head.num_outputs for head in heads]
        self.num_outputs = sum(self.splits)
        self.body = mlp([own_size, *hidden, self.num_outputs], 0.01, generator)
        self.parts = list(zip(heads, role.actions, strict=True))
        self.demands = [role.observation(field.demand).span if field.demand else None for field in role.actions]

    def prior(self, observations: Array, weight: float) -> Array:
        """Offset [..., num_outputs] of the outputs from raw observations [..., D]."""
        offset = np.zeros((*observations.shape[:-1], self.num_outputs), dtype=np.float32)
        if weight == 0:
            return offset
        start = 0
        for (head, _), demand in zip(self.parts, self.demands, strict=True):
            slot = slice(start, start := start + head.num_outputs)
            offset[..., slot] = weight * np.asarray(head.prior(None if demand is None else observations[..., demand]))
        return offset

    def _split(self, own: Tensor, prior: Tensor, masks: Tensor) -> list[tuple[Head, slice, Tensor, Tensor]]:
        """By action field: its head, its place in latents and actions, the head's outputs and mask."""
        outputs = (self.body(own) + prior).split(self.splits, dim=-1)
        return [
            (head, field.span, output, masks[:, field.mask_span])
            for (head, field), output in zip(self.parts, outputs, strict=True)
        ]

    def act(self, own: Array, prior: Array, masks: Array, generator: torch.Generator | None) -> tuple[Array, Array]:
        """Latents and actions, both [E, A, L], for arrays [E, A, ...]; greedy without a generator."""
        latents, actions = [], []
        with torch.inference_mode():
            rows = [torch.from_numpy(array).flatten(0, 1) for array in (own, prior, masks)]
            for head, _, outputs, mask in self._split(rows[0], rows[1], rows[2]):
                latents.append(head.sample(outputs, mask, generator))
                actions.append(head.action(latents[-1], mask))
            shape = (*own.shape[:2], -1)
            return torch.cat(latents, -1).numpy().reshape(shape), torch.cat(actions, -1).numpy().reshape(shape)

    def score(self, own: Tensor, prior: Tensor, masks: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of stored latents and entropies, both [...], for tensors [..., features]."""
        rows = [tensor.flatten(0, -2) for tensor in (own, prior, masks, latents)]
        log_prob = entropy = own.new_zeros(len(rows[0]))
        for head, slot, outputs, mask in self._split(rows[0], rows[1], rows[2]):
            field_log_prob, field_entropy = head.score(outputs, mask, rows[3][:, slot])
            log_prob, entropy = log_prob + field_log_prob, entropy + field_entropy
        return log_prob.reshape(own.shape[:-1]), entropy.reshape(own.shape[:-1])


class Critic(nn.Module):
    """Centralised value function of one role: sees its agent's own view and the state of all roles.

    The first layer is the sum of two, so that the state, which all agents share, goes through it once.
    """

    def __init__(self, own_size: int, state_size: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        """Own views [..., A, own_size] and states [..., state_size]."""
        super().__init__()
        self.own = linear(own_size, hidden[0], 1.0, generator)  # gains 1 and 1 make sqrt 2 together
        self.state = linear(state_size, hidden[0], 1.0, generator)
        self.body = mlp([*hidden, 1], 1.0, generator)

    def forward(self, own: Tensor, state: Tensor) -> Tensor:
        """Normalised values [..., A]."""
        values: Tensor = self.body(torch.tanh(self.own(own) + self.state(state).unsqueeze(-2))).squeeze(-1)
        return values


def linear(fan_in: int, fan_out: int, gain: float, generator: torch.Generator) -> nn.Linear:
    """Orthogonal weights, zero biases."""
    layer = nn.Linear(fan_in, fan_out)
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
