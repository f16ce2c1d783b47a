# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario looks like: a map of the ground and the graph of its key network. For pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pybridge.wire.qntn_pb2 as wire


@dataclass(frozen=True, slots=True)
class Place:
    """Something on the map, metres east and north of the origin; `kind` is "gnb", "ue", ..."""

    name: str
    kind: str
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Track:
    """Where something goes over the ground."""

    name: str
    x_m: tuple[float, ...]
    y_m: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A quantum link between two sites of the key network."""

    site_a: str
    site_b: str
    length_km: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a scenario says of its looks; may be empty.

    Attributes:
        sites: name -> "endpoint" or "relay".
    """

    places: tuple[Place, ...] = ()
    tracks: tuple[Track, ...] = ()
    sites: Mapping[str, str] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()

    @classmethod
    def from_wire(cls, message: wire.Scene) -> Self:
        """Reads what came in Hello."""
        return cls(
            places=tuple(Place(p.name, p.kind, p.x_m, p.y_m) for p in message.places),
            tracks=tuple(Track(t.name, tuple(t.x_m), tuple(t.y_m)) for t in message.tracks),
            sites={site.name: site.kind for site in message.sites},
            spans=tuple(Span(s.site_a, s.site_b, s.length_km) for s in message.spans),
        )
