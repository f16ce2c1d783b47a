# SPDX-License-Identifier: GPL-2.0-only
"""How a resource is shared: by proportional fairness, by marginal utility, or by prediction over a short horizon.

They need to know what part of the resource each slice can use. A simplex whose demand is already a part of the resource
(unit "ratio") tells it; for radio cells it is estimated from what was observed: the bits that a slice got through with
the part of its quota that it used (`LoadModel`). Where neither is known they share in proportion to demand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Array
from agents.baselines.paths import LargestResidualKey
from agents.policies import register

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role, Schema
    from pybridge.schema import Value

Rng = np.random.Generator
FRAMES_PER_S = 60.0
"""Of XR video, TR 38.838 V17, clause 5.1.1."""

SAMPLE_BITS = 32 * 8.0
"""Of a short message; what `qntn::UrllcSource` sends by default."""

QUANTA = 40
"""Parts in which marginal utility hands out a resource."""


class LoadModel:
    """What a slice needs of a cell, estimated from observations of a role with queues and quotas.

    Keeps bits per second that the whole cell would carry for each slice, [E, A, size], as a moving average.
    """

    FIELDS = ("queue_bytes", "prb_use_ratio")
    MEMORY = 0.9

    def __init__(self, role: Role, field: ActionField, step_s: float) -> None:
        """For a simplex `field` of `role`; it must see FIELDS and the field's demand."""
        self.role, self.step_s = role, step_s
        self.share_span = field.span
        self.spans = [role.observation(name).span for name in (field.demand, *self.FIELDS)]
        self.queue_bytes: Array | None = None
        self.capacity_bps: Array | None = None
        self.share: Array | None = None

    @classmethod
    def fits(cls, role: Role, field: ActionField) -> bool:
        """Whether the role sees what the model needs."""
        names = {observation.name for observation in role.observations}
        return field.kind == "simplex" and bool(field.demand) and names.issuperset(cls.FIELDS)

    def observe(self, batch: Batch) -> tuple[Array, Array, Array]:
        """Offered bit/s, queue in bits, and capacity in bit/s of the whole cell, each [E, A, size].

        Episodes that have just begun keep the capacities learned before.
        """
        seen = batch.observations[self.role.name].astype(np.float64)
        offered, queue, use = (seen[..., span] for span in self.spans)
        if self.capacity_bps is None or self.capacity_bps.shape != offered.shape:
            # At first, as if the offered load just filled the cell.
            self.capacity_bps = np.broadcast_to(np.maximum(offered.sum(-1, keepdims=True), 1.0), offered.shape).copy()
        elif self.share is not None and self.queue_bytes is not None:
            used = self.share * use
            carried_bps = np.maximum(offered - (queue - self.queue_bytes) * 8 / self.step_s, 0.0)
            known = (used > 0.01) & (carried_bps > 0)
            now = np.where(known, carried_bps / np.maximum(used, 1e-9), self.capacity_bps)
            self.capacity_bps = self.MEMORY * self.capacity_bps + (1 - self.MEMORY) * now
        self.queue_bytes = queue.copy()
        return offered, queue * 8, np.maximum(self.capacity_bps, 1.0)

    def remember(self, share: Array) -> None:
        """The shares [E, A, size] that it had."""
        self.share = share.copy()


