# SPDX-License-Identifier: GPL-2.0-only
"""The curriculum: who learns when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from agents.config import ConfigError

if TYPE_CHECKING:
    from agents.config import TrainConfig
    from pybridge import Role

Part = Literal["learn", "frozen", "heuristic"]


def stage(config: TrainConfig, roles: Sequence[Role], segment: int) -> dict[str, Part]:
    """What each role does in a segment.

    `curriculum = [a, b]`: in the first part a of the run workers learn under heuristic managers, in the next part b
    managers learn above frozen workers, then both learn. A role with a heuristic of its own keeps to that.

    Raises:
        ConfigError: the parts are not two, or more than the whole.
    """
    parts: dict[str, Part] = {}
    if config.curriculum and (len(config.curriculum) != 2 or not 0 <= sum(config.curriculum) <= 1):
        raise ConfigError(f"curriculum = {list(config.curriculum)}: expected two parts of the run, such as [0.3, 0.2]")
    first, second = config.curriculum or (0.0, 0.0)
    ends = round(first * config.num_segments), round((first + second) * config.num_segments)
    for role in roles:
        manager = role.period > 1
        if config.roles[role.name].heuristic or (manager and segment < ends[0]):
            parts[role.name] = "heuristic"
        elif not manager and ends[0] <= segment < ends[1]:
            parts[role.name] = "frozen"
        else:
            parts[role.name] = "learn"
    return parts
