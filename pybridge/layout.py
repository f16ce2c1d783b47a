# SPDX-License-Identifier: GPL-2.0-only
"""Where the arrays of a vector of environments lie in one block of memory.

    control blocks [E, 2] | state blocks 0 and 1 | first states, seats 0 and 1 | action block

A state block holds all that simulators write in a step, the action block all that Python writes; each
array is contiguous over environments. Simulators write state blocks 0 and 1 in turn, so that the state
before the last one stays readable. Each environment has two seats: the simulator of the next episode
waits on the one, with a control block and a block for its first state of its own, while that of the
present episode runs on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.schema import Schema

_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class RoleArrays:
    """The arrays of one role in one state block: all a simulator tells it in a step."""

    observations: npt.NDArray[np.float32]  # [E, A, D]
    masks: npt.NDArray[np.uint8]  # [E, A, M]
    acts: npt.NDArray[np.uint8]  # [E, A]
    present: npt.NDArray[np.uint8]  # [E, A]
    terms: npt.NDArray[np.float64]  # [E, A, T]


@dataclass(frozen=True, slots=True)
class StateArrays:
    """A state block as arrays."""

    roles: dict[str, RoleArrays]
    metrics: npt.NDArray[np.float64]  # [E, metrics]


def copy_row(source: StateArrays, target: StateArrays, source_env: int, target_env: int) -> None:
    """Copies all that one environment tells from one state block to another."""
    for name, arrays in target.roles.items():
        row = source.roles[name]
        arrays.observations[target_env] = row.observations[source_env]
        arrays.masks[target_env] = row.masks[source_env]
        arrays.acts[target_env] = row.acts[source_env] != 0
        arrays.present[target_env] = row.present[source_env] != 0
        arrays.terms[target_env] = row.terms[source_env]
    target.metrics[target_env] = source.metrics[source_env]


class Layout:
    """Byte offsets of every array for `num_envs` environments of a schema."""

    def __init__(self, schema: Schema, num_envs: int) -> None:
        self.schema = schema
        self.num_envs = num_envs
        self._offsets: dict[tuple[str, str], int] = {}
        self._end = 0
        for role in schema.everyone:
            agents = num_envs * role.num_agents
            self._place(role.name, "observations", agents * role.observation_size * 4)
            self._place(role.name, "masks", agents * role.mask_size)
            self._place(role.name, "acts", agents)
            self._place(role.name, "present", agents)
            self._place(role.name, "terms", agents * len(role.terms) * 8)
        self._place("", "metrics", num_envs * len(schema.metrics) * 8)
        self.state_bytes = self._align()
        self._end = 0
        for role in schema.everyone:
            self._place(role.name, "actions", num_envs * role.num_agents * role.action_size * 4)
        self.action_bytes = self._align()

        first = num_envs * _core.SEATS * _core.CONTROL_BLOCK_BYTES
        self.state = tuple(first + block * self.state_bytes for block in range(_core.STATE_BLOCKS))
        self.action = first + _core.STATE_BLOCKS * self.state_bytes
        self.memory_bytes = self.action + self.action_bytes

    def _align(self) -> int:
        self._end = -(-self._end // _ALIGNMENT) * _ALIGNMENT
        return self._end

    def _place(self, role: str, array: str, num_bytes: int) -> None:
        self._offsets[role, array] = self._align()
        self._end += num_bytes

    def state_arrays(self, block: npt.NDArray[np.uint8]) -> StateArrays:
        """Views into a state block, given as its bytes."""
        envs = self.num_envs
        view = _viewer(block)
        return StateArrays(
            roles={
                role.name: RoleArrays(
                    view(
                        self._offsets[role.name, "observations"],
                        np.float32,
                        (envs, role.num_agents, role.observation_size),
                    ),
                    view(self._offsets[role.name, "masks"], np.uint8, (envs, role.num_agents, role.mask_size)),
                    view(self._offsets[role.name, "acts"], np.uint8, (envs, role.num_agents)),
                    view(self._offsets[role.name, "present"], np.uint8, (envs, role.num_agents)),
                    view(self._offsets[role.name, "terms"], np.float64, (envs, role.num_agents, len(role.terms))),
                )
                for role in self.schema.everyone
            },
            metrics=view(self._offsets["", "metrics"], np.float64, (envs, len(self.schema.metrics))),
        )

    def action_arrays(self, block: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """Views [E, A, action size] into an action block, by role."""
        view = _viewer(block)
        return {
            role.name: view(
                self._offsets[role.name, "actions"], np.float32, (self.num_envs, role.num_agents, role.action_size)
            )
            for role in self.schema.everyone
        }

    def start(self, env: int, *, control: int | None = None, spin_ns: int = 0, yield_ns: int = 0) -> wire.Start:
        """The Start message for a simulator of environment `env`.

        Args:
            control: offset of its control block in shared memory; None without shared memory.
            spin_ns, yield_ns: how long its waits stay awake.
        """
        in_memory = control is not None
        start = wire.Start(
            memory_bytes=self.memory_bytes if in_memory else 0,
            control=control or 0,
            state=self.state if in_memory else (0,),
            state_bytes=self.state_bytes,
            action=self.action if in_memory else 0,
            action_bytes=self.action_bytes,
            metrics=self._offsets["", "metrics"] + env * len(self.schema.metrics) * 8,
            spin_ns=spin_ns,
            yield_ns=yield_ns,
        )
        for role in self.schema.everyone:
            row = env * role.num_agents
            start.roles.add(
                observations=self._offsets[role.name, "observations"] + row * role.observation_size * 4,
                masks=self._offsets[role.name, "masks"] + row * role.mask_size,
                acts=self._offsets[role.name, "acts"] + row,
                present=self._offsets[role.name, "present"] + row,
                terms=self._offsets[role.name, "terms"] + row * len(role.terms) * 8,
                actions=self._offsets[role.name, "actions"] + row * role.action_size * 4,
            )
        return start


def _viewer(block: npt.NDArray[np.uint8]) -> Callable[[int, Any, tuple[int, ...]], npt.NDArray[Any]]:
    def view(offset: int, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.ndarray(shape, dtype, block[offset : offset + num_bytes].data)

    return view
