# SPDX-License-Identifier: GPL-2.0-only
"""The errors of pybridge.

QntnError
├── ScenarioNotFound      no scenario of that name has been built
├── ParameterError        a parameter is unknown, of the wrong kind or out of range
├── ActionError           an action does not fit its space, is masked, or nobody asked for it
├── ProtocolError         the two sides do not understand each other
└── SimulatorError        the simulator cannot go on
    ├── SimulatorDied     it ended: exit status or signal
    └── StepTimeout       it did not answer within the step deadline
"""

from __future__ import annotations

import signal


class QntnError(Exception):
    """Whatever pybridge reports."""


class ScenarioNotFound(QntnError):
    """No scenario of that name has been built."""


class ParameterError(QntnError, ValueError):
    """A scenario parameter is unknown, of the wrong kind or out of range."""


class ActionError(QntnError, ValueError):
    """An action does not fit its space, is masked, or nobody asked for it. Nothing has moved."""


class ProtocolError(QntnError):
    """The two sides do not understand each other."""


class SimulatorError(QntnError):
    """The simulator cannot go on; the episode is lost.

    Attributes:
        seed: of the episode that it ran.
        command: repeats the episode.
        stderr: the last lines that it wrote.
    """

    def __init__(self, what: str, *, seed: int | None, command: str, stderr: str) -> None:
        self.seed = seed
        self.command = command
        self.stderr = stderr
        lines = [what, f"  seed:    {seed}", f"  repeat:  {command}"]
        if stderr:
            lines += ["  its last words:", *(f"    {line}" for line in stderr.splitlines())]
        super().__init__("\n".join(lines))


class SimulatorDied(SimulatorError):
    """The simulator ended in the middle of an episode.

    Attributes:
        returncode: exit status; minus the signal's number if a signal ended it; None if unknown, as
            for a simulator that was attached by hand.
    """

    def __init__(self, scenario: str, returncode: int | None, *, seed: int | None, command: str, stderr: str) -> None:
        self.returncode = returncode
        super().__init__(
            f"simulator {scenario} {_describe(returncode)} in the middle of an episode",
            seed=seed,
            command=command,
            stderr=stderr,
        )


class StepTimeout(SimulatorError):
    """The simulator did not answer within the step deadline, and was killed."""


def _describe(returncode: int | None) -> str:
    if returncode is None:
        return "closed its connection"
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"exited with status {returncode}"
