# SPDX-License-Identifier: GPL-2.0-only
"""A fake simulator behaves like one on ns-3: the same schema, checks, batches, autoreset and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import pybridge.wire.qntn_pb2 as wire
import pytest

import pybridge
from pybridge import fake

TRANSPORTS = ("shm", "zmq")


class Buffers(fake.Simulation):
    """Two buffers that fill at random; a server shares its rate, a manager chooses it."""

    parameters = (
        fake.number("num_steps", 12, low=1, high=100_000, unit="steps"),
        fake.number("load_ratio", 0.5, low=0.0, high=2.0, unit="ratio"),
        fake.text("end", "truncated"),
    )
    rewards = {"server": {"queued_ratio": -1.0}, "manager": {"queued_ratio": -1.0, "price_eur": -0.1}}
    utility = {"queued_ratio": -1.0}

    def describe(self, params: Mapping[str, pybridge.Value]) -> Sequence[wire.Role]:
        queued = fake.field("queued_ratio", unit="ratio")
        return (
            fake.role(
                "manager",
                period=4,
                observations=[fake.field("load_ratio", high=2.0, unit="ratio")],
                actions=[fake.choose("rate", 1, 3, default=1), fake.box("power_dbm", 1, low=-10, high=30, unit="dbm")],
                terms=[queued, fake.field("price_eur", unit="eur")],
            ),
            fake.role(
                "server",
                2,
                observations=[fake.field("fill_ratio", 2, high=1.0, unit="ratio")],
                actions=[fake.simplex("share_ratio", 2, demand="fill_ratio")],
                terms=[queued],
            ),
        )

    def metrics(self, params: Mapping[str, pybridge.Value]) -> Sequence[wire.Field]:
        return (fake.field("queued_ratio", unit="ratio"),)

    def reset(self, params: Mapping[str, pybridge.Value], seed: int, state: fake.State) -> None:
        self.rng = np.random.default_rng(seed)
        self.params = params
        self.fill = np.zeros((2, 2))
        self.rate = 1
        self._show(state)

    def step(self, actions: Any, state: fake.State) -> fake.End | None:
        if state.acted["manager"]:
            self.rate = int(actions["manager"]["rate"][0, 0])
        load = self.rng.uniform(0, float(self.params["load_ratio"]), (2, 2))
        self.fill = np.clip(self.fill + load - actions["server"]["share_ratio"] * 0.4 * (self.rate + 1), 0, 1)
        state.terms["server"]["queued_ratio"][:] = self.fill.mean(axis=1)
        state.terms["manager"]["queued_ratio"][:] = self.fill.mean()
        state.terms["manager"]["price_eur"][:] = self.rate
        state.metrics["queued_ratio"] = float(self.fill.mean())
        self._show(state)
        if state.step < self.params["num_steps"]:
            return None
        return fake.End.TRUNCATED if self.params["end"] == "truncated" else fake.End.TERMINATED

    def _show(self, state: fake.State) -> None:
        state.observations["manager"]["load_ratio"][:] = self.params["load_ratio"]
        state.observations["server"]["fill_ratio"][:] = self.fill
        state.masks["manager"]["rate"][0, 0, 2] = state.step % 8 != 0


def actions_of(env: pybridge.VectorEnv) -> dict[str, np.ndarray]:
    one = np.ones((env.num_envs, 1, 2), np.float32)
    return {"manager": one, "server": np.full((env.num_envs, 2, 2), 0.5, np.float32)}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_vectors_reset_by_themselves_and_keep_the_last_state(transport: Any, nothing_left: object) -> None:
    with pybridge.make_vec(fake.scenario(Buffers), num_envs=2, seed=5, transport=transport) as env:
        assert env.schema.scenario == "buffers"
        assert env.schema.role("server").agent_ids == ("server_0", "server_1")
        batch = env.reset()
        assert batch.seeds.tolist() == [5, 6]
        for step in range(1, 13):
            batch = env.step(actions_of(env))
            assert batch.acts["manager"].all() == (step % 4 == 0)
            assert np.allclose(batch.rewards["server"], -batch.terms["server"][..., 0])
        assert batch.truncated.all() and not batch.terminated.any()
        assert batch.seeds.tolist() == [7, 8]
        assert set(batch.final_observations["server"]) == {0, 1}
        assert batch.final_observations["server"][0].mean() == pytest.approx(batch.metrics[0, 0])
        assert not batch.observations["server"].any()
        assert env.step(actions_of(env)).time_s.tolist() == [0.1, 0.1]


def test_both_transports_and_all_runs_give_the_same_bytes(nothing_left: object) -> None:
    seen = []
    for transport in (*TRANSPORTS, "shm"):
        with pybridge.make_vec(fake.scenario(Buffers), num_envs=1, seed=3, transport=transport) as env:
            batch = env.reset()
            rows = [batch.observations["server"].copy()]
            rows += [env.step(actions_of(env)).observations["server"].copy() for _ in range(12)]
            seen.append(np.array(rows).tobytes())
    assert seen[0] == seen[1] == seen[2]


def test_episodes_may_terminate_and_pettingzoo_works(nothing_left: object) -> None:
    with pybridge.make(fake.scenario(Buffers), params={"end": "terminated", "num_steps": 2}) as env:
        env.reset()
        steps = 0
        while env.agents:
            give = {a: {"share_ratio": np.array([0.5, 0.5], np.float32)} for a in ("server_0", "server_1")}
            if steps == 0:
                give["manager_0"] = {"rate": np.array([1]), "power_dbm": np.array([0], np.float32)}
            _, _, terminations, _, _ = env.step(give)
            steps += 1
        assert steps == 2
        assert all(terminations.values())


class Watched(Buffers):
    """What decides nothing tells how long the episode still is."""

    def describe(self, params: Mapping[str, pybridge.Value]) -> Sequence[wire.Role]:
        left = fake.field("left_steps", high=100_000, unit="steps")
        return (*super().describe(params), fake.role("clock", observations=[left]))

    def _show(self, state: fake.State) -> None:
        super()._show(state)
        state.observations["clock"]["left_steps"][:] = self.params["num_steps"] - state.step


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_decides_nothing_is_seen_by_no_agent(transport: Any, nothing_left: object) -> None:
    with pybridge.make_vec(fake.scenario(Watched), num_envs=2, transport=transport) as env:
        assert [role.name for role in env.schema.roles] == ["manager", "server"]
        assert [role.name for role in env.schema.watchers] == ["clock"]
        batch = env.reset()
        for left in range(12, 0, -1):
            assert batch.observations["clock"].tolist() == [[[left]]] * 2
            batch = env.step(actions_of(env))
        assert batch.final_observations["clock"][1].tolist() == [[0]]
        assert batch.observations["clock"].tolist() == [[[12]]] * 2
        assert "clock" not in batch.rewards


def test_the_state_of_pettingzoo_holds_what_watchers_see(nothing_left: object) -> None:
    with pybridge.make(fake.scenario(Watched)) as env:
        with pytest.raises(gymnasium.error.ResetNeeded):
            env.state()
        observations, _ = env.reset()
        assert list(observations) == env.possible_agents == ["manager_0", "server_0", "server_1"]
        assert env.state().tolist() == [0.5, 0, 0, 0, 0, 12]
        assert env.state_space.contains(env.state())


def test_actions_are_checked_before_anything_moves(nothing_left: object) -> None:
    with pybridge.make_vec(fake.scenario(Buffers), num_envs=1) as env:
        env.reset()
        masked = actions_of(env)
        masked["manager"] = masked["manager"].copy()
        masked["manager"][0, 0, 0] = 2
        with pytest.raises(pybridge.ActionError, match="rate\\[0\\] is 2; this choice is masked"):
            env.step(masked)
        env.step(actions_of(env))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_death_is_reported(transport: Any, nothing_left: object) -> None:
    dying = fake.scenario(Buffers, faults={3: fake.Death(-9, "out of keys")})
    with pybridge.make_vec(dying, num_envs=2, transport=transport) as env:
        env.reset()
        for _ in range(3):
            env.step(actions_of(env))
        with pytest.raises(pybridge.SimulatorDied, match="SIGKILL") as caught:
            env.step(actions_of(env))
    assert caught.value.returncode == -9
    assert "out of keys" in str(caught.value)


def test_a_bug_in_the_simulation_shows_its_traceback(nothing_left: object) -> None:
    with pybridge.make_vec(fake.scenario(Buffers, faults={0: ZeroDivisionError("bug")}), num_envs=1) as env:
        env.reset()
        with pytest.raises(pybridge.SimulatorDied, match="ZeroDivisionError: bug"):
            env.step(actions_of(env))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_hang_meets_the_deadline(transport: Any, nothing_left: object) -> None:
    hanging = fake.scenario(Buffers, faults={1: fake.Hang()})
    with pybridge.make_vec(hanging, num_envs=2, transport=transport, step_timeout_s=0.3) as env:
        env.reset()
        env.step(actions_of(env))
        with pytest.raises(pybridge.StepTimeout, match="did not answer"):
            env.step(actions_of(env))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_protocol_fault_is_told(transport: Any, nothing_left: object) -> None:
    with pybridge.make_vec(
        fake.scenario(Buffers, faults={1: fake.ProtocolFault("odd bytes")}), num_envs=1, transport=transport
    ) as env:
        env.reset()
        env.step(actions_of(env))
        with pytest.raises(pybridge.ProtocolError, match="odd bytes"):
            env.step(actions_of(env))


def test_parameters_are_refused_in_the_same_words(nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match="no parameter 'num_step'; did you mean 'num_steps'"):
        pybridge.make_vec(fake.scenario(Buffers), num_envs=1, params={"num_step": 3})
    with pytest.raises(pybridge.ParameterError, match="num_steps: found 0, expected a whole number from 1 to 100000"):
        pybridge.make_vec(fake.scenario(Buffers), num_envs=1, params={"num_steps": 0})


def test_the_learner_trains_on_it(nothing_left: object) -> None:
    from agents.learner.mappo import HierarchicalMappo
    from agents.settings import read, resolve

    with pybridge.make_vec(fake.scenario(Buffers), num_envs=2) as env:
        settings = read(None, ["rollout_steps=50", "segment_rollouts=4"], steps=400, seed=1, num_envs=2)
        learner = HierarchicalMappo(env, resolve(settings, env.schema.roles))
        before = [p.detach().clone() for p in learner.learners["server"].parameters]
        learner.train_segment()
        assert learner.env_steps >= 400
        assert any((a != b).any() for a, b in zip(before, learner.learners["server"].parameters, strict=True))


class Shift(Buffers):
    """Buffers whose second server is away from the second to the third state."""

    def step(self, actions: Any, state: fake.State) -> fake.End | None:
        state.present["server"][1] = state.step not in (2, 3)
        return super().step(actions, state)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_agents_of_a_fake_come_and_go(transport: pybridge.Transport, nothing_left: object) -> None:
    with pybridge.make(fake.scenario(Shift), transport=transport) as env:
        env.reset()
        seen = []
        for _ in range(5):
            actions = {agent: env.action_space(agent).sample() for agent in env.agents}
            truncations = env.step(actions)[3]
            seen.append(("server_1" in env.agents, truncations.get("server_1")))
    assert seen == [(True, False), (False, True), (False, None), (True, False), (True, False)]
