# SPDX-License-Identifier: GPL-2.0-only
"""The simulators of a vector of environments, and the exchange of one step with all of them.

Two ways lead there, `ShmFleet` and `ZmqFleet`; what a step returns is the same, byte for byte.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.errors import ProtocolError
from pybridge.layout import Layout, StateArrays
from pybridge.schema import Schema
from pybridge.simulator import Simulator

RUNNING, TERMINATED, TRUNCATED = wire.RUNNING, wire.TERMINATED, wire.TRUNCATED

_SPIN_S = 100e-6


class Fleet(Protocol):
    """Simulators in numbered places, and the arrays that they share with Python.

    Attributes:
        state: the arrays that the simulators wrote last; they are written again in the step after next.
        actions: by role, [E, A, action size]; written by the caller before `exchange`.
    """

    state: StateArrays
    actions: dict[str, np.ndarray]

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """A simulator that has said Hello takes a place; waits for its first state."""

    def exchange(self, timeout_s: float) -> None:
        """Hands the actions to all simulators and waits for their states."""

    def status(self, env: int) -> int:
        """RUNNING, TERMINATED or TRUNCATED."""

    def time_ns(self, env: int) -> int:
        """Simulated time of the state."""

    def close(self) -> None:
        """No simulator is seated any more; the arrays stay readable."""


class ShmFleet:
    """All environments in one memory file; a step costs two stores and a wait for each simulator."""

    def __init__(self, schema: Schema, num_envs: int, spin_s: float | None = None) -> None:
        self._layout = Layout(schema, num_envs)
        self._exchange = _core.Exchange(num_envs, self._layout.memory_bytes)
        memory = self._exchange.memory
        self._states = [
            self._layout.state_arrays(memory[start : start + self._layout.state_bytes]) for start in self._layout.state
        ]
        self._buffer = 0
        self.state = self._states[0]
        self.actions = self._layout.action_arrays(memory[self._layout.action :])
        self._simulators: list[Simulator | None] = [None] * num_envs
        self._envs = list(range(num_envs))
        self._spin_s = default_spin_s(num_envs) if spin_s is None else spin_s

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """See `Fleet.seat`."""
        channel = simulator.channel
        self._exchange.seat(env, channel.fileno(), self._buffer)  # type: ignore[attr-defined]
        self._simulators[env] = simulator
        start = self._layout.start(env, in_memory=True, spin_s=self._spin_s)
        simulator.start(start, self._exchange.descriptor)
        if self._exchange.wait(env, timeout_s, self._spin_s) != _core.Outcome.READY:
            simulator.explain_silence(timeout_s)

    def exchange(self, timeout_s: float) -> None:
        """See `Fleet.exchange`."""
        self._buffer ^= 1
        failed = self._exchange.step(self._envs, self._buffer, timeout_s, self._spin_s)
        if failed is not None:
            simulator = self._simulators[failed[0]]
            assert simulator is not None
            simulator.explain_silence(timeout_s)
        self.state = self._states[self._buffer]

    def status(self, env: int) -> int:
        """See `Fleet.status`."""
        return self._exchange.status(env)

    def time_ns(self, env: int) -> int:
        """See `Fleet.time_ns`."""
        return self._exchange.time_ns(env)

    def close(self) -> None:
        """See `Fleet.close`."""
        self._exchange.close_file()


class ZmqFleet:
    """The same arrays in Python's own memory, filled from one message a step and simulator."""

    def __init__(self, schema: Schema, num_envs: int) -> None:
        layout = Layout(schema, num_envs)
        self._row = Layout(schema, 1)
        self._states = [layout.state_arrays(np.zeros(layout.state_bytes, np.uint8)) for _ in range(2)]
        self._buffer = 0
        self.state = self._states[0]
        self.actions = layout.action_arrays(np.zeros(layout.action_bytes, np.uint8))
        self._row_actions_block = np.zeros(self._row.action_bytes, np.uint8)
        self._row_actions = self._row.action_arrays(self._row_actions_block)
        self._simulators: list[Simulator | None] = [None] * num_envs
        self._sequence = [0] * num_envs
        self._status: list[int] = [RUNNING] * num_envs
        self._time_ns = [0] * num_envs

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """See `Fleet.seat`."""
        self._simulators[env] = simulator
        self._sequence[env] = 0
        simulator.start(self._row.start(0, in_memory=False, spin_s=0.0), None)
        self._take(env, simulator.state(timeout_s))

    def exchange(self, timeout_s: float) -> None:
        """See `Fleet.exchange`."""
        self._buffer ^= 1
        self.state = self._states[self._buffer]
        for env, simulator in self._seated():
            for role, actions in self.actions.items():
                self._row_actions[role][0] = actions[env]
            simulator.exchange(
                wire.Action(sequence=self._sequence[env], command=wire.STEP, block=self._row_actions_block.tobytes())
            )
            self._sequence[env] += 1
        deadline = time.monotonic() + timeout_s
        for env, simulator in self._seated():
            self._take(env, simulator.state(max(0.0, deadline - time.monotonic())))

    def status(self, env: int) -> int:
        """See `Fleet.status`."""
        return self._status[env]

    def time_ns(self, env: int) -> int:
        """See `Fleet.time_ns`."""
        return self._time_ns[env]

    def close(self) -> None:
        """See `Fleet.close`."""

    def _seated(self) -> Sequence[tuple[int, Simulator]]:
        return [(env, simulator) for env, simulator in enumerate(self._simulators) if simulator is not None]

    def _take(self, env: int, message: wire.State) -> None:
        if len(message.block) != self._row.state_bytes or message.sequence != self._sequence[env]:
            raise ProtocolError(
                f"expected state {self._sequence[env]} in {self._row.state_bytes} bytes, found state "
                f"{message.sequence} in {len(message.block)} bytes"
            )
        if message.status not in (RUNNING, TERMINATED, TRUNCATED):
            raise ProtocolError(f"state {message.sequence} has the unknown status {message.status}")
        row = self._row.state_arrays(np.frombuffer(message.block, np.uint8))
        for name, arrays in self.state.roles.items():
            arrays.observations[env] = row.roles[name].observations[0]
            arrays.masks[env] = row.roles[name].masks[0]
            arrays.acts[env] = row.roles[name].acts[0] != 0
            arrays.present[env] = row.roles[name].present[0] != 0
            arrays.terms[env] = row.roles[name].terms[0]
        self.state.metrics[env] = row.metrics[0]
        self._status[env] = message.status
        self._time_ns[env] = message.time_ns


def default_spin_s(num_envs: int) -> float:
    """Spin only while the simulators and Python fit the cores; waking a sleeper costs a few us more."""
    cores = len(os.sched_getaffinity(0))
    return _SPIN_S if num_envs + 1 <= cores else 0.0
