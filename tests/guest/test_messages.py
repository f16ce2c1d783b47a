# SPDX-License-Identifier: GPL-2.0-only
"""Whatever bytes a simulation sends: a value in its space, or ProtocolError."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pybridge.guest.wire.ns3_ai_gym_pb2 as ai_wire
import pybridge.guest.wire.ns3opengym_pb2 as gym_wire
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from pybridge.errors import ProtocolError
from pybridge.guest.spaces import fill, parse, to_space, to_value

SPACE = spaces.Dict(
    {
        "a": spaces.Tuple([spaces.Discrete(5), spaces.Box(-4, 4, (2, 3), np.int32)]),
        "b": spaces.Box(-1, 1, (3,), np.float64),
    }
)


@pytest.mark.parametrize("wire", [gym_wire, ai_wire])
@settings(max_examples=500, deadline=None)
@given(
    seed=st.integers(0, 99), cut=st.integers(0, 400), flips=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 7)))
)
def test_damaged_values(wire: ModuleType, seed: int, cut: int, flips: list[tuple[int, int]]) -> None:
    SPACE.seed(seed)
    state = wire.EnvStateMsg()
    fill(wire, state.obsData, SPACE, SPACE.sample())
    data = bytearray(state.SerializeToString()[: cut or None])
    for place, bit in flips:
        if data:
            data[place % len(data)] ^= 1 << bit
    try:
        value = to_value(wire, parse(wire.EnvStateMsg, bytes(data), "peer").obsData, SPACE, "observation")
    except ProtocolError:
        return
    assert value["a"][1].shape == (2, 3) and value["b"].shape == (3,)


@settings(max_examples=500, deadline=None)
@given(
    data=st.binary(max_size=200),
    kind=st.integers(0, 6),
    name=st.sampled_from(["DiscreteSpace", "BoxSpace", "TupleSpace"]),
)
def test_any_description_of_a_space(data: bytes, kind: int, name: str) -> None:
    description = gym_wire.SpaceDescription(type=kind if kind < 5 else 0)
    description.space.type_url = f"type.googleapis.com/ns3opengym.{name}"
    description.space.value = data
    try:
        space = to_space(gym_wire, description, "space")
    except ProtocolError:
        return
    assert isinstance(space, spaces.Space)
