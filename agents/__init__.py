# SPDX-License-Identifier: GPL-2.0-only
"""Hierarchical multi-agent PPO for qntn: learner, baselines, evaluation, reports and the `qntn` command.

Managers decide once an epoch, workers at every step; `learner/mappo.py` holds the algorithm and reads top to bottom.
Importing this package does not import torch.
"""
