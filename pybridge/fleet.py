# SPDX-License-Identifier: GPL-2.0-only
"""The simulators of a vector of environments, and the exchange of one step with all of them.

Two ways lead there, `ShmFleet` and `MessageFleet`; what a step returns is the same, byte for byte.
"""

from __future__ import annotations

import time
from typing import NoReturn, Protocol

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge import _core
from pybridge.errors import ProtocolError
from pybridge.layout import Layout, StateArrays, copy_row
from pybridge.schema import Schema
from pybridge.simulator import Simulator
from pybridge.waiting import Patience

BLOCKS = 2  # between which states alternate


class Summary:
    """How the episodes stand: one entry for each environment, as the simulators said last.

    Attributes:
        terminated, truncated: [E] bool.
        time_s: [E] float64 simulated time.
    """

    def __init__(self, num_envs: int) -> None:
        self.terminated = np.zeros(num_envs, np.bool_)
        self.truncated = np.zeros(num_envs, np.bool_)
        self.time_s = np.zeros(num_envs)


class Fleet(Protocol):
    """Simulators in numbered places, and the arrays that they share with Python.

    Attributes:
        states: two blocks that the simulators write in turn.
        buffer: which of them they write, or wrote last.
        summaries: for each of the blocks.
        actions: by role, [E, A, action size]; written by the caller before `post`.
    """

    states: list[StateArrays]
    buffer: int
    summaries: list[Summary]
    actions: dict[str, npt.NDArray[np.float32]]

    def prepare(self, env: int, simulator: Simulator) -> None:
        """A simulator may build its first state, while the one before it goes on; does not wait."""

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """The prepared simulator takes its place; its first state shows in the present block."""

    def post(self) -> None:
        """Hands the actions to all simulators; their states will show in the other block."""

    def collect(self, timeout_s: float) -> None:
        """Waits for the states that answer `post`."""

    def exchange(self, timeout_s: float) -> None:
        """`post` and `collect` in one."""

    def read(self, path: _core.StepPath) -> bool:
        """Brings the present block's summary up to date; whether an episode has ended."""

    def close(self) -> None:
        """No simulator is seated any more; the arrays stay readable."""


class ShmFleet:
    """All environments in one memory file; a step costs two stores and a wait for each simulator."""

    def __init__(self, schema: Schema, num_envs: int, patience: Patience) -> None:
        self._layout = Layout(schema, num_envs)
        self._patience = patience
        self._exchange = _core.Exchange(
            num_envs, self._layout.memory_bytes, spin_ns=patience.spin_ns, yield_ns=patience.yield_ns
        )
        memory = self._exchange.memory
        self._blocks = [
            self._layout.state_arrays(memory[start : start + self._layout.state_bytes]) for start in self._layout.state
        ]
        self.states = self._blocks[:BLOCKS]
        self.buffer = 0
        self.summaries = [Summary(num_envs) for _ in range(BLOCKS)]
        self.actions = self._layout.action_arrays(memory[self._layout.action :])
        self._simulators: list[Simulator | None] = [None] * num_envs

    def prepare(self, env: int, simulator: Simulator) -> None:
        """See `Fleet.prepare`."""
        control = self._exchange.prepare(env, simulator.channel.fileno())  # type: ignore[attr-defined]
        start = self._layout.start(
            env, control=control, spin_ns=self._patience.spin_ns, yield_ns=self._patience.yield_ns
        )
        simulator.start(start, self._exchange.descriptor)

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """See `Fleet.seat`."""
        if self._exchange.await_first(env, timeout_s) != _core.Outcome.READY:
            simulator.explain_silence(timeout_s)
        first = self._blocks[self._exchange.seat(env)]
        copy_row(first, self.states[self.buffer], env, env)
        self._simulators[env] = simulator

    def post(self) -> None:
        """See `Fleet.post`."""
        self.buffer ^= 1
        self._exchange.post(self.buffer)

    def collect(self, timeout_s: float) -> None:
        """See `Fleet.collect`."""
        failed = self._exchange.wait(timeout_s)
        if failed is not None:
            self._explain(failed, timeout_s)

    def exchange(self, timeout_s: float) -> None:
        """See `Fleet.exchange`."""
        self.buffer ^= 1
        failed = self._exchange.step(self.buffer, timeout_s)
        if failed is not None:
            self._explain(failed, timeout_s)

    def read(self, path: _core.StepPath) -> bool:
        """See `Fleet.read`."""
        return path.read(self._exchange, self.buffer)

    def close(self) -> None:
        """See `Fleet.close`."""
        self._exchange.close_file()

    def _explain(self, env: int, timeout_s: float) -> NoReturn:
        simulator = self._simulators[env]
        assert simulator is not None
        simulator.explain_silence(timeout_s)


