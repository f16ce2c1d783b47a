# SPDX-License-Identifier: GPL-2.0-only
"""The errors of pybridge.

QntnError
├── ScenarioNotFound      no scenario of that name has been built
├── ParameterError        a parameter is unknown, of the wrong kind or out of range
├── ActionError           an action does not fit its space, is masked, or nobody asked for it
├── ProtocolError         the two sides do not understand each other
├── LinkError             keys or addresses of another machine are not right
├── EphemerisError        elements or positions of satellites are not right
└── SimulatorError        the simulator cannot go on
    ├── SimulatorDied     it ended: exit status or signal
    └── StepTimeout       it did not answer within the step deadline
"""

from __future__ import annotations

import re
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


class LinkError(QntnError):
    """Keys or addresses of a link to another machine are missing or not right."""


class EphemerisError(QntnError, ValueError):
    """A TLE or an ephemeris file is not right, or is asked for a time that it does not have."""


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
    """The simulator ended in the middle of an episode, or before it had begun.

    Attributes:
        returncode: exit status; minus the signal's number if a signal ended it; None if unknown, as
            for a simulator that was attached by hand.

    Args:
        when: how far it had come.
        guest: whether it knows nothing of qntn, so that its statuses mean what they mean anywhere.
    """

    def __init__(
        self,
        scenario: str,
        returncode: int | None,
        *,
        seed: int | None,
        command: str,
        stderr: str,
        when: str = "in the middle of an episode",
        guest: bool = False,
    ) -> None:
        self.returncode = returncode
        super().__init__(
            f"simulator {scenario} {_describe(returncode, stderr, guest=guest)} {when}",
            seed=seed,
            command=command,
            stderr=stderr,
        )


class StepTimeout(SimulatorError):
    """The simulator did not answer within the step deadline, and was killed."""


_SIGNALS = {
    signal.SIGABRT: "it aborted itself",
    signal.SIGBUS: "it used memory that is no longer behind its address",
    signal.SIGFPE: "it divided a whole number by zero",
    signal.SIGILL: "it ran into code that is none",
    signal.SIGINT: "somebody interrupted it",
    signal.SIGKILL: "somebody killed it, or the kernel did because memory ran out (see `dmesg`)",
    signal.SIGSEGV: "it used memory that is not there",
    signal.SIGTERM: "somebody asked it to end",
    signal.SIGXCPU: "it used up its limit of CPU time",
    signal.SIGXFSZ: "a file grew past its limit",
}
_EXIT_PYTHON_GONE = 75  # transport.cc


def _describe(returncode: int | None, stderr: str, *, guest: bool) -> str:
    if returncode is None:
        return "closed its connection"
    if returncode < 0:
        number = -returncode
        name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
        cause = _cause_in_words(stderr) or _SIGNALS.get(number, "")  # type: ignore[call-overload]
        return f"was ended by {name}{f' ({cause})' if cause else ''}"
    if returncode == 0 and not guest:
        return "exited with status 0 without a last state (it must call Bridge::Finish before it ends)"
    if returncode == _EXIT_PYTHON_GONE and not guest:
        return f"exited with status {returncode} because its connection to Python was lost"
    return f"exited with status {returncode}"


def _cause_in_words(stderr: str) -> str:
    """What the last lines of stderr tell of the cause; empty if nothing."""
    thrown = re.search(r"terminate called after throwing an instance of '([^']+)'", stderr)
    if thrown and thrown[1] == "std::bad_alloc":
        return "it ran out of memory: std::bad_alloc; give it more (`ulimit -v`) or let it keep less"
    if thrown:
        return f"nobody caught its exception {thrown[1]}"
    aborted = re.search(r'aborted\. (?:cond=".*", )?msg="(.*)", ', stderr)
    if aborted:
        return aborted[1]
    if "the stack overflowed" in stderr:
        return "its stack overflowed: a recursion without end, or a very large local variable"
    if "NS_ASSERT failed" in stderr or "assert failed" in stderr:
        return "an assertion failed"
    return ""
