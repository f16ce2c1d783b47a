# SPDX-License-Identifier: GPL-2.0-only
"""Where the optimum is known, the learner comes close to it."""

import numpy as np
import pytest
from small_problems import BudgetBandit, Commons, Recall, RelayBandit, learn, part_of_best

from agents.learner.rewards import price_of_anarchy
from agents.policies import EqualShare
from agents.trained import ActorPolicy


def greedy(run):
    return ActorPolicy.of(run, num_envs=64)


@pytest.mark.parametrize("head", ["gaussian-softmax", "dirichlet"])
def test_slice_budgets_come_close_to_the_linear_programme(head):
    assert part_of_best(BudgetBandit, EqualShare(BudgetBandit(1).schema)) < 0.86
    run = learn(BudgetBandit, 41_000, f"worker.head_simplex={head}")
    assert part_of_best(BudgetBandit, greedy(run)) >= 0.95


def test_relays_come_close_to_the_best_of_all_placements():
    run = learn(RelayBandit, 82_000, "worker.minibatches=4", "worker.epochs=6", "worker.lr=5e-3")
    assert part_of_best(RelayBandit, greedy(run)) >= 0.95


def test_maddpg_beats_equal_shares():
    assert part_of_best(BudgetBandit, greedy(learn(BudgetBandit, 20_480, "worker.lr=1e-3", algorithm="maddpg"))) > 0.88


def test_only_what_remembers_can_recall():
    assert part_of_best(Recall, greedy(learn(Recall, 5_000))) < 0.45
    run = learn(Recall, 10_240, "worker.recurrent=gru", "worker.actor_hidden=[32]", "worker.critic_hidden=[32]")
    assert part_of_best(Recall, greedy(run)) > 0.9


def test_selfish_providers_pay_the_price_of_anarchy():
    welfare = {}
    for omega in (0.0, 1.0):
        run = learn(Commons, 20_480, f"worker.cooperation={omega}", "worker.lr=1e-2", "worker.initial_std=0.3")
        env, policy = Commons(64), greedy(run)
        welfare[omega] = 2 * env.step(policy.act(env.reset(seed=1), np.random.default_rng(0))).metrics[:, 0]
    assert price_of_anarchy(welfare[1.0], welfare[0.0]) == pytest.approx(9 / 8, abs=0.03)
    assert welfare[1.0].mean() == pytest.approx(1 / 4, abs=0.005)


def test_a_constraint_holds_where_reward_alone_would_break_it():
    """Alone, two providers take 2/3 together; they shall take half of it."""
    run = learn(
        Commons,
        61_440,
        "constraint.overload_ratio=0.33",
        "worker.lr=1e-2",
        "worker.initial_std=0.2",
        "pid=[0.5,0.05,0]",
    )
    env, policy = Commons(64), greedy(run)
    batch = env.step(policy.act(env.reset(seed=1), np.random.default_rng(0)))
    assert batch.metrics[0, 2] == pytest.approx(0.33, abs=0.05)
    assert run.constraints.multipliers["overload_ratio"] > 0.1
    assert run.state_dict()["constraints"]["multipliers"] == run.constraints.multipliers