class MessageFleet:
    """The same arrays in Python's own memory, filled from one message a step and simulator."""

    def __init__(self, schema: Schema, num_envs: int, patience: Patience) -> None:
        self._patience = patience
        layout = Layout(schema, num_envs)
        self._row = Layout(schema, 1)
        state_blocks = [np.zeros(layout.state_bytes, np.uint8) for _ in range(BLOCKS)]
        self.states = [layout.state_arrays(block) for block in state_blocks]
        self._whole = state_blocks if num_envs == 1 else []  # a row is all there is
        self._flags = [
            [
                (flags, flags.view(np.bool_))
                for arrays in block.roles.values()
                for flags in (arrays.acts, arrays.present)
            ]
            for block in self.states
        ]
        self._scratch = np.zeros(self._row.state_bytes, np.uint8)
        self._scratch_row = self._row.state_arrays(self._scratch)
        self.buffer = 0
        self.summaries = [Summary(num_envs) for _ in range(BLOCKS)]
        action_block = np.zeros(layout.action_bytes, np.uint8)
        self.actions = layout.action_arrays(action_block)
        self._row_actions_block = action_block if num_envs == 1 else np.zeros(self._row.action_bytes, np.uint8)
        self._row_actions = self._row.action_arrays(self._row_actions_block)
        self._seated: dict[int, Simulator] = {}
        self._sequence = [0] * num_envs
        self._message = wire.Control()

    def prepare(self, env: int, simulator: Simulator) -> None:
        """See `Fleet.prepare`."""
        start = self._row.start(0, spin_ns=self._patience.spin_ns, yield_ns=self._patience.yield_ns)
        simulator.start(start, None)
        simulator.channel.set_patience(self._patience)

    def seat(self, env: int, simulator: Simulator, timeout_s: float) -> None:
        """See `Fleet.seat`."""
        self._seated[env] = simulator
        self._sequence[env] = 0
        self._take(env, *simulator.state(timeout_s))

    def post(self) -> None:
        """See `Fleet.post`."""
        self.buffer ^= 1
        for env, simulator in self._seated.items():
            if not self._whole:
                for role, actions in self.actions.items():
                    self._row_actions[role][0] = actions[env]
            self._message.action.sequence = self._sequence[env]
            simulator.exchange(self._message, self._row_actions_block.data)
            self._sequence[env] += 1

    def collect(self, timeout_s: float) -> None:
        """See `Fleet.collect`."""
        deadline = time.monotonic() + timeout_s
        for env, simulator in self._seated.items():
            self._take(env, *simulator.state(max(0.0, deadline - time.monotonic())))

    def exchange(self, timeout_s: float) -> None:
        """See `Fleet.exchange`."""
        self.post()
        self.collect(timeout_s)

    def read(self, path: _core.StepPath) -> bool:
        """See `Fleet.read`."""
        summary = self.summaries[self.buffer]
        return bool(summary.terminated.any() or summary.truncated.any())

    def close(self) -> None:
        """See `Fleet.close`."""

    def _take(self, env: int, message: wire.State, block: memoryview) -> None:
        if block.nbytes != self._row.state_bytes or message.sequence != self._sequence[env]:
            raise ProtocolError(
                f"expected state {self._sequence[env]} in {self._row.state_bytes} bytes, found state "
                f"{message.sequence} in {block.nbytes} bytes"
            )
        if message.status not in (wire.RUNNING, wire.TERMINATED, wire.TRUNCATED):
            raise ProtocolError(f"state {message.sequence} has the unknown status {message.status}")
        if self._whole:
            self._whole[self.buffer][:] = np.frombuffer(block, np.uint8)
            for flags, truths in self._flags[self.buffer]:
                np.not_equal(flags, 0, out=truths)
        else:
            self._scratch[:] = np.frombuffer(block, np.uint8)
            copy_row(self._scratch_row, self.states[self.buffer], 0, env)
        summary = self.summaries[self.buffer]
        summary.terminated[env] = message.status == wire.TERMINATED
        summary.truncated[env] = message.status == wire.TRUNCATED
        summary.time_s[env] = message.time_ns * 1e-9
