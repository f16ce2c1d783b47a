# SPDX-License-Identifier: GPL-2.0-only
"""qntn's bridge: step ns-3 simulations of QKD-secured 6G networks from Python.

    import pybridge

    with pybridge.make("metaverse-city", seed=1) as env:            # a PettingZoo ParallelEnv
        observations, infos = env.reset()
        while env.agents:
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}
            observations, rewards, terminations, truncations, infos = env.step(actions)

`make_vec` steps several simulators at once as contiguous arrays.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybridge.attach import attach
from pybridge.batch import Batch
from pybridge.catalogue import Scenario, scenario, scenarios
from pybridge.checking import Finding, Report, check
from pybridge.errors import (
    ActionError,
    EphemerisError,
    LinkError,
    ParameterError,
    ProtocolError,
    QntnError,
    ScenarioNotFound,
    SimulatorDied,
    SimulatorError,
    StepTimeout,
)
from pybridge.parallel import CoSimulation
from pybridge.remote import Machines
from pybridge.scene import Place, Scene, Span, Track
from pybridge.schema import ActionField, Field, Parameter, Role, Schema, Value
from pybridge.simulator import Transport
from pybridge.vector import DEFAULT_STEP_TIMEOUT_S, EachParams, Seeds, VectorEnv
from pybridge.waiting import Wait

__all__ = [
    "ActionError",
    "ActionField",
    "Batch",
    "CoSimulation",
    "EphemerisError",
    "Field",
    "Finding",
    "LinkError",
    "Machines",
    "Parameter",
    "ParameterError",
    "Place",
    "ProtocolError",
    "QntnError",
    "Report",
    "Role",
    "Scenario",
    "Scene",
    "ScenarioNotFound",
    "Schema",
    "SimulatorDied",
    "SimulatorError",
    "Span",
    "StepTimeout",
    "Track",
    "Transport",
    "VectorEnv",
    "Wait",
    "attach",
    "check",
    "make",
    "make_vec",
    "scenario",
    "scenarios",
]


def make(
    name: str | Scenario,
    *,
    params: Mapping[str, Value] | None = None,
    seed: int = 1,
    transport: Transport = "shm",
    step_timeout_s: float = DEFAULT_STEP_TIMEOUT_S,
    copy: bool = True,
    wait: Wait = "auto",
) -> CoSimulation:
    """A scenario as a PettingZoo `ParallelEnv`; a context manager.

    Args:
        name: of the scenario (`qntn scenarios` lists them), or a scenario such as `fake.scenario(...)`.
        params: values in place of the scenario's defaults; `qntn describe` lists them.
        seed: of the first episode; the following ones count up.
        transport: "shm" (shared memory) or "zmq".
        step_timeout_s: a simulator that takes longer for a step is ended with `StepTimeout`.
        copy: whether observations are yours to keep; else they are views that hold until the step
            after next.
        wait: how the two sides wait for each other; see `pybridge.waiting`.

    Raises:
        ScenarioNotFound, ParameterError: nothing has been started.
        SimulatorError: the simulator does not come up.
    """
    vector = VectorEnv(
        name if isinstance(name, Scenario) else scenario(name),
        num_envs=1,
        params=params or {},
        seed=seed,
        transport=transport,
        step_timeout_s=step_timeout_s,
        autoreset=False,
        copy=copy,
        wait=wait,
    )
    return CoSimulation(vector)


def make_vec(
    name: str | Scenario,
    *,
    num_envs: int,
    params: EachParams | None = None,
    seed: Seeds = 1,
    transport: Transport = "shm",
    step_timeout_s: float = DEFAULT_STEP_TIMEOUT_S,
    copy: bool = False,
    wait: Wait = "auto",
) -> VectorEnv:
    """`num_envs` simulators of a scenario, stepped together as arrays [E, A, D]; a context manager.

    Environments whose episode ends go on with the next one at once. Arguments and errors are those of
    `make`, and

    Args:
        params: for all environments; or a sequence, one mapping for each; or a function of environment
            and seed, asked before each episode (domain randomisation).
        seed: episode k of environment e has the seed `seed + e + k * num_envs`; a sequence gives each
            environment its own first seed.
        copy: whether batches are yours to keep; else they are views, see `Batch`.
    """
    return VectorEnv(
        name if isinstance(name, Scenario) else scenario(name),
        num_envs=num_envs,
        params=params or {},
        seed=seed,
        transport=transport,
        step_timeout_s=step_timeout_s,
        copy=copy,
        wait=wait,
    )
