# SPDX-License-Identifier: GPL-2.0-only
"""Where runners are does not matter to what is learned, and neither do runners and simulators that die."""

from __future__ import annotations

import os
import select
import signal
import socket
from multiprocessing import resource_tracker

import numpy as np
import pytest
import torch
from fake_env import PERIOD, SliceBudget

from agents.config import ConfigError
from agents.learner.buffers import DecisionBuffer, beside, chain
from agents.learner.mappo import HierarchicalMappo
from agents.learner.normalise import RunningNormaliser
from agents.rollouts.backends import start
from agents.rollouts.base import DEATHS_IN_A_ROW, RunnerError
from agents.rollouts.base import Apart as Remote
from agents.rollouts.fragments import DecisionPool, Fragment, Order, Tally, merge_statistics
from agents.settings import read, resolve
from pybridge import SimulatorDied

SETTINGS = ["rollout_steps=23", "segment_rollouts=3", "steps=276", "manager.min_decisions=6", "worker.epochs=2"]


@pytest.fixture(scope="module", autouse=True)
def helper_of_multiprocessing():
    """It stays for good, so it is there from the beginning."""
    resource_tracker.ensure_running()


class Mortal(SliceBudget):
    """Episodes whose seed ends in a fatal digit break off at step 7."""

    def __init__(self, num_envs, fatal=(), terminates=False):
        super().__init__(num_envs, terminates=terminates)
        self.fatal = fatal

    def step(self, actions):
        if any(int(seed) % 10 in self.fatal and step == 7 for seed, step in zip(self.seeds, self.steps, strict=True)):
            raise SimulatorDied("toy", -9, seed=int(self.seeds[0]), command="", stderr="")
        return super().step(actions)


class Late(SliceBudget):
    """The second runner's environments (of which it has one) stand still in the second fragment, before a `gate`."""

    def __init__(self, num_envs, gate):
        super().__init__(num_envs)
        self.gate, self.done = gate, 0

    def step(self, actions):
        self.done += 1
        if self.num_envs == 1 and self.done == 30:
            with self.gate.open("r+b", buffering=0) as gate:
                select.select([gate], [], [], 60)
        return super().step(actions)


class Killed(SliceBudget):
    """The process that steps it is killed, once: `mark` remembers."""

    def __init__(self, num_envs, mark):
        super().__init__(num_envs)
        self.mark = mark

    def step(self, actions):
        if self.num_envs == 1 and self.steps[0] == 30 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(actions)


class Apart(SliceBudget):
    """Steps in two halves, on two blocks in turn: what `send` begins overwrites the batch before the last."""

    def __init__(self, num_envs):
        super().__init__(num_envs)
        self.blocks = []
        self.paid = []  # mean rewards of the workers by step
        self.seen = []  # what the workers saw

    def reset(self, *, seed=None):
        self.blocks = [super().reset(seed=seed)]
        self.seen.append(self.blocks[-1].observations["cell"].copy())
        return self.blocks[-1]

    def step(self, actions):
        raise AssertionError("there is send")

    def send(self, actions):
        self.blocks.append(super().step(actions))
        self.paid.append(float(self.blocks[-1].rewards["cell"].mean()))
        self.seen.append(self.blocks[-1].observations["cell"].copy())
        if len(self.blocks) > 2:
            old = self.blocks.pop(0)
            for group in (old.observations, old.action_masks, old.acts, old.terms, old.rewards, {"": old.metrics}):
                for array in group.values():
                    array[:] = 77

    def recv(self):
        return self.blocks[-1]


def train(make, *settings, segments=2):
    """Reports, and the state at the end."""
    tree = read(None, [*SETTINGS, *settings])
    config = resolve(tree, SliceBudget(1).schema.roles)
    reports = []
    with start(make, config) as rollouts:
        run = HierarchicalMappo(rollouts, config)
        for _ in range(segments):
            run.train_segment(reports.append)
        return reports, run.state_dict()


