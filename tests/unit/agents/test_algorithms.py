# SPDX-License-Identifier: GPL-2.0-only
"""Every algorithm trains on every kind of role, by name or from a user's own file; and memories are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fake_env import SliceBudget
from test_switches import ROLES, configured, sampled

from agents import policies
from agents.algorithms import load, names
from agents.algorithms.happo import Happo
from agents.config import ConfigError
from agents.learner.mappo import HierarchicalMappo
from agents.policies import EqualShare, make_heuristic
from agents.settings import read, resolve
from agents.trained import ActorPolicy

LEARNS = {"manager-only": {"planner"}, "worker-only": {"cell"}}


def trained(*settings, algorithm="mappo"):
    run, reports = HierarchicalMappo(SliceBudget(2), configured(*settings, algorithm=algorithm)), []
    while run.segments < run.config.num_segments:
        run.train_segment(reports.append)
    return run, reports


@pytest.mark.parametrize("name", names())
def test_each_algorithm_trains_goes_on_from_its_state_and_acts(name):
    run, reports = trained(algorithm=name)
    learned = set().union(*(report.updates for report in reports))
    assert learned == LEARNS.get(name, {"planner", "cell"})
    for report in reports:
        assert all(np.isfinite(list(figures.values())).all() for figures in report.updates.values())
    half = HierarchicalMappo(SliceBudget(2), run.config)
    half.train_segment()
    rest = HierarchicalMappo(SliceBudget(2), run.config)
    rest.load_state_dict(half.state_dict())
    rest.train_segment()
    for role, learner in run.learners.items():
        for key, values in learner.actor.state_dict().items():
            assert torch.equal(values, rest.learners[role].actor.state_dict()[key]), (role, key)
    env, policy = SliceBudget(2), ActorPolicy.of(run, num_envs=2)
    batch = env.reset(seed=1)
    for _ in range(12):
        batch = env.step(policy.act(batch, np.random.default_rng(0)))


def test_the_other_level_follows_demand():
    run, _ = trained(algorithm="manager-only")
    batch = SliceBudget(2).reset(seed=1)
    wanted = make_heuristic("proportional-to-demand", run.schema).act(batch, np.random.default_rng(0))
    got = ActorPolicy.of(run, num_envs=2).act(batch, np.random.default_rng(0))
    assert got["cell"] == pytest.approx(wanted["cell"])
    with pytest.raises(ConfigError, match="so nothing learns"):
        resolve(read(None, algorithm="manager-only"), [role for role in ROLES if role.period == 1])


def test_a_file_of_ones_own_is_an_algorithm(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import replace\nfrom agents.algorithms import Algorithm\nfrom agents.config import WORKER\n"
        "class Mine(Algorithm):\n    worker = replace(WORKER, lr=7e-5)\n"
    )
    run, reports = trained(algorithm=str(file))
    assert run.config.roles["cell"].lr == 7e-5
    assert reports[0].updates["cell"]["lr"] < 7e-5
    file.with_name("empty.py").write_text("")
    with pytest.raises(ConfigError, match="expected one subclass of Algorithm in it, found 0"):
        load(str(tmp_path / "empty.py"))


@pytest.mark.parametrize(("name", "message"), [("hapo", "did you mean 'happo'"), ("./no.py", "there is no such file")])
def test_an_algorithm_that_does_not_exist(name, message):
    with pytest.raises(ConfigError, match=message):
        load(name)


def test_flat_mappo_and_ippo_are_what_they_say():
    flat, independent = (configured(algorithm=name).roles for name in ("flat-mappo", "ippo"))
    assert (flat["planner"].gamma, flat["planner"].lr) == (flat["cell"].gamma, flat["cell"].lr)
    assert not flat["planner"].semi_markov
    same = configured("worker.initial_std=0.3", "manager.lr=1e-4", algorithm="flat-mappo").roles
    assert same["planner"] == same["cell"]
    assert not flat["cell"].phases
    assert not any(config.centralised for config in independent.values())


def test_happo_weighs_who_follows_by_what_those_before_have_become(monkeypatch):
    learner, data = sampled("worker.lr=1e-2", "worker.target_kl=0")
    factors, improve = [], learner.improve

    def watched(*args, factor, agents, **kwargs):
        factors.append((factor.copy(), agents))
        return improve(*args, factor=factor, agents=agents, **kwargs)

    monkeypatch.setattr(learner, "improve", watched)
    Happo().update({"cell": learner}, {"cell": data}, 1.0, torch.Generator().manual_seed(1))
    (first, who), (second, next_one) = factors
    assert who.tolist() == (~next_one).tolist()
    assert (first == 1).all()
    assert (second[data.active[:, :, 0]] > 0).all()
    assert np.ptp(second) > 0.05


def test_maddpgs_critics_keep_their_word_when_the_statistics_of_values_move():
    run, _ = trained(algorithm="maddpg")
    learner = run.learners["cell"]
    state = torch.ones(3, learner.state_size)
    actions = torch.rand(3, learner.role.num_agents, learner.action_size)

    def values():
        with torch.no_grad():
            of_both = [learner._q(critic, state, actions).numpy() for critic in (learner.critic, learner.critic_target)]
        return learner.values.denormalise(np.array(of_both))

    before, deviation = values(), learner.values.deviation
    with torch.no_grad():
        learner._rescale(np.array([-40.0, 60.0]))
    assert learner.values.deviation > 2 * deviation
    assert values() == pytest.approx(before, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("role", "level"), [("cell", "worker"), ("planner", "manager")])
def test_sequences_begin_where_their_memories_were_stored(role, level):
    """Before anything is learned, the update sees the very probabilities that were sampled from."""
    gru = [f"{level}.recurrent=gru", f"{level}.chunk=7", f"{level}.burn_in=3", f"{level}.epochs=1"]
    learner, data = sampled(*gru, f"{level}.lr=0", role=role)
    assert (data.memory[1] != 0).any()
    assert (data.memory[data.begins] == 0).all()
    assert learner.update(data, 1.0)["kl"] == pytest.approx(0, abs=1e-9)
    index, learns = learner._sequences(data)
    assert sorted(index[learns].tolist()) == np.flatnonzero(data.valid).tolist()  # each decision once
    wrong = data.memory.copy()
    data.memory[:] = 1.0
    assert learner.update(data, 1.0)["kl"] > 1e-9
    data.memory[:] = wrong


def test_a_recurrent_run_goes_on_exactly_and_forgets_between_episodes():
    settings = ["worker.recurrent=gru", "manager.recurrent=gru"]
    run, _ = trained(*settings)
    half = HierarchicalMappo(SliceBudget(2), run.config)
    half.train_segment()
    rest = HierarchicalMappo(SliceBudget(2), run.config)
    rest.load_state_dict(half.state_dict())
    rest.train_segment()
    for role, learner in run.learners.items():
        for key, values in learner.critic.state_dict().items():
            assert torch.equal(values, rest.learners[role].critic.state_dict()[key])
    env, policy = SliceBudget(2), ActorPolicy.of(run, num_envs=2)
    rng, actions = np.random.default_rng(0), []
    for _ in range(2):
        batch = env.reset(seed=3)
        for _ in range(4):
            batch = env.step(policy.act(batch, rng))
        actions.append(policy.policies["cell"].memory.copy())
        env.reset(seed=99)
        policy.act(env.reset(seed=99), rng)
    assert actions[0] == pytest.approx(actions[1])


def test_the_heuristic_of_a_prior_is_told_what_was_done_in_place_of_its_advice(monkeypatch):
    told = []

    class Adviser(EqualShare):
        def did(self, batch, actions):
            told.append(actions["cell"].astype(np.float32))

    monkeypatch.setitem(policies.HEURISTICS, "adviser", Adviser)
    env = SliceBudget(2)
    run = HierarchicalMappo(env, configured("worker.prior_policy=adviser"))
    policy, rng = ActorPolicy.of(run, num_envs=2, greedy=False), np.random.default_rng(0)
    batch, done = env.reset(seed=1), []
    for _ in range(3):
        actions = policy.act(batch, rng)
        done.append(actions["cell"])
        batch = env.step(actions)
    assert np.array_equal(told[1::2], done)  # after each advice
    assert np.std(done) > 0
