# SPDX-License-Identifier: GPL-2.0-only
"""What a user of fake simulators writes, and what may go wrong in it on purpose."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge.schema import Schema, Value

Actions = Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
"""role -> action field -> [A, size]."""


class End(enum.Enum):
    """How an episode ended: `TRUNCATED` by the clock only."""

    TERMINATED = wire.TERMINATED
    TRUNCATED = wire.TRUNCATED


@dataclass
class Death(Exception):
    """Raise it to die like a process: exit status, or minus a signal's number."""

    returncode: int = 1
    last_words: str = ""


class Hang(Exception):
    """Raise it to fall silent until the step deadline."""


@dataclass
class ProtocolFault(Exception):
    """Raise it to break the contract: Python gets a Fault of kind "protocol"."""

    message: str = "the fake simulator breaks the protocol"


class State:
    """What the simulation tells; every array keeps its values until written, terms are 0 at each step.

    Attributes:
        observations: role -> field -> [A, size] float32.
        masks: role -> action field -> [A, size] for a simplex, [A, size, choices] for a categorical; uint8.
        terms: role -> term -> [A] float64.
        metrics: name -> number.
        present: role -> [A] uint8, 0 for agents that are absent: they do not act.
        acted: role -> whether its actions have just been decided anew.
        step: how many states have been answered.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.step = 0
        self.observation_rows = {
            r.name: np.zeros((r.num_agents, r.observation_size), np.float32) for r in schema.everyone
        }
        self.mask_rows = {r.name: np.ones((r.num_agents, r.mask_size), np.uint8) for r in schema.everyone}
        self.term_rows = {r.name: np.zeros((r.num_agents, len(r.terms)), np.float64) for r in schema.everyone}
        self.present = {r.name: np.ones(r.num_agents, np.uint8) for r in schema.everyone}
        self.acts = {r.name: True for r in schema.everyone}
        self.acted = {r.name: False for r in schema.everyone}
        self.metrics = {metric.name: 0.0 for metric in schema.metrics}
        self.observations = {
            r.name: {f.name: self.observation_rows[r.name][:, f.span] for f in r.observations} for r in schema.everyone
        }
        self.terms = {
            r.name: {t.name: self.term_rows[r.name][:, i] for i, t in enumerate(r.terms)} for r in schema.everyone
        }
        self.masks: dict[str, dict[str, npt.NDArray[np.uint8]]] = {}
        for role in schema.everyone:
            masks = self.masks[role.name] = {}
            for action in role.actions:
                mask = self.mask_rows[role.name][:, action.mask_span]
                if action.kind == "categorical":
                    whole = self.mask_rows[role.name]
                    shape = (role.num_agents, action.size, action.num_choices)
                    strides = (whole.strides[0], action.num_choices, 1)
                    mask = np.lib.stride_tricks.as_strided(whole[:, action.mask_offset :], shape, strides)
                if action.kind != "box":
                    masks[action.name] = mask

    def advance(self) -> None:
        """The next step begins."""
        self.step += 1
        for role in self._schema.everyone:
            self.term_rows[role.name][:] = 0.0
            self.acted[role.name] = self.acts[role.name]
            self.acts[role.name] = self.step % role.period == 0

    def finish(self) -> None:
        """Nobody acts any more."""
        for name in self.acts:
            self.acts[name] = False


class Simulation(ABC):
    """One episode of a fake scenario; an object is made for each.

    Attributes:
        parameters: made by `fake.number` and `fake.text`.
        step_s: simulated time of a step.
        rewards, utility: the weights that a scenario's .toml would hold.
    """

    parameters: Sequence[wire.Parameter] = ()
    step_s: float = 0.1
    rewards: Mapping[str, Mapping[str, float]] = {}
    utility: Mapping[str, float] = {}

    @abstractmethod
    def describe(self, params: Mapping[str, Value]) -> Sequence[wire.Role]:
        """The roles, made by `fake.role`; may depend on the parameters."""

    def metrics(self, params: Mapping[str, Value]) -> Sequence[wire.Field]:
        """The metrics, made by `fake.field`."""
        return ()

    @abstractmethod
    def reset(self, params: Mapping[str, Value], seed: int, state: State) -> None:
        """Writes the first state of the episode."""

    @abstractmethod
    def step(self, actions: Actions, state: State) -> End | None:
        """Moves by one step and writes what came of it; returns how the episode ended, if it did."""
