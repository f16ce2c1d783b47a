# SPDX-License-Identifier: GPL-2.0-only
"""`pybridge.check`: runs a scenario and reviews it, as a colleague would before it is used for research."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pybridge.catalogue import Scenario, scenario
from pybridge.checking_fields import Watch, review_names
from pybridge.checking_runs import Deadlock, Run, difference, drive
from pybridge.errors import ParameterError, QntnError, SimulatorError
from pybridge.schema import ActionField, Role, Schema, Value
from pybridge.simulator import Transport
from pybridge.vector import VectorEnv

Level = Literal["problem", "look", "fine"]
_HEADINGS: dict[Level, str] = {"problem": "Problems", "look": "Worth a look", "fine": "Fine"}
_STEP_TIMEOUT_S = 60.0
_EXTREME_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Finding:
    """One sentence of the review.

    Attributes:
        about: "bounds", "units", "help", "masks", "rewards", "determinism", "transports", "influence", "parameters",
            "episode", "numbers", "fields", "run".
        place: role and field, or the parameter.
        advice: what to do; empty where all is well.
    """

    level: Level
    about: str
    place: str
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Speed:
    """What was measured on this machine, at this moment, on shared memory with one environment."""

    steps_per_s: float
    simulated_s_per_s: float
    first_reset_s: float
    next_reset_s: float


@dataclass
class Report:
    """A review. `problems` make `qntn check` end with status 1."""

    scenario: str
    seed: int
    steps: int
    findings: list[Finding] = field(default_factory=list)
    speed: Speed | None = None

    def add(self, level: Level, about: str, place: str, text: str, advice: str = "") -> None:
        """Adds a sentence."""
        self.findings.append(Finding(level, about, place, text, advice))

    def of(self, level: Level) -> list[Finding]:
        """The sentences of that level, in the order of the review."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def problems(self) -> list[Finding]:
        """What must be mended."""
        return self.of("problem")

    def rows(self) -> list[dict[str, Any]]:
        """The findings and the speed as row objects."""
        rows: list[dict[str, Any]] = [dataclasses.asdict(finding) for finding in self.findings]
        if self.speed is not None:
            rows += [
                {"level": "fine", "about": "speed", "place": name, "text": f"{value:.4g}", "value": value, "advice": ""}
                for name, value in dataclasses.asdict(self.speed).items()
            ]
        return rows

    def text(self) -> str:
        """The review as text."""
        lines = [f"{self.scenario}: {self.steps} steps from seed {self.seed}"]
        for level, heading in _HEADINGS.items():
            found = self.of(level)
            if found:
                lines += ["", f"{heading} ({len(found)})"]
            for finding in found:
                place = f"{finding.place}: " if finding.place else ""
                lines.append(f"  {place}{finding.text}" + (f" {finding.advice}" if finding.advice else ""))
        if self.speed is not None:
            lines += [
                "",
                f"Speed: {self.speed.steps_per_s:.4g} steps/s, {self.speed.simulated_s_per_s:.4g} simulated s per s, "
                f"first reset {self.speed.first_reset_s * 1e3:.3g} ms, "
                f"the next one {self.speed.next_reset_s * 1e3:.3g} ms.",
            ]
        return "\n".join(lines)


def check(
    what: str | Scenario,
    *,
    params: Mapping[str, Value] | None = None,
    seed: int = 1,
    steps: int = 200,
    extremes: bool = False,
) -> Report:
    """Runs a scenario a few times and reviews it.

    Args:
        what: name of the scenario, or a scenario such as `fake.scenario(...)`.
        params: values in place of the defaults.
        seed: of the episodes that are looked at; the next ones are compared with it.
        steps: how many are looked at; less than two of a manager's periods cannot show what it decides.
        extremes: try the lowest and highest value of each numeric parameter, two steps each.

    Raises:
        ScenarioNotFound, ParameterError: nothing could be run with these arguments.
    """
    found = what if isinstance(what, Scenario) else scenario(what)
    report = Report(found.name, seed, steps)
    settings = dict(params or {})
    try:
        with _open(found, settings, seed, "shm") as env:
            schema = env.schema
        for level, about, place, text, advice in review_names(schema):
            report.add(level, about, place, text, advice)
        watch = Watch(schema)
        first = _run(found, settings, seed, steps, "shm", watch=watch)
        for level, about, place, text, advice in watch.findings():
            report.add(level, about, place, text, advice)
        _rewards(report, schema, watch)
        _episode(report, first)
        if watch.finite:
            _determinism(report, found, settings, seed, first)
        _influence(report, found, settings, seed, steps, schema)
        report.speed = _speed(found, settings, seed, steps, schema)
    except Deadlock as deadlock:
        report.add(
            "problem",
            "masks",
            deadlock.place,
            f"at step {deadlock.step} everything is masked.",
            "Leave at least one part or choice of an acting agent allowed.",
        )
    except SimulatorError as error:
        report.add("problem", "run", "", f"it cannot be run: {error}", "Repeat it with the command above.")
    except ParameterError:
        raise
    except QntnError as error:
        report.add("problem", "run", "", f"it cannot be run: {error}")
    if extremes:
        _extremes(report, found, settings, seed)
    return report


def _open(
    found: Scenario, params: Mapping[str, Value], seed: int, transport: Transport, timeout_s: float = _STEP_TIMEOUT_S
) -> VectorEnv:
    return VectorEnv(found, num_envs=1, params=params, seed=seed, transport=transport, step_timeout_s=timeout_s)


