# SPDX-License-Identifier: GPL-2.0-only
"""What all guests' environments share: seeds, one program an episode, and its end."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from pybridge.errors import ParameterError, ProtocolError
from pybridge.forks import DISOWNED, disown_after_fork
from pybridge.guest.process import GuestProcess, Setting, arguments


class GuestEnv(gymnasium.Env[Any, Any]):
    """One program an episode, started with the next seed at each `reset`.

    Args:
        command: program and arguments; None waits for one that the user starts.
        seed: of the first episode.
        settings: further `--key=value` arguments.
        seed_argument: name of the program's argument for the seed; None passes none.
        step_timeout_s: how long the program may take for a step.
        start_timeout_s: how long it may take until its first message.
        stop_timeout_s: how long it may take to end when asked to, before it is killed.
        cwd: folder in which it runs.
        env: its environment variables in place of Python's.

    Raises:
        ParameterError: an argument is out of range, or there is no such program.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        seed: int,
        settings: Mapping[str, Setting] | None,
        seed_argument: str | None,
        step_timeout_s: float,
        start_timeout_s: float,
        stop_timeout_s: float,
        cwd: str | os.PathLike[str] | None,
        env: Mapping[str, str] | None,
    ) -> None:
        if isinstance(command, str) or (command is not None and not command):
            raise ParameterError(f"command {command!r}: expected a list such as ['./my-simulation']")
        if min(step_timeout_s, start_timeout_s) <= 0 or stop_timeout_s < 0:
            raise ParameterError("timeouts are positive numbers of seconds")
        self._command = list(command) if command is not None else None
        self._seed_argument = seed_argument
        self._settings = dict(settings or {})
        self._step_timeout_s = step_timeout_s
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._cwd = cwd
        self._variables = env
        self._next_seed = seed
        self._running = False
        self._closed = ""
        disown_after_fork(self)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts the simulation anew: with `seed`, or with the one after the last episode's.

        Returns:
            First observation and info.

        Raises:
            SimulatorDied, StepTimeout, ProtocolError: the simulation does not get that far.
        """
        self._check_open()
        super().reset(seed=seed)
        if seed is not None:
            self._next_seed = seed
        self._running = False
        first = self._begin(self._next_seed)
        self._next_seed += 1
        self._running = True
        return first

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One decision of the simulation.

        Raises:
            ActionError: the action is not in its space; nothing has moved.
            SimulatorDied, StepTimeout, ProtocolError: the episode is lost; `reset` starts another.
        """
        self._check_open()
        if not self._running:
            raise ProtocolError("no episode runs; call reset()")
        message = self._encode(action)
        self._running = False  # until the answer is there
        result = self._advance(message)
        self._running = not (result[2] or result[3])
        return result

    def close(self) -> None:
        """Asks the simulation to stop, ends it, and lets go of everything. Safe to call again."""
        if self._closed == DISOWNED:
            return
        self._closed = "the environment is closed; make a new one"
        self._running = False
        self._end()

    def disown(self) -> None:
        """In the child of a fork: the environment is the parent's alone."""
        self._closed = DISOWNED
        self._running = False

    def __enter__(self) -> GuestEnv:
        return self

    def __del__(self) -> None:
        if getattr(self, "_closed", "closed") == "":
            self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ProtocolError(self._closed)

    def _start_process(self, seed: int, segments: Sequence[str], extra: Mapping[str, Setting]) -> GuestProcess:
        command = None
        if self._command is not None:
            seeds: dict[str, Setting] = {} if self._seed_argument is None else {self._seed_argument: seed}
            command = [*self._command, *arguments({**extra, **seeds, **self._settings})]
        return GuestProcess(command, seed=seed, segments=segments, cwd=self._cwd, env=self._variables)

    @abstractmethod
    def _begin(self, seed: int) -> tuple[Any, dict[str, Any]]:
        """Ends what runs, starts the next episode."""

    @abstractmethod
    def _encode(self, action: Any) -> Any:
        """Checks an action; nothing moves yet."""

    @abstractmethod
    def _advance(self, message: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Hands the action over, waits for what comes of it."""

    @abstractmethod
    def _end(self) -> None:
        """Ends program and link."""
