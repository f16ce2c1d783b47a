# SPDX-License-Identifier: GPL-2.0-only
from enum import Enum

class GuestFault(Exception): ...

class Outcome(Enum):
    READY = 0
    TIMED_OUT = 1
    SOCKET_EVENT = 2

class GuestSegment:
    def __init__(
        self,
        name: str,
        num_bytes: int,
        vectors: bool,
        cpp_name: str,
        cpp_bytes: int,
        cpp_items: int,
        python_name: str,
        python_bytes: int,
        python_items: int,
        lockable: str,
    ) -> None: ...
    def wait_for_message(self, socket: int, timeout_s: float, spin_s: float) -> Outcome: ...
    def wait_for_room(self, socket: int, timeout_s: float, spin_s: float) -> Outcome: ...
    def read(self) -> bytes: ...
    def release(self) -> None: ...
    def write(self, message: bytes) -> None: ...
    @property
    def finished(self) -> bool: ...
