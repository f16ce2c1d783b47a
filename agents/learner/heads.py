# SPDX-License-Identifier: GPL-2.0-only
"""One head for each action field; categorical fields that follow each other share one.

A head turns network outputs into a *latent*, the quantity that is sampled, stored and scored, and the latent into
the action that the environment receives. Latents take as many numbers as the action, at the same offsets:

| kind | head | latent | action |
|---|---|---|---|
| categorical | `CategoricalHead`, one or several | index of each choice | the same |
| categorical of two choices | `BernoulliHead` | 0 or 1 for each | the same |
| simplex | `SimplexHead` (gaussian-softmax) | Gaussian, one per part | softmax over the allowed parts |
| simplex | `DirichletHead` (dirichlet) | the shares | the same |
| box | `BoxHead` | Gaussian, in half-ranges around the middle | clipped to [low, high] |

What a mask forbids is never sampled and adds nothing to log-probability or entropy. Where it forbids everything the
simulator cannot mean it, and the mask is ignored.

The *prior* is an offset of the outputs, computed from raw observations: the logarithm of the demand's shares for a
simplex that names its demand, and one unit in favour of the default choice for a categorical; or else what makes the
action of a heuristic the likeliest one (`towards`). A new network outputs almost nothing, so a new policy is a noisy
version of the heuristic, and what it learns is the difference. A weight above 1 makes choices surer; shares and
numbers, which it would carry beyond the heuristic's (twice a logarithm squares a share), take no more than 1.

`draw` is what acts, on arrays, because numpy takes a quarter of torch's time for the few rows of a step; all else is
of the update and the export, on tensors.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from agents.arrays import Array, every

if TYPE_CHECKING:
    from agents.config import RoleConfig
    from pybridge import ActionField

ADVICE = 2.0  # logit of a choice that a heuristic made: of three choices it has probability 0.79
LEAST_ADVICE = 0.001  # share that a heuristic's is raised to, so that its logarithm is finite
FORBIDDEN = -1e9  # logit of a masked choice: finite, so that 0 * log 0 is 0
TINY = 1e-30  # added before a logarithm


class Head(nn.Module, ABC):
    """Distribution of an action field or several: `outputs` [N, num_outputs], `mask` [N, mask_size], latents [N, size].

    Tensors, but for `draw`, `width`, `prior` and `towards`.

    Attributes:
        span, mask_span: where actions and latents lie in an agent's, and masks in its mask.
    """

    num_outputs: int
    most_prior = math.inf  # largest weight of the prior

    def __init__(self, *fields: ActionField) -> None:
        """For action fields that follow each other."""
        super().__init__()
        self.fields = fields
        self.span = slice(fields[0].span.start, fields[-1].span.stop)
        self.mask_span = slice(fields[0].mask_span.start, fields[-1].mask_span.stop)
        self.size = int(self.span.stop - self.span.start)

    @abstractmethod
    def draw(self, outputs: Array, mask: Array, width: Array, rng: np.random.Generator | None) -> tuple[Array, Array]:
        """A latent and its action, drawn; without a generator, the most likely ones. `width` is the head's own."""

    def width(self) -> Array:
        """How wide the distribution is, as far as it does not depend on the observation: a view of the weights.

        Who draws often keeps it, because each question to torch takes as long as all the rest of a draw.
        """
        return np.empty(0)

    @abstractmethod
    def mode(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The most likely latent."""

    @abstractmethod
    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of a latent and entropy of the distribution, both [N]."""

    @abstractmethod
    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The action of a latent, [N, size]."""

    @abstractmethod
    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """Offset of the outputs; of each field the demand [..., size] in its observation's unit, where it names one."""

    @abstractmethod
    def towards(self, action: Array) -> Array:
        """Offset [..., num_outputs] of the outputs that makes an `action` [..., size] the likeliest."""


class CategoricalHead(Head):
    """Independent choices: all those of one field, or of several fields that follow each other.

    Outputs and masks lie choice by choice, an entry for each of its alternatives. *Runs* are neighbours with as many
    alternatives each: what is done for all choices takes one call a run, and a step's are few, so calls are what costs.
    """

    starts: Tensor

    def __init__(self, *fields: ActionField) -> None:
        """For action fields that follow each other."""
        super().__init__(*fields)
        numbers = [int(field.num_choices) for field in fields for _ in range(field.size)]  # of alternatives
        self.num_outputs = sum(numbers)
        self.choice = np.repeat(np.arange(self.size), numbers)  # by output: which choice it belongs to
        self.alternative = np.concatenate([np.arange(number) for number in numbers])  # and which alternative it is
        self.register_buffer("starts", torch.from_numpy(np.cumsum(numbers) - numbers), persistent=False)
        self.runs: list[tuple[slice, slice, int]] = []  # choices, their outputs, alternatives of each
        choice = output = 0
        for number, run in itertools.groupby(numbers):
            next_choice = choice + len(list(run))
            next_output = output + (next_choice - choice) * number
            self.runs.append((slice(choice, next_choice), slice(output, next_output), number))
            choice, output = next_choice, next_output

    def each_run(self, rows: Tensor) -> list[Tensor]:
        """Views [N, choices, alternatives] of `rows` [N, num_outputs], in order."""
        return [rows[:, outputs].reshape(-1, at.stop - at.start, number) for at, outputs, number in self.runs]

    def log_probs(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Of every alternative, [N, num_outputs]."""
        runs = zip(self.each_run(outputs), self.each_run(mask), strict=True)
        parts = [torch.log_softmax(run.masked_fill(~some_allowed(seen), FORBIDDEN), dim=-1) for run, seen in runs]
        return torch.cat([part.flatten(1) for part in parts], dim=-1)

    def draw(self, outputs: Array, mask: Array, width: Array, rng: np.random.Generator | None) -> tuple[Array, Array]:
        """Exponential race: the alternative with the largest p / Exp(1) has probability p."""
        if rng is not None:
            outputs = outputs - np.log(rng.standard_exponential(outputs.shape, np.float32) + TINY)
        choices = np.empty((len(outputs), self.size), dtype=np.float32)
        for at, span, number in self.runs:
            shape = (len(outputs), -1, number)
            allowed = any_allowed(mask[:, span].reshape(shape))
            choices[:, at] = np.where(allowed, outputs[:, span].reshape(shape), FORBIDDEN).argmax(axis=-1)
        return choices, choices

    def mode(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The likeliest of the allowed alternatives."""
        best = [run.argmax(dim=-1) for run in self.each_run(self.log_probs(outputs, mask))]
        return torch.cat(best, dim=-1).to(outputs.dtype)

    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the independent choices."""
        log_probs = self.log_probs(outputs, mask)
        chosen = log_probs.gather(-1, self.starts + latent.long())
        return chosen.sum(-1), -(log_probs.exp() * log_probs).sum(-1)

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The index itself."""
        return latent

    def units(self, choices: Array) -> Array:
        """1 for the alternatives [..., num_outputs] that are chosen by `choices` [..., size], else 0."""
        return np.asarray(choices[..., self.choice] == self.alternative, dtype=np.float32)

    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """One unit for the default alternative, or for the first where a demand is 0."""
        parts = [
            field.default * (np.ones(field.size) if demand is None else demand > 0)
            for field, demand in zip(self.fields, demands, strict=True)
        ]
        rows = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        return self.units(np.concatenate([np.broadcast_to(part, (*rows, part.shape[-1])) for part in parts], axis=-1))

    def towards(self, action: Array) -> Array:
        """`ADVICE` for each choice."""
        return ADVICE * self.units(action)


class BernoulliHead(Head):
    """`size` independent decisions between 0 and 1, by one logit each."""

    def __init__(self, field: ActionField) -> None:
        """For one action field of two choices."""
        super().__init__(field)
        self.default = int(field.default)
        self.num_outputs = self.size

    def logits(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Of choice 1; what the mask leaves no choice in is certain."""
        allowed = some_allowed(mask.view(-1, self.size, 2))
        return outputs.masked_fill(~allowed[..., 1], FORBIDDEN).masked_fill(~allowed[..., 0], -FORBIDDEN)

    def draw(self, outputs: Array, mask: Array, width: Array, rng: np.random.Generator | None) -> tuple[Array, Array]:
        """Each by its own probability."""
        allowed = any_allowed(mask.reshape(-1, self.size, 2))
        logits = np.where(allowed[..., 1], np.where(allowed[..., 0], outputs, -FORBIDDEN), FORBIDDEN)
        threshold: Array | float = 0.0
        if rng is not None:
            uniform = rng.random(logits.shape, np.float32) + TINY
            threshold = np.log(uniform / (1.0 - uniform))
        decisions = (logits > threshold).astype(np.float32)
        return decisions, decisions

    def mode(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The likelier of the two."""
        return (self.logits(outputs, mask) > 0).to(outputs.dtype)

    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the independent decisions."""
        logits = self.logits(outputs, mask)
        one, zero = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
        entropy = -(one.exp() * one + zero.exp() * zero)
        return torch.where(latent > 0.5, one, zero).sum(-1), entropy.sum(-1)

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The decision itself."""
        return latent

    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """One unit for the default choice, or for choice 0 where there is no demand."""
        (demand,) = demands
        if demand is None:
            return np.full(self.size, 2.0 * self.default - 1.0, dtype=np.float32)
        return np.where(demand > 0, np.float32(2.0 * self.default - 1.0), np.float32(-1.0))

    def towards(self, action: Array) -> Array:
        """`ADVICE` for each decision."""
        return np.asarray(ADVICE * (2.0 * action - 1.0), dtype=np.float32)


class GaussianHead(Head):
    """Independent Gaussians whose deviation is learned but does not depend on the observation."""

    most_prior = 1.0

    def __init__(self, field: ActionField, initial_std: float) -> None:
        """For one action field."""
        super().__init__(field)
        self.num_outputs = self.size
        self.log_std = nn.Parameter(torch.full((self.size,), math.log(initial_std)))

    def free(self, mask: Tensor) -> Tensor | None:
        """Which latents count, [N, size]; None means all."""
        return None

    def draw(self, outputs: Array, mask: Array, width: Array, rng: np.random.Generator | None) -> tuple[Array, Array]:
        """Mean plus noise."""
        latent = outputs
        if rng is not None:
            noise = rng.standard_normal(outputs.shape, np.float32)
            latent = outputs + np.exp(width) * noise
        return latent, self.act(latent, mask)

    def width(self) -> Array:
        """Logarithm of the deviations, [size]."""
        return np.asarray(self.log_std.detach().numpy())

    @abstractmethod
    def act(self, latent: Array, mask: Array) -> Array:
        """`action` on arrays."""

    def mode(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The mean."""
        return outputs

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

    def act(self, latent: Array, mask: Array) -> Array:
        """Shares that sum to 1; a forbidden part gets exactly 0."""
        return shares(latent, any_allowed(mask))

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The same on tensors."""
        return torch.softmax(latent.masked_fill(~some_allowed(mask), FORBIDDEN), dim=-1)

    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """Log of the demand's shares (at least 1 %), around 0."""
        (demand,) = demands
        return 0.0 if demand is None else log_shares(demand)

    def towards(self, action: Array) -> Array:
        """Log of the shares (at least `LEAST_ADVICE`), around 0."""
        return around_zero(np.log(np.maximum(action, LEAST_ADVICE)))


class DirichletHead(Head):
    """Shares from a Dirichlet distribution; its mean is the softmax of the outputs over the allowed parts.

    How far samples lie from the mean is learned but does not depend on the observation. At the start it is that of a
    `SimplexHead`: with equal shares, a total concentration of size / std^2 - 1 gives the same variance to first order.
    """

    most_prior = 1.0
    LEAST = 0.05  # concentration of a part; below it, samples underflow
    SMALLEST = 1e-6  # share whose logarithm is taken

    def __init__(self, field: ActionField, initial_std: float) -> None:
        """For one action field."""
        super().__init__(field)
        self.num_outputs = self.size
        self.log_total = nn.Parameter(torch.tensor(math.log(max(self.size / initial_std**2 - 1.0, 1.0))))

    def _concentrations(self, outputs: Tensor, allowed: Tensor) -> Tensor:
        """[N, size]; 1 at forbidden parts, where it counts for nothing."""
        mean = torch.softmax(outputs.masked_fill(~allowed, FORBIDDEN), dim=-1)
        return torch.where(allowed, self.LEAST + self.log_total.exp() * mean, 1.0)

    def draw(self, outputs: Array, mask: Array, width: Array, rng: np.random.Generator | None) -> tuple[Array, Array]:
        """Normalised Gamma variates; without a generator, the mean."""
        allowed = any_allowed(mask)
        total = np.exp(width)
        parts = np.where(allowed, self.LEAST + total * shares(outputs, allowed), 1.0)
        if rng is not None:
            parts = rng.standard_gamma(parts, dtype=np.float32)
        parts = np.maximum(parts, self.SMALLEST) * allowed
        chosen = (parts / parts.sum(axis=-1, keepdims=True)).astype(np.float32)
        return chosen, chosen

    def width(self) -> Array:
        """Logarithm of the total concentration, []."""
        return self.log_total.detach().numpy()

    def mode(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """The mean."""
        allowed = some_allowed(mask)
        parts = self._concentrations(outputs, allowed) * allowed
        return parts / parts.sum(-1, keepdim=True)

    def score(self, outputs: Tensor, mask: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Density on the simplex of the allowed parts; a lone part is certain."""
        allowed = some_allowed(mask)
        alpha = self._concentrations(outputs, allowed)
        total, num = (alpha * allowed).sum(-1), allowed.sum(-1)
        log_norm = (torch.lgamma(alpha) * allowed).sum(-1) - torch.lgamma(total)
        logs = latent.clamp(min=self.SMALLEST).log()
        log_prob = ((alpha - 1) * logs * allowed).sum(-1) - log_norm
        spread = ((alpha - 1) * torch.digamma(alpha) * allowed).sum(-1)
        entropy = log_norm + (total - num) * torch.digamma(total) - spread
        return log_prob * (num > 1), entropy * (num > 1)

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The shares themselves."""
        return latent

    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """See `SimplexHead.prior`."""
        (demand,) = demands
        return 0.0 if demand is None else log_shares(demand)

    def towards(self, action: Array) -> Array:
        """See `SimplexHead.towards`."""
        return around_zero(np.log(np.maximum(action, LEAST_ADVICE)))


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

    def act(self, latent: Array, mask: Array) -> Array:
        """Half-ranges from the middle, clipped."""
        return np.asarray(self.middle.numpy() + self.reach.numpy() * np.clip(latent, -1.0, 1.0))

    def action(self, latent: Tensor, mask: Tensor) -> Tensor:
        """The same on tensors."""
        return self.middle + self.reach * latent.clamp(-1.0, 1.0)

    def prior(self, demands: Sequence[Array | None]) -> Array | float:
        """None: the middle."""
        return 0.0

    def towards(self, action: Array) -> Array:
        """In half-ranges from the middle."""
        reach = self.reach.numpy()
        offset = np.divide(action - self.middle.numpy(), reach, out=np.zeros(action.shape), where=reach > 0)
        return np.asarray(offset, dtype=np.float32)


def some_allowed(mask: Tensor) -> Tensor:
    """Boolean mask [..., C]; a row that forbids everything allows everything."""
    allowed = mask > 0
    return allowed | ~allowed.any(dim=-1, keepdim=True)


def any_allowed(mask: Array) -> Array:
    """`some_allowed` on arrays."""
    allowed = mask > 0
    return allowed if every(allowed) else allowed | ~allowed.any(axis=-1, keepdims=True)


def shares(logits: Array, allowed: Array) -> Array:
    """Softmax [..., C] over the allowed parts; exactly 0 elsewhere."""
    logits = np.where(allowed, logits, FORBIDDEN)
    parts = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(parts / parts.sum(axis=-1, keepdims=True), dtype=np.float32)


def log_shares(demand: Array) -> Array:
    """Logarithm of the shares of `demand` [..., size], each of at least 1 %, around 0."""
    demand = np.maximum(demand, 0.0)
    total = demand.sum(axis=-1, keepdims=True)
    share = np.where(total > 0, demand / np.maximum(total, TINY), 1 / demand.shape[-1])
    return around_zero(np.log(np.maximum(share, 0.01)))


def around_zero(logs: Array) -> Array:
    """`logs` [..., size] less their mean."""
    return np.asarray(logs - logs.sum(axis=-1, keepdims=True) / logs.shape[-1], dtype=np.float32)


def make_heads(fields: Sequence[ActionField], config: RoleConfig) -> list[Head]:
    """The heads of a role's action fields, in order."""
    heads: list[Head] = []
    for joint, group in itertools.groupby(fields, lambda one: one.kind == "categorical" and one.num_choices > 2):
        adjacent = tuple(group)
        heads += [CategoricalHead(*adjacent)] if joint else [make_head(field, config) for field in adjacent]
    return heads


def make_head(field: ActionField, config: RoleConfig) -> Head:
    """The head of one action field's kind."""
    if field.kind == "categorical":
        return BernoulliHead(field) if field.num_choices == 2 else CategoricalHead(field)
    if field.kind == "simplex":
        dirichlet = config.head_simplex == "dirichlet"
        return (DirichletHead if dirichlet else SimplexHead)(field, config.initial_std)
    if field.kind == "box":
        return BoxHead(field, config.initial_std)
    raise ValueError(f"action field {field.name}: kind {field.kind!r}; expected categorical, simplex or box")
