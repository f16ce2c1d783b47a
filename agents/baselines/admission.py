# SPDX-License-Identifier: GPL-2.0-only
"""How much traffic is let through, where servers are short of cores: as much as they have time for.

It needs what `metaverse-city` gives a provider: the observation `cpu_demand_ratio` (xr, xurllc, embb), the choices
`admission_level` (XR, eMBB), labelled by the part of the rate, and the shares `cpu_share_ratio`. In other scenarios it
decides as proportional-fair.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Array
from agents.baselines.shares import ProportionalFair, fair_shares
from agents.policies import register

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role, Schema

ADMISSION, CPU_SHARE, CPU_DEMAND = "admission_level", "cpu_share_ratio", "cpu_demand_ratio"
XR, XURLLC, EMBB = range(3)


@register
class FittingAdmission(ProportionalFair):
    """Lets through the most valuable rates of XR and eMBB that fill a server, and shares its cores by what they need.

    The work that arrives is in proportion to the admitted rate. A burst of XR at a part r of its rate is worth sqrt(r),
    one of eMBB r (`qntn::XrSource` and `qntn::EmbbSource`, GetQuality). All else is as proportional-fair decides.
    """

    name = "fitting-admission"
    FULL = 1.05
    """Work of a full server, in parts of its time. The estimate is of a mean, and queues and budgets bear a little more
    for a while. Of 1, 1.05 and 1.1, on metaverse-city with half of the cores, 1.05 was best (seeds from 500000)."""

    def __init__(self, schema: Schema) -> None:
        """For one scenario."""
        super().__init__(schema)
        self.admitted = np.ones((0, 0, 2))  # [E, A, 2] parts of the rates, in the episodes with these seeds:
        self.seeds = np.zeros(0, dtype=np.int64)

    def did(self, batch: Batch, actions: Mapping[str, Array]) -> None:
        """See `Heuristic.did`; what was admitted is remembered."""
        super().did(batch, actions)
        for role in self.roles:
            admission = _admission(role)
            if admission is not None and role.name in actions:
                choice = actions[role.name][..., admission.span].astype(np.int64)
                acts = batch.acts[role.name][..., None] > 0
                self.admitted = np.where(acts, _levels(admission)[choice], self.admitted)

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        admission = _admission(role)
        if admission is None or field.name not in (ADMISSION, CPU_SHARE):
            return super().wish(role, field, batch, rng)
        demand = batch.observations[role.name][..., role.observation(CPU_DEMAND).span].astype(np.float64)
        self._forget_ended(batch.seeds, demand.shape[:-1])
        full = demand[..., [XR, EMBB]] / self.admitted
        choice = self._fitting(full, demand[..., XURLLC], _levels(admission))
        if field.name == ADMISSION:
            return choice
        need = demand.copy()
        need[..., [XR, EMBB]] = full * _levels(admission)[choice]
        return fair_shares(need)

    def _fitting(self, full: Array, rest: Array, levels: Array) -> Array:
        """Choices [E, A, 2] for the work of XR and eMBB at their full rates [E, A, 2] beside the rest [E, A]."""
        pairs = np.array(list(product(range(len(levels)), repeat=2)))  # [P, 2]
        rates = levels[pairs]
        weight = [self.schema.utility.get(f"quality_ratio.{name}", 1.0) for name in ("xr", "embb")]
        worth = weight[0] * np.sqrt(rates[:, 0]) + weight[1] * rates[:, 1]
        load = rest[..., None] + (full[..., None, :] * rates).sum(-1)  # [E, A, P]
        best = np.where(load <= self.FULL, worth, -load).argmax(-1)  # where nothing fits, the least load
        return np.asarray(pairs[best])

    def _forget_ended(self, seeds: Array, shape: tuple[int, ...]) -> None:
        """Episodes begin with all admitted."""
        if self.seeds.shape != seeds.shape or self.admitted.shape[:-1] != shape:
            self.admitted = np.ones((*shape, 2))
        else:
            self.admitted[self.seeds != seeds] = 1.0
        self.seeds = seeds.copy()


def _admission(role: Role) -> ActionField | None:
    """The field of a role that admits and sees what it needs to know for that."""
    if all(observation.name != CPU_DEMAND for observation in role.observations):
        return None
    return next((field for field in role.actions if field.name == ADMISSION), None)


def _levels(admission: ActionField) -> Array:
    """Parts of the rate that can be let through, by choice."""
    return np.array([float(label) for label in admission.labels])
