# SPDX-License-Identifier: GPL-2.0-only
"""Spaces and values of ns3-gym's messages (ns3-ai's are the same in another package) as Gymnasium's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from gymnasium import spaces

from pybridge.errors import ActionError, ProtocolError

_MAX_DEPTH = 16
_MAX_ELEMENTS = 1 << 24
_DISCRETE, _BOX, _TUPLE, _DICT = 1, 2, 3, 4
_FIELDS = {1: "intData", 2: "uintData", 3: "floatData", 4: "doubleData"}
_DTYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.int32, 2: np.uint32, 3: np.float32, 4: np.float64}
_NUMBERS = {np.dtype(np.int32): 1, np.dtype(np.uint32): 2, np.dtype(np.float32): 3, np.dtype(np.float64): 4}


def to_space(wire: Any, description: Any, where: str, depth: int = 0) -> spaces.Space[Any]:
    """The space that a `SpaceDescription` describes; none at all is a Box of no elements.

    Args:
        wire: the module of the messages.
        description: what the simulation sent.
        where: for errors.

    Raises:
        ProtocolError: it describes no space.
    """
    if depth > _MAX_DEPTH:
        raise ProtocolError(f"{where}: spaces nested deeper than {_MAX_DEPTH}")
    if description.type == 0:
        return spaces.Box(0.0, 0.0, (0,), np.float32)
    if description.type == _DISCRETE:
        n = _unpack(wire.DiscreteSpace, description.space, where).n
        if n < 1:
            raise ProtocolError(f"{where}: Discrete space of {n} values")
        return spaces.Discrete(n)
    if description.type == _BOX:
        return _to_box(_unpack(wire.BoxSpace, description.space, where), where)
    if description.type == _TUPLE:
        elements = _unpack(wire.TupleSpace, description.space, where).element
        return spaces.Tuple([to_space(wire, e, f"{where}[{i}]", depth + 1) for i, e in enumerate(elements)])
    if description.type == _DICT:
        elements = _unpack(wire.DictSpace, description.space, where).element
        if len({element.name for element in elements}) != len(elements):
            raise ProtocolError(f"{where}: two entries of a Dict space have one name")
        return spaces.Dict({e.name: to_space(wire, e, f"{where}.{e.name}", depth + 1) for e in elements})
    raise ProtocolError(f"{where}: space of type {description.type}, expected 0 to 4")


def to_value(wire: Any, container: Any, space: spaces.Space[Any], where: str) -> Any:
    """The value that a `DataContainer` holds, in the form of `space`; bounds are not checked here.

    Raises:
        ProtocolError: type, number of elements or names do not fit the space.
    """
    if isinstance(space, spaces.Discrete):
        _expect(container, _DISCRETE, where)
        return np.int64(_unpack(wire.DiscreteDataContainer, container.data, where).data)
    if isinstance(space, spaces.Box):
        if space.shape == (0,) and container.type == 0:
            return np.zeros(0, space.dtype)
        _expect(container, _BOX, where)
        return _to_array(_unpack(wire.BoxDataContainer, container.data, where), space, where)
    if isinstance(space, spaces.Tuple):
        _expect(container, _TUPLE, where)
        elements = _unpack(wire.TupleDataContainer, container.data, where).element
        if len(elements) != len(space.spaces):
            raise ProtocolError(f"{where}: {len(elements)} elements, expected {len(space.spaces)}")
        pairs = enumerate(zip(elements, space.spaces, strict=True))
        return tuple(to_value(wire, e, inner, f"{where}[{i}]") for i, (e, inner) in pairs)
    if isinstance(space, spaces.Dict):
        _expect(container, _DICT, where)
        entries = {e.name: e for e in _unpack(wire.DictDataContainer, container.data, where).element}
        if entries.keys() != space.spaces.keys():
            raise ProtocolError(f"{where}: entries {sorted(entries)}, expected {sorted(space.spaces)}")
        return {key: to_value(wire, entries[key], inner, f"{where}.{key}") for key, inner in space.spaces.items()}
    raise AssertionError(space)


def lacks_values(wire: Any, container: Any) -> bool:
    """Whether a message came without a value, or a box anywhere in it is empty.

    Raises:
        ProtocolError: it cannot be decoded.
    """
    if container.type == _BOX:
        box = _unpack(wire.BoxDataContainer, container.data, "observation")
        return not any(getattr(box, field) for field in _FIELDS.values())
    if container.type in (_TUPLE, _DICT):
        kind = wire.TupleDataContainer if container.type == _TUPLE else wire.DictDataContainer
        return any(lacks_values(wire, part) for part in _unpack(kind, container.data, "observation").element)
    return not container.type


def fill(
    wire: Any, container: Any, space: spaces.Space[Any], value: Any, where: str = "action", name: str = ""
) -> None:
    """Writes an action into a `DataContainer`.

    Raises:
        ActionError: it is not in its space.
    """
    container.name = name
    if isinstance(space, spaces.Discrete):
        if not isinstance(value, int | np.integer | np.ndarray) or np.shape(value) != () or int(value) not in space:
            raise ActionError(f"{where}: {value!r} is not in {space}")
        container.type = _DISCRETE
        container.data.Pack(wire.DiscreteDataContainer(data=int(value)))
    elif isinstance(space, spaces.Box):
        array = _checked(space, value, where)
        if space.shape == (0,):
            return
        number = _NUMBERS[np.dtype(space.dtype)]
        message = wire.BoxDataContainer(dtype=number, shape=list(space.shape))
        getattr(message, _FIELDS[number]).extend(array.ravel().tolist())
        container.type = _BOX
        container.data.Pack(message)
    elif isinstance(space, spaces.Tuple):
        if not isinstance(value, tuple | list) or len(value) != len(space.spaces):
            raise ActionError(f"{where}: expected a tuple of {len(space.spaces)}, found {value!r}")
        message = wire.TupleDataContainer()
        for i, (inner, part) in enumerate(zip(space.spaces, value, strict=True)):
            fill(wire, message.element.add(), inner, part, f"{where}[{i}]")
        container.type = _TUPLE
        container.data.Pack(message)
    elif isinstance(space, spaces.Dict):
        if not isinstance(value, dict) or value.keys() != space.spaces.keys():
            raise ActionError(f"{where}: expected a dict of {sorted(space.spaces)}, found {value!r}")
        message = wire.DictDataContainer()
        for key, inner in space.spaces.items():
            fill(wire, message.element.add(), inner, value[key], f"{where}.{key}", key)
        container.type = _DICT
        container.data.Pack(message)


def parse(kind: Any, data: bytes, peer: str) -> Any:
    """Decodes one message.

    Raises:
        ProtocolError: it is not one.
    """
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError) as error:
        raise ProtocolError(f"{peer} sent {len(data)} bytes that are no {kind.DESCRIPTOR.name}: {error}") from None
    return message


def _to_box(box: Any, where: str) -> spaces.Box:
    dtype = _DTYPES.get(box.dtype)
    if dtype is None:
        raise ProtocolError(f"{where}: dtype {box.dtype}, expected 0 to 4")
    shape = tuple(box.shape) or (1,)
    if math.prod(shape) > _MAX_ELEMENTS:
        raise ProtocolError(f"{where}: Box of shape {shape} is larger than {_MAX_ELEMENTS} elements")
    if math.isnan(box.low) or math.isnan(box.high) or box.low > box.high:
        raise ProtocolError(f"{where}: Box from {box.low} to {box.high}")
    low, high = box.low, box.high
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)  # type: ignore[type-var]
        if low > limits.max or high < limits.min:
            raise ProtocolError(f"{where}: no {np.dtype(dtype)} lies between {low} and {high}")
        low, high = int(max(low, limits.min)), int(min(high, limits.max))
    return spaces.Box(low, high, shape, dtype)  # type: ignore[arg-type]


def _to_array(box: Any, space: spaces.Box, where: str) -> np.ndarray[Any, Any]:
    field = _FIELDS.get(box.dtype or 3)
    if field is None:
        raise ProtocolError(f"{where}: dtype {box.dtype}, expected 0 to 4")
    values = getattr(box, field)
    if len(values) != math.prod(space.shape):
        raise ProtocolError(f"{where}: {len(values)} values, expected shape {space.shape}")
    shape = tuple(box.shape)
    if shape and math.prod(shape) != len(values):
        raise ProtocolError(f"{where}: {len(values)} values in a container of shape {shape}")
    found = np.array(values, _DTYPES[box.dtype])
    if np.issubdtype(space.dtype, np.integer) and found.dtype != space.dtype:
        limits = np.iinfo(np.dtype(space.dtype).name)
        if not np.all((found >= limits.min) & (found <= limits.max) & (found == np.floor(found))):
            raise ProtocolError(f"{where}: {found.dtype} values that are no {space.dtype}")
    return found.astype(space.dtype, copy=False).reshape(space.shape)


def _checked(space: spaces.Box, value: Any, where: str) -> np.ndarray[Any, Any]:
    try:
        given = np.asarray(value)
        if not np.can_cast(given.dtype, space.dtype, "same_kind"):
            exact = np.issubdtype(given.dtype, np.integer) and np.all((given >= space.low) & (given <= space.high))
            if not exact:
                raise ActionError(f"{where}: {given.dtype} values for {space}")
        if given.shape != space.shape:
            raise ActionError(f"{where}: shape {given.shape}, expected {space.shape}")
        inside = (given >= space.low) & (given <= space.high)
        array = given.astype(space.dtype)
    except (TypeError, ValueError) as error:
        if isinstance(error, ActionError):
            raise
        raise ActionError(f"{where}: {value!r} is not in {space}: {error}") from None
    if not np.all(inside):
        raise ActionError(f"{where}: {given[~inside].flat[0]} is not between {space.low.min()} and {space.high.max()}")
    return array


def _expect(container: Any, kind: int, where: str) -> None:
    if container.type != kind:
        raise ProtocolError(f"{where}: data of type {container.type}, expected {kind} by its space")


def _unpack(kind: Any, packed: Any, where: str) -> Any:
    message = kind()
    try:
        if packed.Unpack(message):
            return message
    except (DecodeError, RecursionError) as error:
        raise ProtocolError(f"{where}: no {kind.DESCRIPTOR.name}: {error}") from None
    raise ProtocolError(f"{where}: {packed.type_url!r}, expected {kind.DESCRIPTOR.full_name}")
