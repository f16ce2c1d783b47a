# SPDX-License-Identifier: GPL-2.0-only
"""The messages of ns3-gym and of ns3-ai's gym interface, made from the .proto files at build."""
