# SPDX-License-Identifier: GPL-2.0-only
"""The messages of ``ns3-scratch/bridge/qntn.proto``, generated while building."""
