# SPDX-License-Identifier: GPL-2.0-only
"""Flat MAPPO: what is left when nobody knows that there are two time scales.

Scenarios take a manager's action once an epoch whatever the algorithm, so a manager still decides then. But it learns
like everybody else: with the settings of a worker, one decision is one step, whose reward is the plain sum over the
epoch and whose future is discounted by gamma once. Workers are not told how much of an epoch has passed.
"""

from dataclasses import replace

from agents.algorithms import Algorithm
from agents.config import WORKER


class FlatMappo(Algorithm):
    """One set of settings, no semi-Markov discount, no phases."""

    worker = replace(WORKER, phases=False)
    manager = replace(WORKER, semi_markov=False)
