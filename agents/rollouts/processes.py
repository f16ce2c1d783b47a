# SPDX-License-Identifier: GPL-2.0-only
"""Runners in processes of this machine, each on a pipe: orders and weights go in, fragments come out."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

import cloudpickle

from agents.rollouts.base import START_TIMEOUT_S, Apart, Death, RunnerError
from agents.rollouts.fragments import Fragment, Order, Weights
from agents.rollouts.runner import EnvRunner, close_envs

if TYPE_CHECKING:
    from agents.rollouts.environment import Environments

    MakeEnvs = Callable[[int], Environments]

GOODBYE_S = 5.0  # for a runner to close its environments


class Processes(Apart):
    """See the module."""

    def __init__(self, make: MakeEnvs, numbers: Sequence[int], timeout_s: float) -> None:
        """`numbers`: environments of each runner. Returns when all have opened them."""
        super().__init__(len(numbers), timeout_s)
        self.make, self.numbers = cloudpickle.dumps(make), numbers
        self.context = multiprocessing.get_context("spawn")  # what has threads must not fork
        self.processes: list[Any] = [None] * len(numbers)
        self.pipes: list[Any] = [None] * len(numbers)
        try:
            for index in range(len(numbers)):
                self._spawn(index)
            importlib.import_module("torch._dynamo")  # optimisers need it, and runners are still starting
            self.schema = [self._schema(index) for index in range(len(numbers))][0]
        except BaseException:
            self.close()
            raise

    def put(self, weights: Weights) -> bytes:
        """Pickled once for all."""
        return pickle.dumps(weights, pickle.HIGHEST_PROTOCOL)

    def submit(self, index: int, order: Order, weights: Any) -> None:
        """See `Apart.submit`."""
        try:
            self.pipes[index].send((order, weights))
        except OSError:
            return  # it is gone, and `wait` will find that out

    def wait(self, timeout_s: float) -> list[tuple[int, Fragment | Death]]:
        """See `Apart.wait`."""
        ready = connection.wait([self.pipes[index] for index in sorted(self.busy)], timeout_s)
        answers: list[tuple[int, Fragment | Death]] = []
        for index in sorted(self.busy):
            if self.pipes[index] not in ready:
                continue
            try:
                answers.append((index, _received(self.pipes[index])))
            except (EOFError, ConnectionError):
                process = self.processes[index]
                process.join(GOODBYE_S)
                answers.append((index, Death(f"its process ended with exit code {process.exitcode}")))
        return answers

    def revive(self, index: int) -> None:
        """See `Apart.revive`."""
        self._end(index)
        self._spawn(index)
        self._schema(index)

    def close(self) -> None:
        """End the processes, and with them their simulators."""
        for pipe in self.pipes:
            if pipe is not None:
                pipe.close()
        for index in range(len(self.numbers)):
            self._end(index)

    def _spawn(self, index: int) -> None:
        self.pipes[index], theirs = self.context.Pipe()
        process = self.context.Process(
            target=_serve, args=(theirs, self.make, index, self.numbers[index]), name=f"runner-{index}"
        )
        process.start()
        theirs.close()
        self.processes[index] = process

    def _schema(self, index: int) -> Any:
        if not self.pipes[index].poll(START_TIMEOUT_S):
            raise RunnerError(f"runner {index} has not opened its environments within {START_TIMEOUT_S:.0f} s")
        try:
            return _received(self.pipes[index])
        except (EOFError, ConnectionError):
            raise RunnerError(f"runner {index} ended before it had opened its environments") from None

    def _end(self, index: int) -> None:
        process = self.processes[index]
        if process is None:
            return
        self.pipes[index].close()
        process.join(GOODBYE_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
        self.processes[index] = None


def portable(error: Exception) -> Exception:
    """The error, or one with its text if it would not survive the journey."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the class may raise
        return RunnerError(str(error))
    return error


def _received(pipe: Any) -> Any:
    answer = pipe.recv()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _serve(pipe: Any, make: bytes, index: int, num_envs: int) -> None:
    """The runner's process: until the learner closes the pipe, or is gone."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the learner, which then closes the pipe
    torch.set_num_threads(1)
    threading.Thread(target=_leave_with_the_learner, daemon=True).start()
    runner: EnvRunner | None = None
    env = None
    try:
        make_envs: MakeEnvs = pickle.loads(make)
        env = make_envs(num_envs)
        pipe.send(env.schema)
        while True:
            order, weights = pipe.recv()
            if runner is None:
                runner = EnvRunner(env, order.config, index=index, remake=lambda: make_envs(num_envs))
            pipe.send(runner.sample(order, pickle.loads(weights)))
    except (EOFError, ConnectionError):
        return
    except Exception as error:
        pipe.send(portable(error))
    finally:
        if runner is not None:
            close_envs(runner.env)
        elif env is not None:
            close_envs(env)


def _leave_with_the_learner() -> None:
    learner = multiprocessing.parent_process()
    assert learner is not None
    connection.wait([learner.sentinel])
    os._exit(1)
