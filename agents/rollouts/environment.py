# SPDX-License-Identifier: GPL-2.0-only
"""All that the learner needs of an environment, and any PettingZoo environment in that form.

`Environments` is the interface: a schema, `reset` and `step` of several environments at once. `pybridge.make_vec` has
it; `ParallelVector` gives it to every PettingZoo `ParallelEnv`; a class of your own may have it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces

from agents.arrays import Array
from pybridge import ActionField, Batch, Field, Role, Schema

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

NAME = "observation"  # of the one observation field that an agent without named fields has
LARGEST_RANGE = 1e6  # a box action needs finite bounds


class Environments(Protocol):
    """Several environments of one kind, stepped together.

    Where they run by themselves they may have `send(actions)` and `recv()` too, which are `step` in two halves.
    """

    schema: Schema
    num_envs: int

    def reset(self, *, seed: int | None = None) -> Batch:
        """Start an episode everywhere; episode k of environment e has the seed `seed + e + k num_envs`."""
        ...

    def step(self, actions: Mapping[str, Array]) -> Batch:
        """One step with actions [E, A, action_size] by role; an ended episode is followed by the next at once.

        The batch must stay as it is until the next call has returned.
        """
        ...


def sends(env: Environments) -> bool:
    """Whether the environments run by themselves, so that a step can be made in two halves."""
    return hasattr(env, "send")


def begin_step(env: Environments, actions: Mapping[str, Array]) -> Callable[[], Batch]:
    """Begin a step; what is returned waits for its batch. What does not send steps when it is waited for."""
    if not sends(env):
        return partial(env.step, actions)
    apart: Any = env
    apart.send(actions)
    recv: Callable[[], Batch] = apart.recv
    return recv


class Departures(NamedTuple):
    """Agents of a role that have left their episode in a step, [E, A] bool both.

    Attributes:
        left: for whatever reason, whether the episode goes on or not.
        died: those of them that terminated, and so have nothing to expect; the others were cut off.
    """

    left: Array
    died: Array


@dataclass(slots=True)
class ParallelBatch(Batch):
    """A batch in which single agents may leave.

    Attributes:
        departures: by role.
    """

    departures: dict[str, Departures] = field(default_factory=dict)


def departures(batch: Batch, role: str) -> Departures | None:
    """Of the agents of `role` in the step that led to the batch; None if agents cannot leave one by one."""
    return batch.departures.get(role) if isinstance(batch, ParallelBatch) else None


class ParallelVector:
    """Copies of a PettingZoo `ParallelEnv`, stepped one after the other in this process.

    Agents whose names are equal up to the last underscore and whose spaces are equal share a role: the parameters
    of their networks, told apart by an id. Observations: `Box`, `Discrete` (one-hot), or a `Dict` with
    `observation` and `action_mask`. Actions: `Discrete`, `MultiDiscrete`, `MultiBinary`, bounded `Box`. A mask of
    choices is taken from the observation, or else from `info["action_mask"]`. The only metric is `reward`, the mean
    over all possible agents, and it is the utility.

    An episode has ended when no agent is left: terminated, if all that were left terminated; else truncated. Which
    agents left in a step, and how, is told apart from that (`Departures`).
    """

    def __init__(self, make: Callable[[], ParallelEnv[Any, Any, Any]], num_envs: int, seed: int = 1) -> None:
        """`make` is called `num_envs` times.

        Raises:
            ValueError: a space that the learner cannot handle.
        """
        self.num_envs = num_envs
        self.envs = [make() for _ in range(num_envs)]
        first = self.envs[0]
        self.roles = _roles(first)
        self.place = {agent: (name, i) for name, agents in self.roles.items() for i, agent in enumerate(agents)}
        self.action_spaces = {name: first.action_space(agents[0]) for name, agents in self.roles.items()}
        self.readers = {name: _Reader(first.observation_space(agents[0])) for name, agents in self.roles.items()}
        self.schema = Schema(
            scenario=str(first.metadata.get("name", type(first).__name__)),
            version=1,
            step_ns=1_000_000_000,
            roles=tuple(self._role(name, agents) for name, agents in self.roles.items()),
            metrics=(Field("reward", 1, 0.0, 0.0, "1", "mean over the agents", 0),),
            parameters=(),
            utility={"reward": 1.0},
        )
        self.next_seed = [seed + env for env in range(num_envs)]
        self.seeds = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self._clear()

    def __enter__(self) -> ParallelVector:
        """Nothing to do."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close them."""
        self.close()

    def close(self) -> None:
        """Close every copy."""
        for env in self.envs:
            env.close()

    def reset(self, *, seed: int | None = None) -> ParallelBatch:
        """See `Environments.reset`."""
        if seed is not None:
            self.next_seed = [seed + env for env in range(self.num_envs)]
        self._clear()
        for env in range(self.num_envs):
            self._begin(env)
        return self._batch()

    def step(self, actions: Mapping[str, Array]) -> ParallelBatch:
        """See `Environments.step`."""
        chosen = {name: _to_space(self.action_spaces[name], array) for name, array in actions.items()}
        for array in (*self.rewards.values(), *self.left.values(), *self.died.values()):
            array[:] = 0
        self.final.clear()
        terminated, truncated = np.zeros((2, self.num_envs), bool)
        self.steps += 1
        for index, env in enumerate(self.envs):
            places = [(agent, *self.place[agent]) for agent in env.agents]
            wanted = {agent: chosen[name][index, i] for agent, name, i in places}
            observations, rewards, ends, cuts, infos = env.step(wanted)
            for agent, name, i in places:
                self.rewards[name][index, i] = rewards[agent]
                self._see(index, agent, observations.get(agent), infos.get(agent, {}))
            for agent, name, i in places:
                if agent not in env.agents:
                    self.acts[name][index, i] = 0
                    self.left[name][index, i] = True
                    self.died[name][index, i] = ends[agent]
            if env.agents:
                continue
            terminated[index] = all(ends[agent] for agent, _, _ in places)
            truncated[index] = not terminated[index]
            for name, values in self.observations.items():
                self.final.setdefault(name, {})[index] = values[index].copy()
            self._begin(index)
        batch = self._batch()
        batch.terminated, batch.truncated = terminated, truncated
        return batch

    def _role(self, name: str, agents: Sequence[str]) -> Role:
        return Role(
            name=name,
            num_agents=len(agents),
            period=1,
            help="",
            observations=(Field(NAME, self.readers[name].size, 0.0, 0.0, "1", "", 0),),
            actions=_action_fields(name, self.action_spaces[name]),
            terms=(Field("reward", 1, 0.0, 0.0, "1", "", 0),),
            reward_weights=np.ones(1),
        )

    def _clear(self) -> None:
        shapes = {role.name: (self.num_envs, role.num_agents) for role in self.schema.roles}
        self.observations = {n: np.zeros((*s, self.readers[n].size), np.float32) for n, s in shapes.items()}
        self.masks = {r.name: np.ones((*shapes[r.name], r.mask_size), np.uint8) for r in self.schema.roles}
        self.acts = {name: np.zeros(shape, np.uint8) for name, shape in shapes.items()}
        self.rewards = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.left, self.died = ({name: np.zeros(shape, bool) for name, shape in shapes.items()} for _ in range(2))
        self.final: dict[str, dict[int, Array]] = {}

    def _begin(self, index: int) -> None:
        env = self.envs[index]
        self.seeds[index] = self.next_seed[index]
        self.next_seed[index] += self.num_envs
        self.steps[index] = 0
        observations, infos = env.reset(seed=int(self.seeds[index]))
        for name, agents in self.roles.items():
            self.acts[name][index] = [agent in env.agents for agent in agents]
        for agent in env.agents:
            self._see(index, agent, observations[agent], infos.get(agent, {}))

    def _see(self, index: int, agent: str, observation: Any, info: Mapping[str, Any]) -> None:
        """Write what an agent sees; one that has just left may see nothing, and then keeps its last view."""
        if observation is None:
            return
        name, i = self.place[agent]
        values, mask = self.readers[name].read(observation, info)
        self.observations[name][index, i] = values
        if mask is not None:
            self.masks[name][index, i] = mask

    def _batch(self) -> ParallelBatch:
        rewards = {name: values.copy() for name, values in self.rewards.items()}
        total = sum(values.sum(axis=1) for values in rewards.values())
        never = np.zeros(self.num_envs, bool)
        return ParallelBatch(
            observations={name: values.copy() for name, values in self.observations.items()},
            action_masks={name: values.copy() for name, values in self.masks.items()},
            acts={name: values.copy() for name, values in self.acts.items()},
            present={name: values.copy() for name, values in self.acts.items()},
            terms={name: values[:, :, None] for name, values in rewards.items()},
            rewards=rewards,
            metrics=np.asarray(total)[:, None] / len(self.place),
            terminated=never,
            truncated=never.copy(),
            time_s=self.steps.astype(np.float64),
            seeds=self.seeds.copy(),
            final_observations=dict(self.final),
            departures={name: Departures(self.left[name].copy(), self.died[name].copy()) for name in self.roles},
        )


