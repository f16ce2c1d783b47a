# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical MAPPO: the run (`mappo.py`), the update (`ppo.py`), what acts (`role_policy.py`), and their parts."""
