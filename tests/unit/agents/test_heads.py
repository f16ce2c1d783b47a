# SPDX-License-Identifier: GPL-2.0-only
"""Distributions of the three kinds of action: masks, probabilities, entropy, priors."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from fake_env import SliceBudget, action_fields

from agents.config import RoleConfig
from agents.learner.acting import ActingActor
from agents.learner.heads import BernoulliHead, BoxHead, CategoricalHead, DirichletHead, SimplexHead, make_heads
from agents.learner.networks import Actor

NO_MEMORY = np.zeros((1, 1, 0), np.float32)


def generator():
    return torch.Generator().manual_seed(5)


def draw(head, outputs, mask, rng="seeded"):
    """Latents and actions of tensors, as tensors."""
    rng = np.random.default_rng(5) if rng == "seeded" else rng
    return tuple(map(torch.from_numpy, head.draw(outputs.numpy(), mask.numpy(), head.width(), rng)))


def outputs(actor, own):
    """Of the network alone, without prior."""
    with torch.no_grad():
        return actor.body(torch.from_numpy(own), torch.from_numpy(own[..., :0]))[0].numpy()


def field(**item):
    return action_fields({"name": "x", **item})[0]


def test_masked_choices_are_never_sampled_and_have_no_probability():
    head = CategoricalHead(field(kind="categorical", size=2, num_choices=3))
    mask = torch.tensor([0, 1, 1, 1, 0, 0]).repeat(2000, 1)
    outputs = torch.tensor([50.0, 0.0, 0.0, 0.0, 50.0, 50.0]).repeat(2000, 1)  # the network wants the masked ones
    latent, _ = draw(head, outputs, mask)
    assert set(latent[:, 0].tolist()) == {1.0, 2.0}
    assert set(latent[:, 1].tolist()) == {0.0}
    log_prob, entropy = head.score(outputs, mask, latent)
    assert log_prob[0].item() == pytest.approx(math.log(0.5))
    assert entropy[0].item() == pytest.approx(math.log(2))


def test_choices_follow_their_probabilities():
    head = CategoricalHead(field(kind="categorical", size=1, num_choices=3))
    outputs = torch.log(torch.tensor([[0.2, 0.5, 0.3]])).repeat(20_000, 1)
    latent, _ = draw(head, outputs, torch.ones(20_000, 3))
    assert np.bincount(latent.ravel().int().numpy()) / 20_000 == pytest.approx([0.2, 0.5, 0.3], abs=0.015)
    assert draw(head, outputs[:1], torch.ones(1, 3), None)[0].item() == 1


def test_choices_of_several_fields_are_what_they_are_of_each_alone():
    path = {"name": "path", "kind": "categorical", "size": 1, "num_choices": 3, "default": 1}
    cipher = {"name": "cipher", "kind": "categorical", "size": 2, "num_choices": 3, "default": 2}
    refill = {"name": "refill", "kind": "categorical", "size": 1, "num_choices": 4, "default": 3}
    fields = action_fields(path, cipher, refill)
    share, *_ = action_fields({"name": "share", "kind": "simplex", "size": 3})
    heads = make_heads((*fields, share, *fields[:1]), RoleConfig())
    assert [head.fields for head in heads] == [fields, (share,), fields[:1]]
    joint, alone = heads[0], [CategoricalHead(one) for one in fields]
    rng = np.random.default_rng(2)
    outputs = rng.standard_normal((500, 13)).astype(np.float32)
    mask = (rng.random((500, 13)) < 0.6).astype(np.uint8)
    drawn, _ = joint.draw(outputs, mask, joint.width(), rng)
    spans = [(slice(0, 3), slice(0, 1)), (slice(3, 9), slice(1, 3)), (slice(9, 13), slice(3, 4))]
    tensors = [torch.from_numpy(array) for array in (outputs, mask, drawn)]
    apart = [
        (part, tensors[0][:, at], tensors[1][:, at], tensors[2][:, to])
        for part, (at, to) in zip(alone, spans, strict=True)
    ]
    log_prob, entropy = joint.score(*tensors)
    assert torch.isfinite(log_prob).all()
    assert (log_prob > -1e6).all()  # nothing forbidden was drawn
    assert log_prob == pytest.approx(sum(part.score(*parts)[0] for part, *parts in apart), abs=1e-5)
    assert entropy == pytest.approx(sum(part.score(*parts)[1] for part, *parts in apart), abs=1e-5)
    assert torch.equal(joint.mode(*tensors[:2]), torch.cat([part.mode(*parts[:2]) for part, *parts in apart], -1))
    demands = [None, np.array([[[0.0, 5.0]]]), None]
    wanted = [part.prior([demand]).ravel() for part, demand in zip(alone, demands, strict=True)]
    assert joint.prior(demands).ravel().tolist() == np.concatenate(wanted).tolist()


def test_shares_sum_to_one_and_masked_parts_get_nothing():
    head = SimplexHead(field(kind="simplex", size=3), initial_std=1.0)
    mask = torch.tensor([[1, 0, 1]]).repeat(100, 1)
    _, action = draw(head, torch.zeros(100, 3), mask)
    assert action.sum(-1).tolist() == pytest.approx([1.0] * 100)
    assert not action[:, 1].any()


def test_simplex_log_prob_is_that_of_the_free_latents():
    head = SimplexHead(field(kind="simplex", size=3), initial_std=0.5)
    outputs, latent = torch.tensor([[0.1, 9.0, -1.0]]), torch.tensor([[0.3, -9.0, 0.0]])
    log_prob, entropy = head.score(outputs, torch.tensor([[1, 0, 1]]), latent)
    normal = torch.distributions.Normal(outputs, 0.5)
    assert log_prob.item() == pytest.approx(normal.log_prob(latent)[0, [0, 2]].sum().item())
    assert entropy.item() == pytest.approx(normal.entropy()[0, [0, 2]].sum().item())


def test_a_mask_that_forbids_everything_is_ignored():
    head = SimplexHead(field(kind="simplex", size=2), initial_std=0.5)
    assert head.action(torch.zeros(1, 2), torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]


def test_box_actions_stay_in_their_range():
    head = BoxHead(field(kind="box", size=1, low=-1.0, high=3.0), initial_std=5.0)
    _, action = draw(head, torch.zeros(500, 1), torch.ones(500, 0))
    assert (action.min().item(), action.max().item()) == (-1.0, 3.0)
    assert head.action(torch.tensor([[0.5]]), torch.ones(1, 0)).item() == 2.0


def test_a_new_policy_is_the_heuristic():
    role = SliceBudget(1).schema.role("cell")
    actor = Actor(role, 7, RoleConfig(actor_hidden=(8,)), generator())
    observations = np.array([[[6.0, 3.0, 1.0, 0.0, 0.0]]], np.float32)
    masks = np.ones((1, 1, role.mask_size), np.uint8)
    prior = actor.prior(observations, 1.0)
    acting = ActingActor(actor)
    _, action, _ = acting.act(np.zeros((1, 1, 7), np.float32), prior, masks, NO_MEMORY, None)
    assert action[0, 0] == pytest.approx([0.6, 0.3, 0.1, 0], abs=1e-6)
    _, action, _ = acting.act(np.zeros((1, 1, 7), np.float32), actor.prior(observations, 0.0), masks, NO_MEMORY, None)
    assert action[0, 0, :3] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("head", "action"),
    [
        (CategoricalHead(field(kind="categorical", size=2, num_choices=3)), [2.0, 1.0]),
        (BernoulliHead(field(kind="categorical", size=2, num_choices=2)), [1.0, 0.0]),
        (SimplexHead(field(kind="simplex", size=3), 0.5), [0.6, 0.3, 0.1]),
        (DirichletHead(field(kind="simplex", size=3), 0.5), [0.6, 0.3, 0.1]),
        (BoxHead(field(kind="box", size=2, low=-1.0, high=3.0), 0.5), [-1.0, 2.5]),
    ],
)
def test_advice_makes_an_action_the_likeliest(head, action):
    action = np.array([action], np.float32)
    outputs = torch.from_numpy(head.towards(action))
    mask = torch.ones(1, 6)
    mask = mask[:, : {CategoricalHead: 6, BernoulliHead: 4, BoxHead: 0}.get(type(head), 3)]
    assert head.action(head.mode(outputs, mask), mask).detach().numpy() == pytest.approx(action, abs=0.005)


def test_a_heavy_prior_makes_choices_surer_and_leaves_shares_where_the_heuristic_has_them():
    shares = {"name": "share", "kind": "simplex", "size": 3}
    choice = {"name": "level", "kind": "categorical", "size": 1, "num_choices": 3}
    role = dataclasses.replace(SliceBudget(1).schema.role("cell"), actions=action_fields(shares, choice))
    actor = Actor(role, 7, RoleConfig(actor_hidden=(8,)), generator())
    actions = np.array([[[0.6, 0.3, 0.1, 2.0]]], np.float32)
    light, heavy = actor.towards(actions, 1.0), actor.towards(actions, 3.0)
    assert heavy[..., :3] == pytest.approx(light[..., :3])
    assert heavy[..., 3:] == pytest.approx(3.0 * light[..., 3:])
    assert actor.towards(actions, 0.5) == pytest.approx(0.5 * light)


def test_shares_that_a_heuristic_does_not_give_are_advised_against_but_possible():
    outputs = torch.from_numpy(SimplexHead(field(kind="simplex", size=2), 0.5).towards(np.array([[1.0, 0.0]])))
    assert torch.softmax(outputs, -1)[0, 1].item() == pytest.approx(0.001, rel=0.01)


def test_what_was_sampled_scores_the_same_in_the_update():
    role = SliceBudget(1).schema.role("cell")
    actor = Actor(role, 7, RoleConfig(actor_hidden=(8,)), generator())
    own = np.random.default_rng(0).standard_normal((1, 2, 7)).astype(np.float32)
    masks = np.array([[[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1]]], np.uint8)
    prior = np.zeros((1, 2, actor.num_outputs), np.float32)
    latents, actions, _ = ActingActor(actor).act(own, prior, masks, own[..., :0], np.random.default_rng(5))
    log_prob, entropy = actor.score(*(torch.from_numpy(array[0]) for array in (outputs(actor, own), masks, latents)))
    assert log_prob.shape == entropy.shape == (2,)
    assert actions[0, 0, 2] == 0
    assert torch.isfinite(log_prob).all()


def test_a_role_that_only_sets_numbers_has_an_empty_mask():
    role = dataclasses.replace(
        SliceBudget(1).schema.role("cell"), actions=action_fields({"name": "rate", "kind": "box", "size": 2})
    )
    actor = Actor(role, 7, RoleConfig(actor_hidden=(8,)), generator())
    own, masks = np.zeros((3, 2, 7), np.float32), np.ones((3, 2, 0), np.uint8)
    prior = np.zeros((3, 2, actor.num_outputs), np.float32)
    latents, actions, _ = ActingActor(actor).act(own, prior, masks, own[..., :0], np.random.default_rng(5))
    assert actions.shape == (3, 2, 2)
    assert ((actions >= 0) & (actions <= 1)).all()
    log_prob, _ = actor.score(*(torch.from_numpy(array) for array in (outputs(actor, own), masks, latents)))
    assert log_prob.shape == (3, 2)


def test_dirichlet_scores_like_the_distribution_of_the_allowed_parts():
    head = DirichletHead(field(kind="simplex", size=3), initial_std=0.5)
    outputs, latent = torch.tensor([[0.1, 9.0, -1.0]]), torch.tensor([[0.3, 0.0, 0.7]])
    log_prob, entropy = head.score(outputs, torch.tensor([[1, 0, 1]]), latent)
    mean = torch.softmax(outputs[:, [0, 2]], -1)
    alpha = head.LEAST + (3 / 0.25 - 1) * mean
    dirichlet = torch.distributions.Dirichlet(alpha)
    assert log_prob.item() == pytest.approx(dirichlet.log_prob(latent[:, [0, 2]]).item(), rel=1e-5)
    assert entropy.item() == pytest.approx(dirichlet.entropy().item(), rel=1e-5)
    log_prob, entropy = head.score(outputs, torch.tensor([[0, 0, 1]]), torch.tensor([[0.0, 0.0, 1.0]]))
    assert (log_prob.item(), entropy.item()) == (0, 0)  # a lone part is certain


def test_dirichlet_samples_shares_around_its_mean_which_is_the_greedy_action():
    head = DirichletHead(field(kind="simplex", size=3), initial_std=0.5)
    outputs, mask = torch.tensor([[1.0, 5.0, 0.0]]).repeat(5000, 1), torch.tensor([[1, 0, 1]]).repeat(5000, 1)
    sampled, greedy = draw(head, outputs, mask)[1], draw(head, outputs[:1], mask[:1], None)[1]
    assert sampled.sum(-1).tolist() == pytest.approx([1.0] * 5000)
    assert not sampled[:, 1].any()
    assert greedy[0].tolist() == pytest.approx(sampled.mean(0).tolist(), abs=0.01)
    assert sampled.std(0)[0] > 0.05


def test_the_two_simplex_heads_begin_with_the_same_spread():
    shape, mask = torch.zeros(20_000, 4), torch.ones(20_000, 4)
    spreads = [
        draw(head, shape, mask)[1].std(0).mean().item()
        for head in (kind(field(kind="simplex", size=4), initial_std=0.3) for kind in (SimplexHead, DirichletHead))
    ]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.15)


def test_independent_decisions_score_like_choices_of_two_and_masks_bind_them():
    bernoulli = BernoulliHead(field(kind="categorical", size=3, num_choices=2))
    outputs, mask = torch.tensor([[0.7, -3.0, 5.0]]), torch.tensor([[1, 1, 0, 1, 1, 0]])
    sampled, _ = draw(bernoulli, outputs.repeat(4000, 1), mask.repeat(4000, 1))
    assert sampled[:, 1].tolist() == [1.0] * 4000  # 0 is forbidden
    assert sampled[:, 2].tolist() == [0.0] * 4000  # 1 is forbidden
    assert sampled[:, 0].mean().item() == pytest.approx(1 / (1 + math.exp(-0.7)), abs=0.02)
    log_prob, entropy = bernoulli.score(outputs, mask, sampled[:1])
    pair = CategoricalHead(field(kind="categorical", size=3, num_choices=2))
    both = torch.stack([torch.zeros(1, 3), outputs], -1).flatten(1)
    wanted_log_prob, wanted_entropy = pair.score(both, mask, sampled[:1])
    assert log_prob.item() == pytest.approx(wanted_log_prob.item(), rel=1e-5)
    assert entropy.item() == pytest.approx(wanted_entropy.item(), rel=1e-5)
    assert bernoulli.mode(outputs, mask).tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize("recurrent", ["none", "gru"])
def test_acting_is_the_network_on_arrays_and_follows_its_weights(recurrent):
    role = SliceBudget(1).schema.role("cell")
    config = RoleConfig(actor_hidden=(16, 8), recurrent=recurrent)
    actor, other = (Actor(role, 7, config, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    acting = ActingActor(actor)
    actor.load_state_dict(other.state_dict())
    rng = np.random.default_rng(3)
    own, memory = (rng.standard_normal((4, 2, size)).astype(np.float32) for size in (7, actor.memory_size))
    with torch.no_grad():
        wanted = other.body(torch.from_numpy(own), torch.from_numpy(memory))
    for array, tensor in zip(acting.body(own, memory), wanted, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, tensor.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "head",
    [
        CategoricalHead(field(kind="categorical", size=2, num_choices=3)),
        BernoulliHead(field(kind="categorical", size=3, num_choices=2)),
        SimplexHead(field(kind="simplex", size=3), initial_std=0.5),
        DirichletHead(field(kind="simplex", size=3), initial_std=0.5),
        BoxHead(field(kind="box", size=2, low=-1.0, high=3.0), initial_std=0.5),
    ],
    ids=lambda head: type(head).__name__,
)
def test_greedy_draws_and_their_actions_are_those_of_the_tensors(head):
    rng = np.random.default_rng(4)
    outputs = torch.from_numpy(2 * rng.standard_normal((50, head.num_outputs)).astype(np.float32))
    mask = torch.from_numpy(
        (rng.random((50, 0 if isinstance(head, BoxHead) else head.num_outputs)) < 0.6).astype(np.uint8)
    )
    if isinstance(head, BernoulliHead):
        mask = torch.from_numpy((rng.random((50, 6)) < 0.6).astype(np.uint8))
    latent, action = draw(head, outputs, mask, None)
    mode = head.mode(outputs, mask).detach()
    assert latent.numpy() == pytest.approx(mode.numpy(), abs=1e-6)
    assert action.numpy() == pytest.approx(head.action(mode, mask).detach().numpy(), abs=1e-6)
