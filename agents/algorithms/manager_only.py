# SPDX-License-Identifier: GPL-2.0-only
"""Managers learn; workers follow demand."""

from dataclasses import replace

from agents.algorithms import Algorithm
from agents.config import WORKER


class ManagerOnly(Algorithm):
    """Hierarchical MAPPO whose workers are a heuristic (`--set worker.heuristic=...` takes another)."""

    worker = replace(WORKER, heuristic="proportional-to-demand")
