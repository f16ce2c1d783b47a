# SPDX-License-Identifier: GPL-2.0-only
"""Whether one way to decide is better than another, and how sure that is.

`study.py` trains and evaluates; all else reads what it left.
"""
