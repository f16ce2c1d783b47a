# SPDX-License-Identifier: GPL-2.0-only
"""A trained policy as one file without qntn: TorchScript or ONNX.

The file computes the greedy actions of all roles at once, of N environments. Inputs, float32:

| name | shape | what |
|---|---|---|
| observation_ROLE | [N, A, D] | as the scenario gives them, not normalised |
| mask_ROLE | [N, A, M] | 1 where allowed |
| advice_ROLE | [N, A, S] | actions of the heuristic that a role with `prior_policy` starts from |
| phases | [N, managers] | elapsed part of each manager's epoch, 0..1, in the order of the scenario's roles |
| decisions | [N, M] | the managers' last actions, role by role, agent by agent; their least values before the first |

Outputs: action_ROLE, [N, A, S]. A manager's action counts where it acts. Inputs come role by role, then `phases` and
`decisions`; `advice_ROLE` is there for roles with such a prior only, whose heuristic is to be told of each action
(`Heuristic.did`). What was written is read back and compared with the policy itself on an episode before it is
called done.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from agents.arrays import Array
from agents.learner.heads import ADVICE, LEAST_ADVICE, BernoulliHead, BoxHead
from agents.trained import ActorPolicy, TrainedPolicy

if TYPE_CHECKING:
    from agents.learner.heads import Head
    from agents.learner.networks import Actor
    from agents.learner.observer import Observer
    from pybridge import ActionField, Batch, Role, VectorEnv

Format = Literal["torchscript", "onnx"]
TOLERANCE = 1e-4
"""Greatest difference of an action, in its own unit or as a part of its range."""


class ExportError(RuntimeError):
    """The policy cannot be written, or what was written acts otherwise."""


@dataclass(frozen=True)
class Exported:
    """What came of an export.

    Attributes:
        file: the policy.
        steps: on which it was compared.
        greatest_difference: between its actions and the policy's, over all of them.
    """

    file: Path
    steps: int
    greatest_difference: float


class RoleModule(nn.Module):
    """One role: normalisation, prior, network and heads, greedily."""

    mean: Tensor
    deviation: Tensor
    ids: Tensor
    decision_low: Tensor
    decision_range: Tensor

    def __init__(self, role: Role, actor: Actor, observer: Observer, weight: float) -> None:
        """`weight`: of the prior. `observer`: of the policy; tells what the role sees."""
        super().__init__()
        seen = observer.state_dict()[role.name]
        self.actor, self.weight, self.clip = actor, weight, observer.normaliser.clip
        self.phased, self.told = role.name in observer.phased, role.name in observer.told
        self.register_buffer("decision_low", torch.tensor(observer.decision_low))
        self.register_buffer("decision_range", torch.tensor(observer.decision_range))
        self.register_buffer("mean", torch.tensor(seen["mean"]))
        self.register_buffer("deviation", torch.tensor(np.sqrt(seen["variance"] + 1e-8)))
        self.register_buffer("ids", torch.eye(role.num_agents))

    def forward(
        self, observation: Tensor, mask: Tensor, advice: Tensor | None, phases: Tensor, decisions: Tensor
    ) -> Tensor:
        """Actions [N, A, S] of observations [N, A, D], masks [N, A, M], advice [N, A, S] and what managers do."""
        batch, agents = observation.shape[0], self.ids.shape[0]
        normal = ((observation.double() - self.mean) / self.deviation).clamp(-self.clip, self.clip).float()
        parts = [normal]
        if self.phased:
            parts.append(phases.unsqueeze(1).expand(batch, agents, phases.shape[-1]))
        if self.told:
            scaled = (decisions - self.decision_low) / self.decision_range
            parts.append(scaled.unsqueeze(1).expand(batch, agents, scaled.shape[-1]))
        parts.append(self.ids.unsqueeze(0).expand(batch, agents, agents))
        prior = self._prior(observation) if advice is None else self._towards(advice)
        rows = (self._outputs(torch.cat(parts, dim=-1)) + prior).flatten(0, 1)
        masks = mask.flatten(0, 1)
        actions, start = [], 0
        for head in self.actor.parts:
            outputs = rows[:, start : start + head.num_outputs]
            start += head.num_outputs
            allowed = masks[:, head.mask_span]
            actions.append(head.action(head.mode(outputs, allowed), allowed))
        return torch.cat(actions, dim=-1).reshape(batch, agents, -1)

    def _outputs(self, own: Tensor) -> Tensor:
        body: nn.Module = self.actor.body
        if isinstance(body, nn.Sequential):
            outputs: Tensor = body(own)
        else:
            outputs = body(own, own[..., :0])[0]  # a body that may have a memory, but has none
        return outputs

    def _prior(self, observation: Tensor) -> Tensor:
        """What `Actor.prior` computes, in torch."""
        offsets: list[Tensor] = []
        for head, field in self._fields():
            span = self.actor.demands.get(field.name)
            seen = None if span is None else observation[..., span]
            if field.kind == "categorical":
                offset = _default_prior(field, seen, logits=isinstance(head, BernoulliHead))
            elif field.kind == "simplex" and seen is not None:
                offset = _share_prior(seen)
            else:
                offset = torch.zeros(field.size)
            offsets.append(min(self.weight, head.most_prior) * offset)
        shape = (observation.shape[0], observation.shape[1], -1)
        return torch.cat([offset.expand(*shape) for offset in offsets], dim=-1)

    def _fields(self) -> Iterator[tuple[Head, ActionField]]:
        return ((head, field) for head in self.actor.parts for field in head.fields)

    def _towards(self, advice: Tensor) -> Tensor:
        """What `Actor.towards` computes, in torch."""
        offsets: list[Tensor] = []
        for head, field in self._fields():
            action = advice[..., field.span]
            if isinstance(head, BernoulliHead):
                offset = ADVICE * (2.0 * action - 1.0)
            elif field.kind == "categorical":
                offset = ADVICE * torch.eye(field.num_choices)[action.long()].flatten(-2)
            elif isinstance(head, BoxHead):
                offset = torch.where(head.reach > 0, (action - head.middle) / head.reach.clamp(min=1e-30), 0.0)
            else:
                offset = _share_prior(action, LEAST_ADVICE)
            offsets.append(min(self.weight, head.most_prior) * offset)
        return torch.cat(offsets, dim=-1)


def _default_prior(field: ActionField, demand: Tensor | None, *, logits: bool) -> Tensor:
    if logits:  # one for each decision between 0 and 1
        lean = torch.full((field.size,), 2.0 * field.default - 1.0)
        return lean if demand is None else torch.where(demand > 0, lean, -1.0)
    choices = torch.eye(field.num_choices)
    if demand is None:
        return choices[field.default].repeat(field.size)
    return torch.where((demand > 0).unsqueeze(-1), choices[field.default], choices[0]).flatten(-2)


def _share_prior(demand: Tensor, least: float = 0.01) -> Tensor:
    demand = demand.clamp(min=0.0)
    total = demand.sum(dim=-1, keepdim=True)
    share = torch.where(total > 0, demand / total.clamp(min=1e-30), 1.0 / demand.shape[-1])
    logs = share.clamp(min=least).log()
    return logs - logs.mean(dim=-1, keepdim=True)


class PolicyModule(nn.Module):
    """All roles of a policy; takes and gives tensors in the order of the file's head."""

    def __init__(self, policy: ActorPolicy) -> None:
        """Copies nothing: the networks are the policy's own."""
        super().__init__()
        self.names = [role.name for role in policy.roles]
        self.advised = [advised(policy, name) for name in self.names]
        self.num_managers = len(policy.observer.managers)
        modules = []
        for role in policy.roles:
            actor = policy.actors[role.name]
            if getattr(actor, "memory_size", 0):
                raise ExportError(f"role {role.name} has a memory; only feed-forward policies can be exported")
            modules.append(RoleModule(role, actor, policy.observer, policy.config.roles[role.name].prior))
        self.parts = nn.ModuleList(modules)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Observation and mask of each role, then phases and decisions -> action of each role."""
        *left, phases, decisions = inputs
        actions = []
        for part, is_advised in zip(self.parts, self.advised, strict=True):
            observation, mask = left.pop(0), left.pop(0)
            actions.append(part(observation, mask, left.pop(0) if is_advised else None, phases, decisions))
        return tuple(actions)

    @property
    def input_names(self) -> list[str]:
        """In order."""
        of_roles = [
            f"{what}_{name}"
            for name, is_advised in zip(self.names, self.advised, strict=True)
            for what in ("observation", "mask", "advice")[: 3 if is_advised else 2]
        ]
        return [*of_roles, "phases", "decisions"]

    @property
    def output_names(self) -> list[str]:
        """In order."""
        return [f"action_{name}" for name in self.names]


def advised(policy: ActorPolicy, role: str) -> bool:
    """Whether a role's prior is made of a heuristic's actions."""
    settings = policy.config.roles[role]
    return bool(settings.prior_policy) and settings.prior != 0


def export(env: VectorEnv, run: Path, file: Path, kind: Format, *, steps: int = 200, seed: int = 10_000) -> Exported:
    """Write the policy of a run, read it back and compare both over `steps` steps of `env` from `seed` on.

    Raises:
        ExportError: the policy has a memory, a package is missing, or the actions differ.
    """
    policy = TrainedPolicy(env.schema, run, num_envs=env.num_envs)
    module = PolicyModule(policy).eval()
    greatest, rng = 0.0, np.random.default_rng(seed)
    batch = env.reset(seed=seed)
    expected = policy.act(batch, rng)
    file.parent.mkdir(parents=True, exist_ok=True)
    write = _torchscript if kind == "torchscript" else _onnx
    act = write(module, _inputs(batch, policy), file)
    for step in range(steps):
        found = dict(zip(module.names, act(_inputs(batch, policy)), strict=True))
        for role in policy.roles:
            who = batch.acts[role.name] > 0
            if role.name in expected and who.any():
                greatest = max(greatest, _difference(role, expected[role.name][who], found[role.name][who]))
        if greatest > TOLERANCE:
            file.unlink()
            raise ExportError(
                f"step {step}: the exported policy acts otherwise, by {greatest:.2g}; at most {TOLERANCE} was expected"
            )
        batch = env.step(expected)
        expected = policy.act(batch, rng)
    return Exported(file, steps, greatest)


def _inputs(batch: Batch, policy: ActorPolicy) -> list[Array]:
    """Of the batch that the policy has just seen."""
    arrays: list[Array] = []
    for role in policy.roles:
        arrays.append(np.array(batch.observations[role.name], dtype=np.float32))
        arrays.append(np.array(batch.action_masks[role.name], dtype=np.float32))
        if advised(policy, role.name):
            arrays.append(policy.policies[role.name].advised.astype(np.float32))
    return [*arrays, policy.view.phases.astype(np.float32), policy.view.decisions]


def _difference(role: Role, expected: Array, found: Array) -> float:
    greatest = 0.0
    for field in role.actions:
        scale = field.high - field.low if field.kind == "box" else 1.0
        greatest = max(greatest, float(np.abs(expected[..., field.span] - found[..., field.span]).max()) / scale)
    return greatest


def _torchscript(module: PolicyModule, example: list[Array], file: Path) -> Callable[[list[Array]], list[Array]]:
    with torch.inference_mode(), warnings.catch_warnings():
        # torch 2.13 advises torch.export, whose files need torch's Python; TorchScript is what C++ programs load.
        warnings.simplefilter("ignore")
        traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
            module, tuple(map(torch.from_numpy, example)), check_trace=False
        )
        torch.jit.save(traced, file)
        loaded: Any = torch.jit.load(file)  # type: ignore[no-untyped-call]

    def act(inputs: list[Array]) -> list[Array]:
        with torch.inference_mode():
            return [tensor.numpy() for tensor in loaded(*map(torch.from_numpy, inputs))]

    return act


def _onnx(module: PolicyModule, example: list[Array], file: Path) -> Callable[[list[Array]], list[Array]]:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise ExportError(f"no {error.name}; pip install 'qntn[export]'") from None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which no policy needs
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own packages
        torch.onnx.export(
            module,
            tuple(map(torch.from_numpy, example)),
            file,
            input_names=module.input_names,
            output_names=module.output_names,
            dynamic_shapes=(tuple({0: batch} for _ in example),),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    taken = {node.name for node in session.get_inputs()}  # a constant role needs no input

    def act(inputs: list[Array]) -> list[Array]:
        named: dict[str, Any] = dict(zip(module.input_names, inputs, strict=True))
        return list(session.run(module.output_names, {name: named[name] for name in taken}))

    return act
