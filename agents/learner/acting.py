# SPDX-License-Identifier: GPL-2.0-only
"""Actors at work: `networks.Actor` on arrays.

A step asks each role for the actions of a few agents, which is dozens of operations on a few rows. Torch takes several
microseconds to begin each of them, numpy less than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from agents.arrays import Array
from agents.policies import repair

if TYPE_CHECKING:
    from torch import Tensor

    from agents.learner.networks import Actor, Body


class ActingActor:
    """The same weights as an actor's: views of them, which follow `load_state_dict`."""

    def __init__(self, actor: Actor) -> None:
        """The actor stays on the CPU."""
        self.actor = actor
        self.widths = [head.width() for head in actor.parts]
        self.latent_size = sum(head.size for head in actor.parts)
        self.fields = [field for head in actor.parts for field in head.fields]
        self.body = ActingBody(actor.body)

    def act(
        self, own: Array, prior: Array, masks: Array, memory: Array, rng: np.random.Generator | None
    ) -> tuple[Array, Array, Array]:
        """Latents and actions, both [E, A, L], and the next memory, for arrays [E, A, ...]; greedy without a generator.

        Without `action_masks` the distribution does not know of masks, and what they forbid is mended afterwards.
        """
        outputs, after = self.body(own, memory)
        outputs += prior
        rows = outputs.reshape(-1, outputs.shape[-1])
        seen = masks.reshape(len(rows), masks.shape[-1])
        if not self.actor.masked:
            seen = np.ones_like(seen)
        latents = np.empty((len(rows), self.latent_size), dtype=np.float32)
        actions = np.empty_like(latents)
        start = 0
        for head, width in zip(self.actor.parts, self.widths, strict=True):
            output = rows[:, start : start + head.num_outputs]
            start += head.num_outputs
            latents[:, head.span], actions[:, head.span] = head.draw(output, seen[:, head.mask_span], width, rng)
        shape = (*own.shape[:2], latents.shape[-1])
        latents, actions = latents.reshape(shape), actions.reshape(shape)
        if not self.actor.masked:
            for field in self.fields:
                actions[..., field.span] = repair(field, actions[..., field.span], masks[..., field.mask_span])
        return latents, actions, after


class ActingBody:
    """`networks.Body` on arrays."""

    def __init__(self, body: Body) -> None:
        """Takes views of the weights."""
        self.hidden = [_weights(layer) for layer in body.features if isinstance(layer, nn.Linear)]
        self.out = _weights(body.out)
        self.gates = None
        if body.cell is not None:
            cell = body.cell
            self.gates = _weights(cell, "weight_ih", "bias_ih"), _weights(cell, "weight_hh", "bias_hh")

    def __call__(self, inputs: Array, memory: Array) -> tuple[Array, Array]:
        """Outputs [..., O], an array of their own, and the next memory [..., H]."""
        features = inputs
        for weight, bias in self.hidden:
            features = np.tanh(features @ weight + bias)
        if self.gates is not None:
            features = memory = self._remember(features, memory)
        weight, bias = self.out
        return features @ weight + bias, memory

    def _remember(self, features: Array, memory: Array) -> Array:
        """A gated recurrent unit's step, with the gates in torch's order: reset, update, new."""
        assert self.gates is not None
        (seen_weight, seen_bias), (kept_weight, kept_bias) = self.gates
        seen = np.split(features @ seen_weight + seen_bias, 3, axis=-1)
        kept = np.split(memory @ kept_weight + kept_bias, 3, axis=-1)
        reset, update = (0.5 + 0.5 * np.tanh(0.5 * (seen[i] + kept[i])) for i in (0, 1))
        new = np.tanh(seen[2] + reset * kept[2])
        return np.asarray(new + update * (memory - new))


def _weights(layer: nn.Module, weight: str = "weight", bias: str = "bias") -> tuple[Array, Array]:
    """Views [in, out] and [out] of a layer's weights."""
    parameters: dict[str, Tensor] = dict(layer.named_parameters())
    return parameters[weight].detach().numpy().T, parameters[bias].detach().numpy()
