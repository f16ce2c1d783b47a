# SPDX-License-Identifier: GPL-2.0-only
"""Sampling, here or on a cluster: an `EnvRunner` answers an order with a fragment, wherever it is (`backends.py`)."""