class ShareByModel(LargestResidualKey):
    """Shares by a model of the load; paths by the largest residual key; one-time pad where key is plenty."""

    PAD_FILL_RATIO = 0.5
    """Fill of a pool above which xURLLC is encrypted by one-time pad."""

    def __init__(self, schema: Schema) -> None:
        """For one scenario."""
        super().__init__(schema)
        self.schema = schema
        self.step_s = schema.step_ns * 1e-9
        self.models = {
            (role.name, field.name): LoadModel(role, field, self.step_s)
            for role in schema.roles
            for field in role.actions
            if LoadModel.fits(role, field)
        }

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        if model := self.models.get((role.name, field.name)):
            offered, queue, capacity = model.observe(batch)
            return self.divide(field, offered, queue, capacity, rng)
        if field.kind == "simplex" and field.demand and role.observation(field.demand).unit == "ratio":
            need = np.maximum(batch.observations[role.name][..., role.observation(field.demand).span], 0.0)
            ones = np.ones_like(need, dtype=np.float64)
            return self.divide(field, need.astype(np.float64), 0 * ones, ones, rng)
        if "otp_xurllc" in field.labels:
            fill = batch.observations[role.name][..., role.observation("key_fill_ratio").span]
            return np.where(fill >= self.PAD_FILL_RATIO, field.labels.index("otp_xurllc"), field.default)
        if "off" in field.labels and field.demand:
            return self.deploy(role, field, batch)
        return super().wish(role, field, batch, rng)

    def did(self, batch: Batch, actions: Mapping[str, Array]) -> None:
        """See `Heuristic.did`."""
        for (role, _), model in self.models.items():
            if role in actions:
                model.remember(actions[role][..., model.share_span])

    @abstractmethod
    def divide(
        self, field: ActionField, offered: Array, queue: Array, capacity: Array, rng: np.random.Generator
    ) -> Array:
        """Shares [E, A, size] for loads of `offered` bit/s and `queue` bits, where the whole carries `capacity`."""

    def deploy(self, role: Role, field: ActionField, batch: Batch) -> Array:
        """Relays as by proportional-to-demand."""
        demand = batch.observations[role.name][..., role.observation(field.demand).span]
        return np.where(demand > 0, field.default, 0)

    def weight(self, field: ActionField) -> Array:
        """[size] what the utility gives for a slice's quality, by the labels of the parts; 1 where it does not say."""
        return np.array([self.schema.utility.get(f"quality_ratio.{label}", 1.0) for label in labels(field)])

    def grain(self, field: ActionField, capacity: Array) -> Array:
        """Part of the resource that carries one burst within its delay budget, [..., size]: the scale of what is late.

        Budget and burst come from the scenario's parameters: `SLICE_budget_ms`; a file of `SLICE_file_bytes`, else a
        frame of video of `SLICE_rate_bps` at FRAMES_PER_S, else a short sample. A slice without a budget has a grain
        of 0.05.
        """
        params = self.schema.params
        rates = []
        for label in labels(field):
            budget_s = float(params.get(f"{label}_budget_ms", 0.0)) * 1e-3
            rates.append(_burst_bits(params, label) / budget_s if budget_s > 0 else 0.0)
        grain = np.array(rates) / capacity
        return np.where((grain > 0) & (capacity > 1.0), np.minimum(grain, 1.0), 0.05)


@register
class ProportionalFair(ShareByModel):
    """Maximises the sum of the logarithms of what each slice gets, none beyond its need: filling up to a level."""

    name = "proportional-fair"

    def divide(
        self, field: ActionField, offered: Array, queue: Array, capacity: Array, rng: np.random.Generator
    ) -> Array:
        """What is left over goes to all in proportion to their needs."""
        return fair_shares((offered + queue / self.step_s) / capacity)


@register
class GreedyMarginalUtility(ShareByModel):
    """Hands out each resource where the next part of it raises the utility most; deploys relays that pay.

    The part of a slice's bursts in time is modelled as 1 - exp(-(share - need) / grain) beyond its need, and as nothing
    below it. A relay pays if the quality that hangs on its key weighs more than its reserved price.
    """

    name = "greedy-marginal-utility"

    def divide(
        self, field: ActionField, offered: Array, queue: Array, capacity: Array, rng: np.random.Generator
    ) -> Array:
        """Hands out QUANTA parts by the best gain per part, looking ahead over any number of parts."""
        need = (offered + queue / self.step_s) / capacity
        weight = np.where(offered > 0, self.weight(field), 0.0)
        levels = np.arange(QUANTA + 1) / QUANTA
        beyond = np.maximum(levels - need[..., None], 0.0)
        value = weight[..., None] * -np.expm1(-beyond / self.grain(field, capacity)[..., None])
        return hand_out(value)

    def deploy(self, role: Role, field: ActionField, batch: Batch) -> Array:
        """The default state where it pays, else off."""
        names = {observation.name for observation in role.observations}
        price_per_s = next((name for name in names if name.startswith("reserved_price")), "")
        if not price_per_s or "key_demand_bps" not in names:
            return super().deploy(role, field, batch)
        seen = batch.observations[role.name].astype(np.float64)
        demand, price, asked = (
            seen[..., role.observation(name).span] for name in (field.demand, price_per_s, "key_demand_bps")
        )
        quality = sum(weight for name, weight in self.schema.utility.items() if name.startswith("quality_ratio"))
        gain = quality * demand / np.maximum(asked.sum(-1, keepdims=True), 1.0)
        weight = sum(weight for name, weight in self.schema.utility.items() if name.startswith("deployment_cost"))
        return np.where(gain > -weight * price * self.step_s, field.default, field.labels.index("off"))


