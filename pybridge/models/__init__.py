# SPDX-License-Identifier: GPL-2.0-only
"""The formulas of the simulation itself: what a notebook computes here is what the simulator uses.

Each function is the compiled one of `ns3-scratch`, where its source, clause and limits stand. What a
formula does not define raises `ValueError`.
"""

from pybridge.models import orbit, qkd, ran

__all__ = ["orbit", "qkd", "ran"]
