# SPDX-License-Identifier: GPL-2.0-only
"""Every switch of the learner makes the difference that it names."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from fake_env import PERIOD, Foretold, SliceBudget, action_fields

from agents.config import ConfigError
from agents.learner.buffers import DecisionBuffer
from agents.learner.lagrangian import PidLagrangian, penalties
from agents.learner.mappo import HierarchicalMappo
from agents.learner.observer import decision_scale
from agents.learner.ppo import value_errors
from agents.learner.rewards import Penalty, check_constraints, price_of_anarchy, shaped
from agents.learner.stages import stage
from agents.rollouts.fragments import Order, Weights
from agents.rollouts.runner import EnvRunner
from agents.settings import read, resolve

ROLES = SliceBudget(1).schema.roles
BASE = [
    "num_envs=2",
    "rollout_steps=46",
    "segment_rollouts=2",
    "steps=368",
    "worker.epochs=2",
    "manager.min_decisions=4",
]


def configured(*settings, algorithm="mappo"):
    return resolve(read(None, [*BASE, *settings], algorithm=algorithm), ROLES)


def sampled(*settings, role="cell", env=SliceBudget):
    """A learner of one role and the decisions of its first fragment."""
    config = configured(*settings)
    run = HierarchicalMappo(env(2), config)
    weights = Weights(0, {name: one.policy_state() for name, one in run.learners.items()}, run.observer.state_dict())
    fragment = EnvRunner(env(2), config).sample(Order(config, 0, 0, closes=False), weights)
    run.pools[role].add(0, fragment.decisions[role])
    return run.learners[role], run.pools[role].take()


def moved(learner, data):
    """How far the critic's values went in one update, in normalised units."""
    values = learner._values(data.own, data.state, data.memory[..., :0])[0]
    learner.update(data, 1.0)
    after = learner._values(data.own, data.state, data.memory[..., :0])[0]
    return float(np.abs(learner.value_normaliser.normalise(after) - values).mean())


def test_value_normalisation():
    on, data = sampled()
    off, _ = sampled("worker.value_normalisation=false")
    returns = on.targets(data).returns
    assert on.value_normaliser.mean == pytest.approx(returns[data.active].mean(), rel=1e-6)
    off.targets(data)
    assert (off.value_normaliser.mean, off.value_normaliser.deviation) == (0, 1)


def test_value_clipping_keeps_values_near():
    settings = ["worker.value_normalisation=false", "worker.epochs=10"]
    free, data = sampled(*settings)
    near, _ = sampled(*settings, "worker.value_clip=0.01")
    assert moved(near, data) < 0.5 * moved(free, data)


@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_value_clipping_lets_the_first_step_go_wherever_it_goes(shift):
    """Statistics of returns move before it; what a value is kept near is what the critic put out."""
    settings = ["worker.epochs=1", "worker.minibatches=1", "worker.huber_delta=0"]
    gradients = []
    for clip in (0.0, 0.05):
        learner, data = sampled(*settings, f"worker.value_clip={clip}")
        data.rewards[...] += shift
        learner.update(data, 1.0)
        gradients.append(torch.cat([values.grad.ravel() for values in learner.critic.parameters()]).numpy())
        targets = learner.targets(data)
        outputs = learner.critic(*(torch.from_numpy(a) for a in (data.own, data.state, data.memory)))[0]
        assert targets.old_outputs == pytest.approx(outputs.detach().numpy(), abs=1e-5)
    assert np.abs(gradients[0]).max() > 0
    assert gradients[1] == pytest.approx(gradients[0], abs=1e-5)


def test_huber_loss():
    losses = []
    for delta in (1, 0):
        learner, data = sampled(f"worker.huber_delta={delta}", "worker.value_normalisation=false", "worker.epochs=1")
        data.rewards[:] = 100.0
        losses.append(learner.update(data, 1.0)["value_loss"])
    assert losses[0] < losses[1] / 10
    ten, zero = torch.tensor(10.0), torch.tensor(0.0)
    assert [value_errors(ten, zero, delta).item() for delta in (1.0, 0.0)] == pytest.approx([9.5, 50])


def test_advantage_normalisation_is_over_what_counts():
    on, data = sampled()
    data.active[0] = False
    on, off = on.targets(data), sampled("worker.advantage_normalisation=false")[0].targets(data)
    assert on.advantages[data.active].mean() == pytest.approx(0, abs=1e-9)
    assert on.advantages[data.active].std() == pytest.approx(1, rel=1e-6)
    assert off.advantages == pytest.approx(off.returns - off.old_values)


