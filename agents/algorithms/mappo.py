# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical MAPPO, the default: multi-agent PPO (Yu et al., 2022) on two time scales."""

from agents.algorithms import Algorithm


class Mappo(Algorithm):
    """Nothing is different."""
