# SPDX-License-Identifier: GPL-2.0-only
"""Small PettingZoo environments with every kind of space that the adapter knows, and with agents that leave."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class Leavers(ParallelEnv):
    """Two walkers and a guard. Walker i leaves (terminates) after step i + 1 with reward 10; the guard stays.

    Every step is worth 1 to a walker and -1 to the guard; after 4 steps the clock ends the episode.
    """

    metadata = {"name": "leavers"}
    possible_agents = ["walker_0", "walker_1", "guard_0"]

    def observation_space(self, agent):
        if agent == "guard_0":
            return spaces.Discrete(3, start=1)
        vector = spaces.Box(-1, 1, (2,), np.float32)
        return spaces.Dict({"observation": vector, "action_mask": spaces.MultiBinary(3)})

    def action_space(self, agent):
        if agent == "guard_0":
            return spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([1.0, 5.0], np.float32))
        return spaces.Discrete(3, start=-1)

    def _see(self, agent):
        if agent == "guard_0":
            return 1 + self.time % 3
        return {"observation": np.array([self.time / 4, int(agent[-1])]), "action_mask": np.array([1, 0, 1])}

    def reset(self, seed=None, options=None):
        self.seed, self.time, self.agents, self.taken = seed, 0, list(self.possible_agents), []
        return {agent: self._see(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions):
        assert actions.keys() == set(self.agents)
        for agent, action in actions.items():
            assert self.action_space(agent).contains(action), (agent, action)
            assert agent == "guard_0" or action != 0, "a masked choice was taken"
        self.taken.append(actions)
        self.time += 1
        agents = self.agents
        leaves = {agent: agent[:6] == "walker" and int(agent[-1]) + 1 == self.time for agent in agents}
        rewards = {a: -1.0 if a == "guard_0" else 10.0 if leaves[a] else 1.0 for a in agents}
        cut = self.time == 4
        self.agents = [] if cut else [agent for agent in agents if not leaves[agent]]
        observations = {agent: self._see(agent) for agent in agents}
        return observations, rewards, leaves, dict.fromkeys(agents, cut), {agent: {} for agent in agents}


class ManyKinds(ParallelEnv):
    """Two agents of one role with a MultiDiscrete action; masks come in `info`; ends after one step."""

    metadata = {"name": "kinds"}
    possible_agents = ["a_0", "a_1"]

    def observation_space(self, agent):
        return spaces.Box(-np.inf, np.inf, (2, 2), np.float32)

    def action_space(self, agent):
        return spaces.MultiDiscrete([2, 3])

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        return dict.fromkeys(self.agents, np.ones((2, 2))), self._infos()

    def _infos(self):
        return {agent: {"action_mask": np.array([0, 1, 1, 1, 0])} for agent in self.possible_agents}

    def step(self, actions):
        for action in actions.values():
            assert self.action_space("a_0").contains(action), action
            assert action[0] == 1, "a masked choice was taken"
            assert action[1] != 2, "a masked choice was taken"
        agents, self.agents = self.agents, []
        return (
            dict.fromkeys(agents, np.zeros((2, 2))),
            dict.fromkeys(agents, 2.0),
            dict.fromkeys(agents, True),
            dict.fromkeys(agents, False),
            self._infos(),
        )


class UnequalEnds(ParallelEnv):
    """Two agents with a reward of 1 at each of 10 steps.

    `how`: "cut", a_0 is truncated after step 2 and a_1 after step 10; "mixed", after step 10 a_0 terminates and a_1 is
    truncated.
    """

    metadata = {"name": "unequal-ends"}
    possible_agents = ["a_0", "a_1"]
    how = "cut"

    def observation_space(self, agent):
        return spaces.Box(-1, 1, (1,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        self.time, self.agents = 0, list(self.possible_agents)
        return {agent: np.zeros(1) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions):
        agents = self.agents
        self.time += 1
        over = self.time == 10
        ends = {agent: self.how == "mixed" and agent == "a_0" and over for agent in agents}
        early = {"a_0"} if self.how == "cut" and self.time == 2 else set()
        cuts = {agent: agent in early or (over and not ends[agent]) for agent in agents}
        self.agents = [agent for agent in agents if not (ends[agent] or cuts[agent])]
        observations = {agent: np.zeros(1) for agent in agents}
        return observations, dict.fromkeys(agents, 1.0), ends, cuts, {agent: {} for agent in agents}


class LongPenalty(ParallelEnv):
    """400 steps that cost 1 each, except when an agent names the number that it sees; then it moves on."""

    metadata = {"name": "long-penalty"}
    possible_agents = ["a_0", "a_1"]

    def observation_space(self, agent):
        return spaces.Discrete(4)

    def action_space(self, agent):
        return spaces.Discrete(4)

    def reset(self, seed=None, options=None):
        self.rng, self.time, self.agents = np.random.default_rng(seed), 0, list(self.possible_agents)
        self.shown = {agent: int(self.rng.integers(4)) for agent in self.agents}
        return dict(self.shown), {agent: {} for agent in self.agents}

    def step(self, actions):
        agents = self.agents
        rewards = {agent: 0.0 if actions[agent] == self.shown[agent] else -1.0 for agent in agents}
        for agent in agents:
            if rewards[agent] == 0:
                self.shown[agent] = int(self.rng.integers(4))
        self.time += 1
        cut = self.time == 400
        self.agents = [] if cut else agents
        infos = {agent: {} for agent in agents}
        return dict(self.shown), rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, cut), infos