def weights(state):
    return {
        f"{role}.{net}.{name}": values
        for role, learner in state["roles"].items()
        for net in ("actor", "critic")
        for name, values in learner[net].items()
    }


def assert_equal_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_processes_learn_what_the_learners_own_process_does(nothing_left):
    _, here = train(SliceBudget, "backend=inline")
    _, there = train(SliceBudget, "backend=local", "overlap=false")
    assert_equal_weights(here, there)


def test_books_kept_while_simulators_run_hold_what_they_would_hold_afterwards():
    reports, at_once = train(SliceBudget, "backend=inline", "num_envs=3")
    made = []
    in_halves, apart = train(lambda n: made.append(Apart(n)) or made[0], "backend=inline", "num_envs=3")
    assert_equal_weights(at_once, apart)
    paid = np.reshape(made[0].paid, (len(in_halves), -1)).mean(axis=1)
    assert [report.rewards["cell"] for report in in_halves] == pytest.approx(paid)
    seen = np.concatenate(made[0].seen).reshape(-1, made[0].seen[0].shape[-1])
    statistics = apart["observer"]["cell"]
    assert statistics["count"] == len(seen)
    assert statistics["mean"] == pytest.approx(seen.mean(axis=0), rel=1e-5, abs=1e-6)
    assert statistics["variance"] == pytest.approx(seen.var(axis=0), rel=1e-4, abs=1e-6)
    for one, other in zip(reports, in_halves, strict=True):
        assert one.rewards == other.rewards
        assert one.metrics == other.metrics
        assert one.episode_utilities == other.episode_utilities


def nodes(rollouts):
    """Where the runners of `RayRunners` are, by runner."""
    import ray

    def node(actor):
        return ray.get_runtime_context().get_node_id()

    return ray.get([actor.__ray_call__.remote(node) for actor in rollouts.actors])


@pytest.mark.slow
def test_ray_learns_the_same_on_two_nodes_and_survives_the_death_of_an_actor_and_of_a_node(tmp_path, cluster):
    two = ("num_runners=2", "num_envs=3")  # which ask for two cores and for one
    _, here = train(SliceBudget, "backend=local", "overlap=false", *two)
    on_ray = ("backend=ray", f"ray_address={cluster.address}", *two)
    _, there = train(SliceBudget, "overlap=false", *on_ray)
    assert_equal_weights(here, there)

    reports, _ = train(lambda n: Killed(n, tmp_path / "killed"), *on_ray, segments=1)
    failures = [text for report in reports for text in report.failures]
    assert len(failures) == 1
    assert failures[0].startswith("runner 1: ")
    assert reports[-1].env_steps == 3 * 23 * 3

    config = resolve(read(None, [*SETTINGS, *on_ray]), SliceBudget(1).schema.roles)
    reports = []
    with start(SliceBudget, config) as rollouts:
        first, second = nodes(rollouts)
        assert first != second

        def reported(report):
            reports.append(report)
            if len(reports) == 1:
                cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
                cluster.add_node(num_cpus=2)

        HierarchicalMappo(rollouts, config).train_segment(reported)
        after = nodes(rollouts)
        assert after[0] != after[1]
        assert len({first, second} & set(after)) == 1
    dead = {text.partition(":")[0] for report in reports for text in report.failures}
    assert dead in ({"runner 0"}, {"runner 1"})
    assert reports[-1].env_steps == 3 * 23 * 3


def test_a_cluster_that_does_not_answer_is_told_at_once():
    pytest.importorskip("ray")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RunnerError, match=f"no Ray cluster answers at {address} .*; `ray start --head"):
            train(SliceBudget, "backend=ray", f"ray_address={address}")


