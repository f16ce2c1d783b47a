# SPDX-License-Identifier: GPL-2.0-only
"""HAPPO (Kuba et al., 2022): agents learn one after the other, each knowing what those before it have become.

Agents come in random order, role by role. Whoever follows has its advantages weighted by M = prod pi_new / pi_old of
the decisions that were made beside its own, over the agents that have learned already. Roles that decided at the same
times share M; managers and workers, or managers of different periods, do not, since their decisions do not pair.
Agents of a role share parameters as elsewhere, so a later agent begins where the earlier one left the network; its own
ratio is against the policy that decided.
"""

from typing import Any

import numpy as np
import torch

from agents.algorithms import Algorithm
from agents.arrays import Array
from agents.learner.buffers import Decisions


class Happo(Algorithm):
    """Sequential updates with the compounding factor."""

    def update(
        self,
        learners: dict[str, Any],
        ready: dict[str, Decisions],
        lr_ratio: float,
        generator: torch.Generator,
    ) -> dict[str, dict[str, float]]:
        """See `Algorithm.update`; figures are means over the agents of a role."""
        figures: dict[str, list[dict[str, float]]] = {}
        factors: dict[tuple[Any, ...], Array] = {}  # by when decisions were made
        roles = list(ready)
        for index in torch.randperm(len(roles), generator=generator).tolist():
            name = roles[index]
            data, learner = ready[name], learners[name]
            targets = learner.targets(data)
            factor = factors.setdefault(_times(learner.role.period, data), np.ones(data.valid.shape))
            num_agents = data.active.shape[2]
            for agent in torch.randperm(num_agents, generator=generator).tolist():
                alone = np.arange(num_agents) == agent
                if not data.active[:, :, agent].any():
                    continue
                learned = learner.improve(data, targets, lr_ratio, factor=factor, agents=alone)
                figures.setdefault(name, []).append(learned)
                factor *= learner.ratios(data)[:, :, agent]
        return {
            name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for name, rows in figures.items()
        }


def _times(period: int, data: Decisions) -> tuple[Any, ...]:
    """Equal for roles whose decisions pair: they act at the same times, and the network was in the same states."""
    return period, data.valid.shape, data.valid.tobytes(), data.state[data.valid].tobytes()
