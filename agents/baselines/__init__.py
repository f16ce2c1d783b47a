# SPDX-License-Identifier: GPL-2.0-only
"""Heuristics that learned policies are compared with. Every file here is read: a new one needs no other change."""