def test_overlap_is_one_version_stale_and_repeats(nothing_left):
    settings = ("backend=local", "num_runners=2", "num_envs=3")
    reports, first = train(SliceBudget, *settings)
    _, second = train(SliceBudget, *settings)
    assert_equal_weights(first, second)
    assert [report.env_steps for report in reports] == [23 * 3 * (k + 1) for k in range(6)]
    _, in_step = train(SliceBudget, *settings, "overlap=false")
    assert any((a != b).any() for a, b in zip(weights(first).values(), weights(in_step).values(), strict=True))


def test_a_runner_that_is_late_misses_its_round_and_is_dropped(tmp_path, nothing_left):
    path = tmp_path / "gate"
    os.mkfifo(path)
    settings = ["backend=local", "num_runners=2", "num_envs=3", "overlap=false"]
    config = resolve(read(None, [*SETTINGS, *settings]), SliceBudget(1).schema.roles)
    reports = []
    with path.open("r+b", buffering=0) as gate, start(lambda n: Late(n, path), config) as rollouts:

        def reported(report):
            reports.append(report)
            if len(reports) == 1:
                rollouts.timeout_s = 0.1  # so the second round goes on as soon as it has a fragment
            else:
                rollouts.timeout_s = config.fragment_timeout_s
                gate.write(b"open")

        HierarchicalMappo(rollouts, config).train_segment(reported)
    per_round = np.diff([0, *(report.env_steps for report in reports)]).tolist()
    assert per_round == [23 * 3, 23 * 2, 23 * 3]  # the second round went on without the runner of one environment
    assert [report.dropped for report in reports] == [0, 1, 0]
    assert all(np.isfinite(list(update.values())).all() for r in reports for update in r.updates.values())


class Messages(Remote):
    """Two runners that answer at once, except that the second is `deaf` to some of its lives' orders."""

    def __init__(self, deaf):
        super().__init__(2, timeout_s=0)
        self.deaf, self.life, self.answers, self.orders = deaf, 0, [], []

    def put(self, weights):
        return weights

    def submit(self, index, order, weights):
        self.orders.append((index, order.round, order.attempt))
        if index == 0 or self.life not in self.deaf:
            self.answers.append((index, Fragment(index, order.round, 0, {}, {}, Tally())))

    def wait(self, timeout_s):
        answers, self.answers = self.answers, []
        return answers

    def revive(self, index):
        assert index == 1
        self.life += 1

    def rounds(self, count):
        for number in range(count):
            self.launch(Order(None, 0, number, closes=False), None)
            yield [fragment.runner for fragment in self.collect()], self.take_dropped(), self.take_deaths()


def test_a_runner_that_hangs_is_counted_and_started_anew():
    runners = Messages(deaf={0})
    text = "runner 1: it has not answered in 2 rounds in a row (fragment_timeout_s = 0)"
    assert list(runners.rounds(4)) == [([0], 1, []), ([0], 1, [text]), ([0, 1], 0, []), ([0, 1], 0, [])]
    assert [order for order in runners.orders if order[0] == 1] == [(1, 0, 0), (1, 2, 1), (1, 3, 1)]


def test_a_runner_that_hangs_in_every_life_stops_the_run():
    with pytest.raises(RunnerError, match="runner 1 died 3 times without a fragment; last: it has not answered"):
        list(Messages(deaf=range(DEATHS_IN_A_ROW)).rounds(2 * DEATHS_IN_A_ROW))


def test_a_runner_that_is_slow_but_answers_is_not_started_anew():
    runners = Messages(deaf={0})
    for number in range(6):
        runners.launch(Order(None, 0, number, closes=False), None)
        runners.answers += [(1, Fragment(1, number - 1, 0, {}, {}, Tally()))] if number else []
        assert [fragment.runner for fragment in runners.collect()] == [0]
        assert runners.take_dropped() == 1
    assert runners.life == 0