@pytest.mark.parametrize("switch", ["true", "false"])
def test_bootstrap_of_truncated_episodes(switch):
    _, data = sampled(f"worker.bootstrap_truncated={switch}")  # episodes of 40 steps, which the clock ends
    assert data.terminated[39].tolist() == [switch == "false"] * 2


def test_action_masks():
    _, on = sampled(role="cell")
    learner, off = sampled("worker.action_masks=false", role="cell")  # SliceBudget stops at a forbidden action
    forbidden = [(data.masks[..., 3] == 0) & (data.latents[..., 3] == 0) & data.active for data in (on, off)]
    assert not forbidden[0].any()
    assert forbidden[1].any()
    assert learner.update(off, 1.0)["kl"] >= 0


def test_death_masks():
    (on, data), (off, _) = sampled(), sampled("worker.death_masks=false")
    data.active[:, :, 1] = False
    data.dead[20] = True
    with_masks, without = on.targets(data), off.targets(data)
    assert not with_masks.active[:, :, 1].any()
    assert without.active.all()
    assert with_masks.returns[20] == pytest.approx(data.rewards[20])
    assert (np.abs(without.returns[20] - data.rewards[20]) > 1e-6).all()


def test_orthogonal_initialisation():
    weights = [sampled(f"worker.orthogonal={switch}")[0].critic.own.weight.detach() for switch in ("true", "false")]
    products = [weight.T @ weight for weight in weights]
    assert torch.allclose(products[0], torch.eye(len(products[0])), atol=1e-5)
    assert not torch.allclose(products[1], torch.diag(products[1].diagonal()), atol=1e-2)


@pytest.mark.parametrize(("limit", "clipped"), [(1e-3, True), (0.0, False)])
def test_gradient_clipping(limit, clipped):
    learner, data = sampled(f"worker.max_grad_norm={limit}")
    learner.update(data, 1.0)
    norm = torch.cat([values.grad.ravel() for values in learner.critic.parameters()]).norm().item()
    assert (norm <= 1e-3 * 1.001) == clipped


@pytest.mark.parametrize(("target", "epochs"), [(1e-9, 1), (0.0, 5)])
def test_kl_stop(target, epochs):
    learner, data = sampled("worker.epochs=5", "worker.lr=1e-2", f"worker.target_kl={target}")
    assert learner.update(data, 1.0)["epochs"] == epochs


def test_entropy_by_role():
    figures = []
    for weight in (0.0, 1.0):
        learner, data = sampled(f"role.cell.entropy={weight}", "worker.lr=1e-2", "worker.target_kl=0")
        figures += [[learner.update(data, 1.0)["entropy"] for _ in range(3)][-1]]
    assert figures[1] > figures[0] + 0.05


def test_linear_decay_of_the_step_size():
    def rates(*settings):
        run, reports = HierarchicalMappo(SliceBudget(2), configured(*settings)), []
        while run.segments < run.config.num_segments:
            run.train_segment(reports.append)
        return [report.updates["cell"]["lr"] / 5e-4 for report in reports]

    assert rates() == pytest.approx([1 - 0.9 * part for part in (0.25, 0.5, 0.75, 1)])
    assert rates("final_lr_ratio=1") == [1.0] * 4


@pytest.mark.parametrize(
    ("semi_markov", "reward", "discount"), [(True, 1 + 0.5 * 2 + 0.25 * 4, 0.125), (False, 7, 0.5)]
)
def test_semi_markov_rewards_of_managers(semi_markov, reward, discount):
    buffer = DecisionBuffer(ROLES[0], 1, 1, 3, 1, 8, gamma=0.5, semi_markov=semi_markov)
    buffer.decide(np.array([0]), own=np.ones((1, 1, 1)), log_probs=0.0)
    for value in (1, 2, 4):
        buffer.reward(np.full((1, 1), value, float))
    buffer.end(0, np.ones((1, 1)), np.ones(1), terminated=True)
    assert (buffer.data["rewards"][0, 0, 0], buffer.data["discounts"][0, 0]) == (reward, discount)


