# SPDX-License-Identifier: GPL-2.0-only
from enum import Enum, IntEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

PROTOCOL_VERSION: int
BYTE_ORDER_MARK: int
CONTROL_BLOCK_BYTES: int
STATE_BLOCKS: int
SEATS: int

class Outcome(Enum):
    READY = 0
    TIMED_OUT = 1
    SOCKET_EVENT = 2

class Exchange:
    def __init__(self, num_environments: int, num_bytes: int, spin_ns: int, yield_ns: int) -> None: ...
    @property
    def memory(self) -> npt.NDArray[np.uint8]: ...
    @property
    def descriptor(self) -> int: ...
    def prepare(self, environment: int, socket: int) -> int: ...
    def await_first(self, environment: int, timeout_s: float) -> Outcome: ...
    def seat(self, environment: int) -> int: ...
    def post(self, buffer: int) -> None: ...
    def wait(self, timeout_s: float) -> int | None: ...
    def step(self, buffer: int, timeout_s: float) -> int | None: ...
    def close_file(self) -> None: ...

class Problem(IntEnum):
    OUT_OF_BOUNDS = 0
    MASKED = 1
    SUM = 2

class StepPath:
    def __init__(self, num_environments: int) -> None: ...
    def add_role(
        self,
        name: str,
        fields: list[tuple[int, int, int, int, float, float, int]],
        actions: npt.NDArray[np.float32],
        masks: list[npt.NDArray[np.uint8]],
        acts: list[npt.NDArray[np.uint8]],
        terms: list[npt.NDArray[np.float64]],
        weights: list[float],
        rewards: list[npt.NDArray[np.float64]],
    ) -> None: ...
    def set_summary(
        self,
        terminated: list[npt.NDArray[np.bool_]],
        truncated: list[npt.NDArray[np.bool_]],
        time_s: list[npt.NDArray[np.float64]],
    ) -> None: ...
    def take(
        self, actions: dict[str, Any], buffer: int
    ) -> tuple[int, int, int, int, int, int] | Literal[False] | None: ...
    def read(self, exchange: Exchange, buffer: int) -> bool: ...
    def compute_rewards(self, buffer: int) -> None: ...

models: Any

class Peer:
    """The simulator's half of the exchange, for a fake simulator on a thread of this process."""

    def __init__(self, descriptor: int, num_bytes: int, control: int, socket: int) -> None: ...
    @property
    def memory(self) -> np.ndarray[Any, np.dtype[np.uint8]]: ...
    @property
    def buffer(self) -> int: ...
    def publish(self, status: int, time_ns: int) -> None: ...
    def wait(self) -> tuple[int, int] | None: ...
