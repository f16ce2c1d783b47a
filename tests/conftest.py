# SPDX-License-Identifier: GPL-2.0-only
"""What all tests share: that nothing is left behind, and the scenarios that go wrong on demand."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from pybridge.build import build_folder
from pybridge.catalogue import SCENARIO_PATH_VARIABLE


def pytest_configure() -> None:
    """For the tests and what they start.

    Ctrl-C works even if a shell began the tests with it ignored (`make test &`). Torch has one thread, as in training:
    more of them spin on the cores that simulators and other tests need.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def children() -> set[int]:
    """Process ids of this process's children."""
    found: set[int] = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            found.update(int(pid) for pid in (thread / "children").read_text().split())
    return found


def descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def ancestors(pid: int) -> Iterator[int]:
    """A process, its parent, and so on."""
    while pid > 0:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def used_by_others(file: Path) -> bool:
    """Whether a program that this process did not start has the file mapped, perhaps by another name."""
    try:
        inode = str(file.stat().st_ino)
    except FileNotFoundError:  # no longer there
        return True
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended, or is another user's
            maps = (line.split() for line in (process / "maps").read_text().splitlines() if "/dev/shm/" in line)
            if any(entry[4] == inode for entry in maps) and os.getpid() not in ancestors(int(process.name)):
                return True
    return False


def of_others(file: Path) -> bool:
    """Whether a file in /dev/shm belongs to a program that runs beside these tests, such as another core's tests."""
    if file.name.startswith("sem."):
        return used_by_others(file)
    named = re.fullmatch(r"qntn-(\d+)-.*", file.name)  # a guest's segment, by who made it
    try:
        return named is not None and os.getpid() not in ancestors(int(named[1]))
    except (FileNotFoundError, ProcessLookupError):  # who made it is gone
        return False


def new_in_memory(before: set[Path]) -> set[Path]:
    """What is in /dev/shm since then, but for what is of others."""
    return {file for file in set(Path("/dev/shm").iterdir()) - before if not of_others(file)}


@pytest.fixture(scope="session")
def zmq_started() -> None:
    """ZMQ's threads and their descriptors come with its first socket and stay for good."""
    zmq.Context.instance().socket(zmq.PAIR).close()


@pytest.fixture
def nothing_left(zmq_started: None) -> Iterator[Callable[[], None]]:
    """Fails the test if it leaves a process, a descriptor or named shared memory behind."""
    before = children(), descriptors(), set(Path("/dev/shm").iterdir())

    def check() -> None:
        deadline = time.monotonic() + 2  # ZMQ's thread closes its descriptors in its own time
        while descriptors() > before[1] and time.monotonic() < deadline:
            gc.collect()
        assert children() == before[0]
        assert descriptors() <= before[1]
        assert not new_in_memory(before[2])

    yield check
    check()


@pytest.fixture(scope="session")
def user_scenarios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenarios of tests/contract/scenarios, built outside the clone as a user would."""
    folder = tmp_path_factory.mktemp("user")
    for file in (Path(__file__).parent / "contract" / "scenarios").iterdir():
        shutil.copy(file, folder)
    return build_folder(folder, quiet=True)


@pytest.fixture
def faulty(user_scenarios: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a scenario that goes wrong on demand."""
    monkeypatch.setenv(SCENARIO_PATH_VARIABLE, str(user_scenarios))
    return "faulty"
