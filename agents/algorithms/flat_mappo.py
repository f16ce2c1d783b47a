# SPDX-License-Identifier: GPL-2.0-only
"""Flat MAPPO: what is left when nobody knows that there are two time scales.

Scenarios take a manager's action once an epoch whatever the algorithm, so a manager still decides then. But it learns
like everybody else: all settings are those of a worker, of the scenario's and the user's too; one decision is one step,
whose reward is the plain sum over the epoch and whose future is discounted by gamma once. Workers are told neither how
much of an epoch has passed nor what was decided for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.algorithms import Algorithm, Level
from agents.config import WORKER

if TYPE_CHECKING:
    from pybridge import Role


class FlatMappo(Algorithm):
    """One set of settings, no semi-Markov discount, no view of epochs and managers."""

    worker = replace(WORKER, phases=False, decisions=False, semi_markov=False)

    def level(self, role: Role) -> Level:
        """There is one."""
        return "worker"
