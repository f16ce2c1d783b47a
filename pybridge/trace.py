# SPDX-License-Identifier: GPL-2.0-only
"""Traces: every exchange of a vector of environments in one file, with the schema to read it by.

    QNTN_TRACE=1 python my_program.py        # writes qntn-trace/SCENARIO-PID-NUMBER.qtrace
    qntn trace qntn-trace/*.qtrace --role cell --steps 0:10

The value may also name a folder (ending in "/" or existing) or a file. A file is

    "QNTNTRC1" | u32 size | JSON heading | u32 size | Hello of qntn.proto | records

and a record is a letter, its u32 size and arrays one after the other, little-endian: `R` after a reset,
`S` after a step (with the actions that led there), `F` a last observation, which goes before the `S` whose
arrays show the next episode already. Each record is written at once, so that a crash costs at most the last.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import pybridge.wire.qntn_pb2 as wire
from pybridge.catalogue import Scenario
from pybridge.errors import QntnError
from pybridge.schema import Schema, schema_from_hello, suggest

if TYPE_CHECKING:
    from pybridge.batch import Batch

TRACE_VARIABLE = "QNTN_TRACE"
MAGIC = b"QNTNTRC1"
_AGAIN = "record it again, or take a copy that is whole"

_numbers = itertools.count()
Arrays = dict[tuple[str, str], npt.NDArray[Any]]
"""(role, what) -> array [E, ...]; role "" for what belongs to the environment."""


class TraceError(QntnError):
    """A file is no trace, or two traces cannot be compared."""


@dataclass
class Record:
    """One exchange.

    Attributes:
        step: since the first reset of the trace's reset before it.
        arrays: by role and "observations", "masks", "acts", "terms", "actions"; by "" and "metrics",
            "terminated", "truncated", "time_s", "seeds".
        final: (role, environment) -> [A, D] last observations of episodes that ended here.
    """

    kind: str
    step: int
    arrays: Arrays
    final: dict[tuple[str, int], npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass
class Trace:
    """A file that was read.

    Attributes:
        truncated: it ends within a record, as after a crash.
    """

    schema: Schema
    num_envs: int
    records: list[Record]
    truncated: bool

    def rows(
        self,
        *,
        env: int | None = None,
        role: str | None = None,
        fieldname: str | None = None,
        steps: slice = slice(None),
    ) -> Iterator[dict[str, Any]]:
        """A row for each field of each agent: step, time_s, env, seed, agent, kind, field, value, unit.

        Actions stand with the step that they led to; agents that did not act then are left out.

        Raises:
            TraceError: no such role or field.
        """
        roles = [each.name for each in self.schema.everyone]
        if role is not None and role not in roles:
            raise TraceError(f"no role {role!r}{suggest(role, roles)}")
        names = {metric.name for metric in self.schema.metrics}
        for each in self.schema.everyone:
            names |= {seen.name for seen in (*each.observations, *each.terms)} | {a.name for a in each.actions}
        if fieldname is not None and fieldname not in names:
            raise TraceError(f"no field {fieldname!r}{suggest(fieldname, names)}")
        acts: Arrays = {}
        for record in self.records:
            if record.kind == "R":
                acts = {}
            first, last, _ = steps.indices(1 << 62)
            if first <= record.step < last:
                for e in range(self.num_envs) if env is None else (env,):
                    for row in self._rows_of(record, acts, e, role):
                        if fieldname is None or row["field"] == fieldname:
                            yield row
            acts = {key: value for key, value in record.arrays.items() if key[1] == "acts"}

    def _rows_of(self, record: Record, acted: Arrays, env: int, only: str | None) -> Iterator[dict[str, Any]]:
        arrays = record.arrays
        head = {
            "step": record.step,
            "time_s": round(float(arrays["", "time_s"][env]), 9),
            "env": env,
            "seed": int(arrays["", "seeds"][env]),
        }

        def row(agent: str, kind: str, name: str, value: npt.NDArray[Any], unit: str) -> dict[str, Any]:
            return {**head, "agent": agent, "kind": kind, "field": name, "value": value.tolist(), "unit": unit}

        for role in self.schema.everyone:
            if only is not None and role.name != only:
                continue
            for index, agent in enumerate(role.agent_ids):
                if record.kind == "S" and acted and acted[role.name, "acts"][env, index]:
                    action = arrays[role.name, "actions"][env, index]
                    for decided in role.actions:
                        yield row(agent, "action", decided.name, action[decided.span], decided.unit)
                terms = arrays[role.name, "terms"][env, index]
                for i, term in enumerate(role.terms if record.kind == "S" else ()):
                    yield row(agent, "term", term.name, terms[i : i + 1], term.unit)
                final = record.final.get((role.name, env))
                for seen in role.observations:
                    if final is not None:
                        yield row(agent, "final observation", seen.name, final[index, seen.span], seen.unit)
                    now = arrays[role.name, "observations"][env, index, seen.span]
                    yield row(agent, "observation", seen.name, now, seen.unit)
                mask = arrays[role.name, "masks"][env, index]
                for decided in role.actions:
                    if decided.mask_size and not mask[decided.mask_span].all():
                        yield row(agent, "mask", decided.name, mask[decided.mask_span], "")
        if only is None and record.kind == "S":
            for i, metric in enumerate(self.schema.metrics):
                yield row("", "metric", metric.name, arrays["", "metrics"][env, i : i + 1], metric.unit)
            for end in ("terminated", "truncated"):
                if arrays["", end][env]:
                    yield row("", "end", end, arrays["", end][env : env + 1], "")


class TraceWriter:
    """Appends the exchanges of one vector to a file; owned by its `VectorEnv`."""

    def __init__(self, path: Path, hello: wire.Hello, scenario: Scenario, num_envs: int) -> None:
        rewards = {role: dict(weights) for role, weights in scenario.rewards.items()}
        heading = json.dumps({"num_envs": num_envs, "rewards": rewards, "utility": dict(scenario.utility)}).encode()
        described = hello.SerializeToString()
        self.path = path
        self._schema = schema_from_hello(hello, scenario.rewards, scenario.utility)
        self._shapes = _shapes(self._schema, num_envs)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._write(
            b"".join([MAGIC, struct.pack("<I", len(heading)), heading, struct.pack("<I", len(described)), described])
        )

    def reset(self, batch: Batch) -> None:
        """After a reset."""
        self._record(b"R", {}, batch)

    def step(self, actions: Mapping[str, npt.NDArray[np.float32]], batch: Batch) -> None:
        """After a step."""
        names = [role.name for role in self._schema.everyone]
        for role, finals in batch.final_observations.items():
            for env, rows in finals.items():
                data = np.ascontiguousarray(rows, np.float32).tobytes()
                self._append(b"F", struct.pack("<II", names.index(role), env) + data)
        self._record(b"S", actions, batch)

    def close(self) -> None:
        """Closes the file; safe to call again."""
        if self._file != -1:
            os.close(self._file)
            self._file = -1

    def _record(self, kind: bytes, actions: Mapping[str, npt.NDArray[np.float32]], batch: Batch) -> None:
        parts = []
        for (role, what), (shape, dtype) in self._shapes.items():
            if what == "actions":
                given = actions.get(role)
                array = np.zeros(shape, dtype) if given is None else np.asarray(given, dtype)
            else:
                source = getattr(batch, "action_masks" if what == "masks" else what)
                array = np.asarray(source[role] if role else source, dtype)
            parts.append(np.ascontiguousarray(array).tobytes())
        self._append(kind, b"".join(parts))

    def _append(self, kind: bytes, payload: bytes) -> None:
        self._write(kind + struct.pack("<I", len(payload)) + payload)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


def trace_from_environment(hello: wire.Hello, scenario: Scenario, num_envs: int) -> TraceWriter | None:
    """The writer that `QNTN_TRACE` asks for, or None.

    Raises:
        OSError: the file cannot be made.
    """
    wanted = os.environ.get(TRACE_VARIABLE, "")
    if wanted in ("", "0"):
        return None
    if wanted == "1":
        wanted = "qntn-trace/"
    path = Path(wanted)
    if wanted.endswith("/") or path.is_dir():
        path = path / f"{scenario.name}-{os.getpid()}-{next(_numbers)}.qtrace"
    else:
        first = path
        for number in itertools.count(1):
            if not path.exists():
                break
            path = first.with_name(f"{first.stem}-{number}{first.suffix}")
    return TraceWriter(path, hello, scenario, num_envs)


def read_trace(path: Path) -> Trace:
    """Reads a trace; a record that a crash cut off is left out.

    Raises:
        TraceError: it is no trace, or is damaged.
        FileNotFoundError: there is no such file.
    """
    data = path.read_bytes()
    try:
        if not data.startswith(MAGIC):
            raise ValueError("it does not begin as one")
        (size,) = struct.unpack_from("<I", data, 8)
        heading = json.loads(data[12 : 12 + size])
        (told,) = struct.unpack_from("<I", data, 12 + size)
        at = 16 + size + told
        if at > len(data):
            raise ValueError("it ends within its heading")
        schema = schema_from_hello(wire.Hello.FromString(data[16 + size : at]), heading["rewards"], heading["utility"])
        num_envs = heading["num_envs"]
        if not isinstance(num_envs, int) or num_envs < 1:
            raise ValueError(f"it is of {num_envs!r} environments")
    except Exception as error:  # of JSON, of protobuf, and of what comes of their numbers
        raise TraceError(f"{path}: expected a trace of this qntn: {error}; {_AGAIN}") from error
    shapes = _shapes(schema, num_envs)
    whole = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in shapes.values())
    final_bytes = [8 + 4 * role.num_agents * role.observation_size for role in schema.everyone]
    sizes = {"R": [whole], "S": [whole], "F": final_bytes}
    records: list[Record] = []
    final: dict[tuple[str, int], npt.NDArray[np.float32]] = {}

    def damaged(found: str) -> TraceError:
        place = f"after step {records[-1].step} (record {len(records)})" if records else "at its first record"
        return TraceError(f"{path}: damaged {place}: {found}; {_AGAIN}")

    while at + 5 <= len(data):
        kind, (size,) = chr(data[at]), struct.unpack_from("<I", data, at + 1)
        if size not in sizes.get(kind, ()):
            expected = f"R or S of {whole}, or F of {' or '.join(map(str, final_bytes))}"
            raise damaged(f"found a record of kind {kind!r} and {size} bytes, expected {expected}")
        payload = data[at + 5 : at + 5 + size]
        if len(payload) < size:
            break
        at += 5 + size
        if kind == "F":
            number, env = struct.unpack_from("<II", payload)
            if env >= num_envs or number >= len(final_bytes) or size != final_bytes[number]:
                raise damaged(f"found {size} bytes of a last observation of role {number} in environment {env}")
            role = schema.everyone[number]
            rows = np.frombuffer(payload, np.float32, offset=8)
            final[role.name, env] = rows.reshape(role.num_agents, role.observation_size)
        else:
            step = 0 if kind == "R" or not records else records[-1].step + 1
            records.append(Record(kind, step, _arrays(shapes, payload), final))
            final = {}
    return Trace(schema, num_envs, records, truncated=at != len(data))


def first_difference(a: Trace, b: Trace) -> dict[str, Any] | None:
    """The first exchange in which two traces differ: record, step, env, agent, kind, field, index, a, b.

    None if they tell the same; of traces of unequal length, the first record that only one has.

    Raises:
        TraceError: they are of other scenarios or shapes.
    """
    if _shapes(a.schema, a.num_envs) != _shapes(b.schema, b.num_envs):
        raise TraceError(f"traces of {a.schema.scenario} and {b.schema.scenario} have arrays of other shapes")
    for number, (one, other) in enumerate(zip(a.records, b.records, strict=False)):
        place = {"record": number, "step": one.step}
        if one.kind != other.kind:
            return {**place, "kind": "record", "a": one.kind, "b": other.kind}
        for key in sorted(one.arrays, key=lambda key: ("actions", "acts", "masks").count(key[1]), reverse=True):
            x, y = one.arrays[key], other.arrays[key]
            if x.tobytes() != y.tobytes():
                differs = x.reshape(x.shape[0], -1).view(np.uint8).reshape(*x.shape, -1)
                same = (differs == y.reshape(y.shape[0], -1).view(np.uint8).reshape(*y.shape, -1)).all(axis=-1)
                index = tuple(int(i) for i in np.argwhere(~same)[0])
                return {**place, **_name(a.schema, key, index), "a": x[index].item(), "b": y[index].item()}
        for final in one.final.keys() | other.final.keys():
            p, q = one.final.get(final), other.final.get(final)
            if p is None or q is None or p.tobytes() != q.tobytes():
                return {**place, "env": final[1], "agent": final[0], "kind": "final observation"}
    if len(a.records) != len(b.records):
        shorter = min(len(a.records), len(b.records))
        return {"record": shorter, "kind": "length", "a": len(a.records), "b": len(b.records)}
    return None


def _name(schema: Schema, key: tuple[str, str], index: tuple[int, ...]) -> dict[str, Any]:
    name, what = key
    found: dict[str, Any] = {"env": index[0], "agent": "", "kind": what, "field": what, "index": 0}
    if not name:
        if what == "metrics":
            found["field"] = schema.metrics[index[1]].name
        return found
    role = schema.role(name)
    found["agent"] = role.agent_ids[index[1]]
    spans = {
        "observations": [(f.name, f.span) for f in role.observations],
        "actions": [(f.name, f.span) for f in role.actions],
        "masks": [(f.name, f.mask_span) for f in role.actions],
        "terms": [(t.name, t.span) for t in role.terms],
    }
    for label, span in spans.get(what, ()):
        if span.start <= index[2] < span.stop:
            found |= {"field": label, "index": index[2] - span.start}
    return found


def _shapes(schema: Schema, num_envs: int) -> dict[tuple[str, str], tuple[tuple[int, ...], str]]:
    shapes: dict[tuple[str, str], tuple[tuple[int, ...], str]] = {}
    for role in schema.everyone:
        rows = (num_envs, role.num_agents)
        shapes[role.name, "actions"] = (*rows, role.action_size), "<f4"
        shapes[role.name, "observations"] = (*rows, role.observation_size), "<f4"
        shapes[role.name, "masks"] = (*rows, role.mask_size), "|u1"
        shapes[role.name, "acts"] = rows, "|u1"
        shapes[role.name, "terms"] = (*rows, len(role.terms)), "<f8"
    shapes["", "metrics"] = (num_envs, len(schema.metrics)), "<f8"
    shapes["", "terminated"] = shapes["", "truncated"] = (num_envs,), "|u1"
    shapes["", "time_s"] = (num_envs,), "<f8"
    shapes["", "seeds"] = (num_envs,), "<i8"
    return shapes


def _arrays(shapes: Mapping[tuple[str, str], tuple[tuple[int, ...], str]], payload: bytes) -> Arrays:
    arrays: Arrays = {}
    at = 0
    for key, (shape, dtype) in shapes.items():
        count = int(np.prod(shape))
        arrays[key] = np.frombuffer(payload, dtype, count, at).reshape(shape)
        at += count * np.dtype(dtype).itemsize
    return arrays
