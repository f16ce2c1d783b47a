# SPDX-License-Identifier: GPL-2.0-only
"""Wrong actions are refused before anything moves, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pybridge
from pybridge import fake


def fine() -> dict[str, dict[str, Any]]:
    return {
        "manager_0": {"link_rate": [1]},
        "worker_0": {"link_share_ratio": [0.2, 0.3, 0.5]},
    }


@pytest.mark.parametrize(
    ("agent", "action", "words"),
    [
        ("worker_0", {"link_share_ratio": [0.5, 0.5]}, ["worker_0", "link_share_ratio", "(2,)", "(3,)"]),
        ("worker_0", {"link_share_ratio": [0.5, float("nan"), 0.5]}, ["worker_0", "link_share_ratio[1]", "nan"]),
        ("worker_0", {"link_share_ratio": [1.5, -0.5, 0]}, ["worker_0", "link_share_ratio[0]", "1.5"]),
        ("worker_0", {"link_share_ratio": [0.1, 0.1, 0.1]}, ["worker_0", "sums to 0.3", "expected 1"]),
        ("worker_0", {"link_shares": [0.2, 0.3, 0.5]}, ["worker_0", "link_shares", "link_share_ratio"]),
        ("worker_0", {}, ["worker_0", "no action"]),
        ("manager_0", {"link_rate": [3]}, ["manager_0", "link_rate[0]", "3", "0 .. 2"]),
        ("manager_0", {"link_rate": [0.5]}, ["manager_0", "link_rate[0]", "0.5", "whole"]),
        ("waiter_0", {"link_rate": [0]}, ["waiter_0", "worker_0"]),
    ],
)
def test_a_wrong_action_names_agent_field_and_value(
    agent: str, action: dict[str, Any], words: list[str], nothing_left: object
) -> None:
    with pybridge.make("tiny") as env:
        env.reset()
        with pytest.raises(pybridge.ActionError) as error:
            env.step(fine() | {agent: action})
        for word in words:
            assert word in str(error.value)
        _, _, _, _, infos = env.step(fine())
        assert infos["worker_0"]["time_s"] == pytest.approx(0.1), "the refused step has not moved anything"


def test_an_action_of_an_agent_that_does_not_act_is_refused(nothing_left: object) -> None:
    with pybridge.make("tiny") as env:
        env.reset()
        env.step(fine())
        with pytest.raises(pybridge.ActionError, match="manager_0: does not act"):
            env.step(fine())
        env.step({"worker_0": fine()["worker_0"], "manager_0": {}})


@pytest.mark.parametrize("action", [3, 0, [0.2, 0.3, 0.5], np.zeros(3), "fast"])
def test_an_action_that_is_no_mapping_is_refused_by_name(action: object, nothing_left: object) -> None:
    with pybridge.make("tiny") as env:
        env.reset()
        with pytest.raises(pybridge.ActionError, match="worker_0: .* expected a mapping .* link_share_ratio"):
            env.step({**fine(), "worker_0": action})  # type: ignore[dict-item]
        env.step(fine())


@pytest.mark.parametrize("where", ["observation", "term"])
def test_nan_is_traced_to_what_agents_were_told(where: str, nothing_left: object) -> None:
    class Faulty(fake.Simulation):
        parameters = (fake.number("faulty", 0, low=0, high=1),)

        def describe(self, params: Any) -> Any:
            told = fake.field("queue_jobs", 2)
            return (
                fake.role(
                    "server",
                    2,
                    observations=[told],
                    actions=[fake.box("rate", 1, low=0, high=1)],
                    terms=[fake.field("lost_jobs")],
                ),
            )

        def reset(self, params: Any, seed: int, state: fake.State) -> None:
            self.faulty = params["faulty"]

        def step(self, actions: Any, state: fake.State) -> None:
            if state.step == 2 and self.faulty and where == "observation":
                state.observations["server"]["queue_jobs"][1, 1] = np.nan
            elif state.step == 2 and self.faulty:
                state.terms["server"]["lost_jobs"][1] = np.nan

    with pybridge.make_vec(fake.scenario(Faulty), num_envs=2, params=[{}, {"faulty": 1}]) as env:
        env.reset()
        nan = {"server": np.full((2, 2, 1), np.nan, np.float32)}
        with pytest.raises(
            pybridge.ActionError, match=r"server_0 of environment 0: rate\[0\] is nan; expected 0 .. 1"
        ) as error:
            env.step(nan)
        assert "qntn check faulty" in str(error.value) and "was told" not in str(error.value)
        for _ in range(2):
            env.step({"server": np.zeros((2, 2, 1), np.float32)})
        name = {"observation": r"observation queue_jobs\[1\]", "term": "term lost_jobs"}[where]
        with pytest.raises(
            pybridge.ActionError, match=rf"{name} of server_1 of environment 1 .* nan.*qntn check faulty"
        ):
            env.step(nan)


def test_actions_that_are_no_mapping_are_refused(nothing_left: object) -> None:
    with pybridge.make("tiny") as env:
        env.reset()
        for nothing in (None, [fine()]):
            with pytest.raises(pybridge.ActionError, match="expected a mapping from agent to action"):
                env.step(nothing)  # type: ignore[arg-type]


def test_masks_bounds_and_shapes_of_arrays(faulty: str, nothing_left: object) -> None:
    with pybridge.make_vec(faulty, num_envs=2) as env:
        env.reset()
        actions = np.zeros((2, 2, 3), np.float32)
        actions[1, 0, 0] = 2  # allowed at even steps only
        env.step({"agent": actions})
        with pytest.raises(pybridge.ActionError, match=r"agent_0 of environment 1: choice\[0\] is 2; .* masked"):
            env.step({"agent": actions})
        actions[:] = 0
        actions[0, 1, 2] = -1.5
        with pytest.raises(
            pybridge.ActionError, match=r"agent_1 of environment 0: level\[1\] is -1.5; expected -1 .. 1"
        ):
            env.step({"agent": actions})
        with pytest.raises(pybridge.ActionError, match=r"shape \(2, 3\), expected \(2, 2, 3\)"):
            env.step({"agent": actions[0]})
        with pytest.raises(pybridge.ActionError, match="no actions were given"):
            env.step({})
        with pytest.raises(pybridge.ActionError, match="did you mean 'agent'"):
            env.step({"agents": actions})
        with pytest.raises(pybridge.ActionError, match="no role 1; there are: agent"):
            env.step({1: actions})  # type: ignore[dict-item]
        with pytest.raises(pybridge.ActionError, match="no numbers: they are complex"):
            env.step({"agent": actions.astype(complex)})  # type: ignore[dict-item]
        for nothing in (None, [actions]):
            with pytest.raises(pybridge.ActionError, match="expected a mapping from role to array"):
                env.step(nothing)  # type: ignore[arg-type]
        env.step({"agent": np.zeros((2, 2, 3), np.float32)})
