# SPDX-License-Identifier: GPL-2.0-only
"""Actors and critics: layers, memory, and the heads of `heads.py`. How an actor acts is in `acting.py`.

With `recurrent = "gru"` actor and critic have a *memory* (hidden state) for each agent of each environment. It is
stored with each decision as it was before, so that an update can begin anywhere; without it, memories have size 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from agents.arrays import Array
from agents.learner.heads import Head, make_heads

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from pybridge import Role


class Body(nn.Module):
    """Tanh layers, then a GRU where the role is recurrent, then a linear output."""

    def __init__(self, sizes: Sequence[int], last_gain: float, config: RoleConfig, generator: torch.Generator) -> None:
        """`sizes`: input, hidden layers, output."""
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip(sizes[:-2], sizes[1:-1], strict=True):
            layers += [linear(fan_in, fan_out, math.sqrt(2), config, generator), nn.Tanh()]
        self.features = nn.Sequential(*layers)
        width = sizes[-2]
        self.cell = gru_cell(width, config, generator) if config.recurrent == "gru" else None
        self.memory_size = width if self.cell is not None else 0
        self.out = linear(width, sizes[-1], last_gain, config, generator)

    def forward(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs [..., O] and the next memory [..., H] of inputs [..., D] and memory [..., H]."""
        features = self.features(inputs)
        if self.cell is not None:
            memory = self.cell(features.flatten(0, -2), memory.flatten(0, -2)).view(memory.shape)
            features = memory
        return self.out(features), memory

    def unroll(self, inputs: Tensor, memory: Tensor, begins: Tensor, learns: Tensor) -> Tensor:
        """Outputs [T, N, A, O] of sequences; all at once without a memory.

        memory [T, N, A, H] as stored is taken up at t = 0 and where a row `begins` [T, N] an episode; no gradient
        comes from where it does not `learns` [T, N] (the burn-in, which only warms the memory).
        """
        if self.cell is None:
            return self.forward(inputs, memory)[0]
        outputs, now = [], memory[0]
        for t in range(len(inputs)):
            now = torch.where(begins[t][:, None, None], memory[t], now)
            output, now = self.forward(inputs[t], now)
            outputs.append(output)
            now = torch.where(learns[t][:, None, None], now, now.detach())
        return torch.stack(outputs)


class Actor(nn.Module):
    """Policy of one role, shared by its agents. N counts agents over environments (and time)."""

    def __init__(self, role: Role, own_size: int, config: RoleConfig, generator: torch.Generator) -> None:
        """`own_size`: features of one agent's own view (see observer.View)."""
        super().__init__()
        heads = make_heads(role.actions, config)
        self.heads = nn.ModuleList(heads)
        self.masked = config.action_masks
        self.splits = [head.num_outputs for head in heads]
        self.num_outputs = sum(self.splits)
        self.body = Body([own_size, *config.actor_hidden, self.num_outputs], 0.01, config, generator)
        self.memory_size = self.body.memory_size
        self.parts = tuple(heads)
        self.demands = {field.name: role.observation(field.demand).span for field in role.actions if field.demand}

    def prior(self, observations: Array, weight: float) -> Array:
        """Offset [..., num_outputs] of the outputs from raw observations [..., D]."""
        offset = np.zeros((*observations.shape[:-1], self.num_outputs), dtype=np.float32)
        if weight == 0:
            return offset
        start = 0
        for head in self.parts:
            slot = slice(start, start := start + head.num_outputs)
            spans = [self.demands.get(field.name) for field in head.fields]
            wanted = head.prior([None if span is None else observations[..., span] for span in spans])
            offset[..., slot] = min(weight, head.most_prior) * np.asarray(wanted)
        return offset

    def towards(self, actions: Array, weight: float) -> Array:
        """Offset [..., num_outputs] of the outputs by which the likeliest actions are `actions` [..., action_size]."""
        offsets = [min(weight, head.most_prior) * head.towards(actions[..., head.span]) for head in self.parts]
        return np.concatenate(offsets, axis=-1)

    def split(self, outputs: Tensor, masks: Tensor) -> list[tuple[Head, Tensor, Tensor]]:
        """Each head with its outputs and mask."""
        if not self.masked:
            masks = torch.ones_like(masks)
        parts = torch.split_with_sizes(outputs, self.splits, dim=-1)
        return [(head, part, masks[..., head.mask_span]) for head, part in zip(self.parts, parts, strict=True)]

    def score(self, outputs: Tensor, masks: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of stored latents and entropies, both [...], for outputs (prior added) [..., O]."""
        rows = [tensor.flatten(0, -2) for tensor in (outputs, masks, latents)]
        log_prob = entropy = outputs.new_zeros(len(rows[0]))
        for head, output, mask in self.split(rows[0], rows[1]):
            head_log_prob, head_entropy = head.score(output, mask, rows[2][:, head.span])
            log_prob, entropy = log_prob + head_log_prob, entropy + head_entropy
        return log_prob.reshape(outputs.shape[:-1]), entropy.reshape(outputs.shape[:-1])


class Critic(nn.Module):
    """Value function of one role: sees its agent's own view and, where centralised, the state, or as much as it takes.

    The first layer is the sum of two, so that the state, which all agents share, goes through it once.
    """

    def __init__(self, own_size: int, state_size: int, config: RoleConfig, generator: torch.Generator) -> None:
        """Own views [..., A, own_size] and the first `state_size` numbers of states."""
        super().__init__()
        width = config.critic_hidden[0]
        gain = 1.0 if config.centralised else math.sqrt(2)  # gains 1 and 1 make sqrt 2 together
        self.own = linear(own_size, width, gain, config, generator)
        self.state = linear(state_size, width, gain, config, generator) if config.centralised else None
        self.body = Body([*config.critic_hidden, 1], 1.0, config, generator)
        self.memory_size = self.body.memory_size

    def features(self, own: Tensor, state: Tensor) -> Tensor:
        """What the body sees, [..., A, width]."""
        common = 0.0 if self.state is None else self.state(state[..., : self.state.in_features]).unsqueeze(-2)
        return torch.tanh(self.own(own) + common)

    def forward(self, own: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised values [..., A] and the next memory [..., A, H]."""
        values, after = self.body(self.features(own, state), memory)
        return values.squeeze(-1), after


def linear(fan_in: int, fan_out: int, gain: float, config: RoleConfig, generator: torch.Generator) -> nn.Linear:
    """Orthogonal weights of that gain (or else uniform ones, +-1/sqrt(fan_in), whatever the gain), zero biases."""
    layer = nn.Linear(fan_in, fan_out)
    if config.orthogonal:
        nn.init.orthogonal_(layer.weight, gain, generator=generator)
    else:
        nn.init.uniform_(layer.weight, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def gru_cell(width: int, config: RoleConfig, generator: torch.Generator) -> nn.GRUCell:
    """Each of the three gates' matrices is initialised as `linear` does; zero biases."""
    cell = nn.GRUCell(width, width)
    with torch.no_grad():
        for weight in (cell.weight_ih, cell.weight_hh):
            weight.copy_(torch.cat([linear(width, width, 1.0, config, generator).weight for _ in range(3)]))
        for bias in (cell.bias_ih, cell.bias_hh):
            nn.init.zeros_(bias)
    return cell
