# SPDX-License-Identifier: GPL-2.0-only
"""Baselines: what each of them decides on cases worked by hand, and that all of them run everywhere."""

from types import SimpleNamespace

import numpy as np
import pytest
from fake_env import SliceBudget, action_fields, fields
from scipy.optimize import minimize

from agents.baselines import relays, shares
from agents.baselines.paths import best_open
from agents.policies import heuristics, make_heuristic
from pybridge import Role
from pybridge.scene import Scene, Span

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", list(heuristics()))
def test_every_baseline_runs_on_any_schema(name):
    env, rng = SliceBudget(3), np.random.default_rng(0)
    policy = make_heuristic(name, env.schema)
    batch = env.reset(seed=1)
    for _ in range(12):  # the environment stops at what is not allowed
        batch = env.step(policy.act(batch, rng))


def test_filling_up_is_max_min_fair():
    assert shares.fill_up(np.array([0.1, 0.9, 0.9])) == pytest.approx([0.1, 0.45, 0.45])
    assert shares.fill_up(np.array([0.2, 0.3, 0.1])) == pytest.approx([0.2, 0.3, 0.1])
    assert shares.fill_up(np.array([[2.0, 2], [0.0, 5]])) == pytest.approx(np.array([[0.5, 0.5], [0, 1]]))


@pytest.mark.parametrize("seed", range(3))
def test_filling_up_maximises_the_sum_of_logarithms(seed):
    need = np.random.default_rng(seed).uniform(0.05, 0.8, 4)
    found = minimize(
        lambda x: -np.log(x).sum(),
        need / need.sum() / 2,
        bounds=[(1e-6, cap) for cap in need],
        constraints={"type": "ineq", "fun": lambda x: 1 - x.sum()},
    )
    assert np.log(shares.fill_up(need)).sum() == pytest.approx(-found.fun, abs=1e-4)


def test_parts_go_where_the_next_ones_are_worth_most():
    levels = np.arange(11) / 10
    steep, flat = np.minimum(levels * 3, 0.9), levels * 0.5
    assert shares.hand_out(np.stack([steep, flat])) == pytest.approx([0.3, 0.7])


def test_a_value_that_begins_flat_is_not_missed():
    late = np.where(np.arange(11) >= 6, 1.0, 0.0)
    small = np.arange(11) / 10 * 0.5
    assert shares.hand_out(np.stack([late, small])) == pytest.approx([0.6, 0.4])


def test_what_nobody_wants_is_shared_equally():
    assert shares.hand_out(np.zeros((2, 4, 11))) == pytest.approx(np.full((2, 4), 0.25))


def cell_role():
    share = {"name": "prb_share_ratio", "kind": "simplex", "size": 2, "demand": "offered_bps"}
    seen = fields(("offered_bps", 2), ("queue_bytes", 2), ("prb_use_ratio", 2))
    return Role("cell", 1, 1, "", seen, action_fields(share), fields(("term", 1)), np.ones(1))


def test_the_load_model_finds_what_a_cell_carries():
    role = cell_role()
    model = shares.LoadModel(role, role.actions[0], 0.1)
    truth_bps, offered_bps = np.array([20e6, 50e6]), np.array([5e6, 10e6])
    for _ in range(80):
        use = offered_bps / truth_bps / 0.5
        seen = np.concatenate([offered_bps, [0, 0], use])[None, None]
        offered, queue, capacity = model.observe(SimpleNamespace(observations={"cell": seen}))
        model.remember(np.array([[[0.5, 0.5]]]))
    assert capacity[0, 0] == pytest.approx(truth_bps, rel=0.01)
    assert offered[0, 0] == pytest.approx(offered_bps)
    assert not queue.any()


def test_a_cell_that_departs_from_its_shares_says_so_and_the_model_goes_on_from_there():
    role = cell_role()
    policy = make_heuristic("proportional-fair", SliceBudget(1).schema)
    policy.roles, policy.models = (role,), {("cell", "prb_share_ratio"): shares.LoadModel(role, role.actions[0], 0.1)}
    truth_bps, offered_bps = np.array([20e6, 50e6]), np.array([5e6, 10e6])
    done = np.array([[[0.9, 0.1]]], np.float32)  # half of what it would take for the second slice
    carried_bps = np.minimum(offered_bps, truth_bps * done[0, 0])
    queue = np.zeros(2)
    for _ in range(80):
        queue += (offered_bps - carried_bps) * 0.1 / 8
        batch = SimpleNamespace(
            observations={
                "cell": np.concatenate([offered_bps, queue, carried_bps / truth_bps / done[0, 0]])[None, None]
            },
            action_masks={"cell": np.ones((1, 1, 2))},
            acts={"cell": np.ones((1, 1))},
        )
        policy.act(batch, RNG)
        policy.did(batch, {"cell": done})
    assert policy.models["cell", "prb_share_ratio"].capacity_bps[0, 0] == pytest.approx(truth_bps, rel=0.02)


def test_prediction_drops_what_starves_a_slice():
    env = SliceBudget(1)
    policy = make_heuristic("model-predictive", env.schema)
    (field,) = action_fields({"name": "share", "kind": "simplex", "size": 2, "demand": "offered"})
    offered, queue = np.array([[[4.0, 4.0]]]), np.zeros((1, 1, 2))
    share = np.array([[[[0.5, 0.5]]], [[[0.9, 0.1]]]])
    loss = policy.predict(field, share, offered, queue, np.full((1, 1, 2), 10.0))
    assert loss[0, 0, 0] < loss[1, 0, 0]