class _Reader:
    """Turns observations of one space into a vector and a mask."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.masked = isinstance(space, spaces.Dict)
        if isinstance(space, spaces.Dict):
            if set(space.spaces) != {NAME, "action_mask"}:
                raise ValueError(f"observation space {space}: expected the keys {NAME!r} and 'action_mask'")
            space = space[NAME]
        if not isinstance(space, spaces.Box | spaces.Discrete):
            raise ValueError(f"observation space {space}: expected Box, Discrete, or a Dict of one and 'action_mask'")
        self.space = space
        self.size = int(space.n) if isinstance(space, spaces.Discrete) else int(np.prod(space.shape))

    def read(self, observation: Any, info: Mapping[str, Any]) -> tuple[Array, Array | None]:
        """Vector [D] and mask [M], or None where there is no mask."""
        mask = info.get("action_mask")
        if self.masked:
            observation, mask = observation[NAME], observation["action_mask"]
        if isinstance(self.space, spaces.Discrete):
            observation = np.arange(self.size) == int(observation) - int(self.space.start)
        return np.ravel(observation), None if mask is None else np.ravel(mask)


def _roles(env: ParallelEnv[Any, Any, Any]) -> dict[str, list[str]]:
    """Agents by role."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for agent in env.possible_agents:
        key = str(agent).rpartition("_")[0] or str(agent)
        alike = (key, str(env.observation_space(agent)), str(env.action_space(agent)))
        groups.setdefault(alike, []).append(agent)
    roles: dict[str, list[str]] = {}
    for (name, _, _), agents in groups.items():
        roles[name if name not in roles else f"{name}-{len(roles)}"] = agents
    return roles


