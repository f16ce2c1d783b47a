# SPDX-License-Identifier: GPL-2.0-only
"""What could be reached at best: the cost of a key network, and the utility of metaverse-city."""
