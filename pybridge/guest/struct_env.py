# SPDX-License-Identifier: GPL-2.0-only
"""Simulations that exchange ns3-ai's struct or vector messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from pybridge.errors import ActionError, ProtocolError, SimulatorDied
from pybridge.guest.base import GuestEnv
from pybridge.guest.channel import DEFAULT_SPIN_S, MessageChannel
from pybridge.guest.gym_env import episode_names
from pybridge.guest.process import Setting
from pybridge.guest.segment import Names

Message = npt.NDArray[Any]


class Ns3AiStructEnv(GuestEnv):
    """A simulation whose messages are structs or vectors of structs, as its user's header lays them out.

    The simulation sends first, then each step is one message to it and one from it. When it sets its flag
    `finished` the episode is truncated, with the last observation and reward 0.

    Args:
        command, seed, settings, seed_argument, step_timeout_s, start_timeout_s, stop_timeout_s, cwd, env:
            see `GuestEnv`.
        observation_space, action_space: what the functions below give and take.
        cpp_dtype, python_dtype, vectors, cpp_items, python_items, names, segment_bytes, handle_finish,
            spin_s: see `MessageChannel`.
        observe: observation from a message.
        act: message from an action.
        reward: reward from a message; 0 without it.
        terminated: whether a message ends the episode; never without it.
        first_message: what Python sends before the simulation's first message; None sends nothing.
        ends_by_exit: exit status 0 in place of a message ends the episode (truncated) instead of being an error.
        segment_argument: see `Ns3AiGymEnv`.
    """

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        cpp_dtype: npt.DTypeLike,
        python_dtype: npt.DTypeLike,
        observe: Callable[[Message], Any],
        act: Callable[[Any], npt.ArrayLike],
        reward: Callable[[Message], float] | None = None,
        terminated: Callable[[Message], bool] | None = None,
        first_message: npt.ArrayLike | None = None,
        vectors: bool = False,
        cpp_items: int = 0,
        python_items: int = 0,
        names: Names | None = None,
        segment_argument: str | None = None,
        segment_bytes: int = 4096,
        handle_finish: bool = True,
        ends_by_exit: bool = False,
        spin_s: float = DEFAULT_SPIN_S,
        seed: int = 1,
        settings: Mapping[str, Setting] | None = None,
        seed_argument: str | None = "simSeed",
        step_timeout_s: float = 30.0,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 0.0,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            command,
            seed=seed,
            settings=settings,
            seed_argument=seed_argument,
            step_timeout_s=step_timeout_s,
            start_timeout_s=start_timeout_s,
            stop_timeout_s=stop_timeout_s,
            cwd=cwd,
            env=env,
        )
        self.observation_space = observation_space
        self.action_space = action_space
        self._observe, self._act, self._reward, self._terminated = observe, act, reward, terminated
        self._first_message = first_message
        self._names = names or Names()
        self._segment_argument = segment_argument
        self._ends_by_exit = ends_by_exit
        self._layout: dict[str, Any] = {
            "cpp_dtype": cpp_dtype,
            "python_dtype": python_dtype,
            "vectors": vectors,
            "cpp_items": cpp_items,
            "python_items": python_items,
            "segment_bytes": segment_bytes,
            "handle_finish": handle_finish,
            "step_timeout_s": step_timeout_s,
            "spin_s": spin_s,
        }
        self._channel: MessageChannel | None = None
        self._last: Any = None

    @property
    def channel(self) -> MessageChannel:
        """The messages themselves, while an episode runs."""
        if self._channel is None:
            raise ProtocolError("no episode runs; call reset()")
        return self._channel

    @property
    def process_id(self) -> int | None:
        """Of the program; None when the user started it, or none runs."""
        process = None if self._channel is None else self._channel.process
        return None if process is None else process.pid

    def _begin(self, seed: int) -> tuple[Any, dict[str, Any]]:
        self._end()
        names, extra = episode_names(self._names, self._segment_argument)
        channel = self._channel = MessageChannel(names=names, **self._layout)
        channel.start(lambda segments: self._start_process(seed, segments, extra))
        if self._first_message is not None:
            channel.send(self._first_message, self._start_timeout_s)
        message = channel.receive(self._start_timeout_s)
        if message is None:
            raise ProtocolError("the simulation finished before its first message")
        self._last = self._observe(message)
        return self._last, {}

    def _encode(self, action: Any) -> bytes:
        if not self.action_space.contains(action):
            raise ActionError(f"action {action!r} is not in {self.action_space}")
        return self.channel.encode(self._act(action))

    def _advance(self, message: bytes) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        channel = self.channel
        channel.send_bytes(message)
        try:
            answer = channel.receive()
        except SimulatorDied as death:
            if not self._ends_by_exit or death.returncode != 0:
                raise
            answer = None
        if answer is None:
            return self._last, 0.0, False, True, {}
        self._last = self._observe(answer)
        reward = 0.0 if self._reward is None else float(self._reward(answer))
        terminated = self._terminated is not None and bool(np.all(self._terminated(answer)))
        return self._last, reward, terminated, False, {}

    def _end(self) -> None:
        channel, self._channel = getattr(self, "_channel", None), None
        if channel is not None:
            if channel.process is not None and channel.finished:
                channel.process.wait(max(self._stop_timeout_s, 1.0))
            channel.close()
