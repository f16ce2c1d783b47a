# SPDX-License-Identifier: GPL-2.0-only
"""Simulations that speak ns3-gym's messages, over ZeroMQ or in ns3-ai's shared memory."""

from __future__ import annotations

import contextlib
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pybridge.guest.wire.ns3_ai_gym_pb2 as ai_wire
import pybridge.guest.wire.ns3opengym_pb2 as gym_wire
from pybridge.errors import ProtocolError, QntnError
from pybridge.guest.base import GuestEnv
from pybridge.guest.channel import DEFAULT_SPIN_S
from pybridge.guest.links import BufferLink, Link, ZmqLink
from pybridge.guest.process import Setting
from pybridge.guest.segment import Names, unique_segment_name
from pybridge.guest.spaces import fill, lacks_values, parse, to_space, to_value

_GAME_OVER = 1


class GymMessagesEnv(GuestEnv):
    """The order of messages that both gym interfaces share.

    The constructor starts the first episode, because the simulation describes its spaces. Entries of
    info: `info`, the simulation's own text; `outside_bounds`, true when an observation lies outside the
    bounds that the simulation gave; `observation_missing`, true when a last state came without one, or
    with a box without values, and the observation before it is repeated.
    """

    _wire: Any

    def __init__(self, command: Sequence[str] | None, *, strict_bounds: bool, seed: int, **arguments: Any) -> None:
        super().__init__(command, seed=seed, **arguments)
        self._strict_bounds = strict_bounds
        self._link: Link | None = None
        self._owes_answer = False
        self._last: Any = None
        self._fresh: int | None = None
        try:
            self._launch(seed)
        except BaseException:
            self.close()
            raise
        self._fresh = seed

    @property
    def process_id(self) -> int | None:
        """Of the program; None when the user started it."""
        return None if self._link is None else self._link.process.pid

    @abstractmethod
    def _connect(self, seed: int) -> Link:
        """Makes the link and starts the program."""

    def _launch(self, seed: int) -> None:
        self._end()
        self._link = self._connect(seed)
        peer = self._link.process.name
        init = parse(self._wire.SimInitMsg, self._link.receive("describe itself", self._start_timeout_s), peer)
        observations = to_space(self._wire, init.obsSpace, "observation space")
        actions = to_space(self._wire, init.actSpace, "action space")
        if getattr(self, "observation_space", observations) != observations:
            raise ProtocolError(f"{peer} has the observation space {observations}, before {self.observation_space}")
        if getattr(self, "action_space", actions) != actions:
            raise ProtocolError(f"{peer} has the action space {actions}, before {self.action_space}")
        if not hasattr(self, "observation_space"):
            self.observation_space = observations
            self.action_space = actions
        self._link.send(self._wire.SimInitAck(done=True).SerializeToString())

    def _begin(self, seed: int) -> tuple[Any, dict[str, Any]]:
        if self._fresh != seed:
            self._launch(seed)
        self._fresh = None
        self._last = None
        observation, _, terminated, truncated, info = self._state(self._start_timeout_s)
        if terminated or truncated:
            raise ProtocolError("the simulation ended before its first decision")
        return observation, info

    def _encode(self, action: Any) -> bytes:
        message = self._wire.EnvActMsg()
        fill(self._wire, message.actData, self.action_space, action)
        data: bytes = message.SerializeToString()
        return data

    def _advance(self, message: bytes) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self._link is not None
        self._link.send(message)
        self._owes_answer = False
        return self._state(self._step_timeout_s)

    def _state(self, timeout_s: float) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self._link is not None
        data = self._link.receive("send its next state", timeout_s)
        self._owes_answer = True
        state = parse(self._wire.EnvStateMsg, data, self._link.process.name)
        info: dict[str, Any] = {"info": state.info}
        if state.isGameOver and self._last is not None and lacks_values(self._wire, state.obsData):
            info["observation_missing"] = True
        else:
            self._last = to_value(self._wire, state.obsData, self.observation_space, "observation")
            if not self.observation_space.contains(self._last):
                if self._strict_bounds:
                    raise ProtocolError(f"observation {self._last} is not in {self.observation_space}")
                info["outside_bounds"] = True
        terminated = state.isGameOver and state.reason == _GAME_OVER
        truncated = state.isGameOver and not terminated
        if state.isGameOver:
            self._ask_to_stop()
        return self._last, float(state.reward), terminated, truncated, info

    def _ask_to_stop(self) -> None:
        if self._owes_answer and self._link is not None:
            self._owes_answer = False
            self._link.send(self._wire.EnvActMsg(stopSimReq=True).SerializeToString())

    def _end(self) -> None:
        link, self._link, self._fresh = getattr(self, "_link", None), None, None
        if link is None:
            return
        try:
            if not link.process.ended:
                self._link = link
                with contextlib.suppress(QntnError):
                    self._ask_to_stop()
                    link.process.wait(self._stop_timeout_s)
        finally:
            self._link = None
            self._owes_answer = False
            link.close()


