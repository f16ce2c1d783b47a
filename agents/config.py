# SPDX-License-Identifier: GPL-2.0-only
"""Training configuration: frozen dataclasses, and checks of the values that they are given.

Where the values come from is in `settings.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pybridge.schema import suggest

Toml = dict[str, Any]
PLACES = {"backend", "ray_address", "fragment_timeout_s"}
"""Settings of where runners are. The result does not depend on them while nobody dies or is late, with one exception:
with `overlap`, runners apart from the learner (`local`, `ray`) act with weights one update old, `inline` never does."""
T = TypeVar("T", "RoleConfig", "TrainConfig")


class ConfigError(ValueError):
    """A key that does not exist or a value of the wrong type or range; the text says which and what was expected."""


@dataclass(frozen=True)
class Span:
    """Range of a number, or of a list's length, from `low` (without it, if `above`) to `high`."""

    low: float = 0
    high: float = math.inf
    above: bool = False

    def __contains__(self, number: float) -> bool:
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    def __str__(self) -> str:
        if self.high < math.inf:
            return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        return f"above {self.low:g}" if self.above else f"{self.low:g} or more"


Natural = Annotated[int, Span()]
Count = Annotated[int, Span(1)]
Weight = Annotated[float, Span()]
Positive = Annotated[float, Span(above=True)]
Ratio = Annotated[float, Span(0, 1)]
Layers = Annotated[tuple[Count, ...], Span(1)]
Gains = Annotated[tuple[Weight, ...], Span(3, 3)]


@dataclass(frozen=True)
class RoleConfig:
    """Settings of one role. A *decision* is one action of all the role's agents in one environment."""

    lr: Weight = 5e-4  # Adam's step size at the start
    gamma: Ratio = 0.97  # discount per environment step, for managers too
    gae_lambda: Ratio = 0.95  # per decision
    clip: Positive = 0.2  # of the probability ratio
    entropy: Weight = 0.002  # weight of the entropy bonus
    epochs: Count = 4  # passes over the data of an update
    minibatches: Count = 4
    min_decisions: Count = 1  # an update waits for this many decisions per environment
    target_kl: Weight = 0.02  # an update stops above 1.5 times this divergence; 0 = never
    max_grad_norm: Weight = 0.5  # of actor and critic each; 0 = no limit
    huber_delta: Weight = 10.0  # of the value loss, in normalised returns; 0 = squared errors
    value_normalisation: bool = True  # the critic predicts returns in units of their running deviation
    value_clip: Weight = 0.0  # how far a value may move in an update, in normalised returns; 0 = anywhere
    advantage_normalisation: bool = True  # over all decisions of the role's agents that count
    bootstrap_truncated: bool = True  # an episode that the clock ended keeps the value of its last state
    action_masks: bool = True  # else what they forbid is sampled and mended afterwards
    death_masks: bool = True  # else agents that did not decide, or have left, count as well
    orthogonal: bool = True  # initial weights; else uniform ones
    semi_markov: bool = True  # else a manager's reward is the plain sum, discounted by gamma once a decision
    centralised: bool = True  # the critic sees the state of all roles
    watchers: bool = True  # and of what decides nothing (`Schema.watchers`)
    phases: bool = True  # workers see how much of the managers' epochs has passed
    decisions: bool = True  # workers see what the managers decided last
    cooperation: Ratio = 0.0  # 0: each agent has its own reward; 1: the mean over the role's agents
    recurrent: Literal["none", "gru"] = "none"
    chunk: Count = 16  # decisions of a sequence that a recurrent role learns from at a time
    burn_in: Natural = 4  # decisions before it that only warm the memory
    head_simplex: Literal["gaussian-softmax", "dirichlet"] = "gaussian-softmax"
    initial_std: Positive = 0.5  # of the Gaussian latents
    prior: Weight = 1.0  # weight of the heuristic prior: 0 = none; above 1, choices are surer (learner/heads.py)
    prior_policy: str = ""  # heuristic whose actions the prior is made of; empty = demands and default choices
    actor_hidden: Layers = (64, 64)
    critic_hidden: Layers = (64, 64)
    heuristic: str = ""  # of policies.py: decides in place of the role, which then learns nothing


