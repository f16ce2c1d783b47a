# SPDX-License-Identifier: GPL-2.0-only
"""Every algorithm trains on every kind of role, by name or from a user's own file; and memories are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fake_env import SliceBudget, VectorBase, action_fields, fields, make_schema
from test_switches import ROLES, configured, sampled

from agents import policies
from agents.algorithms import load, names
from agents.algorithms.happo import Happo
from agents.algorithms.maddpg import MaddpgLearner
from agents.config import ConfigError
from agents.learner.buffers import Decisions
from agents.learner.mappo import HierarchicalMappo
from agents.learner.observer import Observer
from agents.policies import EqualShare, make_heuristic
from agents.settings import read, resolve
from agents.trained import ActorPolicy
from pybridge import Role

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


class ThreeClocks(VectorBase):
    """Two managers, of which one decides twice as often as the other, and a worker; nothing has a meaning."""

    def __init__(self, num_envs):
        super().__init__(num_envs, episode_steps=400)
        choice = action_fields({"name": "a", "kind": "categorical", "size": 1, "num_choices": 3})
        roles = [
            Role(name, 1, period, "", fields(("seen", 2)), choice, fields(("term", 1)), np.ones(1))
            for name, period in (("fast", 2), ("slow", 4), ("also_slow", 4), ("worker", 1))
        ]
        self.schema = make_schema("clocks", roles, fields(("metric", 1)), {"metric": 1.0})

    def _drawn(self, role, *size):
        return np.random.default_rng([*self.steps, len(role.name)]).normal(size=(self.num_envs, 1, *size))

    def observe(self):
        return {role.name: self._drawn(role, 2).astype(np.float32) for role in self.schema.roles}

    def masks(self):
        return {role.name: np.ones((self.num_envs, 1, 3), np.uint8) for role in self.schema.roles}

    def dynamics(self, actions):
        return {role.name: self._drawn(role, 1) for role in self.schema.roles}, np.zeros((self.num_envs, 1))


def test_happo_pairs_only_decisions_of_the_same_times(monkeypatch):
    """Both kinds of managers learn from 12 decisions, but not from the same times."""
    settings = ["num_envs=2", "rollout_steps=48", "steps=96", "segment_rollouts=1", "worker.heuristic=equal-share"]
    settings += ["manager.lr=1e-2", "manager.target_kl=0", "manager.min_decisions=12", "overlap=false"]
    env = ThreeClocks(2)
    run = HierarchicalMappo(env, resolve(read(None, settings, algorithm="happo"), env.schema.roles))
    factors = {}

    def watched(name, improve):
        def call(data, targets, lr_ratio, *, factor, agents):
            factors[name] = data.valid.shape, factor.copy()
            return improve(data, targets, lr_ratio, factor=factor, agents=agents)

        return call

    def halved(data):  # as if `fast` had not been asked for its second half
        return Decisions(**{item: values[:12] for item, values in vars(data).items()})

    for name, learner in run.learners.items():
        monkeypatch.setattr(learner, "improve", watched(name, learner.improve))
    update = run.algorithm.update
    monkeypatch.setattr(
        run.algorithm,
        "update",
        lambda learners, ready, *rest: update(learners, ready | {"fast": halved(ready["fast"])}, *rest),
    )
    run.train_segment()
    assert {shape for shape, _ in factors.values()} == {(12, 2)}
    changed = {name for name, (_, factor) in factors.items() if np.ptp(factor) > 0}
    assert len(changed) == 1  # whichever of the two slow ones came second
    assert changed < {"slow", "also_slow"}


def test_ratios_of_a_recurrent_role_are_those_that_an_update_sees():
    learner, data = sampled("worker.recurrent=gru", "worker.lr=5e-3", "worker.target_kl=0", "worker.chunk=7")
    assert learner.ratios(data) == pytest.approx(np.ones(data.active.shape), abs=1e-5)
    learner.update(data, 1.0)
    seen, step = [], learner._step

    def watched(batch, weight):
        with torch.no_grad():
            log_prob = learner.actor.score(learner._outputs(batch), batch["masks"], batch["latents"])[0]
        seen.append((log_prob - batch["log_probs"]).exp()[weight > 0].numpy())
        return step(batch, weight)

    ratios = learner.ratios(data)
    learner._step = watched
    learner.improve(data, learner.targets(data), 0.0)
    per_epoch = len(seen) // learner.config.epochs
    assert np.sort(np.concatenate(seen[:per_epoch])) == pytest.approx(np.sort(ratios[data.active]), rel=1e-4)


def rivals(**arrays):
    """Decisions of two agents, [K, 1, ...], each the only one of its episode; the others have nothing to see."""
    shape = (len(arrays["rewards"]), 1)
    seen = {"state": np.zeros((*shape, 2), np.float32), "own": np.zeros((*shape, 2, 3), np.float32)}
    seen["own"][..., 1:] = np.eye(2)
    yes, no = np.ones(shape, bool), np.zeros((*shape, 2), bool)
    return Decisions(
        **seen,
        **arrays,
        next_own=seen["own"],
        next_state=seen["state"],
        prior=np.zeros((*shape, 2, 1), np.float32),
        masks=np.zeros((*shape, 2, 0), np.uint8),
        memory=np.zeros((*shape, 2, 0), np.float32),
        log_probs=np.zeros((*shape, 2), np.float32),
        discounts=np.zeros(shape),
        active=~no,
        left=no,
        dead=no,
        begins=yes,
        last=yes,
        terminated=yes,
        valid=yes,
    )


def rival_learner(*settings):
    """Of r_i = a_i - 2 a_other, and what it learns from."""
    action = action_fields({"name": "a", "kind": "box", "size": 1, "low": -1.0, "high": 1.0})
    role = Role("rival", 2, 1, "", fields(("seen", 1)), action, fields(("term", 1)), np.ones(1))
    schema = make_schema("rivals", [role], fields(("metric", 1)), {"metric": 1.0})
    common = ["num_envs=1", "worker.gamma=0", "worker.prior=0", "worker.lr=1e-2", "worker.actor_hidden=[8]"]
    config = resolve(read(None, [*common, *settings], algorithm="maddpg"), [role]).roles["rival"]
    latents = np.random.default_rng(0).uniform(-1, 1, (600, 1, 2, 1)).astype(np.float32)
    data = rivals(latents=latents, rewards=(latents - 2 * latents[:, :, ::-1])[..., 0].astype(float))
    return MaddpgLearner(role, Observer(schema, 1), config, generator=torch.Generator().manual_seed(1)), data


def test_agents_of_maddpg_climb_their_own_values_through_their_own_actions():
    """Whoever minds its own reward goes to 1; both together would go to -1."""
    learner, data = rival_learner()
    for _ in range(3):
        learner.update(data, 1.0)
    own = torch.from_numpy(data.own[0])
    with torch.no_grad():
        means = learner.actor.body(own, own[..., :0])[0].ravel()
    assert (means > 0.6).all()


def test_maddpg_honours_the_settings_of_the_value_loss():
    once = ["worker.epochs=1", "worker.minibatches=1"]
    learners = []
    for setting in ([], ["worker.huber_delta=1"], ["worker.huber_delta=0"], ["worker.value_normalisation=false"]):
        learner, data = rival_learner(*once, *setting)
        learner.update(data, 1.0)
        learners.append(learner)
    weights = [learner.critic.out.weight for learner in learners]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    normalisers = [learner.value_normaliser for learner in learners]
    assert normalisers[0].deviation > 1
    assert (normalisers[3].mean, normalisers[3].deviation) == (0, 1)


def test_maddpgs_critics_keep_their_word_when_the_statistics_of_values_move():
    run, _ = trained(algorithm="maddpg")
    learner = run.learners["cell"]
    state = torch.ones(3, learner.state_size)
    actions = torch.rand(3, learner.role.num_agents, learner.action_size)

    def values():
        with torch.no_grad():
            of_both = [learner._q(critic, state, actions).numpy() for critic in (learner.critic, learner.critic_target)]
        return learner.value_normaliser.denormalise(np.array(of_both))

    before, deviation = values(), learner.value_normaliser.deviation
    with torch.no_grad():
        learner._rescale(np.array([-40.0, 60.0]))
    assert learner.value_normaliser.deviation > 2 * deviation
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
