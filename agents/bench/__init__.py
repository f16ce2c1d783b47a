# SPDX-License-Identifier: GPL-2.0-only
"""`qntn bench`: speeds, and the learner on a public task."""