@register
class ModelPredictive(GreedyMarginalUtility):
    """Tries shares on a fluid model of the queues over the next steps and takes the best.

    Candidates are the heuristics' shares and random ones; within the horizon load, capacities and shares stay.
    """

    name = "model-predictive"
    HORIZON = 5
    CANDIDATES = 48

    def divide(
        self, field: ActionField, offered: Array, queue: Array, capacity: Array, rng: np.random.Generator
    ) -> Array:
        """The candidate with the least predicted loss of utility."""
        fair = fair_shares((offered + queue / self.step_s) / capacity)
        greedy = super().divide(field, offered, queue, capacity, rng)
        towards = rng.dirichlet(np.ones(field.size), size=(self.CANDIDATES, *offered.shape[:-1]))
        near = rng.uniform(0, 0.5, size=(self.CANDIDATES, *offered.shape[:-1], 1))
        centre = np.where(np.arange(self.CANDIDATES).reshape(-1, *[1] * offered.ndim) % 2, fair, greedy)
        candidates = np.concatenate([fair[None], greedy[None], (1 - near) * centre + near * towards])
        loss = self.predict(field, candidates, offered, queue, capacity)
        best = loss.argmin(axis=0)
        return np.asarray(np.take_along_axis(candidates, best[None, ..., None], axis=0)[0])

    def predict(self, field: ActionField, share: Array, offered: Array, queue: Array, capacity: Array) -> Array:
        """Weighted part of the bursts that come late, summed over the horizon, [K, E, A] for shares [K, E, A, size]."""
        weight = np.where(offered > 0, self.weight(field), 0.0)
        grain = self.grain(field, capacity)
        waiting = np.broadcast_to(queue, share.shape).astype(np.float64)
        loss = np.zeros(share.shape[:-1])
        for _ in range(self.HORIZON):
            work = waiting + offered * self.step_s
            done = np.minimum(work, share * capacity * self.step_s)
            waiting = work - done
            spare = share - (offered + waiting / self.step_s) / capacity
            late = np.where(spare > 0, np.exp(-np.maximum(spare, 0.0) / grain), 1.0)
            loss += (weight * late).sum(-1)
        return loss


def _burst_bits(params: Mapping[str, Value], label: str) -> float:
    """What a slice sends at once."""
    if file_bytes := params.get(f"{label}_file_bytes"):
        return float(file_bytes) * 8
    if rate_bps := params.get(f"{label}_rate_bps"):
        return float(rate_bps) / FRAMES_PER_S
    return SAMPLE_BITS


def labels(field: ActionField) -> tuple[str, ...]:
    """Names of a field's parts, or empty ones."""
    return field.labels if len(field.labels) == field.size else ("",) * field.size


def fair_shares(need: Array) -> Array:
    """`fill_up`, and what is left over in proportion to the needs."""
    share = fill_up(need)
    left = 1 - share.sum(-1, keepdims=True)
    weight = need + 1e-9
    return np.asarray(share + left * weight / weight.sum(-1, keepdims=True))


def fill_up(need: Array) -> Array:
    """The shares [..., size] of a resource of 1 that are all equal but for those whose need is less: max-min fairness.

    For the sum of logarithms capped by needs this is the optimum (Kelly, Maulloo and Tan 1998, for one resource).
    """
    need = np.maximum(need, 0.0)
    order = np.sort(need, axis=-1)
    size = need.shape[-1]
    before = order.cumsum(axis=-1) - order
    level = (1 - before) / np.arange(size, 0, -1)  # if all from here on were limited by it; from there on it falls
    return np.asarray(np.minimum(need, np.maximum(level.max(axis=-1, keepdims=True), 0.0)))


def hand_out(value: Array) -> Array:
    """Shares [..., size] from the value of 0, 1, .. Q parts for each, [..., size, Q + 1].

    At each turn the run of parts with the highest mean gain is given, so that a value which begins flat is not missed.
    What is worth nothing to anybody is shared equally.
    """
    num_parts = value.shape[-1] - 1
    flat = value.reshape(-1, *value.shape[-2:])
    given = np.zeros(flat.shape[:2], dtype=np.int64)
    for row, curves in enumerate(flat):
        left = num_parts
        while left > 0:
            best, who, how_many = 1e-12, -1, 0
            for part, curve in enumerate(curves):
                at = given[row, part]
                gains = (curve[at + 1 : at + 1 + left] - curve[at]) / np.arange(1, min(left, num_parts - at) + 1)
                if gains.size and gains.max() > best:
                    best, who, how_many = float(gains.max()), part, int(gains.argmax()) + 1
            if who < 0:
                break
            given[row, who] += how_many
            left -= how_many
    share = given / num_parts
    share += (1 - share.sum(-1, keepdims=True)) / share.shape[-1]
    return np.asarray(share.reshape(value.shape[:-1]))
