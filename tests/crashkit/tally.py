"""What a run of the suite did, counted: printed at its end."""

from __future__ import annotations

from collections import Counter

KILLS = "kills at failpoints"
JUDGED = "times that all promises were asked"
VIOLATIONS = "broken promises"

done: Counter[str] = Counter()
boundaries: Counter[str] = Counter()
"""Kills by failpoint."""
notes: list[str] = []


def table() -> list[str]:
    if not done and not boundaries:
        return []
    width = max(map(len, [*done, *boundaries]))
    lines = [f"{name:{width}}  {count:>6}" for name, count in done.items()]
    lines += ["", *(f"{name:{width}}  {count:>6}" for name, count in sorted(boundaries.items()))]
    return [*lines, *notes]