def _run(
    found: Scenario,
    params: Mapping[str, Value],
    seed: int,
    steps: int,
    transport: Transport,
    *,
    watch: Watch | None = None,
    vary: tuple[Role, ActionField] | None = None,
    random: bool = True,
) -> Run:
    with _open(found, params, seed, transport) as env:
        return drive(env, steps, random=random, watch=watch, vary=vary)


def _rewards(report: Report, schema: Schema, watch: Watch) -> None:
    for role in schema.roles:
        if not role.reward_weights.any():
            report.add(
                "look",
                "rewards",
                role.name,
                "no term has a weight, so its reward is always 0.",
                f"Weigh its terms in [reward.{role.name}] of the .toml.",
            )
        for term, weight in zip(role.terms, role.reward_weights, strict=True):
            if watch.is_always_zero(role.name, term):
                judged = f" and weighs {weight:g} in the reward" if weight else ""
                report.add(
                    "look", "rewards", f"{role.name}.{term.name}", f"the term is always 0{judged}.", "Is it written?"
                )
    if not schema.utility:
        report.add("look", "rewards", "[utility]", "no metric has a weight.", "Evaluations rank policies by it.")


def _episode(report: Report, run: Run) -> None:
    if not run.ends:
        report.add(
            "look",
            "episode",
            "",
            f"no episode ended within {len(run.digests) - 1} steps.",
            "Look at more steps, or set a shorter episode by a parameter.",
        )
        return
    how = " and ".join(sorted({end for _, end in run.ends}))
    report.add(
        "fine", "episode", "", f"{len(run.ends)} episodes ended ({how}), the first after {run.ends[0][0]} steps."
    )


def _determinism(report: Report, found: Scenario, params: Mapping[str, Value], seed: int, first: Run) -> None:
    steps = len(first.digests) - 1
    again = difference(first, _run(found, params, seed, steps, "shm"))
    if again is None:
        report.add("fine", "determinism", "", f"the same seed and actions give the same bytes over {steps} steps.")
    else:
        report.add(
            "problem",
            "determinism",
            again,
            "the same seed and actions give other values.",
            "Draw from ns-3 streams with fixed numbers; look for clocks, addresses and unordered containers.",
        )
    other = difference(first, _run(found, params, seed, steps, "zmq"))
    if other is None:
        report.add("fine", "transports", "", "shared memory and ZMQ give the same bytes.")
    elif again is None:
        report.add(
            "problem",
            "transports",
            other,
            "shared memory and ZMQ give other values.",
            "With carryOver = false, every observation must be written at each step.",
        )
    if difference(first, _run(found, params, seed + 1, steps, "shm")) is None:
        report.add(
            "look", "determinism", "", "another seed gives the same bytes.", "Is anything random meant to be in it?"
        )
    else:
        report.add("fine", "determinism", "", "another seed gives other bytes.")


def _influence(
    report: Report, found: Scenario, params: Mapping[str, Value], seed: int, steps: int, schema: Schema
) -> None:
    calm: dict[int, Run] = {}
    for role in schema.roles:
        enough = min(steps, max(50, 2 * role.period + 1))
        if enough not in calm:
            calm[enough] = _run(found, params, seed, enough, "shm", random=False)
        for action in role.actions:
            place = f"{role.name}.{action.name}"
            varied = _run(found, params, seed, enough, "shm", random=False, vary=(role, action))
            if not varied.varied:
                report.add(
                    "look",
                    "influence",
                    place,
                    f"there was nothing to choose in {enough} steps.",
                    "Masks leave one way.",
                )
                continue
            felt = difference(calm[enough], varied)
            if felt is None:
                report.add(
                    "look",
                    "influence",
                    place,
                    f"deciding at random changed nothing that is told in {enough} steps.",
                    "Is the action used?",
                )
            else:
                report.add("fine", "influence", place, f"it is felt first in {felt}.")


def _speed(found: Scenario, params: Mapping[str, Value], seed: int, steps: int, schema: Schema) -> Speed:
    with _open(found, params, seed, "shm") as env:
        began = time.perf_counter()
        env.reset()
        reset = time.perf_counter()
        run = drive(env, steps, random=False, bare=True)
        env_s = run.step_s
        again = time.perf_counter()
        env.reset()
        done = time.perf_counter()
    rate = steps / env_s
    return Speed(rate, rate * schema.step_ns * 1e-9, reset - began, done - again)


def _extremes(report: Report, found: Scenario, params: Mapping[str, Value], seed: int) -> None:
    with _open(found, params, seed, "shm") as env:
        parameters = [p for p in env.schema.parameters if not isinstance(p.value, str)]
    for parameter in parameters:
        for value in (parameter.low, parameter.high):
            place = f"{parameter.name} = {value:g}"
            wanted = int(value) if isinstance(parameter.value, int) else value
            try:
                with _open(found, {**params, parameter.name: wanted}, seed, "shm", _EXTREME_TIMEOUT_S) as env:
                    drive(env, 2, random=False)
                report.add("fine", "parameters", place, "accepted.")
            except ParameterError as error:
                report.add("fine", "parameters", place, f"refused with a reason: {error}")
            except (QntnError, Deadlock) as error:
                why = str(error).splitlines()[0]
                report.add(
                    "problem",
                    "parameters",
                    place,
                    f"within its bounds, and fails: {why}.",
                    "Narrow the bounds, or mend it.",
                )