def test_each_level_has_its_own_discount_and_flat_mappo_counts_decisions():
    _, data = sampled("manager.gamma=0.9", role="planner")
    assert data.discounts[:7] == pytest.approx(0.9**PERIOD)
    _, data = sampled("worker.gamma=0.8")
    assert data.discounts[:39] == pytest.approx(0.8)


def test_centralised_critics():
    for switch in ("true", "false"):
        learner, data = sampled(f"worker.centralised={switch}")
        values = [learner._values(data.own, state, data.memory)[0] for state in (data.state, data.state + 1)]
        assert np.array_equal(values[0], values[1]) == (switch == "false")


def test_critics_see_what_watchers_do_and_actors_do_not():
    for settings, sees in (([], True), (["worker.watchers=false"], False), (["worker.centralised=false"], False)):
        learner, data = sampled(*settings, env=Foretold)
        assert data.own.shape[-1] == sampled(*settings)[1].own.shape[-1]
        ticks = data.state[..., -1]  # the watcher's number comes last
        assert len(np.unique(ticks)) >= PERIOD
        other = data.state.copy()
        other[..., -1] += 1
        values = [learner._values(data.own, state, data.memory)[0] for state in (data.state, other)]
        assert np.array_equal(values[0], values[1]) != sees


def test_phases_of_the_managers():
    sizes = [sampled(f"worker.phases={switch}")[1].own.shape[-1] for switch in ("true", "false")]
    assert sizes[0] - sizes[1] == 1


def test_workers_see_what_managers_decided_last():
    class Recorded(SliceBudget):
        def step(self, actions):
            taken.append(actions["planner"].reshape(2, -1).copy())
            return super().step(actions)

    taken: list[np.ndarray] = []
    config = configured()
    run = HierarchicalMappo(SliceBudget(2), config)
    weights = Weights(0, {name: one.policy_state() for name, one in run.learners.items()}, run.observer.state_dict())
    fragment = EnvRunner(Recorded(2), config).sample(Order(config, 0, 0, closes=False), weights)
    planner, cell = ROLES
    size = planner.num_agents * planner.action_size
    low, width = decision_scale([planner])
    told = fragment.decisions["cell"].own[:, :, 0, -cell.num_agents - size : -cell.num_agents]
    for step in range(46):
        begins = step % 40 == 0  # nothing has been decided in this episode
        assert told[step] == pytest.approx(np.zeros((2, size)) if begins else (taken[step - 1] - low) / width)
    assert np.ptp(told[:, 0, 0]) > 0
    without = sampled("worker.decisions=false")[1].own.shape[-1]
    assert without == fragment.decisions["cell"].own.shape[-1] - size


def test_decisions_are_told_as_parts_of_their_ranges():
    decided = action_fields(
        {"name": "level", "kind": "box", "size": 1, "low": -2.0, "high": 6.0},
        {"name": "mode", "kind": "categorical", "size": 2, "num_choices": 3},
        {"name": "share", "kind": "simplex", "size": 2},
    )
    low, width = decision_scale([dataclasses.replace(ROLES[0], num_agents=2, actions=decided)])
    assert low.tolist() == [-2, 0, 0, 0, 0] * 2
    assert width.tolist() == [8, 2, 2, 1, 1] * 2


def test_cooperation_shares_rewards_out():
    env = SliceBudget(1)
    batch = env.reset(seed=1)
    batch.rewards["cell"] = np.array([[1.0, 3.0]])
    for omega, wanted in ((0.0, [1, 3]), (0.5, [1.5, 2.5]), (1.0, [2, 2])):
        assert shaped(batch, env.schema, env.schema.role("cell"), {}, omega)[0].tolist() == wanted
    assert price_of_anarchy(np.array([3.0, 5.0]), np.array([2.0, 2.0])) == 2
    with pytest.raises(ValueError, match="both must be above 0"):
        price_of_anarchy(np.array([-1.0]), np.array([1.0]))


