# SPDX-License-Identifier: GPL-2.0-only
"""Joining a Ray cluster, and leaving it: for runners, sweeps and studies; `pip install 'qntn[ray]'`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents.rollouts.base import RunnerError

ANSWER_S = 5.0  # for a cluster's head to take a connection


@contextmanager
def joined(address: str, cores: int) -> Iterator[Any]:
    """The module `ray`, joined to the cluster at `address`, which is left on the way out.

    address: such as `10.0.0.1:6379`; empty: a cluster of one's own on this machine, of at least `cores`, which ends
        on the way out. Where the program has called `ray.init` before, it is that one, and stays.

    Raises:
        RunnerError: Ray is not installed, or nobody answers.
    """
    try:
        import ray
    except ImportError:
        raise RunnerError("Ray is not installed: pip install 'qntn[ray]'") from None
    if ray.is_initialized():
        yield ray
        return
    if address:
        _knock(address)
    own = {} if address else {"num_cpus": max(cores, os.cpu_count() or 1), "include_dashboard": False}
    ray.init(address=address or "local", log_to_driver=False, **own)
    try:
        yield ray
    finally:
        ray.shutdown()  # and so ends what this program still has there


def _knock(address: str) -> None:
    """Whether anybody answers; Ray itself asks for minutes, and then ends the process."""
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if not colon or not port.isdigit():  # "auto" and such
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise RunnerError(
            f"no Ray cluster answers at {address} ({error}); `ray start --head --port={port}` on a machine begins one, "
            "and prints its address"
        ) from None