def test_a_runner_that_is_killed_is_started_anew(tmp_path, nothing_left):
    mark = tmp_path / "killed"
    settings = ("backend=local", "num_runners=2", "num_envs=3", "overlap=false")
    reports, _ = train(lambda n: Killed(n, mark), *settings, segments=1)
    assert mark.exists()
    failures = [text for report in reports for text in report.failures]
    assert failures == ["runner 1: its process ended with exit code -9"]
    assert reports[-1].env_steps == 3 * 23 * 3


def test_a_runner_that_dies_at_every_start_stops_the_run(nothing_left):
    def make(num_envs):
        os._exit(3)

    with pytest.raises(RunnerError, match="runner 0 ended before"):
        train(make, "backend=local")


def test_an_error_of_the_environments_reaches_the_learner(nothing_left):
    def make(num_envs):
        raise ValueError("no such scenario")

    with pytest.raises(ValueError, match="no such scenario"):
        train(make, "backend=local")


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="num_runners = 3: expected 1 to num_envs = 2"):
        train(SliceBudget, "num_runners=3")
    with pytest.raises(ConfigError, match="the back end inline has one"):
        train(SliceBudget, "num_runners=2", "backend=inline")
    with pytest.raises(ConfigError, match="backend = 'rya': expected one of inline, local, ray"):
        train(SliceBudget, "backend=rya")


def test_a_simulator_that_dies_is_replaced_and_its_unfinished_decisions_are_gone():
    reports, state = train(lambda n: Mortal(n, fatal=(3, 7)), "backend=inline", segments=6)
    failures = [text for report in reports for text in report.failures]
    assert failures
    assert all("toy was ended by SIGKILL" in text for text in failures)
    assert reports[-1].env_steps == 6 * 3 * 2 * 23  # what broke off is made up for
    for values in weights(state).values():
        assert torch.isfinite(values).all()


def test_simulators_that_die_always_stop_the_run():
    with pytest.raises(SimulatorDied):
        train(lambda n: Mortal(n, fatal=range(10)), "backend=inline")
    with pytest.raises(SimulatorDied):  # nobody could open others
        env = Mortal(2, fatal=range(10))
        HierarchicalMappo(env, resolve(read(None, SETTINGS), env.schema.roles)).train_segment()


@pytest.fixture
def buffer():
    role = SliceBudget(1).schema.role("planner")
    return DecisionBuffer(role, 1, 1, num_outputs=3, num_envs=1, capacity=8, gamma=0.5)


def decide(buffer, number, reward):
    seen = np.full((1, 1, 1), number, np.float32)
    buffer.decide(np.array([0]), own=seen, state=seen[0], active=np.ones((1, 1)), log_probs=0.0)
    if reward is not None:
        buffer.reward(np.array([[reward]], float))


def take(buffer, number, due=True):
    own = np.full((1, 1, 1), number, np.float32)
    return buffer.take(own, own[0], np.array([due]))


def test_a_batch_never_mixes_an_episode_that_broke_off_with_the_next(buffer):
    decide(buffer, 1, 10)
    decide(buffer, 2, None)  # the step that should have answered it never came
    buffer.drop(0)
    decide(buffer, 5, 20)
    data = chain([take(buffer, 6)])
    assert data.own.ravel().tolist() == [1, 5]
    assert data.rewards.ravel().tolist() == [10, 20]
    assert data.next_own.ravel().tolist() == [2, 6]  # not 5, which is of another episode
    assert data.begins.ravel().tolist() == [True, True]
    assert data.last.ravel().tolist() == [True, True]
    assert not data.terminated.any()


def test_a_drop_across_fragments_cuts_the_chain(buffer):
    decide(buffer, 1, 10)
    first = take(buffer, 2)
    decide(buffer, 2, None)
    buffer.drop(0)
    decide(buffer, 5, 20)
    data = chain([first, take(buffer, 6)])
    assert data.next_own.ravel().tolist() == [2, 6]
    assert data.last.ravel().tolist() == [True, True]