class Ns3GymEnv(GymMessagesEnv):
    """A simulation written for ns3-gym.

    Args:
        command, seed, settings, seed_argument, step_timeout_s, start_timeout_s, stop_timeout_s, cwd, env:
            see `GuestEnv`.
        port: on which to listen; None picks a free one for each episode.
        port_argument: name of the program's argument for the port; None passes none (then ns3-gym's
            own default is 5555).
        strict_bounds: an observation outside its bounds is an error instead of an entry of info.

    Raises:
        ParameterError, SimulatorDied, StepTimeout, ProtocolError: the first simulation does not start.
    """

    _wire = gym_wire

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        port: int | None = None,
        seed: int = 1,
        settings: Mapping[str, Setting] | None = None,
        port_argument: str | None = "openGymPort",
        seed_argument: str | None = "simSeed",
        step_timeout_s: float = 30.0,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 2.0,
        strict_bounds: bool = False,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        no_argument = command is None or port_argument is None
        self._port = 5555 if port is None and no_argument else port
        self._port_argument = port_argument
        super().__init__(
            command,
            seed=seed,
            settings=settings,
            seed_argument=seed_argument,
            step_timeout_s=step_timeout_s,
            start_timeout_s=start_timeout_s,
            stop_timeout_s=stop_timeout_s,
            strict_bounds=strict_bounds,
            cwd=cwd,
            env=env,
        )

    def _connect(self, seed: int) -> Link:
        link = ZmqLink(self._port)
        try:
            ports: dict[str, Setting] = {} if self._port_argument is None else {self._port_argument: link.port}
            link.process = self._start_process(seed, (), ports)
        except BaseException:
            link.close()
            raise
        return link


class Ns3AiGymEnv(GymMessagesEnv):
    """A simulation written for ns3-ai's gym interface.

    Args:
        command, seed, settings, seed_argument, step_timeout_s, start_timeout_s, stop_timeout_s, cwd, env:
            see `GuestEnv`.
        names: of the segment and its objects.
        segment_argument: name of the program's argument for the segment's name, if it has one; then
            each episode has a segment of its own, and environments run side by side.
        segment_bytes: size of the segment.
        buffer_bytes: size of the message buffers, a constant of the simulation's build.
        spin_s: how long a wait spins before it sleeps.
        strict_bounds: see `Ns3GymEnv`.

    Raises:
        ParameterError, SimulatorDied, StepTimeout, ProtocolError: the first simulation does not start.
    """

    _wire = ai_wire

    def __init__(
        self,
        command: Sequence[str] | None,
        *,
        seed: int = 1,
        settings: Mapping[str, Setting] | None = None,
        seed_argument: str | None = "simSeed",
        names: Names | None = None,
        segment_argument: str | None = None,
        segment_bytes: int = 4096,
        buffer_bytes: int = 1024,
        spin_s: float = DEFAULT_SPIN_S,
        step_timeout_s: float = 30.0,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 2.0,
        strict_bounds: bool = False,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._names = names or Names()
        self._segment_argument = segment_argument
        self._segment_bytes = segment_bytes
        self._buffer_bytes = buffer_bytes
        self._spin_s = spin_s
        super().__init__(
            command,
            seed=seed,
            settings=settings,
            seed_argument=seed_argument,
            step_timeout_s=step_timeout_s,
            start_timeout_s=start_timeout_s,
            stop_timeout_s=stop_timeout_s,
            strict_bounds=strict_bounds,
            cwd=cwd,
            env=env,
        )

    def _connect(self, seed: int) -> Link:
        names, extra = episode_names(self._names, self._segment_argument)
        link = BufferLink(names, self._segment_bytes, self._buffer_bytes, self._spin_s)
        try:
            link.process = link.channel.start(lambda segments: self._start_process(seed, segments, extra))
        except BaseException:
            link.close()
            raise
        return link


def episode_names(names: Names, segment_argument: str | None) -> tuple[Names, dict[str, Setting]]:
    """The names of one episode's segment, and the argument that tells the program."""
    if segment_argument is None:
        return names, {}
    unique = unique_segment_name()
    return replace(names, segment=unique), {segment_argument: unique}