def test_what_a_slice_sends_at_once_follows_from_its_parameters():
    params = {
        "film_budget_ms": 100.0,
        "film_rate_bps": 3e6,
        "file_budget_ms": 400.0,
        "file_file_bytes": 60000,
        "file_rate_bps": 5e6,
        "voice_budget_ms": 60.0,
    }
    policy = make_heuristic("model-predictive", SliceBudget(1).schema)
    policy.schema = SimpleNamespace(params=params)
    labels = ("film", "file", "voice", "other")
    (field,) = action_fields({"name": "share", "kind": "simplex", "size": 4, "labels": labels})
    grain = policy.grain(field, np.full((1, 1, 4), 10e6))
    assert grain[0, 0] == pytest.approx([3e6 / 60 / 0.1 / 10e6, 480e3 / 0.4 / 10e6, 256 / 0.06 / 10e6, 0.05])


class Provider:
    """Two providers that tell what work arrives, at what they admitted last."""

    def __init__(self, full):
        self.full, self.admitted = np.array(full), np.ones((1, 2, 3))
        self.share, self.level = action_fields(
            {"name": "cpu_share_ratio", "kind": "simplex", "size": 3, "demand": "cpu_demand_ratio"},
            {
                "name": "admission_level",
                "kind": "categorical",
                "size": 2,
                "num_choices": 3,
                "default": 2,
                "labels": ("0.4", "0.7", "1.0"),
            },
        )
        seen = fields(("cpu_demand_ratio", 3))
        self.role = Role("provider", 2, 50, "", seen, (self.share, self.level), fields(("term", 1)), np.ones(1))
        self.policy = make_heuristic("fitting-admission", SliceBudget(1).schema)
        self.policy.schema = SimpleNamespace(utility={"quality_ratio.xr": 0.35, "quality_ratio.embb": 0.15})
        self.policy.roles = (self.role,)

    def decide(self, seed=1, acts=(1, 1)):
        batch = SimpleNamespace(
            observations={"provider": (self.full * self.admitted).astype(np.float32)},
            action_masks={"provider": np.ones((1, 2, self.role.mask_size), np.uint8)},
            acts={"provider": np.array([acts])},
            seeds=np.array([seed]),
        )
        action = self.policy.act(batch, RNG)["provider"]
        share, choice = action[..., self.share.span], action[..., self.level.span].astype(int)
        level = np.array([0.4, 0.7, 1.0])[choice]
        self.admitted = np.stack([level[..., 0], np.ones((1, 2)), level[..., 1]], axis=-1)
        return choice[0].tolist(), share[0]


def test_what_fits_a_server_is_admitted_and_the_cores_are_for_it():
    provider = Provider([[[0.8, 0.02, 0.5], [0.5, 0.01, 0.3]]])
    for _ in range(2):  # what arrives is less the second time, but the estimate is of all work
        choice, share = provider.decide()
        # of what fits, sqrt(0.7) of XR, 0.7 of eMBB are worth 0.398, all of XR and 0.4 of eMBB, 1.02 cores, 0.410
        assert choice == [[2, 0], [2, 2]]
        assert share[0] == pytest.approx([0.78, 0.02, 0.2], abs=0.03)
        assert share[1] == pytest.approx(np.array([0.5, 0.01, 0.3]) / 0.81)


def test_where_nothing_fits_least_is_admitted():
    assert Provider([[[3.0, 0.01, 3.0], [0.1, 0.01, 0.1]]]).decide()[0] == [[0, 0], [2, 2]]


def test_who_admits_less_than_advised_says_so_and_the_estimate_is_of_all_work_still():
    provider = Provider([[[0.8, 0.02, 0.5], [0.5, 0.01, 0.3]]])
    choice, _ = provider.decide()
    least = np.zeros((1, 2, provider.role.action_size), np.float32)
    batch = SimpleNamespace(acts={"provider": np.array([[1, 0]])})
    provider.policy.did(batch, {"provider": least})  # the second does not act: what it does stays
    provider.admitted[0, 0] = [0.4, 1.0, 0.4]
    assert provider.decide()[0] == choice


def test_a_new_episode_begins_with_all_admitted():
    provider = Provider([[[0.8, 0.02, 0.5], [0.5, 0.01, 0.3]]])
    provider.decide(seed=1)
    provider.admitted = np.ones((1, 2, 3))
    assert provider.decide(seed=2)[0] == [[2, 0], [2, 2]]


def test_the_best_open_path_is_chosen():
    seen = np.array([[[1, 0, 1], [0, 0, 1]]], np.float32)
    role = Role("key_router", 2, 1, "", fields(("path_open", 3)), (), (), np.ones(0))
    batch = SimpleNamespace(observations={"key_router": seen})
    assert best_open(role, batch, np.array([[[2.0, 9, 3], [5, 4, 1]]])).ravel().tolist() == [2, 2]


def test_relays_cover_every_demand_with_as_few_as_possible():
    spans = (("a", "r", 1.0), ("r", "b", 1.0), ("a", "s", 1.0), ("s", "c", 1.0), ("b", "c", 1.0), ("s", "d", 1.0))
    scene = Scene(
        sites={"a": "endpoint", "b": "endpoint", "c": "endpoint", "d": "endpoint", "r": "relay", "s": "relay"},
        spans=tuple(Span(*span) for span in spans),
    )
    schema = SimpleNamespace(scene=scene)
    assert relays.relay_cover(schema, [("a", "b")]) == {"r"}
    assert relays.relay_cover(schema, [("a", "b"), ("a", "c")]) == {"r"}  # b forwards to c
    assert relays.relay_cover(schema, [("a", "b"), ("a", "d")]) == {"s"}
    assert relays.relay_cover(schema, [("b", "c")]) == frozenset()
    assert relays.relay_cover(schema, []) == {"r", "s"}