WORKER = RoleConfig()
MANAGER = RoleConfig(lr=3e-4, gamma=0.995, epochs=3, minibatches=1, min_decisions=16, entropy=0.005)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run. `steps` counts environment steps, summed over environments."""

    steps: Count = 200_000
    seed: Natural = 1
    num_envs: Count = 2
    rollout_steps: Count = 200  # steps per environment between updates
    segment_rollouts: Count = 12  # rollouts between checkpoints; episodes restart there
    backend: str = "local"  # where runners are: inline (in the learner), local (processes), ray (see rollouts/)
    num_runners: Count = 1  # that share the environments
    ray_address: str = ""  # of a running cluster; empty = one of its own on this machine
    fragment_timeout_s: Positive = 600.0  # a round goes on without the runners that take longer
    overlap: bool = True  # sample while the update runs, with weights one update old (runners apart from the learner)
    algorithm: str = "mappo"  # a file of agents/algorithms, or the path of one of your own
    final_lr_ratio: Ratio = 0.1  # the learning rate decays linearly to this part of its start
    curriculum: tuple[Ratio, ...] = ()  # parts of the run: workers learn under heuristic managers, then managers alone
    constraint: Mapping[str, float] = field(default_factory=dict)  # greatest mean of a metric or "role/term"
    pid: Gains = (1.0, 0.1, 0.0)  # gains of the constraints' multipliers (see learner/lagrangian.py)
    roles: Mapping[str, RoleConfig] = field(default_factory=dict)

    @property
    def overlaps(self) -> bool:
        """Whether runners sample while the update runs."""
        return self.overlap and self.backend != "inline"

    @property
    def segment_steps(self) -> int:
        """Environment steps from one checkpoint to the next."""
        return self.rollout_steps * self.segment_rollouts * self.num_envs

    @property
    def num_segments(self) -> int:
        """Checkpoint intervals of the run: `steps` rounded up to whole ones."""
        return -(-self.steps // self.segment_steps)

    @property
    def total_steps(self) -> int:
        """Environment steps of the run: `steps` rounded up to whole segments."""
        return self.num_segments * self.segment_steps


def to_dict(config: TrainConfig) -> Toml:
    """The resolved configuration as plain values; `from_dict` reads it back."""
    return dataclasses.asdict(dataclasses.replace(config, roles=dict(config.roles), constraint=dict(config.constraint)))


def from_dict(tree: Mapping[str, Any]) -> TrainConfig:
    """Inverse of `to_dict`."""
    values = dict(tree)
    tables = values.pop("roles").items()
    roles = {name: replaced(RoleConfig(), table, f"role.{name}") for name, table in tables}
    return dataclasses.replace(replaced(TrainConfig(), values, ""), roles=roles)


def replaced(base: T, values: Mapping[str, Any], where: str) -> T:
    """`base` with these values, each of its field's type and range.

    Raises:
        ConfigError: there is no such field, or the value is of another type or out of range; `where` is the table
            that it stands in.
    """
    hints = get_type_hints(type(base), include_extras=True)
    checked = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else key
        if key not in hints:
            raise ConfigError(f"{path}: no such setting{suggest(key, hints)}")
        checked[key] = as_kind(path, value, hints[key])
    return dataclasses.replace(base, **checked)


def as_kind(path: str, value: Any, wanted: Any) -> Any:
    """`value` as one of the type `wanted`, and in its `Span` if that is annotated.

    Raises:
        ConfigError: it is none; `path` names the setting.
    """
    if get_origin(wanted) is Annotated:
        kind, span = get_args(wanted)
        found = as_kind(path, value, kind)
        listed = isinstance(found, tuple)
        if (len(found) if listed else found) not in span:
            raise ConfigError(f"{path} = {value!r}: expected {span}{' values' if listed else ''}")
        return found
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ConfigError(f"{path} = {value!r}: expected a finite number")
        return float(value)
    if wanted in (bool, str) and isinstance(value, wanted):
        return value
    if wanted is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if get_origin(wanted) is tuple:
        item = get_args(wanted)[0]
        if isinstance(value, list | tuple):
            return tuple(as_kind(path, entry, item) for entry in value)
        item = getattr(item, "__origin__", item)  # without its span
        raise ConfigError(f"{path} = {value!r}: expected list of {item.__name__}")
    if get_origin(wanted) is Literal:
        if value in get_args(wanted):
            return value
        raise ConfigError(f"{path} = {value!r}: no such choice{suggest(str(value), get_args(wanted))}")
    if get_origin(wanted) is Mapping and isinstance(value, Mapping):
        return dict(_flat(path, value))
    raise ConfigError(f"{path} = {value!r}: expected {getattr(wanted, '__name__', str(wanted))}")


def _flat(path: str, table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of nested tables; `a.b = 1` in TOML is the name `a.b` here, since names of metrics have dots."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(path, value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_kind(f"{path}.{prefix}{key}", value, float)
