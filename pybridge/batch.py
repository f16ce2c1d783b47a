# SPDX-License-Identifier: GPL-2.0-only
"""What all environments of a vector tell after a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Batch:
    """What all environments tell after a step or a reset. E environments, A agents of a role.

    Unless copies were asked for, all arrays are views into memory that is written again in the step
    after next: what a step returned stays as it is while the next one runs, and until that one has
    returned. Copy what you keep longer, or want to change: simulators build their next state on these arrays.

    Where an episode has ended (`terminated | truncated`) they already show the first state of the next
    one; `final_observations` holds the last state of the old one, and `terms`, `rewards` and `metrics`
    are still of its last step.

    Attributes:
        observations: [E, A, D] float32 by role.
        action_masks: [E, A, M] uint8 by role, 1 where allowed.
        acts: [E, A] uint8 by role, 1 for the agents that decide now.
        present: [E, A] uint8 by role, 0 for the agents that are absent.
        terms: [E, A, T] float64 by role, of the step just ended.
        rewards: [E, A] float64 by role, terms times the role's reward weights.
        metrics: [E, metrics] float64, of the step just ended.
        terminated, truncated: [E] bool.
        time_s: [E] float64 simulated time.
        seeds: [E] int64 of the episodes shown.
        final_observations: by role, environment -> [A, D].
    """

    observations: dict[str, npt.NDArray[np.float32]]
    action_masks: dict[str, npt.NDArray[np.uint8]]
    acts: dict[str, npt.NDArray[np.uint8]]
    present: dict[str, npt.NDArray[np.uint8]]
    terms: dict[str, npt.NDArray[np.float64]]
    rewards: dict[str, npt.NDArray[np.float64]]
    metrics: npt.NDArray[np.float64]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    time_s: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]
    final_observations: dict[str, dict[int, npt.NDArray[np.float32]]]

    def copy(self) -> Batch:
        """The same in memory of its own."""
        return Batch(
            observations={role: array.copy() for role, array in self.observations.items()},
            action_masks={role: array.copy() for role, array in self.action_masks.items()},
            acts={role: array.copy() for role, array in self.acts.items()},
            present={role: array.copy() for role, array in self.present.items()},
            terms={role: array.copy() for role, array in self.terms.items()},
            rewards={role: array.copy() for role, array in self.rewards.items()},
            metrics=self.metrics.copy(),
            terminated=self.terminated.copy(),
            truncated=self.truncated.copy(),
            time_s=self.time_s.copy(),
            seeds=self.seeds.copy(),
            final_observations=self.final_observations,
        )