def test_a_chain_of_fragments_equals_one_long_fragment(buffer):
    parts = []
    for start_at in (1, 3):
        decide(buffer, start_at, start_at)
        decide(buffer, start_at + 1, start_at + 1)
        parts.append(take(buffer, start_at + 2, due=start_at == 3))  # the last of the first stays open
    data = chain(parts)
    assert [len(part.valid) for part in parts] == [1, 3]
    assert data.own.ravel().tolist() == [1, 2, 3, 4]
    assert data.next_own.ravel().tolist() == [2, 3, 4, 5]
    assert data.last.ravel().tolist() == [False, False, False, True]


def test_runners_stand_side_by_side():
    role = SliceBudget(1).schema.role("planner")
    parts = []
    for count in (1, 2):
        one = DecisionBuffer(role, 1, 1, num_outputs=3, num_envs=1, capacity=8, gamma=0.5)
        for number in range(count):
            decide(one, number, number)
        parts.append(chain([take(one, 9)]))
    data = beside(parts)
    assert data.valid.tolist() == [[True, True], [False, True]]
    assert data.last.tolist() == [[True, False], [False, True]]


def test_statistics_of_several_runners_are_those_of_all_they_saw():
    rng = np.random.default_rng(1)
    groups = {"a": (1, 3)}
    base, all_of_it = RunningNormaliser(groups), RunningNormaliser(groups)
    before = rng.normal(5, 2, (40, 3))
    base.update(before)
    all_of_it.update(before)
    grown = []
    for shift in (0, 10):
        own = RunningNormaliser(groups)
        own.load_state_dict(base.state_dict())
        seen = rng.normal(shift, 3, (60, 3))
        own.update(seen)
        all_of_it.update(seen)
        grown.append(own.state_dict())
    merged = merge_statistics(base.state_dict(), grown)["a"]
    assert merged["count"] == 160
    np.testing.assert_allclose(merged["mean"], all_of_it.mean, rtol=1e-12)
    np.testing.assert_allclose(merged["variance"], all_of_it.variance, rtol=1e-10)
    assert merge_statistics(base.state_dict(), grown[:1]) is grown[0]


def test_managers_of_several_fragments_are_trained_on_once():
    reports, state = train(SliceBudget, "backend=inline", "manager.min_decisions=1000", segments=1)
    assert not any("planner" in report.updates for report in reports)
    parts = state["pools"]["planner"][0]
    assert sum(part["valid"].sum() for part in parts) == 2 * sum(1 for step in range(69) if step % 40 % PERIOD == 0)


def test_fragments_without_decisions_do_not_pile_up_and_their_runners_still_count(buffer):
    decide(buffer, 1, 10)
    one, none = take(buffer, 2), take(buffer, 2, due=False)
    pool = DecisionPool(min_decisions=1)
    for _ in range(50):
        pool.add(0, none)
        pool.add(1, none)
    assert not pool.ready
    pool.add(0, one)
    pool.add(0, none)
    assert not pool.ready  # one decision, two environments
    assert {runner: len(parts) for runner, parts in pool.parts.items()} == {0: 2, 1: 1}
    again = DecisionPool(min_decisions=1)
    again.load_state_dict(pool.state_dict())
    pool.add(1, one)
    again.add(1, one)
    assert pool.ready
    assert again.ready
    assert again.take().own.ravel().tolist() == pool.take().own.ravel().tolist() == [1, 1]


def test_a_pool_of_an_earlier_checkpoint_is_read(buffer):
    decide(buffer, 1, 10)
    one, none = take(buffer, 2), take(buffer, 2, due=False)
    pool = DecisionPool(min_decisions=1)
    state = {0: [{name: values for name, values in vars(p).items() if name != "left"} for p in (none, none, one, none)]}
    pool.load_state_dict(state)
    assert len(pool.parts[0]) == 2
    data = pool.take()
    assert data.own.ravel().tolist() == [1]
    assert not data.left.any()