def test_constraints_take_from_the_rewards_that_they_concern():
    env = SliceBudget(1)
    batch, cell = env.reset(seed=1), env.schema.role("cell")
    batch.rewards["cell"] = np.array([[4.0, 8.0]])
    batch.metrics[0, 2] = 2.0
    batch.terms["cell"][0, :, 1] = 0.0, 1.0
    for name, penalty, wanted in (
        ("delay_ms.xr", Penalty(1, 1), [1, 3]),  # (r - 2) / 2
        ("delay_ms.xr", Penalty(1, 0.5), [0, 2]),  # (r - 4) / 2
        ("cell/mode_hit", Penalty(3, 1), [1, 1.25]),  # (r - 3 c) / 4
        ("planner/power_error", Penalty(3, 1), [4, 8]),
    ):
        assert shaped(batch, env.schema, cell, {name: penalty}, 0.0)[0].tolist() == wanted
    with pytest.raises(
        ConfigError, match=r"constraint.delay_ms.xx: no such metric or term; did you mean 'delay_ms.xr'"
    ):
        check_constraints(env.schema, {"delay_ms.xx": 1.0})


def test_multipliers_follow_the_controller_and_survive_a_checkpoint():
    one = PidLagrangian({"x": 0.5}, (1.0, 0.1, 2.0))
    for cost, wanted in ((1.0, 1.0 + 0.1), (1.5, 2.0 + 0.3 + 2.0), (0.5, 0.3), (0.1, 0.0)):  # excess 1, 2, 0, -0.8
        one.update({"x": cost})
        assert one.multipliers["x"] == pytest.approx(wanted)
    two = PidLagrangian({"x": 0.5}, (1.0, 0.1, 2.0))
    two.load_state_dict(one.state_dict())
    one.update({"x": 0.9})
    two.update({"x": 0.9})
    assert one.multipliers == two.multipliers


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e-3])
def test_what_a_constraint_takes_does_not_depend_on_the_unit_of_its_cost(scale):
    env = SliceBudget(1)
    batch, cell = env.reset(seed=1), env.schema.role("cell")
    limits = {"delay_ms.xr": 0.05 * scale}
    controller = PidLagrangian(limits, (1.0, 0.1, 0.0))
    controller.update({"delay_ms.xr": 0.08 * scale})  # an excess of 0.6
    batch.rewards["cell"][:] = 0.7
    batch.metrics[0, 2] = 0.02 * scale
    paid = shaped(batch, env.schema, cell, penalties(controller.multipliers, limits), 0.0)
    assert paid == pytest.approx((0.7 - 0.66 * 0.4) / 1.66)


def test_what_a_runner_pays_is_in_units_of_the_limit():
    env, limit, multiplier = SliceBudget(2), 4.0, 1.5
    config = configured(f"constraint.delay_ms.xr={limit}", "worker.gamma=0.9")
    free = configured("worker.gamma=0.9")
    run = HierarchicalMappo(env, config)
    state = {name: one.policy_state() for name, one in run.learners.items()}
    rewards = []
    for one, multipliers in ((config, {"delay_ms.xr": multiplier}), (free, {})):
        weights = Weights(0, state, run.observer.state_dict(), multipliers)
        fragment = EnvRunner(SliceBudget(2), one).sample(Order(one, 0, 0, closes=False), weights)
        rewards.append(fragment.decisions["cell"].rewards)
    costs = (rewards[1] - (1 + multiplier) * rewards[0]) * limit / multiplier
    assert costs.min() >= -1e-9
    assert costs.max() > 0.5
    assert costs.max() <= 10  # it is 10 (1 - served)


def test_settings_of_constraints_may_be_nested():
    config = configured("constraint.delay_ms.xr=3", "curriculum=[0.3, 0.2]")
    assert config.constraint == {"delay_ms.xr": 3.0}
    assert config.curriculum == (0.3, 0.2)
    with pytest.raises(ConfigError, match="recurrent = 'grru': no such choice; did you mean 'gru'"):
        configured("worker.recurrent=grru")


def test_curriculum():
    config = configured("curriculum=[0.4, 0.2]", "steps=1840")
    parts = [tuple(stage(config, ROLES, segment).values()) for segment in range(config.num_segments)]
    assert parts[:4] == [("heuristic", "learn")] * 4
    assert parts[4:6] == [("learn", "frozen")] * 2
    assert parts[6:] == [("learn", "learn")] * 4
    run, updates = HierarchicalMappo(SliceBudget(2), configured("curriculum=[0.5, 0.5]")), []
    while run.segments < run.config.num_segments:
        run.train_segment(lambda report: updates.append(set(report.updates)))
    assert updates == [{"cell"}, {"cell"}, {"planner"}, {"planner"}]
    with pytest.raises(ConfigError, match="expected two parts of the run"):
        stage(configured("curriculum=[0.9, 0.2]"), ROLES, 0)