def _action_fields(role: str, space: spaces.Space[Any]) -> tuple[ActionField, ...]:
    if isinstance(space, spaces.Box):
        reach = float(np.max(space.high - space.low))
        if not reach < LARGEST_RANGE:
            raise ValueError(f"role {role}: action space {space} needs finite bounds")
        bounds = zip(np.ravel(space.low), np.ravel(space.high), strict=True)
        return tuple(_field(i, "box", 0, i, float(low), float(high)) for i, (low, high) in enumerate(bounds))
    if isinstance(space, spaces.Discrete):
        choices = [int(space.n)]
    elif isinstance(space, spaces.MultiDiscrete):
        choices = [int(n) for n in np.ravel(space.nvec)]
    elif isinstance(space, spaces.MultiBinary):
        choices = [2] * int(np.prod(space.shape))
    else:
        raise ValueError(f"role {role}: action space {space}: expected Discrete, MultiDiscrete, MultiBinary or Box")
    starts = np.cumsum([0, *choices])
    return tuple(_field(i, "categorical", n, int(starts[i]), 0.0, 0.0) for i, n in enumerate(choices))


def _field(index: int, kind: Any, num_choices: int, mask_offset: int, low: float, high: float) -> ActionField:
    mask = mask_offset if kind == "categorical" else 0
    name = f"action_{index}"
    return ActionField(name, kind, 1, num_choices, low, high, "1", "", index, mask, num_choices, 0, "", ())


def _to_space(space: spaces.Space[Any], actions: Array) -> Array:
    """Actions [E, A, action_size] in the form of the space, [E, A, ...]."""
    if isinstance(space, spaces.Discrete):
        return actions[:, :, 0].astype(np.int64) + int(space.start)
    shape = (*actions.shape[:2], *(space.shape or ()))
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray((actions.astype(np.int64).reshape(shape) + space.start).astype(space.dtype))
    return actions.reshape(shape).astype(space.dtype)
