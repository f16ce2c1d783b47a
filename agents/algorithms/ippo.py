# SPDX-License-Identifier: GPL-2.0-only
"""Independent PPO (de Witt et al., 2020): critics see what their agent sees, and nothing else."""

from dataclasses import replace

from agents.algorithms import Algorithm
from agents.config import MANAGER, WORKER


class Ippo(Algorithm):
    """Hierarchical MAPPO without centralised critics."""

    worker = replace(WORKER, centralised=False)
    manager = replace(MANAGER, centralised=False)
