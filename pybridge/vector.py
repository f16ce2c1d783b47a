# SPDX-License-Identifier: GPL-2.0-only
"""A vector of environments: N simulators stepped together, as contiguous arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from pybridge import _core
from pybridge.actions import as_arrays, as_dict, check_fields, refuse
from pybridge.batch import Batch
from pybridge.catalogue import Scenario
from pybridge.errors import ParameterError, ProtocolError, QntnError
from pybridge.fleet import BLOCKS, Fleet, MessageFleet, ShmFleet
from pybridge.forks import DISOWNED, disown_after_fork
from pybridge.hello import check_contract, contract_of
from pybridge.schema import Schema, Value, schema_from_hello
from pybridge.simulator import Simulator, Transport
from pybridge.trace import TraceWriter, trace_from_environment
from pybridge.waiting import Wait, patience

DEFAULT_STEP_TIMEOUT_S = 60.0
SHORTEST_START_TIMEOUT_S = 30.0
"""A simulator may take that long to its first state, whatever the step deadline."""

Params = Mapping[str, Value]
EachParams = Params | Sequence[Params] | Callable[[int, int], Params]
Seeds = int | Sequence[int]


class VectorEnv:
    """N simulators of one scenario, stepped together.

    Episode k of environment e has the seed `seed + e + k * num_envs` (`seed[e] + k * num_envs` where
    each environment has a first seed of its own), so a whole run is a function of the seeds and the
    actions. The simulator of the next episode starts, and builds its first state, while the present
    one runs. Beside it a lone environment keeps a spare that does not know its seed yet, for resets to
    seeds that nobody foresaw.

    `step` is `send` followed by `recv`; between these two the simulators run and Python is free.

    Attributes:
        autoreset: whether an episode that ends is followed by the next in the same step. Not so where the
            user starts simulators (`pybridge.attach`): there `reset` asks for the next.

    Made by `pybridge.make_vec`; a context manager. One thread at a time may use it. It does not
    survive a fork: the child makes its own.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        num_envs: int,
        params: EachParams,
        seed: Seeds,
        transport: Transport,
        step_timeout_s: float = DEFAULT_STEP_TIMEOUT_S,
        autoreset: bool = True,
        copy: bool = False,
        wait: Wait = "auto",
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise ValueError(f"num_envs: found {num_envs!r}, expected a whole number, at least 1")
        if transport not in ("shm", "zmq"):
            raise ValueError(f"transport: found {transport!r}, expected 'shm' or 'zmq'")
        if not step_timeout_s > 0:
            raise ValueError(f"step_timeout_s: found {step_timeout_s}, expected a positive number of seconds")
        self.num_envs = int(num_envs)
        self._scenario = scenario
        self._params_of = _each_params(scenario, params, num_envs)
        self._asked: dict[tuple[int, int], dict[str, Value]] = {}
        self._transport: Transport = transport
        self._step_timeout_s = scenario.step_timeout_s or step_timeout_s
        self._start_timeout_s = max(self._step_timeout_s, SHORTEST_START_TIMEOUT_S)
        self.autoreset = autoreset and scenario.starts_ahead
        self._copy = copy
        self._next_seed = _first_seeds(seed, num_envs)
        self._seeds = np.array(self._next_seed)
        self._old_seeds = [True] * BLOCKS
        self._running: list[Simulator | None] = [None] * num_envs
        self._waiting: list[Simulator | None] = [None] * num_envs
        self._spare: Simulator | None = None
        self._live = False
        self._posted = False
        self._closed = ""
        self._busy = threading.Lock()
        self._fleet: Fleet | None = None
        self._trace: TraceWriter | None = None
        try:
            first = [self._spawn(env) for env in range(num_envs)][0]
            hello = first.hello(self._start_timeout_s)
            self.schema: Schema = schema_from_hello(hello, scenario.rewards, scenario.utility)
            self._contract = contract_of(hello)
            policy = patience(wait, num_envs)
            make_fleet = ShmFleet if transport == "shm" else MessageFleet
            fleet: Fleet = make_fleet(self.schema, num_envs, policy)
            self._fleet = fleet
            self._path, self._batches = self._lay_out(fleet)
            self._trace = trace_from_environment(hello, scenario, num_envs)
            for env, simulator in enumerate(self._waiting):
                assert simulator is not None
                fleet.prepare(env, simulator)
            if not isinstance(params, Mapping):
                for simulator in self._waiting:
                    assert simulator is not None
                    check_contract(self._contract, simulator.hello(self._start_timeout_s))
        except BaseException:
            self.close()
            raise
        disown_after_fork(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", "closed"):
            self.close()

    @property
    def actions(self) -> dict[str, npt.NDArray[np.float32]]:
        """[E, A, action size] by role: the memory that the simulators read.

        `env.step(env.actions)`, after writing into them, saves the copy of a step's actions. They keep
        what was decided last.
        """
        return self._seats.actions

    @property
    def pids(self) -> list[int]:
        """Process ids of the simulators of the present episodes."""
        return [simulator.pid for simulator in self._running if simulator is not None]

    def reset(self, *, seed: Seeds | None = None) -> Batch:
        """Starts a new episode everywhere; `seed` begins the sequence of seeds anew.

        Raises:
            ValueError: no such seed; nothing has moved. The same goes for what a function of parameters raises.
            SimulatorError: a simulator does not come up.
        """
        with self._alone():
            seeds = self._next_seed if seed is None else _first_seeds(seed, self.num_envs)
            self._ask(seeds)
            with self._closing_on_error():
                self._reseed(seeds)
                for env in range(self.num_envs):
                    self._prepare(env)  # all of them build at the same time
                for env in range(self.num_envs):
                    self._seat(env)
                self._live = not self._seats.read(self._path)  # an episode may end without a step
                self._posted = False
                self._path.compute_rewards(self._seats.buffer)
                batch = self._present()
                if self._trace is not None:
                    self._trace.reset(batch)
                return batch.copy() if self._copy else batch

    def step(self, actions: Mapping[str, npt.NDArray[np.float32]]) -> Batch:
        """One step of every environment.

        Args:
            actions: [E, A, action size] by role. Rows of agents that do not act now are ignored; a role
                of which nobody acts may be left out. Contiguous float32 arrays are taken as they are,
                others are converted first.

        Raises:
            ActionError: an action does not fit; nothing has moved.
            SimulatorError: a simulator died or missed the deadline; all of them are ended.
        """
        if not self._busy.acquire(blocking=False):
            raise QntnError(_BUSY)
        try:
            self._take(actions)
            try:
                self._seats.exchange(self._step_timeout_s)
                return self._arrived()
            except BaseException as error:
                self._give_up(error)
        finally:
            self._busy.release()

    def send(self, actions: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Hands over the actions of a step and returns while the simulators run; see `step`."""
        with self._alone():
            self._take(actions)
            with self._closing_on_error():
                self._seats.post()
            self._posted = True

    def recv(self) -> Batch:
        """Waits for the states that answer `send`; see `step`."""
        with self._alone():
            if not self._posted:
                raise QntnError("recv() is called without send() before it")
            with self._closing_on_error():
                self._seats.collect(self._step_timeout_s)
                self._posted = False
                return self._arrived()

    def close(self) -> None:
        """Ends every simulator. Nothing is left behind; safe to call again."""
        self._closed = self._closed or "this environment is closed"
        self._live = self._posted = False
        self._let_go(Simulator.close)
        if self._trace is not None:
            self._trace.close()

    def disown(self) -> None:
        """In the child of a fork: lets go of the parent's simulators without ending them."""
        self._closed = self._closed or DISOWNED
        self._live = self._posted = False
        self._busy = threading.Lock()
        self._let_go(Simulator.disown)

    def _let_go(self, part_with: Callable[[Simulator], None]) -> None:
        for simulator in (*self._running, *self._waiting, self._spare):
            if simulator is not None:
                part_with(simulator)
        self._running = [None] * self.num_envs
        self._waiting = [None] * self.num_envs
        self._spare = None
        if self._fleet is not None:
            self._fleet.close()

    def _lay_out(self, fleet: Fleet) -> tuple[_core.StepPath, list[Batch]]:
        """What steps go through, and the batches that they return in turn."""
        path = _core.StepPath(self.num_envs)
        rewards = []
        for role in self.schema.roles:
            arrays = [state.roles[role.name] for state in fleet.states]
            rewards.append([np.zeros((self.num_envs, role.num_agents)) for _ in range(BLOCKS)])
            path.add_role(
                role.name,
                check_fields(role),
                fleet.actions[role.name],
                [array.masks for array in arrays],
                [array.acts for array in arrays],
                [array.terms for array in arrays],
                role.reward_weights.tolist(),
                rewards[-1],
            )
        path.set_summary(
            [summary.terminated for summary in fleet.summaries],
            [summary.truncated for summary in fleet.summaries],
            [summary.time_s for summary in fleet.summaries],
        )
        batches = [
            Batch(
                observations={name: arrays.observations for name, arrays in state.roles.items()},
                action_masks={name: arrays.masks for name, arrays in state.roles.items()},
                acts={name: arrays.acts for name, arrays in state.roles.items()},
                present={name: arrays.present for name, arrays in state.roles.items()},
                terms={name: arrays.terms for name, arrays in state.roles.items()},
                rewards={role.name: rewards[index][block] for index, role in enumerate(self.schema.roles)},
                metrics=state.metrics,
                terminated=summary.terminated,
                truncated=summary.truncated,
                time_s=summary.time_s,
                seeds=self._seeds.copy(),
                final_observations={},
            )
            for block, (state, summary) in enumerate(zip(fleet.states, fleet.summaries, strict=True))
        ]
        return path, batches

    def _take(self, actions: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Checks actions and writes them where the simulators read them."""
        if not self._live or self._posted:
            self._refuse_actions()
        given = actions if type(actions) is dict else as_dict(actions)
        buffer = self._seats.buffer
        found = self._path.take(given, buffer)
        if found is False:
            given = as_arrays(self.schema, given, self._seats.states[buffer])
            found = self._path.take(given, buffer)
        if found:
            refuse(self.schema, given, found, [self._seats.states[block] for block in (buffer, buffer ^ 1)])

    def _arrived(self) -> Batch:
        """The batch of the states that have just come."""
        fleet = self._seats
        self._path.compute_rewards(fleet.buffer)
        batch = self._present()
        decided = None if self._trace is None else {role: rows.copy() for role, rows in fleet.actions.items()}
        if fleet.read(self._path):
            batch = self._end_episodes(batch)
        if self._trace is not None and decided is not None:
            self._trace.step(decided, batch)
        return batch.copy() if self._copy else batch

    def _present(self) -> Batch:
        """The batch of the present block; the other one keeps the seeds that it was returned with."""
        buffer = self._seats.buffer
        batch = self._batches[buffer]
        if self._old_seeds[buffer]:
            batch.seeds = self._seeds.copy()
            self._old_seeds[buffer] = False
        return batch

    def _end_episodes(self, batch: Batch) -> Batch:
        """Seats the next simulators; what the old ones said last stays in the batch."""
        if not self.autoreset:
            self._live = False
            return batch
        fleet = self._seats
        terminated, truncated = batch.terminated.copy(), batch.truncated.copy()
        ended = [int(env) for env in np.flatnonzero(terminated | truncated)]
        terms = {role: array.copy() for role, array in batch.terms.items()}
        metrics = batch.metrics.copy()
        final = {role: {env: array[env].copy() for env in ended} for role, array in batch.observations.items()}
        for env in ended:
            self._seat(env)
        if fleet.read(self._path):
            raise ProtocolError(
                f"{self._scenario.name}: an episode of the seeds {self._seeds.tolist()} ended without a step"
            )
        return Batch(
            observations=batch.observations,
            action_masks=batch.action_masks,
            acts=batch.acts,
            present=batch.present,
            terms=terms,
            rewards=batch.rewards,
            metrics=metrics,
            terminated=terminated,
            truncated=truncated,
            time_s=fleet.summaries[fleet.buffer].time_s,
            seeds=self._seeds.copy(),
            final_observations=final,
        )

    def _ask(self, seeds: list[int]) -> None:
        """Asks for the parameters of all episodes that a reset to `seeds` starts, before it changes anything."""
        waiting = {(env, simulator.seed) for env, simulator in enumerate(self._waiting) if simulator is not None}
        ahead = range(2 if self._scenario.starts_ahead else 1)
        episodes = [(env, seed + k * self.num_envs) for k in ahead for env, seed in enumerate(seeds)]
        self._asked = {episode: self._params_of(*episode) for episode in episodes if episode not in waiting}

    def _reseed(self, seeds: list[int]) -> None:
        for env, waiting in enumerate(self._waiting):
            if waiting is not None and waiting.seed != seeds[env]:
                waiting.close()
                self._waiting[env] = None
        self._next_seed = seeds

    def _spawn(self, env: int) -> Simulator:
        """Starts the simulator of the next episode of `env`."""
        episode = env, self._next_seed[env]
        params = self._asked.pop(episode) if episode in self._asked else self._params_of(*episode)
        simulator = self._waiting[env] = self._take_spare() or self._scenario.launch(self._transport)
        simulator.configure(self._next_seed[env], params)
        return simulator

    def _take_spare(self) -> Simulator | None:
        """The spare, if it is there and nobody has ended it."""
        spare, self._spare = self._spare, None
        if spare is not None and not spare.is_alive:
            spare.close()
            return None
        return spare

    def _prepare(self, env: int) -> Simulator:
        """The simulator of the next episode of `env`, on its way to its first state."""
        simulator = self._waiting[env]
        if simulator is None:
            simulator = self._spawn(env)
            self._seats.prepare(env, simulator)
        return simulator

    def _seat(self, env: int) -> None:
        """The next episode of `env` begins; the simulator of the one after is started."""
        old, simulator = self._running[env], self._prepare(env)
        if old is not None:
            old.close()
        self._running[env], self._waiting[env] = simulator, None
        check_contract(self._contract, simulator.hello(self._start_timeout_s))
        for actions in self._seats.actions.values():
            actions[env] = 0.0  # an agent that has not acted yet must not show what it did in the last episode
        self._seats.seat(env, simulator, self._start_timeout_s)
        self._seeds[env] = self._next_seed[env]
        self._old_seeds = [True] * BLOCKS
        self._next_seed[env] += self.num_envs
        if self._scenario.starts_ahead:
            self._prepare(env)
        if self._scenario.keeps_spare and self.num_envs == 1:  # of many, most would start without one anyway
            self._spare = self._spare or self._scenario.launch(self._transport)

    @property
    def _seats(self) -> Fleet:
        assert self._fleet is not None
        return self._fleet

    def _check_open(self) -> None:
        if self._closed:
            raise QntnError(self._closed)

    def _refuse_actions(self) -> None:
        self._check_open()
        if self._posted:
            raise QntnError("recv() must come between send() and the next actions")
        raise QntnError("reset() must come before step(), and after the end of an episode")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """For one thread at a time."""
        if not self._busy.acquire(blocking=False):
            raise QntnError(_BUSY)
        try:
            self._check_open()
            yield
        finally:
            self._busy.release()

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        """Ends all simulators when one of them failed."""
        try:
            yield
        except BaseException as error:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> NoReturn:
        """Ends all simulators, so that an error leaves nothing behind, and raises it.

        Where somebody has closed the environment meanwhile, the error is only what came of that.
        """
        closed = bool(self._closed)
        cause = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
        self._closed = self._closed or f"this environment was closed by {cause}; make a new one"
        self.close()
        if closed and isinstance(error, Exception):
            raise QntnError(
                "this environment was closed while it waited for its simulators, by a signal handler or another thread"
            ) from error
        raise error


_BUSY = "another thread is using this environment; give each thread an environment of its own"


def _each_params(scenario: Scenario, params: EachParams, num_envs: int) -> Callable[[int, int], dict[str, Value]]:
    """Environment and seed -> all parameters of the episode."""
    if callable(params):
        return lambda env, seed: scenario.resolve(params(env, seed))
    if not isinstance(params, Iterable):
        raise ParameterError(
            f"params: found {params!r}, expected a mapping from name to value, one for each environment, or a function"
        )
    each = [params] * num_envs if isinstance(params, Mapping) else list(params)
    if len(each) != num_envs:
        raise ValueError(f"params: found {len(each)} mappings, expected one for each of {num_envs} environments")
    resolved = [scenario.resolve(one) for one in each]
    return lambda env, seed: resolved[env]


def _first_seeds(seed: Seeds, num_envs: int) -> list[int]:
    """The seed of each environment's first episode."""
    if isinstance(seed, int | np.integer):
        seeds = [int(seed) + env for env in range(num_envs)]
    elif isinstance(seed, str | float) or not isinstance(seed, Iterable):
        raise ValueError(f"seed: found {seed!r}, expected a whole number, or one for each environment")
    else:
        seeds = list(seed)
    if len(seeds) != num_envs:
        raise ValueError(f"seed: found {len(seeds)} seeds, expected one for each of {num_envs} environments")
    for one in seeds:
        if not isinstance(one, int | np.integer) or not 0 <= one < 2**53:
            raise ValueError(f"seed: found {one!r}, expected a whole number 0 .. 2^53 - 1")
    return [int(one) for one in seeds]
