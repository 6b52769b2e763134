"""How the person who reads a sentence calls this program. Standard library only."""

from __future__ import annotations

import os

PROGRAM_VARIABLE = "FLIPBOOK_PROGRAM"
"""Set by `run.py`, which needs no `flipbook` on the PATH."""


def program() -> str:
    """`flipbook`, or `python3 run.py` in a clone: what commands begin with."""
    return os.environ.get(PROGRAM_VARIABLE) or "flipbook"
