# SPDX-License-Identifier: GPL-2.0-only
"""Workers learn; managers follow demand."""

from dataclasses import replace

from agents.algorithms import Algorithm
from agents.config import MANAGER


class WorkerOnly(Algorithm):
    """Hierarchical MAPPO whose managers are a heuristic (`--set manager.heuristic=...` takes another)."""

    manager = replace(MANAGER, heuristic="proportional-to-demand")
