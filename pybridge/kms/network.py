# SPDX-License-Identifier: GPL-2.0-only
"""A key network that is simulated in real time, and from which key is taken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import pybridge
from pybridge.errors import ParameterError
from pybridge.schema import Role, Value

FOREVER_S = 1e7
MAX_TAKE_BYTES = 10_000_000
"""The most that can be taken in a step; whole numbers to here are exact in float32."""


@dataclass(slots=True)
class _Request:
    relation: int
    num_bytes: int
    answer: asyncio.Future[int | None]


class LiveNetwork:
    """A scenario with the parameter `live`, stepped in real time; an async context manager.

    The simulator owns the counts: how much key a demand's pool holds, and which places of its sequence are handed out.
    The bits themselves never exist in the simulator.

    Attributes:
        relations: (source, target) of each demand.
    """

    def __init__(self, scenario: str, *, params: Mapping[str, Value], step_s: float = 0.1, seed: int = 1) -> None:
        """For a scenario with a parameter `live`.

        Raises:
            ParameterError: the scenario has no live door.
        """
        known = pybridge.scenario(scenario).parameters
        if "live" not in known:
            raise ParameterError(
                f"{scenario} has no parameter 'live': no key can be taken from it; try tokyo or secoqc"
            )
        defaults: dict[str, Value] = {"episode_s": FOREVER_S, "block_period_s": step_s}
        fixed: dict[str, Value] = {"live": 1, "step_s": step_s}
        self._env = pybridge.make_vec(scenario, num_envs=1, params=defaults | dict(params) | fixed, seed=seed)
        self._step_s = step_s
        names = [metric.name for metric in self._env.schema.metrics]
        demands = [name.removeprefix("taken_bits.") for name in names if name.startswith("taken_bits.")]
        self.relations: list[tuple[str, str]] = []
        for demand in demands:
            source, _, target = demand.partition("-")
            self.relations.append((source, target))
        self._offset_at = [names.index(f"taken_offset_bits.{demand}") for demand in demands]
        self._taken_at = [names.index(f"taken_bits.{demand}") for demand in demands]
        self._usable_bytes = [0] * len(demands)
        self._queue: deque[_Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._batch = await asyncio.to_thread(self._env.reset)
        self._read_usable()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._refuse_all()
        self._env.close()

    @property
    def sites(self) -> list[str]:
        """Sites of the network."""
        return list(self._env.schema.scene.sites)

    def find_relation(self, site_a: str, site_b: str) -> int | None:
        """Index of the demand between two sites, in either order."""
        for index, ends in enumerate(self.relations):
            if set(ends) == {site_a, site_b}:
                return index
        return None

    def usable_bytes(self, relation: int) -> int:
        """Key that could be taken at the last step."""
        return self._usable_bytes[relation]

    async def take(self, relation: int, num_bytes: int) -> int | None:
        """Take key out of a demand's pool, all or nothing.

        Returns:
            Its place in the pool's sequence, in bits, or None if there is not enough.

        Raises:
            RuntimeError: the simulation has ended.
        """
        if self._failure is not None or self._task is None or self._task.done():
            raise RuntimeError("the simulated network has ended") from self._failure
        if num_bytes > min(MAX_TAKE_BYTES, self._usable_bytes[relation]):
            return None
        answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(relation, num_bytes, answer))
        return await answer

    async def _run(self) -> None:
        """Step once every `step_s` of real time, in the order in which requests came."""
        began, steps = time.monotonic(), 0
        try:
            while True:
                admitted = self._admit()
                try:
                    self._batch = await asyncio.to_thread(self._env.step, self._actions(admitted))
                except BaseException:
                    for request in (request for group in admitted for request in group):
                        _answer(request, None)
                    raise
                self._settle(admitted)
                self._read_usable()
                steps += 1
                await asyncio.sleep(max(0.0, began + steps * self._step_s - time.monotonic()))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # the simulator died: nobody may wait for it
            self._failure = error
            self._refuse_all()

    def _admit(self) -> list[list[_Request]]:
        """The requests of each demand that fit what was there at the last step; the others are refused."""
        groups: list[list[_Request]] = [[] for _ in self.relations]
        left = [min(usable, MAX_TAKE_BYTES) for usable in self._usable_bytes]
        while self._queue:
            request = self._queue.popleft()
            if request.answer.done():
                continue  # the client has gone
            if request.num_bytes <= left[request.relation]:
                left[request.relation] -= request.num_bytes
                groups[request.relation].append(request)
            else:
                request.answer.set_result(None)
        return groups

    def _settle(self, groups: list[list[_Request]]) -> None:
        metrics = self._batch.metrics[0]
        for relation, group in enumerate(groups):
            wanted = 8 * sum(request.num_bytes for request in group)
            taken = int(metrics[self._taken_at[relation]])
            offset = int(metrics[self._offset_at[relation]])
            for request in group:
                _answer(request, offset if taken == wanted else None)
                offset += 8 * request.num_bytes

    def _actions(self, groups: list[list[_Request]]) -> dict[str, npt.NDArray[np.float32]]:
        actions = {role.name: self._default(role) for role in self._env.schema.roles}
        for relation, group in enumerate(groups):
            actions["door"][0, relation, 0] = sum(request.num_bytes for request in group)
        return actions

    def _default(self, role: Role) -> npt.NDArray[np.float32]:
        """The default choices, or the first that is allowed; nothing is taken."""
        action = np.zeros((1, role.num_agents, role.action_size), np.float32)
        masks = self._batch.action_masks[role.name]
        for field in role.actions:
            if field.kind == "categorical":
                allowed = masks[..., field.mask_span].reshape(1, role.num_agents, field.size, field.num_choices) > 0
                first = allowed.argmax(axis=-1)
                action[..., field.span] = np.where(allowed[..., field.default], field.default, first)
        return action

    def _read_usable(self) -> None:
        role = next(role for role in self._env.schema.roles if role.name == "door")
        observed: Any = self._batch.observations["door"][0, :, role.observation("usable_bytes").span]
        self._usable_bytes = [int(value) for value in observed[:, 0]]

    def _refuse_all(self) -> None:
        while self._queue:
            _answer(self._queue.popleft(), None)


def _answer(request: _Request, offset: int | None) -> None:
    if not request.answer.done():
        request.answer.set_result(offset)
