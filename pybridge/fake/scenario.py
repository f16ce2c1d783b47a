# SPDX-License-Identifier: GPL-2.0-only
"""A fake scenario in place of a built one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pybridge.catalogue import Scenario
from pybridge.fake.describe import value_of
from pybridge.fake.simulation import Simulation
from pybridge.simulator import Simulator, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeScenario(Scenario):
    """What `pybridge.make`, `make_vec` and `check` take in place of a name.

    Attributes:
        simulation: a class; one object is made for each episode.
        faults: step -> what is raised in place of that step.
    """

    simulation: type[Simulation]
    faults: Mapping[int, Exception] = field(default_factory=dict)

    def launch(self, transport: Transport) -> Simulator:
        """See `Scenario.launch`: a thread of this process."""
        from pybridge.fake.simulator import FakeSimulator

        return FakeSimulator(self, transport)


def scenario(
    simulation: type[Simulation], *, name: str | None = None, faults: Mapping[int, Exception] | None = None
) -> FakeScenario:
    """A scenario that runs `simulation`.

    Args:
        name: of the scenario; that of the class if None.
        faults: step -> exception (`Death`, `Hang`, `ProtocolFault`, or any other: the simulator dies of it).
    """
    return FakeScenario(
        name=name or simulation.__name__.lower(),
        program=Path("(fake)"),
        title=(simulation.__doc__ or simulation.__name__).strip().splitlines()[0],
        description=simulation.__doc__ or "",
        parameters={p.name: value_of(p.value, integer=p.integer) for p in simulation.parameters},
        utility=simulation.utility,
        rewards=simulation.rewards,
        simulation=simulation,
        faults=dict(faults or {}),
    )
