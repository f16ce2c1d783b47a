# SPDX-License-Identifier: GPL-2.0-only
"""Simulations written for ns3-gym and ns3-ai, driven unmodified as ordinary `gymnasium.Env`."""

from pybridge.guest.channel import MessageChannel
from pybridge.guest.gym_env import Ns3AiGymEnv, Ns3GymEnv
from pybridge.guest.segment import Names
from pybridge.guest.struct_env import Ns3AiStructEnv

__all__ = ["MessageChannel", "Names", "Ns3AiGymEnv", "Ns3AiStructEnv", "Ns3GymEnv"]
