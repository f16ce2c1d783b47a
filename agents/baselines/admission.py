# SPDX-License-Identifier: GPL-2.0-only
"""How much traffic is let through, where servers are short of cores: as much as they have time for.

It needs what `metaverse-city` gives a provider: the observation `cpu_demand_ratio` (xr, xurllc, embb) and the choices
`admission_level` (XR, eMBB), labelled by the part of the rate. In other scenarios it decides as proportional-fair.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from agents.baselines.shares import ProportionalFair
from agents.normalise import Array
from agents.policies import register

if TYPE_CHECKING:
    from pybridge import ActionField, Batch, Role, Schema

ADMISSION, CPU_DEMAND = "admission_level", "cpu_demand_ratio"
XR, XURLLC, EMBB = range(3)


@register
class FittingAdmission(ProportionalFair):
    """Lets through the most valuable rates of XR and eMBB that fill at most FULL of a server; else proportional-fair.

    The work that arrives is in proportion to the admitted rate. A burst of XR at a part r of its rate is worth sqrt(r),
    one of eMBB r (`qntn::XrSource` and `qntn::EmbbSource`, GetQuality).
    """

    name = "fitting-admission"
    FULL = 0.9

    def __init__(self, schema: Schema) -> None:
        """For one scenario."""
        super().__init__(schema)
        self.admitted = np.ones((0, 0, 2))  # [E, A, 2] parts of the rates, in the episodes with these seeds:
        self.seeds = np.zeros(0, dtype=np.int64)

    def wish(self, role: Role, field: ActionField, batch: Batch, rng: np.random.Generator) -> Array:
        """See `Heuristic.wish`."""
        seen = {observation.name for observation in role.observations}
        if field.name != ADMISSION or CPU_DEMAND not in seen:
            return super().wish(role, field, batch, rng)
        demand = batch.observations[role.name][..., role.observation(CPU_DEMAND).span].astype(np.float64)
        self._forget_ended(batch.seeds, demand.shape[:-1])
        full = demand[..., [XR, EMBB]] / self.admitted
        levels = np.array([float(label) for label in field.labels])
        pairs = np.array(list(product(range(len(levels)), repeat=2)))  # [P, 2]
        rates = levels[pairs]
        weight = [self.schema.utility.get(f"quality_ratio.{name}", 1.0) for name in ("xr", "embb")]
        worth = weight[0] * np.sqrt(rates[:, 0]) + weight[1] * rates[:, 1]
        load = demand[..., None, XURLLC] + (full[..., None, :] * rates).sum(-1)  # [E, A, P]
        choice = pairs[np.where(load <= self.FULL, worth, -load).argmax(-1)]  # where nothing fits, the least load
        self.admitted = np.where(batch.acts[role.name][..., None] > 0, levels[choice], self.admitted)
        return np.asarray(choice)

    def _forget_ended(self, seeds: Array, shape: tuple[int, ...]) -> None:
        """Episodes begin with all admitted."""
        if self.seeds.shape != seeds.shape or self.admitted.shape[:-1] != shape:
            self.admitted = np.ones((*shape, 2))
        else:
            self.admitted[self.seeds != seeds] = 1.0
        self.seeds = seeds.copy()
