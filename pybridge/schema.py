# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario offers: its roles with all their fields, its metrics and its parameters.

A scenario program writes each field once and sends them in its ``Hello``; the weights that turn terms
into rewards and metrics into the utility come from its parameter file.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge.errors import ParameterError
from pybridge.hello import check_hello
from pybridge.scene import Scene

ActionKind = Literal["simplex", "categorical", "box"]
Value = float | int | str
_KINDS: dict[int, ActionKind] = {0: "simplex", 1: "categorical", 2: "box"}


@dataclass(frozen=True, slots=True)
class Field:
    """Some numbers with a name in an observation, in the terms or in the metrics.

    Attributes:
        size: how many numbers.
        low, high: bounds of each; both 0 where the scenario states none.
        offset: of the first one in the agent's vector.
    """

    name: str
    size: int
    low: float
    high: float
    unit: str
    help: str
    offset: int

    @property
    def span(self) -> slice:
        """Where the field lies in the agent's vector: ``observation[..., field.span]``."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True, slots=True)
class ActionField:
    """A decision of an agent.

    A ``simplex`` is `size` numbers >= 0 that sum to 1, its mask has `size` entries (0: this part stays
    0). A ``categorical`` is `size` choices, each 0..num_choices-1, its mask has `size * num_choices`
    entries (0: not to be chosen). A ``box`` is `size` numbers in [low, high], without a mask.

    Attributes:
        offset: of the first number in the agent's action vector (float32; choices are whole numbers).
        mask_offset, mask_size: its place in the agent's mask.
        default: choice that heuristics take.
        demand: name of the observation field of this role by which heuristics share out, or "".
        labels: names of the parts or choices, or empty.
    """

    name: str
    kind: ActionKind
    size: int
    num_choices: int
    low: float
    high: float
    unit: str
    help: str
    offset: int
    mask_offset: int
    mask_size: int
    default: int
    demand: str
    labels: tuple[str, ...]

    @property
    def span(self) -> slice:
        """Where the decision lies in the agent's action vector."""
        return slice(self.offset, self.offset + self.size)

    @property
    def mask_span(self) -> slice:
        """Where its mask lies in the agent's mask."""
        return slice(self.mask_offset, self.mask_offset + self.mask_size)


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of agent: what each of them sees, decides and is judged by.

    Attributes:
        period: it acts at steps 0, period, 2 period, ... of an episode.
        reward_weights: [T] what each term counts for in the reward.
    """

    name: str
    num_agents: int
    period: int
    help: str
    observations: tuple[Field, ...]
    actions: tuple[ActionField, ...]
    terms: tuple[Field, ...]
    reward_weights: npt.NDArray[np.float64]

    @property
    def observation_size(self) -> int:
        """D, the numbers that an agent sees."""
        return sum(field.size for field in self.observations)

    @property
    def action_size(self) -> int:
        """The numbers that an agent decides."""
        return sum(field.size for field in self.actions)

    @property
    def mask_size(self) -> int:
        """M, the entries of an agent's mask."""
        return sum(field.mask_size for field in self.actions)

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """``<role>_<number>`` for each agent."""
        return tuple(f"{self.name}_{index}" for index in range(self.num_agents))

    def observation(self, name: str) -> Field:
        """The observation field of that name.

        Raises:
            KeyError: there is none.
        """
        for field in self.observations:
            if field.name == name:
                return field
        raise KeyError(
            f"role {self.name} has no observation {name!r}{suggest(name, (f.name for f in self.observations))}"
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the user may set. Bounds and whole numbers are those of numeric parameters."""

    name: str
    value: Value
    low: float
    high: float
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Schema:
    """All that a scenario offers, for given parameters.

    Attributes:
        version: of the protocol.
        step_ns: simulated time of a step.
        roles: those that decide something.
        watchers: those that decide nothing: what they see, no agent sees, but critics in training may.
        utility: what each metric counts for in the utility of a step; the utility of an episode is the
            mean over its steps.
        scene: where things are, for pictures; of the first episode's seed.
    """

    scenario: str
    version: int
    step_ns: int
    roles: tuple[Role, ...]
    metrics: tuple[Field, ...]
    parameters: tuple[Parameter, ...]
    utility: Mapping[str, float]
    scene: Scene = dataclasses.field(default_factory=Scene)
    watchers: tuple[Role, ...] = ()

    @property
    def everyone(self) -> tuple[Role, ...]:
        """All roles, in the order in which the simulator lists them."""
        return self.roles + self.watchers

    @property
    def params(self) -> dict[str, Value]:
        """The values of all parameters by name."""
        return {parameter.name: parameter.value for parameter in self.parameters}

    @property
    def utility_weights(self) -> npt.NDArray[np.float64]:
        """[metrics] what each metric counts for in the utility."""
        return np.array([self.utility.get(metric.name, 0.0) for metric in self.metrics])

    def role(self, name: str) -> Role:
        """The role of that name.

        Raises:
            KeyError: there is none.
        """
        for role in self.everyone:
            if role.name == name:
                return role
        raise KeyError(f"{self.scenario} has no role {name!r}{suggest(name, (r.name for r in self.everyone))}")

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """Every agent that decides, role by role."""
        return tuple(agent for role in self.roles for agent in role.agent_ids)


def suggest(name: object, known: Iterable[str]) -> str:
    """A tail for an error text: the nearest known name, or all of them if none is near."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else ""


def schema_from_hello(
    hello: wire.Hello, rewards: Mapping[str, Mapping[str, float]], utility: Mapping[str, float]
) -> Schema:
    """Joins what a simulator says of itself with the weights of its parameter file.

    Raises:
        ProtocolError: it speaks another version or byte order, or contradicts itself.
        ParameterError: a weight names a role, term or metric that does not exist.
    """
    check_hello(hello)
    metrics = _fields(hello.metrics)
    for name in utility:
        if name not in {metric.name for metric in metrics}:
            raise ParameterError(f"[utility] {name}: no such metric{suggest(name, (m.name for m in metrics))}")
    for name in rewards:
        if name not in {role.name for role in hello.roles}:
            raise ParameterError(f"[reward.{name}]: no such role{suggest(name, (r.name for r in hello.roles))}")
    roles = tuple(_role(role, rewards.get(role.name, {})) for role in hello.roles)
    return Schema(
        scenario=hello.scenario,
        version=hello.protocol,
        step_ns=hello.step_ns,
        roles=tuple(role for role in roles if role.actions),
        watchers=tuple(role for role in roles if not role.actions),
        metrics=metrics,
        parameters=tuple(_parameter(parameter) for parameter in hello.parameters),
        utility=MappingProxyType(dict(utility)),
        scene=Scene.from_wire(hello.scene),
    )


def _fields(messages: Iterable[wire.Field]) -> tuple[Field, ...]:
    fields: list[Field] = []
    offset = 0
    for message in messages:
        fields.append(Field(message.name, message.size, message.low, message.high, message.unit, message.help, offset))
        offset += message.size
    return tuple(fields)


def _actions(messages: Iterable[wire.ActionField]) -> tuple[ActionField, ...]:
    fields: list[ActionField] = []
    offset = mask_offset = 0
    for message in messages:
        kind = _KINDS[message.kind]
        mask_size = {"simplex": message.size, "categorical": message.size * message.num_choices, "box": 0}[kind]
        fields.append(
            ActionField(
                name=message.name,
                kind=kind,
                size=message.size,
                num_choices=message.num_choices,
                low=message.low,
                high=message.high,
                unit=message.unit,
                help=message.help,
                offset=offset,
                mask_offset=mask_offset,
                mask_size=mask_size,
                default=message.default_choice,
                demand=message.demand,
                labels=tuple(message.labels),
            )
        )
        offset += message.size
        mask_offset += mask_size
    return tuple(fields)


def _role(message: wire.Role, weights: Mapping[str, float]) -> Role:
    terms = _fields(message.terms)
    for name in weights:
        if name not in {term.name for term in terms}:
            raise ParameterError(
                f"[reward.{message.name}] {name}: no such term{suggest(name, (t.name for t in terms))}"
            )
    reward_weights = np.array([weights.get(term.name, 0.0) for term in terms], dtype=np.float64)
    reward_weights.setflags(write=False)
    return Role(
        name=message.name,
        num_agents=message.num_agents,
        period=message.period,
        help=message.help,
        observations=_fields(message.observations),
        actions=_actions(message.actions),
        terms=terms,
        reward_weights=reward_weights,
    )


def _parameter(message: wire.Parameter) -> Parameter:
    value: Value = message.value.text
    if message.value.HasField("number"):
        value = int(message.value.number) if message.integer else message.value.number
    return Parameter(message.name, value, message.low, message.high, message.unit, message.help)
