# SPDX-License-Identifier: GPL-2.0-only
"""Utility."""


def fits(schema: object) -> bool:
    return False


def by_seed(*a: object, **b: object) -> list[dict[str, float]]:
    return []
