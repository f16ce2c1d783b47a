# SPDX-License-Identifier: GPL-2.0-only
"""What is known of files before there is anything to write."""

from __future__ import annotations

from pathlib import Path


def check_writable(*files: Path) -> None:
    """Stop before the work whose results could not be written; makes the folders of `files`.

    Raises:
        OSError: with the file and what the system says of it.
    """
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = not file.exists()
        file.open("ab").close()
        if new:
            file.unlink()
