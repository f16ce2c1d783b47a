# SPDX-License-Identifier: GPL-2.0-only
"""Fake simulators: a small Python class in place of an ns-3 program, to test agents with.

    from pybridge import fake

    class Queue(fake.Simulation):
        parameters = (fake.number("num_steps", 20, low=1, high=1000, unit="steps"),)
        rewards = {"server": {"queued_bytes": -1e-3}}

        def describe(self, params):
            return (fake.role("server", observations=[fake.field("queued_bytes", high=1e6, unit="bytes")],
                              actions=[fake.simplex("share_ratio", 2)], terms=[fake.field("queued_bytes")]),)

        def reset(self, params, seed, state): ...       # write the first state
        def step(self, actions, state): ...             # move one step; return a fake.End at the end

    with pybridge.make_vec(fake.scenario(Queue), num_envs=2) as env: ...

The environment is the very one that runs ns-3: the simulation lives on a thread that speaks the same
protocol over the same memory. Raise `Death`, `Hang` or `ProtocolFault` in `step`, or pass `faults`, to see
what an agent makes of a simulator that fails.
"""

from __future__ import annotations

from pybridge.fake.describe import box, choose, field, number, role, simplex, text
from pybridge.fake.scenario import FakeScenario, scenario
from pybridge.fake.simulation import Death, End, Hang, ProtocolFault, Simulation, State

__all__ = [
    "Death",
    "End",
    "FakeScenario",
    "Hang",
    "ProtocolFault",
    "Simulation",
    "State",
    "box",
    "choose",
    "field",
    "number",
    "role",
    "scenario",
    "simplex",
    "text",
]
